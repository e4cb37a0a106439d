"""Recognise the rank of a taxon by its name: by its ending, or because it is well known.

The codes of nomenclature prescribe the endings of families (-idae for animals, -aceae for others),
subfamilies (-inae for animals, -oideae for plants and fungi) and orders of plants, fungi and
bacteria (-ales). Other endings are usual, but names of other ranks have them too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_PRESCRIBED = (
    ("family", re.compile(r"[A-Z][a-z]+(?:idae|aceae)")),
    ("subfamily", re.compile(r"[A-Z][a-z]+(?:inae|oideae)")),
    ("order", re.compile(r"[A-Z][a-z]+ales")),
)
#: Beginnings of superorders and other groups above orders.
_NO_ORDER = "Neo|Palae?o|Poly|Para|Amphiesmeno|Dictyo"
_OF_NO_ANIMAL = re.compile(r"[A-Z][a-z]+(?:aceae|ales)")
_USUAL = (
    (
        "order",
        re.compile(rf"(?!{_NO_ORDER})[A-Z][a-z]+(?:iformes|ptera)"),
    ),
    ("class", re.compile(r"[A-Z][a-z]+(?:mycetes|opsida|phyceae|proteobacteria)")),
    ("phylum", re.compile(r"[A-Z][a-z]+(?:mycota|phyta)")),
)
_KNOWN = {
    "kingdom": "Animalia Metazoa Plantae Viridiplantae Fungi Bacteria Archaea Eukaryota Eukarya "
    "Chromista Protozoa Protista Viruses",
    "phylum": "Acanthocephala Annelida Arthropoda Brachiopoda Bryozoa Chaetognatha Chordata "
    "Cnidaria Ctenophora Echinodermata Entoprocta Gastrotricha Hemichordata Kinorhyncha Mollusca "
    "Nematoda Nematomorpha Nemertea Onychophora Phoronida Placozoa Platyhelminthes Porifera "
    "Rotifera Sipuncula Tardigrada Xenacoelomorpha Apicomplexa Amoebozoa Cercozoa Ciliophora "
    "Euglenozoa Foraminifera Acidobacteria Acidobacteriota Actinobacteriota Actinomycetota "
    "Bacillota Bacteroidetes Bacteroidota Campylobacterota Chloroflexi Chloroflexota "
    "Crenarchaeota Cyanobacteria Cyanobacteriota Desulfobacterota Euryarchaeota Firmicutes "
    "Fusobacteria Fusobacteriota Halobacteriota Myxococcota Nitrospirota Planctomycetes "
    "Planctomycetota Proteobacteria Pseudomonadota Spirochaetes Spirochaetota Tenericutes "
    "Thermoproteota Thaumarchaeota Verrucomicrobia Verrucomicrobiota",
    "class": "Actinopteri Actinopterygii Amphibia Anthozoa Arachnida Asteroidea Aves Bacilli "
    "Bacteroidia Bivalvia Branchiopoda Cephalopoda Cestoda Chilopoda Chondrichthyes "
    "Chromadorea Clitellata Clostridia Collembola Copepoda Demospongiae Diplopoda Echinoidea "
    "Elasmobranchii Gastropoda Hexanauplia Holothuroidea Hydrozoa Insecta Malacostraca "
    "Mammalia Negativicutes Ophiuroidea Ostracoda Polychaeta Reptilia Scyphozoa Trematoda",
    "order": "Amphipoda Anura Araneae Artiodactyla Blattodea Calanoida Carnivora Caudata "
    "Cyclopoida Decapoda Euphausiacea Eulipotyphla Harpacticoida Isopoda Lagomorpha "
    "Littorinimorpha Mantodea Mesostigmata Mysida Neogastropoda Odonata Opiliones Phasmatodea "
    "Primates Psocodea Rodentia Scorpiones Squamata Stylommatophora Testudines",
}
_RANK_OF = {name: rank for rank, names in _KNOWN.items() for name in names.split()}


def is_animal_ending(name: str) -> bool:
    """Return whether a name has an ending that only the code of animals prescribes.

    In other lineages these are subclasses (Rosidae, Hypocreomycetidae) and subtribes (Triticinae).
    """
    return name.endswith(("idae", "inae"))


def are_of_no_animal(names: Sequence[str]) -> bool:
    """Return whether a lineage has a family or order of plants, fungi, algae or bacteria."""
    is_animal = "Animalia" in names or "Metazoa" in names
    return not is_animal and any(map(_OF_NO_ANIMAL.fullmatch, names))


@lru_cache(1 << 16)
def certain_rank(name: str) -> str | None:
    """Return the rank of a kingdom, or that the ending of a name prescribes, or None.

    >>> certain_rank("Apidae"), certain_rank("Fungi"), certain_rank("Insecta")
    ('family', 'kingdom', None)
    """
    return "kingdom" if _RANK_OF.get(name) == "kingdom" else _by_ending(name, _PRESCRIBED)


@lru_cache(1 << 16)
def usual_rank(name: str) -> str | None:
    """Return the rank that names like this usually have, or None.

    >>> usual_rank("Insecta"), usual_rank("Ascomycota"), usual_rank("Apis")
    ('class', 'phylum', None)
    """
    return certain_rank(name) or _RANK_OF.get(name) or _by_ending(name, _USUAL)


def _by_ending(name: str, endings: tuple[tuple[str, re.Pattern[str]], ...]) -> str | None:
    return next((rank for rank, ending in endings if ending.fullmatch(name)), None)
