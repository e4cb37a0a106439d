"""Select records of an index by taxon and by country."""

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
    """Return whether each record is of one of the taxa and from one of the countries.

    Returns bool (records,). Without ``taxa`` all taxa are selected, without ``countries`` all
    countries. Raises the errors of `of_taxa` and `of_countries`.
    """
    chosen = np.ones(len(index.record_ids), bool)
    if taxa:
        chosen &= of_taxa(index, taxa)
    if countries:
        chosen &= of_countries(index, countries)
    return chosen


def of_taxa(index: ReferenceIndex, asked: Iterable[str]) -> np.ndarray:
    """Return whether each record belongs to one of the taxa, bool (records,).

    A taxon is given as NAME, or as RANK:NAME if several ranks have a taxon of that name. Raises
    InputError if the index has no such taxon, or if the rank is needed.
    """
    chosen_L = np.zeros(len(index.taxa.lineages), bool)
    for text in asked:
        chosen_L |= _lineages_in(index.taxa, text)
    return chosen_L[index.record_lineages]


def of_countries(index: ReferenceIndex, asked: Sequence[str]) -> np.ndarray:
    """Return whether each record is from one of the countries, bool (records,).

    Case does not matter. ``Canada`` also selects ``Canada: Ontario``. Raises InputError if no
    record is from one of the countries, or if the index has no countries.
    """
    countries = index.sources.countries
    if not countries:
        raise InputError(
            "--country: the index has no countries; its source files had no column "
            f"{', '.join(COUNTRY_COLUMNS)}, or it is an index of prototypes"
        )
    chosen = np.zeros(len(countries), bool)
    for text in asked:
        wanted = text.strip().casefold()
        found = np.array([_is_in(country, wanted) for country in countries])
        if not found.any():
            most = Counter(country for country in countries if country).most_common(_SHOWN)
            raise InputError(
                f"--country: no record is from {text!r}; the most frequent countries are "
                + ", ".join(country for country, _ in most)
            )
        chosen |= found
    return chosen


def homonyms(taxa: Taxa, text: str) -> int:
    """Return how many taxa of one rank have a name: those of different kingdoms."""
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
        choices = " or ".join(f"{taxa.ranks[r]}:{text}" for r in ranks)
        raise InputError(f"--taxon: {text!r} is a name at several ranks; give {choices}")
    return np.isin(taxa.codes[:, ranks[0]], numbers[ranks[0]])


def _taxa_named(taxa: Taxa, text: str) -> list[list[int]]:
    """Return the numbers of the taxa with a name at each rank; NAME or RANK:NAME."""
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
