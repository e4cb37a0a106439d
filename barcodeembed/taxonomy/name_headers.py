"""Parse FASTA headers that give a name, or a few, but no lineage.

Every ``split_`` function takes a FASTA header without the ``>``, and returns what it says of the
record, or None if the header has another format.
"""

from __future__ import annotations

import json
import re

from barcodeembed.taxonomy.binomials import is_no_epithet, reduce_species
from barcodeembed.taxonomy.headers import Header
from barcodeembed.taxonomy.names import note, strip_placeholder
from barcodeembed.taxonomy.ranks import RANK_WORDS, RANKS
from barcodeembed.taxonomy.signs import usual_rank

#: An accession number of GenBank, EMBL or DDBJ.
ACCESSION = r"(?:[A-Z]{1,2}_?\d{5,9}|[A-Z]{4,6}\d{8,10}|[A-Z]{2}_[A-Z]*\d{6,9})(?:\.\d+)?"
#: The part of a sequence that was downloaded from NCBI: ``NC_012345.1:5904-7445``.
_RANGE = r"(?::c?\d+-\d+)?"
#: An organism: genus, also with subgenus, and epithet or the sign of an interim name.
_ORGANISM = re.compile(
    r"((?:Candidatus[ _])?\[?[A-Z][a-z-]+\]?)[ _](?:\([A-Z][a-z]+\)[ _])?"
    r"(?:(?:sp|spp|cf|aff|nr)\b\.?|((?:[xX][ _]|×[ _]?)?[a-z]{2,}[a-z-]*)(?=[ _,;]|$))"
)
#: The rest of a hybrid formula after its first species: `` x Genus species``.
_CROSSED = re.compile(
    r"(?:[ _][a-z-]{3,})?[ _][xX×][ _](?:[A-Z][a-z-]*\.?[ _])?(?:[a-z]\.[ _])?[a-z-]{3,}"
)
#: Words of definitions whose organism has no scientific name, or another one than the first words.
_NO_ORGANISM = re.compile(
    r"\w*(?:virus|viroid|phage)\b|\b(?:vector|metagenome|construct|endophyte)\b", re.IGNORECASE
)
#: Where the description of a record begins, after the organism.
_DESCRIPTION = re.compile(
    r",|[ _](?:voucher|isolate|strain|clone|haplotype|specimen|gene"
    r"|mitochondrion|mitochondrial|chloroplast)\b"
)
#: Quality labels before an organism: ``UNVERIFIED: ``, ``MAG: TPA_asm: ``.
_LABELS = r"(?:[A-Z]+(?:_\w+)?:\s*)*"
_NCBI = re.compile(rf"({ACCESSION}{_RANGE})\s+{_LABELS}(.+)")
_PIPED = re.compile(
    r"(?:gi\|\d+\|)?(?:gb|emb|dbj|ref|tpg|lcl|ENA)\|([^|\s]+)\|"
    rf"(?:{ACCESSION})?{_RANGE}\s*{_LABELS}(.*)"
)
_THREE_WORDS = re.compile(r"([A-Z][a-z]+)_([A-Z][a-z-]+)_([a-z][\w.-]+)")
_BOLD = re.compile(r"([A-Z][A-Z0-9]+-\d\d)\|([^|]*)(?:\|([^|]*))?(?:\|.*)?")
_NAME = re.compile(r"(\S+)\s+\(?([A-Z][a-z-]+)((?:\s+\S+)+)")
_NO_SPECIES = re.compile(r"\s(?:sp|spp|cf|aff|nr)\.?(?:\s|$)")
_PAIR = re.compile(r"(\w+)=([^;]*);")
_TAXON = re.compile(r"\w+:(\d+) \[(.+)\]@(.+)")


def split_species(title: str) -> Header | None:
    """Split ``id Genus species``, the format of DADA2's assignSpecies.

    Authors, subspecies and hybrid formulas can follow, but no other words.

    >>> split_species("AB1 Culex pipiens molestus").names["species"]
    'Culex pipiens molestus'
    >>> split_species("AB1 Culex pipiens voucher X1") is None
    True
    """
    match = _NAME.fullmatch(title)
    if match is None or ";" in match.group(1):
        identifier, _, rest = title.partition(" ")
        is_missing = rest and rest.islower() and strip_placeholder(rest) is None
        return Header(identifier, {"species": rest}) if is_missing else None
    identifier, genus, _ = match.groups()
    name = title[match.end(1) :].strip()
    reduced = reduce_species(name)
    plain = re.fullmatch(r"\S+ (?:[x×] ?)?[a-z][a-z-]+|.+ [x×] .+", name)
    if _DESCRIPTION.search(name) and reduced == name:
        return None
    if not (_NO_SPECIES.search(name) if reduced is None else plain or reduced != name):
        return None
    return Header(identifier, {"genus": genus, "species": name})


def split_definition(title: str) -> Header | None:
    """Split ``accession Genus species ...``, a definition line of NCBI.

    Only an organism named at the beginning is recognised.

    >>> split_definition("XX000001.1 Culex pipiens voucher 7 COI gene, partial cds").names
    {'genus': 'Culex', 'species': 'Culex pipiens'}
    """
    match = _NCBI.fullmatch(title)
    names = _organism(match.group(2)) if match else None
    return Header(match.group(1), names) if match and names else None


def split_piped(title: str) -> Header | None:
    """Split ``gb|accession|Genus_species`` (MitoFish, also NCBI's ``gi|..`` and ENA).

    >>> split_piped("gb|XX000001|Fictus_primus").names["species"]
    'Fictus primus'
    """
    match = _PIPED.fullmatch(title)
    names = _organism(match.group(2)) if match else None
    return Header(match.group(1), names) if match and names else None


def split_barque(title: str) -> Header | None:
    """Split ``Family_Genus_species`` (barque), which has no id.

    The first word can also be a phylum, class or order, if its rank is known by its form.

    >>> split_barque("Fictidae_Fictus_primus").names["family"]
    'Fictidae'
    """
    match = _THREE_WORDS.fullmatch(title)
    rank = usual_rank(match.group(1)) if match else None
    if match is None or rank is None:
        return None
    higher, genus, epithet = match.groups()
    return Header(None, {rank: higher, "genus": genus, "species": f"{genus} {epithet}"})


def split_bold(title: str) -> Header | None:
    """Split ``processid|name|marker|accession``, as in the FASTA files of BOLD.

    The rank of a name of one word is known only by its ending.

    >>> split_bold("ABC001-20|Fictus primus|COI-5P").names["genus"]
    'Fictus'
    """
    match = _BOLD.fullmatch(title)
    if match is None:
        return None
    identifier, name, marker = (part.strip() for part in match.groups(""))
    fields = {"marker_code": marker} if marker else {}
    return Header(identifier, _of_unknown_rank(name), fields=fields)


def split_obitools(title: str) -> Header | None:
    """Split ``id {"species_name":"..", ..}`` or ``id species_name=..; family_name=..; ..``.

    >>> split_obitools('a1 {"taxid":1,"genus_name":"Fictus"}').names
    {'genus_name': 'Fictus'}
    """
    identifier, _, rest = title.partition(" ")
    facts = _facts(rest)
    taxid = facts.get("taxid", "")
    names = _of_path(facts.get("taxonomic_path", "")) or {
        key: name for key, name in facts.items() if key.lower() in RANK_WORDS and not name.isdigit()
    }
    # OBITools 4 writes taxon:9606 [Homo sapiens]@species
    if (taxon := _TAXON.fullmatch(taxid)) is not None:
        taxid, name, rank = taxon.groups()
        names = names or (_of_unknown_rank(name) if rank == "species" else {rank: name})
    if not names and (organism := facts.get("scientific_name")):
        names = _of_unknown_rank(organism)
    fields = {"taxon_id": taxid} if taxid.isdigit() else {}
    return Header(identifier, names, fields=fields) if names else None


def _facts(text: str) -> dict[str, str]:
    """Return the annotations of OBITools at the beginning of a text; none if it has no such."""
    if not text.startswith("{"):
        return {key: value.strip() for key, value in _PAIR.findall(text)}
    try:
        found, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return {}
    return {key: str(value) for key, value in found.items() if isinstance(value, str | int)}


def _of_path(path: str) -> dict[str, str]:
    """Return the names of a path of OBITools, ``1@root@no rank|2759@Eukaryota@superkingdom|..``."""
    taxa = [part.rsplit("@", 2) for part in path.split("|")]
    return {taxon[2]: taxon[1] for taxon in taxa if len(taxon) == 3 and taxon[2] in RANK_WORDS}


def _organism(text: str) -> dict[str, str] | None:
    """Return the names at the beginning of a definition; None if no organism is named there."""
    match = _ORGANISM.match(text)
    if match is None or _NO_ORGANISM.search(_DESCRIPTION.split(text)[0]):
        return None
    genus, epithet = match.groups()
    if is_no_epithet(genus):  # Bacterium strain 1
        return None
    genus = genus.replace("_", " ").strip("[]")
    name = f"{genus} {epithet}".replace("_", " ") if epithet else ""
    if epithet and (crossed := _CROSSED.match(text, match.end())):
        name += crossed.group().replace("_", " ")
    if not name:
        note("placeholders", text[:40])
    rank = usual_rank(genus)
    if rank:  # Culicidae sp.
        return {rank: genus}
    return {"genus": genus, "species": name} if name else {"genus": genus}


def _of_unknown_rank(name: str) -> dict[str, str]:
    genus, _, epithet = name.partition(" ")
    rank = usual_rank(genus)
    if rank in RANKS:  # also Culicidae sp.
        return {rank: genus}
    if epithet:
        return {"genus": genus, "species": name}
    if name:
        note("uncertain", name)
    return {}
