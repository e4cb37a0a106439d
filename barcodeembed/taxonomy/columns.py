"""The BIN, marker and country of a record, by the columns in which tables name them."""

from __future__ import annotations

from barcodeembed.taxonomy.names import tidy_name

#: Columns that hold BOLD's barcode index number, its cluster of like barcodes.
BIN_COLUMNS = ("dna_bin", "bin_uri", "bin")

#: Columns in which BOLD's tables name the marker of a record.
MARKER_COLUMNS = ("marker_code", "markercode")

#: Columns that hold the country, or the ocean, that a specimen is from.
COUNTRY_COLUMNS = ("country", "country/ocean", "country_ocean")


def bin_of(columns: dict[str, str]) -> str | None:
    """Return the BIN that a table's row names, None where it names none.

    >>> bin_of({"bin_uri": "BOLD:AAA0001"})
    'BOLD:AAA0001'
    """
    return _first_named(columns, BIN_COLUMNS)


def marker_of(columns: dict[str, str]) -> str | None:
    """Return the marker that a table's row names, None where it names none.

    >>> marker_of({"marker_code": "COI-5P"})
    'COI-5P'
    """
    return _first_named(columns, MARKER_COLUMNS)


def country_of(columns: dict[str, str]) -> str | None:
    """Return the country or ocean that a table's row names, None where it names none.

    >>> country_of({"country/ocean": "Costa Rica"})
    'Costa Rica'
    """
    return _first_named(columns, COUNTRY_COLUMNS)


def _first_named(columns: dict[str, str], candidates: tuple[str, ...]) -> str | None:
    found = next((columns[name] for name in candidates if name in columns), "")
    return tidy_name(found, "bin")
