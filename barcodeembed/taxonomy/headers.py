"""Lineages written as one string: headers of each format, and the ranked lists that they hold.

Every ``split_`` function takes a FASTA header without its mark and returns the id and the lineage,
or None where the header is not of its format. The id is None where the format has none.
"""

from __future__ import annotations

import re
from itertools import zip_longest

from barcodeembed.errors import ReferenceDataError
from barcodeembed.taxonomy.names import PREFIX
from barcodeembed.taxonomy.ranks import RANK_LETTERS, RANK_WORDS, Lineage, lineage

_SINTAX = re.compile(r"(?:^|[;\s])tax=([^;]*)")
_PREFIXED = re.compile(r"(?:^|###|[|;\s])\s*(?=(?:[dkp]|D_0)__)", re.IGNORECASE)
_SPECIES = re.compile(r"([^\s;]+)\s+([A-Z][a-z-]+)\s+([a-z][a-z-]+)")
_PAIRS = re.compile(r"(?:^|\s)Lineage=")
_ROOT = re.compile(r"root(?:_1)?", re.IGNORECASE)
#: How many of 100 bootstraps agreed, as mothur writes after a name.
_BOOTSTRAP = re.compile(r"\(\d+(?:\.\d+)?\)$")
_TAXID = re.compile(r"_\d+$")
#: What MIDORI2 writes where a rank is missing: it, and the name below.
_FILLED = re.compile(r"(?:phylum|class|order|family|genus|species)_.*")
#: How a list of MIDORI2 begins. Names of other sources may end in a number that belongs to them.
_NUMBERED = frozenset(
    (
        "Eukaryota_2759",
        "Bacteria_2",
        "Archaea_2157",
        "Viruses_10239",
        "Metazoa_33208",
        "Animalia_33208",
        "Fungi_4751",
        "Viridiplantae_33090",
    )
)

_PREFIXES = RANK_LETTERS | {"sf": "subfamily"}
_LEVELS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
#: Fewer names than this, with semicolons between, are not taken for a lineage.
_MIN_LEVELS = 4


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
    return f"{before}{joint}{after}".strip(), _lineage(names)


def split_prefixed(title: str) -> tuple[str | None, Lineage] | None:
    """Split ``Name|ACC|SH|reps|k__..;p__..`` (UNITE), or another id before such a list.

    >>> split_prefixed("Aa_bb|AB1|SH1.10FU|refs|k__Fungi;p__Ascomycota;g__Aa;s__Aa_bb")[0]
    'Aa_bb|AB1|SH1.10FU|refs'
    """
    found = _PREFIXED.search(title)
    taxa = parse_ranked(title[found.end() :]) if found else None
    if found is None or taxa is None:
        return None
    words = title[: found.start()].split()
    if not words:
        return None, taxa
    return words[0] if found.group().isspace() else "_".join(words), taxa


def split_rdp(title: str) -> tuple[str, Lineage] | None:
    """Split ``id<TAB>Root;A;B;..``, as RDP's classifier and MIDORI2 have it (there also ``###``).

    >>> split_rdp("AB1.1.<1.>9 root_1;Eukaryota_2759;B_2;C_3;D_4;E_5;F_6;F g_7")[1][-1]
    'F g'
    """
    identifier, separator, listed = title.partition("###")
    if not separator:
        identifier, _, listed = title.partition(" ")
    taxa = None if ";" in identifier else parse_levels(listed)
    return None if taxa is None else (identifier.strip(), taxa)


def split_rdp_pairs(title: str) -> tuple[str, Lineage] | None:
    """Split ``id<TAB>Lineage=Root;rootrank;A;domain;B;phylum;..``, as RDP's training sets have it.

    Ranks that are not ours are passed over. Raises ReferenceDataError where names and ranks do not
    take turns, or a rank comes twice.

    >>> split_rdp_pairs('S1 Lineage=Root;rootrank;Aa;domain;"Bb";phylum;Cc;suborder')[1][:3]
    ('Aa', 'Bb', None)
    """
    found = _PAIRS.search(title)
    if found is None:
        return None
    parts = [part.strip() for part in title[found.end() :].split(";")]
    if len(parts) % 2 and not parts[-1]:
        parts.pop()
    names: dict[str, str] = {}
    # RDP ends a list that goes no further by a name without a rank, ``unclassified_Insecta;``.
    for name, rank in zip_longest(parts[::2], parts[1::2]):
        if rank is None or rank != rank.lower():
            raise ReferenceDataError(
                f"Lineage= has {name[:40]!r} without a rank after it; it is to be names and ranks "
                "in turn, as Root;rootrank;Animalia;kingdom;.."
            )
        if rank in names:
            raise ReferenceDataError(f"Lineage= has the rank {rank} twice")
        if rank in RANK_WORDS:
            names[rank] = name.strip('"')
    return "".join(title[: found.start()].split()[:1]), lineage(names)


def split_dada2(title: str) -> tuple[None, Lineage] | None:
    """Read ``Kingdom;Phylum;..;Species;``, a header that is a lineage and has no id.

    >>> split_dada2("Animalia;Arthropoda;Insecta;Diptera;Culicidae;Culex;Culex pipiens;")[0]
    """
    first = title.split(maxsplit=1)[:1]
    taxa = parse_levels(title) if first and ";" in first[0] else None
    return None if taxa is None else (None, taxa)


def split_dada2_species(title: str) -> tuple[str, Lineage] | None:
    """Split ``id Genus species``, what DADA2's assignSpecies reads.

    >>> split_dada2_species("AB1 Culex pipiens")[1][-1]
    'Culex pipiens'
    """
    found = _SPECIES.fullmatch(title)
    if found is None:
        return None
    identifier, genus, epithet = found.groups()
    return identifier, lineage({"genus": genus, "species": f"{genus} {epithet}"})


def parse_ranked(text: str) -> Lineage | None:
    """Read ``k__Animalia; p__Arthropoda; ...`` (or ``D_0__...``); None where it is no such list.

    >>> parse_ranked("k__Fungi;p__Ascomycota;g__unidentified")[0]
    'Fungi'
    """
    names = {}
    for item in filter(None, (part.strip() for part in text.split(";"))):
        prefix = PREFIX.match(item)
        if prefix is None:
            return None
        letters, level = prefix.groups()
        rank = _PREFIXES[letters.lower()] if letters else _LEVELS[min(int(level), 6)]
        names[rank] = _BOOTSTRAP.sub("", item[prefix.end() :])
    return _lineage(names) if names else None


def parse_levels(text: str) -> Lineage | None:
    """Read ``A;B;C;..;`` or ``A(100);B(98);..``, whose number of names says which ranks they are.

    Seven are kingdom to species and six kingdom to genus, not counting ``Root``; an empty one is
    missing. None where it is no such list. Raises ReferenceDataError where it is one of another
    length, or plainly of other ranks.

    >>> parse_levels("Root;Animalia;Arthropoda;;Diptera;Culicidae;Culex;")[:3]
    ('Animalia', 'Arthropoda', None)
    """
    parts = text.strip().removesuffix(";").split(";")
    names = [_BOOTSTRAP.sub("", part.strip()) for part in parts]
    if _ROOT.fullmatch(names[0]):
        del names[0]
    # An id or a size that stands before a semicolon is no kingdom.
    no_lineage = "=" in text or re.search(r"\d|__", _TAXID.sub("", names[0] if names else "0"))
    if no_lineage or len(names) < _MIN_LEVELS:
        return None
    if len(names) not in (6, 7):
        raise ReferenceDataError(
            f"a lineage of {len(names)} names without ranks; those of 6 (kingdom to genus) and "
            "7 (kingdom to species) can be read, a missing one left empty"
        )
    genus = re.escape(names[4])
    if len(names) == 6 and genus and re.match(rf"{genus}[ _]", names[5]):
        raise ReferenceDataError(
            f"a lineage of 6 names that ends in a species, {names[5]!r}, and has no kingdom; "
            "put one before it"
        )
    return _lineage(dict(zip(_LEVELS, names, strict=False)))


def _lineage(names: dict[str, str]) -> Lineage:
    """Build the lineage of a list, highest name first; MIDORI2's names lose their taxids."""
    given = [name for name in names.values() if name]
    if given and given[0] in _NUMBERED and all(map(_TAXID.search, given)):
        names = {rank: _FILLED.sub("", _TAXID.sub("", name)) for rank, name in names.items()}
    return lineage(names)
