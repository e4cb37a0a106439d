"""Lineages written as one string: SINTAX headers and prefixed or plain ranked lists."""

from __future__ import annotations

import re

from barcodeembed.taxonomy.ranks import RANK_LETTERS, Lineage, lineage

_SINTAX = re.compile(r"(?:^|[;\s])tax=([^;]*)")
_PREFIX = re.compile(r"^([dkpcofgs])__|^D_(\d)__", re.IGNORECASE)
_SILVA_ORDER = ("kingdom", "phylum", "class", "order", "family", "genus", "species")


def split_sintax(title: str) -> tuple[str, Lineage] | None:
    """Split ``id;tax=k:..,s:..;`` into the id and its lineage; None where there is no ``tax=``.

    >>> split_sintax("a1;tax=g:Apis,s:Apis_mellifera;")[0]
    'a1'
    >>> split_sintax("a1;tax=g:Apis;size=5")[0]
    'a1;size=5'
    """
    found = _SINTAX.search(title)
    if found is None:
        return None
    names = {}
    for item in found.group(1).split(","):
        letter, _, name = item.strip().partition(":")
        if letter.lower() in RANK_LETTERS:
            names[RANK_LETTERS[letter.lower()]] = name
    before, after = title[: found.start()], title[found.end() :].removeprefix(";")
    joint = ";" if after[:1].strip() else ""
    return f"{before}{joint}{after}".strip(), lineage(names)


def parse_ranked(text: str) -> Lineage | None:
    """Read ``k__Animalia; p__Arthropoda; ...`` (or ``D_0__...``); None where it is no such list.

    >>> parse_ranked("k__Fungi;p__Ascomycota;g__unidentified")[0]
    'Fungi'
    """
    names = {}
    for item in filter(None, (part.strip() for part in text.split(";"))):
        prefix = _PREFIX.match(item)
        if prefix is None:
            return None
        letter, level = prefix.groups()
        rank = RANK_LETTERS[letter.lower()] if letter else _SILVA_ORDER[min(int(level), 6)]
        names[rank] = item[prefix.end() :]
    return lineage(names) if names else None
