"""Reduce the name of a species to genus and epithet: authors, subspecies, subgenera and case."""

from __future__ import annotations

import re

#: Words in the position of the epithet that do not name a species.
_NO_EPITHET = frozenset(
    "sp spp spec species morphospecies ssp subsp subspecies var nov new cf aff nr near gen gr grp "
    "group complex agg indet indeterminate undet undetermined unidentified undescribed unknown "
    "unnamed unclassified uncultured environmental sample metagenome ined auct n bacterium "
    "archaeon fungus eukaryote hybrid hybrids cultivar cv endosymbiont symbiont endophyte "
    "construct voucher isolate strain clone haplotype specimen culture gene mitochondrial "
    "mitochondrion chloroplast genomic".split()
)
#: Words that make an interim name wherever they stand.
_INTERIM_WORD = re.compile(
    r"(?:^|\s)(?:spp?|species|morphospecies|cf|aff|nr|near|gen|group|complex|agg|indet|undet"
    r"|undetermined|unidentified|undescribed|nov|sensu lato|(?-i:s\. ?l(?:at)?))\b\.?",
    re.IGNORECASE,
)
_INTERIM_SIGN = re.compile(r"\d|[?/]")
#: A genus or an epithet that is abbreviated, and an epithet or a cultivar in quotes.
_UNCLEAR = re.compile(r"[^\W\d_]{1,3}\. .*|\S+ (?:[^\W\d_]{1,3}\.|['\"‘“].+)")

_PLAIN = re.compile(r"[A-Z][a-z]+ ([a-z]{3,})")
#: ``7-punctata`` is an older spelling of numerals.
_WORD = re.compile(r"(?:\d{1,2}-)?[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_GENUS = re.compile(r"\[?[^\W\d_]{2,}(?:-[^\W\d_]+)*\]?")
_HYBRID = re.compile(r"(?:^|\s)(?:[xX]\s|×)")
#: The sign of a hybrid between words, and before an epithet; not before a genus.
_HYBRID_SIGN = re.compile(r"(?<=\S )(?:[X×] |×(?=[^\WA-Z]))(?=\S)")
#: A common name, as GenBank writes it: ``Bos taurus (domestic cattle)``.
_COMMON_NAME = re.compile(r"(?<=[a-z]) \([a-z][a-z' -]*\)$")
#: Kinds without a Latin name, and the name of a specimen, after that of its species.
_SPECIMEN = re.compile(
    r"^(\S+ [^\W\d_]{3,}\b.*?) (?:voucher|isolate|strain|clone|haplotype|specimen|culture"
    r"|population|lineage|clade|biotype|ecotype|genotype|serotype|serovar|morpha|morphotype|race|breed"
    r"|haplogroup|mitochondri(?:on|al)|chloroplast|(?:small|large) subunit)\b.*"
)
#: The names of viruses have several English words.
_VIRUS = re.compile(r"(?:virus|viroid|phage)\b", re.IGNORECASE)
_SUBGENUS = re.compile(r"^(\S+)(?: \([^\W\d_][^()\d,]*\))+(?= [^\W\d_])")

#: Ranks below the species, and words of authorships that begin with a small letter.
_BELOW_SPECIES = frozenset(
    "subsp ssp subspecies var varietas subvar convar f fo forma form subf cv pv pathovar bv biovar "
    "nothosubsp nothovar ab".split()
)
_PARTICLES = frozenset(
    "de del della delle degli der den di da das dos do du des la le van von vom v zu zur zum ten "
    "ter te af el y e et ex in and und st st. fil fil. f. jr jr. emend emend. 't".split()
)
#: Words after a binomial that are neither a subspecies nor an author.
_NEITHER = frozenset(
    "or vel and hybrid hybrids strain isolate voucher clone clade lineage type form morph like "
    "male female larva juvenile adult auct auctt non nec not sensu pro part lato".split()
)
_SPECIALIS = re.compile(r"(?:^|(?<= ))f\.? ?sp\.?(?= [a-z])", re.IGNORECASE)
#: ``sp. nov.`` and similar notes after a complete name, and ``sensu stricto``.
_NOTE = re.compile(
    r",? ?(?:\b(?:sp|ssp|subsp|var|comb|stat)\.? ?(?:nov|n)\.?|\b(?:nov|n)\. ?(?:sp|ssp|comb)\.?"
    r"|\bs\. ?(?:str|s)\.|\bsensu stricto)$",
    re.IGNORECASE,
)
_YEAR = re.compile(r"[\"']?(?:1[6-9]|20)\d\d[a-z]?(?:[-/–]\d{1,4})?[\"']?")
_AUTHOR = re.compile(r"(?:[dl]['’])?([^\W\d_])(?:[^\W\d_]|[.'’-])*")
_TOKEN = re.compile(r"'[^']+'|\"[^\"]+\"|[()\[\]&:,;]|[^\s()\[\]&:,;]+")
#: Minimum letters of an epithet in capital letters after a genus that is not (``Andrena DHJ``).
_MIN_CAPITALS = 5
#: An author in capital letters with a bracket, or a comma before the year: ``(LINNAEUS, 1758)``.
_CAPITAL_AUTHOR = re.compile(r"^\([^\W\d_a-z]|, ?\d{4}")
_CAPITALS = re.compile(r"\b[^\W\d_a-z]{4,}\b")
_ANY_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?")


def is_no_epithet(word: str) -> bool:
    """Return whether a word names no species where its epithet stands.

    >>> is_no_epithet("sp."), is_no_epithet("Bacterium"), is_no_epithet("pipiens")
    (True, True, False)
    """
    return word.rstrip(".").lower() in _NO_EPITHET


def reduce_species(name: str) -> str | None:
    """Return the binomial in the name of a species, or None for an interim name.

    Authors and years, subgenera in brackets and ranks below the species are removed, and genus and
    epithet get their usual case. A name that cannot be read as a whole is returned as it is.
    The sign of a hybrid is written ``x``, and hybrid formulas are not changed otherwise.

    >>> reduce_species("Andrena (Melandrena) nitida (Müller, 1776)")
    'Andrena nitida'
    >>> reduce_species("APIS MELLIFERA subsp. carnica Pollmann, 1879")
    'Apis mellifera'
    >>> reduce_species("Salix x rubens")
    'Salix x rubens'
    """
    name = _COMMON_NAME.sub("", name)
    name = name if name.isupper() else _HYBRID_SIGN.sub("x ", name)
    plain = _PLAIN.fullmatch(name)
    if plain and plain.group(1) not in _NO_EPITHET:
        return name
    if _VIRUS.search(name):
        return name
    prefix, rest = ("Candidatus ", name[11:]) if name.startswith("Candidatus ") else ("", name)
    binomial = _binomial(rest)
    if binomial is not None:
        return prefix + binomial if binomial else None
    if _INTERIM_WORD.search(name) or _INTERIM_SIGN.search(name):
        return None
    return None if _UNCLEAR.fullmatch(rest) and not _HYBRID.search(rest) else name


def strip_specimen(name: str) -> str:
    """Return the name of a species without that of a specimen, a strain or a breed.

    >>> strip_specimen("Culex pipiens biotype molestus voucher X1")
    'Culex pipiens'
    """
    return _SPECIMEN.sub(r"\1", name)


def strip_author(name: str) -> str:
    """Return the name of a genus or higher taxon without author and year.

    Without a year, a bracket or an abbreviation (``L.``), a second word is not known to be an
    author, and the name is returned as it is.

    >>> strip_author("Andrena Fabricius, 1775")
    'Andrena'
    """
    word, _, rest = name.partition(" ")
    whole = _GENUS.fullmatch(word) and _is_authorship(rest)
    return _capitalised(word) if whole else name


def _binomial(name: str) -> str | None:
    """Return genus and epithet, ``""`` if there is no epithet, None if the name is not understood.

    The genus is the first word, and everything after the epithet has to be understood.
    """
    name = _SUBGENUS.sub(r"\1", re.sub(r"(?<=\w)\(", " (", name))
    genus, _, rest = name.partition(" ")
    if not _GENUS.fullmatch(genus) or genus in ("x", "X") or not rest:
        return None
    one_case = name.isupper() or name.islower()
    epithet, _, tail = rest.partition(" ")
    sign = ""
    if epithet in ("x", "X", "×"):
        sign, (epithet, _, tail) = "x ", tail.partition(" ")
    elif epithet.startswith("×"):
        sign, epithet = "x ", epithet[1:]
    if is_no_epithet(epithet):
        return ""
    if _HYBRID.search(f" {tail}"):
        return None
    if not _WORD.fullmatch(epithet.rstrip(",")):
        return "" if _is_authorship(rest) else None
    if not _is_ignorable(tail, name.isupper(), one_case):
        return "" if _is_authorship(rest) else None
    spelled = _spell_epithet(epithet.rstrip(","), tail, genus.isupper())
    if spelled is None:
        return "" if _is_authorship(rest) else None
    return f"{_capitalised(genus)} {sign}{spelled}"


def _spell_epithet(epithet: str, tail: str, capitals: bool) -> str | None:
    """Return the epithet in lower case, or None if it is a code or the author of a genus.

    ``capitals`` says that the genus is in capital letters too.
    """
    if epithet.islower():
        return epithet
    if epithet.isupper():
        return epithet.lower() if capitals or len(epithet) >= _MIN_CAPITALS else None
    # Apis Mellifera Linnaeus, 1758, but not Andrena Fabricius, 1775
    is_author = epithet.lower() in _PARTICLES or not (tail[:1] in ("", "(") or tail[0].isupper())
    return epithet.lower() if epithet[1:].islower() and not is_author else None


def _capitalised(genus: str) -> str:
    plain = genus.isalpha() and genus.islower()
    return genus.capitalize() if plain or genus.isupper() else genus


def _is_authorship(text: str) -> bool:
    """Return whether a text has a year or brackets and is otherwise an authorship."""
    return re.search(r"[(.]|\d{4}", text) is not None and _is_tail(text, below=False)


def _is_ignorable(tail: str, upper: bool, one_case: bool) -> bool:
    """Return whether what follows a binomial is a rank below it, an authorship, or nothing."""
    if not tail:
        return True
    if upper or (one_case and re.search(r"[(.\d]", tail)):
        tail = _ANY_WORD.sub(lambda word: word.group().capitalize(), tail)
    if _CAPITAL_AUTHOR.search(tail):
        tail = _CAPITALS.sub(lambda word: word.group().capitalize(), tail)
    return _is_tail(tail, below=True)


def _is_tail(tail: str, *, below: bool) -> bool:
    """Return whether every word of a tail is part of a rank below the species or an authorship."""
    tail = _NOTE.sub("", _SPECIALIS.sub("f.", tail))
    if not tail:
        return True
    if _INTERIM_WORD.search(tail) or tail.count("(") != tail.count(")"):
        return False
    tokens = _TOKEN.findall(tail)
    named = False  # an author or a rank below has been read
    ended = True  # the last word can be the last word of an authorship
    free = below  # a subspecies can follow without its rank
    position = 0
    while position < len(tokens):
        kind = _kind(tokens[max(position - 1, 0) : position + 2], position > 0, below, free)
        if kind is None or (kind == "year" and not named):
            return False
        position += 2 if kind == "rank" else 1
        free = free and kind == "mark"
        if kind in ("name", "rank", "year"):
            named = True
        ended = named if kind == "filius" else kind != "particle"
    return named and ended


def _kind(around: list[str], has_before: bool, below: bool, free: bool) -> str | None:
    """Return what a word of a tail is, or None; it is given with the words around it."""
    before, token, after = [*([] if has_before else [""]), *around, ""][:3]
    word = token.rstrip(".").lower()
    if token in "()[],;":
        return "mark"
    if below and word in (_BELOW_SPECIES if after else ("ssp", "subsp")):
        if not after or _is_epithet(after):
            return "rank"
    if _YEAR.fullmatch(token):
        return "year"
    if word == "al":
        return "name" if before in ("et", "&") else None
    if token in "&:" or token.lower() in _PARTICLES:
        return "filius" if word in ("f", "fil", "jr") else "particle"
    if word not in _NEITHER and (_is_author(token) or (free and _is_bare_epithet(token))):
        return "name"
    return None


def _is_bare_epithet(token: str) -> bool:
    return token.islower() and token[0].isalpha() and _is_epithet(token)


def _is_epithet(token: str) -> bool:
    """Return whether a word can name a rank below the species; cultivars are in quotes."""
    if token[:1] in ("'", '"'):
        return len(token) > 2
    return (
        len(token) > 2
        and _WORD.fullmatch(token) is not None
        and (token.islower() or token.istitle())
        and token.lower() not in _PARTICLES | _NEITHER
    )


def _is_author(token: str) -> bool:
    """Return whether a word has the form of an author: ``Müller``, ``L.``, ``d'Orbigny``."""
    match = _AUTHOR.fullmatch(token)
    if match is None or not match.group(1).isupper():
        return False
    return token in ("L", "DC", "HBK") or "." in token or any(map(str.islower, token))
