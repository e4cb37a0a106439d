"""Define ranks and lineages."""

from __future__ import annotations

import re

from barcodeembed.taxonomy.names import strip_placeholder, tidy_name

RANKS = ("kingdom", "phylum", "class", "order", "family", "subfamily", "genus", "species")

#: The ranks that most lists without ranks have.
MAIN_RANKS = tuple(rank for rank in RANKS if rank != "subfamily")

#: One name per rank, in the order of RANKS; None if the rank is unknown.
Lineage = tuple[str | None, ...]

UNKNOWN: Lineage = (None,) * len(RANKS)

#: Other column names of the ranks. BOLD's exports use ``phylum_name`` to ``species_name``.
#: Darwin Core has ``specificEpithet``.
RANK_ALIASES = {"superkingdom": "kingdom", "domain": "kingdom", "division": "phylum"} | {
    **{f"{rank}_name": rank for rank in RANKS},
    **dict.fromkeys(("specificepithet", "specific_epithet", "specific epithet"), "species"),
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

_GENUS = re.compile("[A-Z][a-z]{2,}")
#: A species with its genus; not the English name of a virus.
_BINOMIAL = re.compile(r"([A-Z][a-z]{2,}) (?:x )?[a-z-]{2,}(?: x .*)?$")

#: A species without its genus, of several words: ``mellifera carnica``, ``x rubens``.
_NO_GENUS = re.compile(r"[xX×] [^\W\dA-Z_]|\([^()]+\) (?:[xX×] )?[^\W\dA-Z_]{2,}|[^\W\dA-Z_]{2,} ")


def lineage(names: dict[str, str]) -> Lineage:
    """Build a lineage from names by rank; placeholders become None.

    Ranks may be in any case, and may be aliases from RANK_ALIASES. If both an alias and the rank
    itself are given (``superkingdom`` and ``kingdom``), the rank itself is used. A species given
    only as an epithet is joined to its genus.

    >>> lineage({"Genus": "Apis", "species": "mellifera"})[-2:]
    ('Apis', 'Apis mellifera')
    """
    own = {rank.lower(): name for rank, name in names.items()}
    by_rank = {RANK_ALIASES[rank]: name for rank, name in own.items() if rank in RANK_ALIASES} | own
    tidy = {rank: tidy_name(by_rank.get(rank, ""), rank) for rank in RANKS}
    for rank in ("genus", "family", "order"):  # can be filled in with a higher name
        higher = [tidy[above] for above in RANKS[: RANKS.index(rank)]]
        if tidy[rank] in higher and (rank != "order" or not tidy["family"]):
            tidy[rank] = None
    given = by_rank.get("species", "").strip()
    if _is_family(tidy["genus"] or "idae"):
        tidy["family"] = tidy["family"] or tidy["genus"]
        # The column of the species can have the genus, but also "None" or "Undetermined".
        is_genus = tidy["species"] and _GENUS.fullmatch(given) and not _is_family(given)
        tidy["genus"] = given if is_genus else None
    tidy["species"] = _join(tidy["genus"], given, tidy["species"])
    if not tidy["genus"] and (binomial := _BINOMIAL.match(tidy["species"] or "")):
        tidy["genus"] = binomial.group(1)
    if tidy["genus"] and tidy["species"]:  # a genus in other letters than in its species
        first = tidy["species"].partition(" ")[0]
        tidy["genus"] = first if first.lower() == tidy["genus"].lower() else tidy["genus"]
    return tuple(tidy[rank] for rank in RANKS)


def _join(genus: str | None, given: str, species: str | None) -> str | None:
    """Return the species with its genus, which the column of the species may leave out."""
    given = strip_placeholder(given) or ""
    first = given.partition(" ")[0]
    if " " not in given:
        if not genus or not species or _is_genus(given, genus):
            return None
        joined = tidy_name(f"{genus} {given}", "species")
        return joined or (f"{genus} {given}" if re.search(r"\d", genus) else None)
    if genus and first.lower() != genus.lower() and _NO_GENUS.match(given):
        joined = tidy_name(f"{genus} {given}", "species")
        if joined and (joined != f"{genus} {given}" or first in ("x", "×")):
            return joined
    return species


def _is_family(name: str) -> bool:
    return name.endswith(("idae", "aceae"))


def _is_genus(word: str, genus: str) -> bool:
    """Return whether a genus stands in the column of the species, and is not an epithet."""
    return not word.islower() and word.lower() == genus.lower()


def lowest(taxa: Lineage) -> tuple[str, str] | None:
    """Return the lowest named rank and its name, or None if no rank is named."""
    for rank, name in zip(reversed(RANKS), reversed(taxa), strict=True):
        if name:
            return rank, name
    return None
