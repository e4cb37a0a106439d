"""The mitochondrial genetic code of a taxon, according to NCBI's taxonomy."""

from __future__ import annotations

from collections.abc import Iterable

from barcodeembed.sequences.frames import GENETIC_CODE

#: Choose the code by the name of each query.
AUTO = "auto"

#: Do not look at codons.
NONE = "none"

#: The genetic code of a class, phylum or kingdom. All other taxa have 5, the invertebrate
#: mitochondrial code.
_TABLES = {
    "Ascidiacea": 13,
    "Chordata": 2,
    "Echinodermata": 9,
    "Platyhelminthes": 9,
    "Cnidaria": 4,
    "Ctenophora": 4,
    "Placozoa": 4,
    "Porifera": 4,
    "Saccharomycetes": 3,
    "Fungi": 4,
    "Ascomycota": 4,
    "Basidiomycota": 4,
    "Chytridiomycota": 4,
    "Glomeromycota": 4,
    "Mucoromycota": 4,
    "Zoopagomycota": 4,
    "Ciliophora": 4,
    "Rhodophyta": 4,
    "Plantae": 1,
    "Viridiplantae": 1,
    "Streptophyta": 1,
    "Tracheophyta": 1,
    "Magnoliophyta": 1,
    "Bryophyta": 1,
    "Marchantiophyta": 1,
    "Chlorophyta": 1,
    "Chromista": 1,
    "Heterokontophyta": 1,
    "Ochrophyta": 1,
    "Oomycota": 1,
}


def parse_code(text: str) -> int | str | None:
    """Return the number of a genetic code, AUTO, or None for NONE.

    Raises ValueError, with the choices, for another text.

    >>> parse_code("2"), parse_code("auto"), parse_code("none")
    (2, 'auto', None)
    """
    from Bio.Data.CodonTable import unambiguous_dna_by_id

    if text in (AUTO, NONE):
        return AUTO if text == AUTO else None
    if not text.isdecimal() or int(text) not in unambiguous_dna_by_id:
        tables = ", ".join(map(str, sorted(unambiguous_dna_by_id)))
        raise ValueError(f"{text!r} is not one of {AUTO}, {NONE}, {tables}")
    return int(text)


def code_of(names: Iterable[str | None]) -> int:
    """Return the genetic code of a lineage, given from the highest rank to the lowest.

    The lowest taxon with a known code decides.

    >>> code_of(["Animalia", "Chordata", "Ascidiacea"]), code_of(["Animalia", None])
    (13, 5)
    """
    return next((_TABLES[name] for name in reversed(list(names)) if name in _TABLES), GENETIC_CODE)
