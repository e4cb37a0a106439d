"""Normalise taxon names, and distinguish names from placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from barcodeembed.taxonomy.binomials import reduce_species, strip_author

#: The rank prefix of a name, in lists and sometimes in columns: ``k__Animalia``.
PREFIX = re.compile(r"^(?:(sf|[dkpcofgs])__|D_(\d)__)", re.IGNORECASE)

_PLACEHOLDER = re.compile(
    r"""^(?: | na | n/a | nan | none | null | \* | - | \?
        | unknown.* | unidentified.* | unassigned.* | unclassified.* | unnamed.*
        | undetermined.* | uncultured.* | environmental.* | metagenome
        | .*incertae[ _]sedis.* | not[ _]assigned | .+[ ]unclassified )$""",
    re.IGNORECASE | re.VERBOSE,
)
#: A whole name that stands for a missing one, such as ``sp.`` in the column of the genus.
_NO_NAME = re.compile(
    r"(?:undet|indet)\b.*|(?:spp?|species|n\.? ?sp|sp\.? ?nov|nov)\.?", re.IGNORECASE
)
#: A placeholder that only says that there is no name.
_MISSING = re.compile(r"(?:na|n/a|nan|none|null|[*?_.-]*)", re.IGNORECASE)
_ONE_CASE = re.compile(r"[^\W\d_]+")
_SUBGENUS = re.compile(r"([A-Z][a-z]+) \([A-Z][a-z]{2,}\)")

#: Minimum letters of a name in capital letters, and vowels among them; fewer are a code (``FBP``).
_MIN_CAPITALS = 5
_MIN_CAPITALS_GENUS = 4
_MIN_VOWELS = 0.26

_noted: ContextVar[dict[str, None] | None] = ContextVar("noted", default=None)


@contextmanager
def note_placeholders(into: dict[str, None]) -> Iterator[None]:
    """Note the names that `tidy_name` takes for placeholders, in order, while a block runs."""
    token = _noted.set(into)
    try:
        yield
    finally:
        _noted.reset(token)


def strip_placeholder(text: str) -> str | None:
    """Return a text with single spaces for underscores, or None for a placeholder.

    >>> strip_placeholder("Costa_Rica")
    'Costa Rica'
    >>> strip_placeholder("unidentified") is None
    True
    """
    text = " ".join(PREFIX.sub("", text.strip()).replace("_", " ").split())
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
    noted = _noted.get()
    if tidy is None and noted is not None:
        given = PREFIX.sub("", name.strip())
        if not _MISSING.fullmatch(given):
            noted[given] = None
    return tidy


def _tidy(name: str, rank: str) -> str | None:
    tidy = strip_placeholder(name)
    if tidy is None or _NO_NAME.fullmatch(tidy):
        return None
    if rank == "species":
        return reduce_species(tidy)
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
