"""Find the ranks of lineages that do not give them, such as ``Animalia;Arthropoda;Insecta;..``.

All lists of a file begin at the same rank: the one with which most first lists agree, by the
endings of their names. A list that disagrees lacks a rank or has more of them. Its names are given
ranks where these are certain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from barcodeembed.errors import ReferenceDataError
from barcodeembed.taxonomy.names import note, strip_placeholder
from barcodeembed.taxonomy.ranks import MAIN_RANKS, RANK_ALIASES, RANKS
from barcodeembed.taxonomy.signs import (
    are_of_no_animal,
    certain_rank,
    is_animal_ending,
    usual_rank,
)

#: What follows the genus in a species: `` mellifera``, ``_sp.``, `` x rubens``.
_EPITHET = re.compile(r"[ _](?:[xX×][ _]?|cf\.?[ _])?[a-z]{2}")
#: The name of an organism after a name other than its genus: ``Bacteroidales bacterium``.
_BINOMIAL = re.compile(
    r"[A-Z][a-z]{2,} (?!sensu|group|clade|family|order|class|lineage|cluster|subgroup|complex)"
    r"[a-z-]{3,}(?: .*)?"
)

#: A function from a name to the rank that it shows, or None.
_Sign = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Layout:
    """The ranks of the names of a list, from the first; an empty rank is not read.

    ``given`` says that the user gave them. Without ranks, the lists of a file have no common
    layout, and only names whose rank is certain are read.
    """

    ranks: tuple[str, ...] = MAIN_RANKS
    given: bool = False

    def __str__(self) -> str:
        return ", ".join(rank or "-" for rank in self.ranks) or "by the forms of their names"

    def read(self, names: Sequence[str]) -> dict[str, str]:
        """Return names by rank. Names after the species (subspecies, strains) are not read.

        Raises ReferenceDataError if names are in an impossible order, or if ranks that the user
        gave contradict the endings of names.

        >>> Layout().read(["Animalia", "Arthropoda", "Insecta"])["class"]
        'Insecta'
        """
        if not self.ranks:
            return place(names)
        if self._misplaced(names, usual_rank) is None:
            return self._by_place(names)
        wrong = self._misplaced(names, certain_rank)
        if wrong is None:
            return self._read_unusual(names)
        if self.given and len(names) >= len(self.ranks):
            raise ReferenceDataError(
                f"{names[wrong]!r} looks like the name of a "
                f"{_sign(names, wrong, usual_rank) or 'taxon'}, but is number {wrong + 1} in the "
                "list, for which --ranks gives "
                f"{self._rank(wrong) or 'no rank'}; --allow-missing leaves out such records"
            )
        return place(names)

    def _read_unusual(self, names: Sequence[str]) -> dict[str, str]:
        """Return names by rank; names that usually have other ranks get them if all ranks fit."""
        if not self.given:
            with suppress(ReferenceDataError):
                placed = place(names, noted=False)
                if all(name in placed.values() for name in names if name):
                    return placed
        return self._by_place(names)

    def _by_place(self, names: Sequence[str]) -> dict[str, str]:
        return {rank: name for rank, name in zip(self.ranks, names, strict=False) if rank}

    def agreement(self, names: Sequence[str]) -> int:
        """Return how many names have the rank that they show, minus those that have another."""
        score = 0
        for i, name in enumerate(names):
            expected, shown = self._rank(i), _sign(names, i, usual_rank)
            if expected == "subfamily" and name and shown != expected:
                score -= 1
            elif shown and expected != "":
                score += 1 if shown == expected else -1
        return score

    def _rank(self, i: int) -> str | None:
        return self.ranks[i] if i < len(self.ranks) else None

    def _misplaced(self, names: Sequence[str], by_name: _Sign) -> int | None:
        """Return the index of the first name that has another rank than its place, or None."""
        for i, name in enumerate(names):
            shown = _sign(names, i, by_name)
            if shown and self._rank(i) != "" and shown != self._rank(i) and name not in names[:i]:
                return i
        last = len(self.ranks) - 1
        more = any(map(strip_placeholder, names[last + 1 :]))
        # Only a species can be followed by more names.
        is_last = more and strip_placeholder(names[last]) and last and self.ranks[-1] == "species"
        return last + 1 if is_last and _sign(names, last, certain_rank) != "species" else None


DEFAULT = Layout()

#: The layouts from which one is chosen; the first on a tie. PR2 has supergroups,
#: and divisions or, from version 5 on, also subdivisions.
_LAYOUTS = (
    *(Layout(MAIN_RANKS[start:]) for start in range(5)),
    *(Layout(RANKS[start:]) for start in range(5)),
    Layout(("kingdom", "", *MAIN_RANKS[1:])),
    Layout(("kingdom", "", "", "", *MAIN_RANKS[2:])),
)


def parse_ranks(text: str) -> tuple[str, ...]:
    """Return the ranks in a list of words; other words are positions that are not read.

    >>> parse_ranks("domain,supergroup,Phylum")
    ('kingdom', '', 'phylum')
    """
    words = (word.strip().lower() for word in text.split(","))
    known = (RANK_ALIASES.get(word, word) for word in words)
    return tuple(word if word in RANKS else "" for word in known)


def find_layout(lists: Iterable[Sequence[str]]) -> Layout:
    """Return the layout of a file, from its first lists.

    >>> str(find_layout([["Arthropoda", "Insecta", "Diptera", "Culicidae", "Culex"]]))
    'phylum, class, order, family, genus, species'
    """
    lists = list(lists)
    best = max(_LAYOUTS, key=lambda layout: sum(map(layout.agreement, lists)))
    misfits = sum(best._misplaced(names, usual_rank) is not None for names in lists)
    return best if 2 * misfits <= len(lists) else Layout(())


def place(names: Sequence[str], *, noted: bool = True) -> dict[str, str]:
    """Return the names whose ranks are certain, by rank.

    Certain are names with a known ending, a genus that is the first word of the next name, and
    names between these if there are as many as ranks. The others are noted if ``noted`` is true.

    >>> place(["Bacteria", "Fictota", "Fictia", "Fictaceae", "Fictus"])
    {'kingdom': 'Bacteria', 'family': 'Fictaceae', 'genus': 'Fictus'}
    """
    fixed = _fixed(names)
    found: dict[str, str] = {}
    ends = [
        (-1, -1),
        *((i, MAIN_RANKS.index(r)) for i, r in fixed if r in MAIN_RANKS),
        (len(names), 7),
    ]
    for (first, upper), (last, lower) in zip(ends, ends[1:], strict=False):
        if first >= 0:
            found[MAIN_RANKS[upper]] = names[first]
        inside = [i for i in range(first + 1, last) if (i, "subfamily") not in fixed]
        ranks = MAIN_RANKS[upper + 1 : lower]
        below_family = upper == MAIN_RANKS.index("family") and lower == 7 and len(inside) <= 2
        if len(inside) == len(ranks) or below_family:
            found |= {rank: names[i] for rank, i in zip(ranks, inside, strict=False)}
    found |= {rank: names[i] for i, rank in fixed if rank == "subfamily"}
    for name in names if noted else ():
        is_rank = name in found.values() or usual_rank(name) == "kingdom"
        if strip_placeholder(name) and not is_rank:
            note("uncertain", name)
    return found


def _fixed(names: Sequence[str]) -> list[tuple[int, str]]:
    """Return the indices of names that show their rank, and these ranks, from high to low.

    Raises ReferenceDataError if prescribed endings are in an impossible order.
    """
    fixed: list[tuple[int, str]] = []
    for by_name in (certain_rank, usual_rank):
        for i in reversed(range(len(names))):  # Metazoa replaces Eukaryota before it
            rank = _sign(names, i, by_name)
            if rank is None or (i, rank) in fixed or names[i] in names[:i]:
                continue
            if all((j < i) == _is_above(other, rank) for j, other in fixed):
                fixed = sorted([*fixed, (i, rank)])
            elif by_name is certain_rank and rank != "kingdom":
                raise ReferenceDataError(
                    f"{names[i]!r} looks like the name of a {rank}, but comes before "
                    f"{next(names[j] for j, other in fixed if not _is_above(rank, other))!r}; "
                    "give the ranks of the names with --ranks, or leave out such records with "
                    "--allow-missing"
                )
    return fixed


def _is_above(rank: str, other: str) -> bool:
    return rank != other and RANKS.index(rank) < RANKS.index(other)


def _sign(names: Sequence[str], i: int, by_name: _Sign) -> str | None:
    """Return the rank that a name of a list shows by itself, or by the names around it."""
    if i and _is_species_of(names[i], names[i - 1]):
        return "species"
    below = next((name for name in names[i + 1 :] if name != names[i]), "")  # Culex;Culex;Culex sp.
    if _is_species_of(below, names[i]):
        return "genus"
    if _BINOMIAL.fullmatch(names[i]) and strip_placeholder(names[i]):
        return "species"
    if is_animal_ending(names[i]) and are_of_no_animal(names):
        return None
    if names[i].endswith("phyta") and "Streptophyta" in names[:i]:  # Embryophyta, Spermatophyta
        return None
    return by_name(names[i])


def _is_species_of(name: str, genus: str) -> bool:
    return (
        name.startswith(genus)
        and genus[:1].isupper()
        and _EPITHET.match(name, len(genus)) is not None
        and usual_rank(genus) is None
        and strip_placeholder(name) is not None
    )
