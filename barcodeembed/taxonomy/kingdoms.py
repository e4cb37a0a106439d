"""The kingdom of a lineage: names that are equal in two kingdoms are different taxa.

*Colocasia* is a moth and an aroid. Within a kingdom, the codes of nomenclature do not allow two
taxa of one name. References name kingdoms differently, or only domains (Eukaryota), or none, so
the kingdom of a well-known phylum counts first.
"""

from __future__ import annotations

from barcodeembed.taxonomy.ranks import RANKS, Lineage

_KINGDOM, _PHYLUM = RANKS.index("kingdom"), RANKS.index("phylum")

#: Well-known phyla of each kingdom, also under earlier names that BOLD and NCBI use.
_PHYLA = {
    "Animalia": "Acanthocephala Annelida Arthropoda Brachiopoda Bryozoa Cephalorhyncha "
    "Chaetognatha Chordata Cnidaria Ctenophora Cycliophora Dicyemida Echinodermata Entoprocta "
    "Gastrotricha "
    "Gnathostomulida Hemichordata Kinorhyncha Loricifera Micrognathozoa Mollusca Nematoda "
    "Nematomorpha Nemertea Onychophora Orthonectida Phoronida Placozoa Platyhelminthes Porifera "
    "Priapulida Rhombozoa Rotifera Sipuncula Tardigrada Xenacoelomorpha",
    "Plantae": "Anthocerotophyta Bryophyta Charophyta Chlorophyta Glaucophyta Lycopodiophyta "
    "Magnoliophyta Marchantiophyta Pinophyta Prasinodermophyta Pteridophyta Rhodophyta "
    "Streptophyta Tracheophyta",
    "Fungi": "Ascomycota Basidiomycota Blastocladiomycota Chytridiomycota Cryptomycota "
    "Entorrhizomycota Glomeromycota Microsporidia Mortierellomycota Mucoromycota "
    "Neocallimastigomycota Olpidiomycota Rozellomycota Zoopagomycota Zygomycota",
    "Chromista": "Apicomplexa Bacillariophyta Bigyra Cercozoa Ciliophora Cryptophyta "
    "Dinoflagellata Foraminifera Haptophyta Heterokontophyta Myzozoa Ochrophyta Oomycota "
    "Pyrrophycophyta "
    "Radiozoa",
    "Protozoa": "Amoebozoa Choanozoa Euglenozoa Loukozoa Metamonada Percolozoa Sulcozoa",
    "Bacteria": "Acidobacteria Acidobacteriota Actinobacteria Actinobacteriota Actinomycetota "
    "Bacillota Bacteroidetes Bacteroidota Campylobacterota Chloroflexi Chloroflexota "
    "Cyanobacteria Cyanobacteriota Desulfobacterota Firmicutes Fusobacteria Fusobacteriota "
    "Myxococcota Nitrospirota Planctomycetes Planctomycetota Proteobacteria Pseudomonadota "
    "Spirochaetes Spirochaetota Tenericutes Verrucomicrobia Verrucomicrobiota",
    "Archaea": "Crenarchaeota Euryarchaeota Halobacteriota Thaumarchaeota Thermoproteota",
}
_KINGDOM_OF = {phylum: kingdom for kingdom, phyla in _PHYLA.items() for phylum in phyla.split()}

#: Other names of kingdoms.
_SAME = {"Metazoa": "Animalia", "Viridiplantae": "Plantae", "Archaeplastida": "Plantae"}

#: Names that contain several kingdoms, so that a name can occur twice in them.
_SEVERAL = frozenset(("Eukaryota", "Eukarya", "Protista", "Life"))


def kingdom_of(taxa: Lineage) -> str | None:
    """Return the kingdom of a lineage, by its phylum if this is well known.

    >>> animal = ("Metazoa", "Arthropoda", *[None] * 6)
    >>> kingdom_of(animal), kingdom_of(("Metazoa", *[None] * 7)), kingdom_of((None,) * 8)
    ('Animalia', 'Animalia', None)
    """
    known = _KINGDOM_OF.get(taxa[_PHYLUM] or "")
    given = taxa[_KINGDOM]
    if known is None and given is not None and given not in _SEVERAL:
        known = _SAME.get(given, given)
    return known


def homonym_group(taxa: Lineage) -> str:
    """Return the group in which equal names are one taxon: the kingdom, or else the phylum."""
    return kingdom_of(taxa) or taxa[_PHYLUM] or taxa[_KINGDOM] or ""
