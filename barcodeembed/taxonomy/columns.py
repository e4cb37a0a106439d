"""Find the BIN, marker, country and taxon id of a record in the columns of a table."""

from __future__ import annotations

from barcodeembed.taxonomy.names import strip_placeholder

#: Columns with BOLD's Barcode Index Number (BIN), a cluster of similar barcodes.
BIN_COLUMNS = ("dna_bin", "bin_uri", "bin")

#: Columns with the marker of a record, as BOLD's tables name them.
MARKER_COLUMNS = ("marker_code", "markercode")

#: Columns with the country or ocean in which a specimen was collected.
COUNTRY_COLUMNS = ("country", "country/ocean", "country_ocean")


#: Columns with the id of the taxon: of NCBI, UNITE (species hypothesis), GBIF or BOLD. Headers that
#: contain such an id are read as if they had the first of these columns.
TAXON_ID_COLUMNS = (
    *("taxon_id", "taxid", "tax_id", "ncbi_taxid", "staxid", "sh_code", "taxonkey", "specieskey"),
    "species_taxid",
)


def bin_of(columns: dict[str, str]) -> str | None:
    """Return the BIN in a row of a table, or None if there is none.

    >>> bin_of({"bin_uri": "BOLD:AAA0001"})
    'BOLD:AAA0001'
    """
    return _first_named(columns, BIN_COLUMNS)


def marker_of(columns: dict[str, str]) -> str | None:
    """Return the marker in a row of a table, or None if there is none.

    >>> marker_of({"marker_code": "COI-5P"})
    'COI-5P'
    """
    return _first_named(columns, MARKER_COLUMNS)


def country_of(columns: dict[str, str]) -> str | None:
    """Return the country or ocean in a row of a table, or None if there is none.

    >>> country_of({"country/ocean": "Costa Rica"})
    'Costa Rica'
    """
    return _first_named(columns, COUNTRY_COLUMNS)


def taxon_id_of(columns: dict[str, str]) -> str | None:
    """Return the id of the taxon in a row of a table, or None if there is none.

    >>> taxon_id_of({"taxid": "7460"})
    '7460'
    """
    return _first_named(columns, TAXON_ID_COLUMNS)


def _first_named(columns: dict[str, str], candidates: tuple[str, ...]) -> str | None:
    value = next((columns[name] for name in candidates if name in columns), "")
    return strip_placeholder(value)
