"""Normalise taxon names, and distinguish names from placeholders."""

from __future__ import annotations

import re

#: The rank prefix of a name, in lists and sometimes in columns: ``k__Animalia``.
PREFIX = re.compile(r"^(?:(sf|[dkpcofgs])__|D_(\d)__)", re.IGNORECASE)

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
    """Return a name with single spaces for underscores, or None for a placeholder.

    Placeholders (``unidentified``, ``Incertae_sedis``, ``NA``, ``g__``...) are None at every rank.
    Interim names (``Apis sp.``, ``Apis cf. mellifera``, ``Apis sp. BOLD:AAA0001``) are None as
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
