"""Define ranks and lineages."""

from __future__ import annotations

RANKS = ("kingdom", "phylum", "class", "order", "family", "subfamily", "genus", "species")

#: One name per rank, in the order of RANKS; None if the rank is unknown.
Lineage = tuple[str | None, ...]

UNKNOWN: Lineage = (None,) * len(RANKS)

#: Other column names of the ranks. BOLD's exports use ``phylum_name`` to ``species_name``.
RANK_ALIASES = {"superkingdom": "kingdom", "domain": "kingdom", "division": "phylum"} | {
    f"{rank}_name": rank for rank in RANKS
}

#: Every word that names one of RANKS.
RANK_WORDS = frozenset(RANKS) | frozenset(RANK_ALIASES)

RANK_LETTERS = {
    "d": "kingdom",
    "k": "kingdom",
    "p": "phylum",
    "c": "class",
    "o": "order",
    "f": "family",
    "g": "genus",
    "s": "species",
}


def lineage(names: dict[str, str]) -> Lineage:
    """Build a lineage from names by rank; placeholders become None.

    Ranks may be in any case, and may be aliases from RANK_ALIASES. If both an alias and the rank
    itself are given (``superkingdom`` and ``kingdom``), the rank itself is used. A species given
    only as an epithet is joined to its genus.

    >>> lineage({"Genus": "Apis", "species": "mellifera"})[-2:]
    ('Apis', 'Apis mellifera')
    """
    from barcodeembed.taxonomy.names import tidy_name

    own = {rank.lower(): name for rank, name in names.items()}
    by_rank = {RANK_ALIASES[rank]: name for rank, name in own.items() if rank in RANK_ALIASES} | own
    tidy = {rank: tidy_name(by_rank.get(rank, ""), rank) for rank in RANKS}
    genus, species = tidy["genus"], tidy["species"]
    if species and " " not in species:
        tidy["species"] = f"{genus} {species}" if genus else None
    return tuple(tidy[rank] for rank in RANKS)


def lowest(taxa: Lineage) -> tuple[str, str] | None:
    """Return the lowest named rank and its name, or None if no rank is named."""
    for rank, name in zip(reversed(RANKS), reversed(taxa), strict=True):
        if name:
            return rank, name
    return None
