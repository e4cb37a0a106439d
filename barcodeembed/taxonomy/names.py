"""Taxon names: spelling made uniform, and placeholders told from names."""

from __future__ import annotations

import re

#: Columns that hold BOLD's barcode index number, its cluster of like barcodes.
BIN_COLUMNS = ("dna_bin", "bin_uri", "bin")

#: Columns in which BOLD's tables name the marker of a record.
MARKER_COLUMNS = ("marker_code", "markercode")

#: The rank before a name, in lists and sometimes in columns: ``k__Animalia``.
PREFIX = re.compile(r"^(?:(sf|[dkpcofgs])__|D_(\d)__)", re.IGNORECASE)

#: Columns that hold the country, or the ocean, that a specimen is from.
COUNTRY_COLUMNS = ("country", "country/ocean", "country_ocean")

_PLACEHOLDER = re.compile(
    r"""^(?: | na | n/a | nan | none | null | \* | - | \?
        | unknown.* | unidentified.* | unassigned.* | unclassified.* | unnamed.*
        | undetermined.* | uncultured.* | environmental.* | metagenome
        | .*incertae[ _]sedis.* | not[ _]assigned | .+[ ]unclassified )$""",
    re.IGNORECASE | re.VERBOSE,
)
_INTERIM_SPECIES = re.compile(
    r"(?:^|\s)(?:sp|spp|cf|aff|nr|near|gen|group|complex|agg|indet)\b\.?|\d|[?/]", re.IGNORECASE
)


def tidy_name(name: str, rank: str) -> str | None:
    """Return a name with single spaces for underscores, or None where it names nothing.

    Placeholders (``unidentified``, ``Incertae_sedis``, ``NA``, ``g__``...) name nothing at any
    rank, and interim names (``Apis sp.``, ``Apis cf. mellifera``, ``Apis sp. BOLD:AAA0001``) no
    species.

    >>> tidy_name("Apis_mellifera", "species")
    'Apis mellifera'
    >>> tidy_name("Apis sp. 3", "species") is None
    True
    >>> tidy_name("Sparus", "genus")
    'Sparus'
    """
    name = " ".join(PREFIX.sub("", name.strip()).replace("_", " ").split())
    if _PLACEHOLDER.match(name):
        return None
    if rank == "species" and _INTERIM_SPECIES.search(name):
        return None
    return name


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
