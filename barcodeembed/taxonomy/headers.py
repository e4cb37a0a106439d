"""Parse lineages written as one string: FASTA headers with a lineage, and ranked lists.

Every ``split_`` function takes a FASTA header without the ``>``, and returns what it says of the
record, or None if the header has another format.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import zip_longest

from barcodeembed.errors import ReferenceDataError
from barcodeembed.taxonomy.layouts import place
from barcodeembed.taxonomy.names import note
from barcodeembed.taxonomy.ranks import MAIN_RANKS, RANK_LETTERS, RANK_WORDS
from barcodeembed.taxonomy.signs import usual_rank

_SINTAX = re.compile(r"(?:^|[;\s])tax=([^;]*)")
#: Before the next rank; an author can have a comma, too.
_ITEMS = re.compile(r",(?=\s*[A-Za-z]:|\s*$)")
_PREFIXED = re.compile(r"(?:^|###|[|;\s])\s*(?=(?:[dkp]|D_0)__)", re.IGNORECASE)
_PREFIX = re.compile(r"(?:([A-Za-z]{1,4})__|D_\d{1,2}__)")
_PAIRS = re.compile(r"(?:^|\s)Lineage=")
#: Levels above the first rank. The second one is that of CO1Classifier, and of NCBI's taxonomy.
_ROOT = re.compile(r"root(?:_1)?|cellular[ _]?organisms(?:_131567)?", re.IGNORECASE)
#: After a name: the bootstrap support that mothur writes, or an accession. PR2 writes an organelle.
_BRACKETS = re.compile(
    r"(?:\((?:\d+(?:\.\d+)?|[A-Z]{1,4}_?[\w.]*\d{4}[\w.]*)\)|:(?:nucl|plas|mito|apic|chro)\w*)$"
)
#: After the last name: the species hypothesis of UNITE, or the facts of GTDB (``[ssu_len=1502]``).
_AFTER_LAST = re.compile(r"(?:[_| ]SH\d+\.\d+FU|(?: \[\w+=[^\]]*\])+)$")
_SPECIES_HYPOTHESIS = re.compile(r"SH\d+\.\d+FU")
_NO_NAME = re.compile(r"=|^(?!Candidatus|[Uu]n|[Ii]ncertae)[^;]*\s[^;]|^[^;]*(?:\d|__)")
_PR2 = re.compile(r"([^|\s]+)\|[^|]*\|[^|]*\|[^|]*\|(Eukaryota|Bacteria|Archaea)[^|]*\|(.+)")

#: Between ranks; also a bar, as in MetaPhlAn, a comma or a space before the next prefix.
_SEPARATOR = re.compile(r";|[,|\s]\s*(?=(?:[A-Za-z]{1,4}|D_\d+)__)")
#: What older releases of Greengenes write after the names.
_OTU = re.compile(r"otu_\d+")

_PREFIXES = RANK_LETTERS | {"sf": "subfamily"}


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says of a record.

    ``id`` is None if the format has no ids. The lineage is in ``names``, by rank, or in ``listed``
    from the highest rank on, if the ranks are not given. ``fields`` are other facts: ``taxon_id``
    (of the lowest taxon), ``marker_code``.
    """

    id: str | None
    names: dict[str, str] = field(default_factory=dict)
    listed: tuple[str, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)


def of_list(identifier: str | None, listed: tuple[str, ...]) -> Header:
    """Return a header with a lineage without ranks, which can end in a BIN, as in coidb."""
    if listed and listed[-1].startswith("BOLD:"):
        return Header(identifier, listed=listed[:-1], fields={"bin_uri": listed[-1]})
    return Header(identifier, listed=listed)


def split_sintax(title: str) -> Header | None:
    """Split ``id;tax=k:..,s:..;`` (SINTAX).

    >>> split_sintax("a1;tax=g:Apis,s:Apis_mellifera;").id
    'a1'
    >>> split_sintax("a1;tax=g:Apis;size=5").id
    'a1;size=5'
    """
    match = _SINTAX.search(title)
    if match is None:
        return None
    items = (item.strip().partition(":") for item in _ITEMS.split(match.group(1)))
    given = {letter.lower(): _bare(name) for letter, _, name in items}
    if "k" in given:  # PR2 writes d for supergroups
        given.pop("d", None)
    names = {RANK_LETTERS[letter]: name for letter, name in given.items() if letter in RANK_LETTERS}
    before, after = title[: match.start()], title[match.end() :].removeprefix(";")
    joint = ";" if after[:1].strip() else ""
    identifier = f"{before}{joint}{after}".strip()
    return Header(identifier, names, fields=_species_hypothesis(title))


def split_prefixed(title: str) -> Header | None:
    """Split ``Name|ACC|SH|reps|k__..;p__..`` (UNITE), or any other id before such a list.

    In UNITE's full releases, the code of the species hypothesis follows the list (``s__..|SH..``).

    >>> split_prefixed("Aa_bb|AB1|SH1.10FU|refs|k__Fungi;p__Ascomycota;g__Aa;s__Aa_bb").id
    'Aa_bb|AB1|SH1.10FU|refs'
    """
    match = _PREFIXED.search(title)
    listed = title[match.end() :] if match else ""
    before, _, code = listed.rpartition("|")
    listed, code = (listed, "") if "__" in code else (before or code, code if before else "")
    names = parse_ranked(listed)
    if match is None or names is None:
        return None
    fields = {"taxon_id": code} if code else _species_hypothesis(title)
    words = title[: match.start()].split()
    if not words:
        return Header(None, names, fields=fields)
    return Header(words[0] if match.group().isspace() else "_".join(words), names, fields=fields)


def split_rdp(title: str) -> Header | None:
    """Split ``id<TAB>Root;A;B;..`` (RDP's classifier, MIDORI2) or ``id###root_1;A;..`` (MIDORI2).

    >>> split_rdp("AB1.1.<1.>9 root_1;Eukaryota_2759;B_2;C_3;D_4;E_5;F_6;F g_7").listed[-1]
    'F g_7'
    """
    identifier, separator, text = title.partition("###")
    if not separator:
        identifier, _, text = title.partition(" ")
    listed = None if ";" in identifier else parse_levels(text)
    return None if listed is None else of_list(identifier.strip(), listed)


def split_rdp_pairs(title: str) -> Header | None:
    """Split ``id<TAB>Lineage=Root;rootrank;A;domain;B;phylum;..``, as in RDP's training sets.

    Ranks that are not in RANKS are ignored. Raises ReferenceDataError if names and ranks do not
    alternate, or a rank occurs twice.

    >>> split_rdp_pairs('S1 Lineage=Root;rootrank;Aa;domain;"Bb";phylum;Cc;suborder').names
    {'domain': 'Aa', 'phylum': 'Bb'}
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
    return Header("".join(title[: match.start()].split()[:1]), names)


def split_dada2(title: str) -> Header | None:
    """Parse ``Kingdom;Phylum;..;Species;`` (DADA2), a header that is a lineage and has no id.

    >>> split_dada2("Animalia;Arthropoda;Insecta;").listed
    ('Animalia', 'Arthropoda', 'Insecta')
    """
    first = title.split(maxsplit=1)[:1]
    listed = parse_levels(title) if first and ";" in first[0] else None
    return None if listed is None else of_list(None, listed)


def split_pr2(title: str) -> Header | None:
    """Split ``id|gene|organelle|strain|Domain|Supergroup|..|Genus|Species`` (PR2).

    Domain is read as kingdom, and division as phylum if there are 8 names. From version 5 of PR2 on
    there are 9 names, and none of supergroup, division and subdivision is a rank of RANKS.

    >>> split_pr2("A1_U|18S_rRNA|nucleus||Eukaryota|A|B|C|D|E|F|Aus|Aus_bus").names["family"]
    'F'
    """
    match = _PR2.fullmatch(title)
    if match is None:
        return None
    identifier, kingdom, rest = match.groups()
    lower = rest.split("|")
    if len(lower) not in (7, 8):
        raise ReferenceDataError(
            f"a PR2 header with {len(lower) + 1} names; it must have 8 or, from version 5 on, 9"
        )
    phylum = {"phylum": lower[1]} if len(lower) == 7 else {}
    names = dict(zip(MAIN_RANKS[2:], map(_bare, lower[-5:]), strict=True))
    return Header(identifier, {"kingdom": kingdom} | phylum | names)


def _bare(name: str) -> str:
    """Return a name without support, accession, organelle, or facts after it.

    >>> _bare("Fictia_prima_SH1.10FU"), _bare("Fictia prima [ssu_len=1502]"), _bare("Fictia:plas")
    ('Fictia_prima', 'Fictia prima', 'Fictia')
    """
    return _BRACKETS.sub("", _AFTER_LAST.sub("", name))


def _species_hypothesis(title: str) -> dict[str, str]:
    """Return UNITE's code of a species as the field ``taxon_id``, if a title has one."""
    found = _SPECIES_HYPOTHESIS.search(title)
    return {"taxon_id": found.group()} if found else {}


def parse_ranked(text: str) -> dict[str, str] | None:
    """Parse ``k__Animalia; p__Arthropoda; ...`` (or ``D_0__...``); return None for other text.

    Prefixes that stand for no rank of RANKS are passed over, and noted.

    >>> parse_ranked("k__Fungi;p__Ascomycota;g__unidentified")["phylum"]
    'Ascomycota'
    """
    names: dict[str, str] = {}
    levels: list[str] = []
    passed = []
    for item in filter(None, (part.strip() for part in _SEPARATOR.split(text))):
        prefix = _PREFIX.match(item)
        if prefix is None and names and _OTU.fullmatch(item):
            continue
        if prefix is None:
            return None
        letters, name = prefix.group(1), _bare(item[prefix.end() :])
        if letters is None:
            levels.append(name)
        elif rank := _PREFIXES.get(letters.lower()):
            names[rank] = name
        elif letters.lower() != "sh":  # UNITE's species hypothesis
            passed.append(prefix.group())
    if levels:
        return _of_levels(levels)
    for prefix_text in passed if names else ():
        note("prefixes", prefix_text)
    return names or None


def _of_levels(names: list[str]) -> dict[str, str]:
    """Return the names of SILVA's levels (``D_0__``), which are no ranks in its eukaryotes."""
    if names[0] == "Eukaryota" or len(names) > len(MAIN_RANKS):
        return place(names)
    return dict(zip(MAIN_RANKS, names, strict=False))


def parse_levels(text: str) -> tuple[str, ...] | None:
    """Parse ``A;B;C;..;`` or ``A(100);B(98);..``; ``Root`` is left out. Return None for other text.

    >>> parse_levels("Root;Animalia;Arthropoda;;Diptera;Culicidae;Culex;")[:3]
    ('Animalia', 'Arthropoda', '')
    """
    parts = text.strip().split(";")
    if not parts[-1]:
        parts.pop()
    names = [_bare(part.strip()).strip('"') for part in parts]
    while names and _ROOT.fullmatch(names[0]):
        del names[0]
    # An id or a size before the first semicolon is not a name.
    first = re.sub(r"_\d+$", "", names[0]) if names else "0"
    known = usual_rank(first) is not None and text.count(";") > 0
    if _NO_NAME.search(";".join([first, *names[1:]])) or not (known or text.count(";") > 1):
        return None
    return tuple(names)
