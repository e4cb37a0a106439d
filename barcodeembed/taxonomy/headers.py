"""Parse lineages written as one string: FASTA headers of each format, and ranked lists.

Every ``split_`` function takes a FASTA header without the ``>``. It returns the id and the lineage,
or None if the header has another format. The id is None if the format has no ids.
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
#: The bootstrap support that mothur writes after a name.
_BOOTSTRAP = re.compile(r"\(\d+(?:\.\d+)?\)$")
_TAXID = re.compile(r"_\d+$")
#: MIDORI2's placeholder for a missing rank: the rank, and the next lower name.
_FILLED = re.compile(r"(?:phylum|class|order|family|genus|species)_.*")
#: First names of MIDORI2's lists. In other sources, a number at the end may belong to the name.
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
#: Minimum number of names, separated by semicolons, for a text to be read as a lineage.
_MIN_LEVELS = 4


def split_sintax(title: str) -> tuple[str, Lineage] | None:
    """Split ``id;tax=k:..,s:..;`` (SINTAX) into the id and the lineage.

    >>> split_sintax("a1;tax=g:Apis,s:Apis_mellifera;")[0]
    'a1'
    >>> split_sintax("a1;tax=g:Apis;size=5")[0]
    'a1;size=5'
    """
    match = _SINTAX.search(title)
    if match is None:
        return None
    names = {}
    for item in match.group(1).split(","):
        letter, _, name = item.strip().partition(":")
        if letter.lower() in RANK_LETTERS:
            names[RANK_LETTERS[letter.lower()]] = name
    before, after = title[: match.start()], title[match.end() :].removeprefix(";")
    joint = ";" if after[:1].strip() else ""
    return f"{before}{joint}{after}".strip(), _lineage(names)


def split_prefixed(title: str) -> tuple[str | None, Lineage] | None:
    """Split ``Name|ACC|SH|reps|k__..;p__..`` (UNITE), or any other id before such a list.

    In UNITE's full releases, the code of the species hypothesis follows the list (``s__..|SH..``).

    >>> split_prefixed("Aa_bb|AB1|SH1.10FU|refs|k__Fungi;p__Ascomycota;g__Aa;s__Aa_bb")[0]
    'Aa_bb|AB1|SH1.10FU|refs'
    """
    match = _PREFIXED.search(title)
    taxa = parse_ranked(title[match.end() :].partition("|")[0]) if match else None
    if match is None or taxa is None:
        return None
    words = title[: match.start()].split()
    if not words:
        return None, taxa
    return words[0] if match.group().isspace() else "_".join(words), taxa


def split_rdp(title: str) -> tuple[str, Lineage] | None:
    """Split ``id<TAB>Root;A;B;..`` (RDP's classifier, MIDORI2) or ``id###root_1;A;..`` (MIDORI2).

    >>> split_rdp("AB1.1.<1.>9 root_1;Eukaryota_2759;B_2;C_3;D_4;E_5;F_6;F g_7")[1][-1]
    'F g'
    """
    identifier, separator, listed = title.partition("###")
    if not separator:
        identifier, _, listed = title.partition(" ")
    taxa = None if ";" in identifier else parse_levels(listed)
    return None if taxa is None else (identifier.strip(), taxa)


def split_rdp_pairs(title: str) -> tuple[str, Lineage] | None:
    """Split ``id<TAB>Lineage=Root;rootrank;A;domain;B;phylum;..``, as in RDP's training sets.

    Ranks that are not in RANKS are ignored. Raises ReferenceDataError if names and ranks do not
    alternate, or a rank occurs twice.

    >>> split_rdp_pairs('S1 Lineage=Root;rootrank;Aa;domain;"Bb";phylum;Cc;suborder')[1][:3]
    ('Aa', 'Bb', None)
    """
    match = _PAIRS.search(title)
    if match is None:
        return None
    parts = [part.strip() for part in title[match.end() :].split(";")]
    if len(parts) % 2 and not parts[-1]:
        parts.pop()
    names: dict[str, str] = {}
    # RDP ends an incomplete list with a name without a rank, ``unclassified_Insecta;``.
    for name, rank in zip_longest(parts[::2], parts[1::2]):
        if rank is None or rank != rank.lower():
            raise ReferenceDataError(
                f"Lineage= has {name[:40]!r} without a rank after it; names and ranks must "
                "alternate, as in Root;rootrank;Animalia;kingdom;.."
            )
        if rank in names:
            raise ReferenceDataError(f"Lineage= has the rank {rank} twice")
        if rank in RANK_WORDS:
            names[rank] = name.strip('"')
    return "".join(title[: match.start()].split()[:1]), lineage(names)


def split_dada2(title: str) -> tuple[None, Lineage] | None:
    """Parse ``Kingdom;Phylum;..;Species;`` (DADA2), a header that is a lineage and has no id.

    >>> split_dada2("Animalia;Arthropoda;Insecta;Diptera;Culicidae;Culex;Culex pipiens;")[0]
    """
    first = title.split(maxsplit=1)[:1]
    taxa = parse_levels(title) if first and ";" in first[0] else None
    return None if taxa is None else (None, taxa)


def split_dada2_species(title: str) -> tuple[str, Lineage] | None:
    """Split ``id Genus species``, the format of DADA2's assignSpecies.

    >>> split_dada2_species("AB1 Culex pipiens")[1][-1]
    'Culex pipiens'
    """
    match = _SPECIES.fullmatch(title)
    if match is None:
        return None
    identifier, genus, epithet = match.groups()
    return identifier, lineage({"genus": genus, "species": f"{genus} {epithet}"})


def parse_ranked(text: str) -> Lineage | None:
    """Parse ``k__Animalia; p__Arthropoda; ...`` (or ``D_0__...``); return None for other text.

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
    """Parse ``A;B;C;..;`` or ``A(100);B(98);..``, where the number of names determines the ranks.

    Seven names are kingdom to species, and six are kingdom to genus, not counting ``Root``. An
    empty name is a missing rank. Returns None if the text is not such a list. Raises
    ReferenceDataError if the list has another length, or clearly other ranks.

    >>> parse_levels("Root;Animalia;Arthropoda;;Diptera;Culicidae;Culex;")[:3]
    ('Animalia', 'Arthropoda', None)
    """
    parts = text.strip().removesuffix(";").split(";")
    names = [_BOOTSTRAP.sub("", part.strip()) for part in parts]
    if _ROOT.fullmatch(names[0]):
        del names[0]
    # An id or a size before the first semicolon is not a kingdom.
    not_lineage = "=" in text or re.search(r"\d|__", _TAXID.sub("", names[0] if names else "0"))
    if not_lineage or len(names) < _MIN_LEVELS:
        return None
    if len(names) not in (6, 7):
        raise ReferenceDataError(
            f"a lineage of {len(names)} names without ranks; it must have 6 names (kingdom to "
            "genus) or 7 (kingdom to species); leave a missing name empty"
        )
    genus = re.escape(names[4])
    if len(names) == 6 and genus and re.match(rf"{genus}[ _]", names[5]):
        raise ReferenceDataError(
            f"a lineage of 6 names that ends in a species, {names[5]!r}, and has no kingdom; "
            "add the kingdom at the start"
        )
    return _lineage(dict(zip(_LEVELS, names, strict=False)))


def _lineage(names: dict[str, str]) -> Lineage:
    """Build a lineage from names, highest rank first, without the taxids of MIDORI2."""
    given = [name for name in names.values() if name]
    if given and given[0] in _NUMBERED and all(map(_TAXID.search, given)):
        names = {rank: _FILLED.sub("", _TAXID.sub("", name)) for rank, name in names.items()}
    return lineage(names)
