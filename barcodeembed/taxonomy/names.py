"""Normalise taxon names, and distinguish names from placeholders."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache

from barcodeembed.taxonomy.binomials import reduce_species, strip_author, strip_specimen

#: The rank prefix of a name, in lists and sometimes in columns: ``k__Animalia``.
PREFIX = re.compile(r"^(?:(sf|[dkpcofgs])__|D_(\d)__)", re.IGNORECASE)

_PLACEHOLDER = re.compile(
    r"""^(?: | na | n/a | nan | none | null | \* | - | \? | \.
        | unknown.* | unplaced | unidentified.* | unassigned.* | unclassified.* | unnamed.*
        | undetermined.* | ambiguous[ _]taxa | uncultured.* | environmental.* | metagenome
        | .*incertae[ _]sedis.* | not[ _]assigned | .+[ ]unclassified )$""",
    re.IGNORECASE | re.VERBOSE,
)
#: A whole name that stands for a missing one, such as ``sp.`` in the column of the genus.
_NO_NAME = re.compile(
    r"(?:undet|indet)\b.*|(?:spp?|species|n\.? ?sp|sp\.? ?nov|nov)\.?", re.IGNORECASE
)
#: How PR2 fills a missing rank: the next higher name, with an X for each missing rank.
_FILLED = re.compile(r"_X+(?:_sp\.?)?$")
#: A placeholder that only says that there is no name.
_MISSING = re.compile(r"(?:na|n/a|nan|none|null|[*?_.-]*)", re.IGNORECASE)
#: A terminal that prints these could be made to do something else.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: Characters without a width, which copies from web pages and documents contain.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_QUOTED = re.compile(r"""^(["'])([^"']*)\1$""")
_ONE_CASE = re.compile(r"[^\W\d_]+")
_SUBGENUS = re.compile(r"([A-Z][a-z]+) \([A-Z][a-z]{2,}\)")

#: Minimum letters of a name in capital letters, and vowels among them; fewer are a code (``FBP``).
_MIN_CAPITALS = 5
_MIN_CAPITALS_GENUS = 4
_MIN_VOWELS = 0.26

#: Names whose reading is kept, because records share most of their names.
_CACHED = 1 << 16


@dataclass(slots=True)
class NameNotes:
    """What was changed or left out of the lineages of references, with the number of times.

    ``reduced`` are species with their authors, subspecies or unusual case, and what they became.
    ``placeholders`` are no names of taxa. ``uncertain`` are names in a list without ranks, whose
    rank is not certain. ``prefixes`` are rank prefixes that stand for none of RANKS (``sgr__``).
    """

    reduced: Counter[str] = field(default_factory=Counter)
    placeholders: Counter[str] = field(default_factory=Counter)
    uncertain: Counter[str] = field(default_factory=Counter)
    prefixes: Counter[str] = field(default_factory=Counter)


_notes: ContextVar[NameNotes | None] = ContextVar("notes", default=None)


@contextmanager
def note_names(into: NameNotes) -> Iterator[None]:
    """Note the names that are not read while a block runs."""
    token = _notes.set(into)
    try:
        yield
    finally:
        _notes.reset(token)


def note(kind: str, name: str) -> None:
    """Note a name that is not read; ``kind`` is a field of NameNotes."""
    if (notes := _notes.get()) is not None:
        getattr(notes, kind)[name] += 1


@lru_cache(_CACHED)
def strip_placeholder(text: str) -> str | None:
    """Return a text with single spaces for underscores, or None for a placeholder.

    >>> strip_placeholder("Costa_Rica")
    'Costa Rica'
    >>> strip_placeholder("unidentified") is None
    True
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
    text = PREFIX.sub("", _QUOTED.sub(r"\2", text.strip()))
    text = " ".join(_CONTROL.sub(" ", text.replace("_", " ")).split())
    return None if _PLACEHOLDER.match(text) else text


def tidy_name(name: str, rank: str) -> str | None:
    """Return a name in its usual spelling, or None for a placeholder.

    Placeholders (``unidentified``, ``Incertae_sedis``, ``NA``, ``g__``...) are None at every rank.
    Interim names (``Apis sp.``, ``Apis cf. mellifera``, ``Apis sp. BOLD:AAA0001``) are None as
    species. Species are reduced to genus and epithet (`reduce_species`). Other names lose author
    and year, and a name only in small or only in capital letters gets its usual case.

    >>> tidy_name("Apis_mellifera", "species")
    'Apis mellifera'
    >>> tidy_name("Apis sp. 3", "species") is None
    True
    >>> tidy_name("Sparus Linnaeus, 1758", "genus")
    'Sparus'
    """
    tidy = _tidy(name, rank)
    if _notes.get() is not None:
        given = PREFIX.sub("", name.strip())
        if tidy is None and not _MISSING.fullmatch(given):
            note("placeholders", given)
        elif tidy is not None and rank == "species" and tidy != strip_placeholder(name):
            note("reduced", f"{given} -> {tidy}")
    return tidy


@lru_cache(_CACHED)
def _tidy(name: str, rank: str) -> str | None:
    tidy = strip_placeholder(name)
    if tidy is None or _NO_NAME.fullmatch(tidy) or _FILLED.search(name):
        return None
    if rank == "species":
        return reduce_species(strip_specimen(tidy))
    if " " in tidy:
        return _SUBGENUS.sub(r"\1", tidy) if _SUBGENUS.fullmatch(tidy) else strip_author(tidy)
    return _usual_case(tidy, rank)


def _usual_case(name: str, rank: str) -> str:
    """Capitalise a word in small letters, or in capital letters if it is not a code."""
    if not _ONE_CASE.fullmatch(name) or not (name.islower() or name.isupper()):
        return name
    vowels = len(re.findall("[AEIOU]|(?<=.)Y", name)) / len(name)
    shortest = _MIN_CAPITALS_GENUS if rank == "genus" else _MIN_CAPITALS
    code = name.isupper() and (len(name) < shortest or vowels < _MIN_VOWELS)
    return name if code else name.capitalize()
