"""Choosing records of an index by the taxa that they belong to and the countries they are from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import numpy as np

from barcodeembed.errors import InputError
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.taxonomy.columns import COUNTRY_COLUMNS
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.taxonomy.taxa import Taxa

_SHOWN = 5


def select_records(
    index: ReferenceIndex, *, taxa: Sequence[str] = (), countries: Sequence[str] = ()
) -> np.ndarray:
    """Return which records are of any of the taxa and from any of the countries, bool (records,).

    Without ``taxa``, or without ``countries``, these do not matter. Errors are those of `of_taxa`
    and `of_countries`.
    """
    chosen = np.ones(len(index.record_ids), bool)
    if taxa:
        chosen &= of_taxa(index, taxa)
    if countries:
        chosen &= of_countries(index, countries)
    return chosen


def of_taxa(index: ReferenceIndex, asked: Iterable[str]) -> np.ndarray:
    """Tell which records belong to any of the taxa, bool (records,).

    A taxon is given as NAME, or as RANK:NAME where several ranks have one of that name. Raises
    InputError where the index has none, or it needs the rank.
    """
    chosen_L = np.zeros(len(index.taxa.lineages), bool)
    for text in asked:
        chosen_L |= _lineages_in(index.taxa, text)
    return chosen_L[index.record_lineages]


def of_countries(index: ReferenceIndex, asked: Sequence[str]) -> np.ndarray:
    """Tell which records are from any of the countries, bool (records,), in any case.

    ``Canada`` is met by ``Canada: Ontario`` too. Raises InputError where no record is from one of
    them, or the index keeps no countries.
    """
    countries = index.sources.countries
    if not countries:
        raise InputError(
            "--country: the index keeps no countries; its files had none in a column "
            f"{', '.join(COUNTRY_COLUMNS)}, or it is of prototypes or of an older version"
        )
    chosen = np.zeros(len(countries), bool)
    for text in asked:
        wanted = text.strip().casefold()
        found = np.array([_is_in(country, wanted) for country in countries])
        if not found.any():
            most = Counter(country for country in countries if country).most_common(_SHOWN)
            raise InputError(
                f"--country: no record is from {text!r}; most are from "
                + ", ".join(country for country, _ in most)
            )
        chosen |= found
    return chosen


def homonyms(taxa: Taxa, text: str) -> int:
    """Return how many taxa of one rank a text names: those of different phyla."""
    return max(map(len, _taxa_named(taxa, text)))


def _lineages_in(taxa: Taxa, text: str) -> np.ndarray:
    numbers = _taxa_named(taxa, text)
    ranks = [r for r, found in enumerate(numbers) if found]
    if not ranks:
        names = {name for names in taxa.names for name in names}
        near = get_close_matches(text.rpartition(":")[2], names, 1)
        raise InputError(
            f"--taxon: the index has no {text!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        )
    if len(ranks) > 1:
        told = " or ".join(f"{taxa.ranks[r]}:{text}" for r in ranks)
        raise InputError(f"--taxon: {text!r} is a name at several ranks; give {told}")
    return np.isin(taxa.codes[:, ranks[0]], numbers[ranks[0]])


def _taxa_named(taxa: Taxa, text: str) -> list[list[int]]:
    """Return the numbers of the taxa of that name at each rank, or at the one that is given."""
    rank, _, name = text.rpartition(":")
    if rank.lower() not in RANKS:
        rank, name = "", text
    return [
        [code for code, known in enumerate(names) if known == name and rank.lower() in ("", at)]
        for at, names in zip(taxa.ranks, taxa.names, strict=True)
    ]


def _is_in(country: str | None, wanted: str) -> bool:
    whole = (country or "").casefold()
    return bool(whole) and wanted in (whole, whole.partition(":")[0].strip())
