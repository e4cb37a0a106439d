"""Make the sketches of contaminants that ship with barcodeembed, and measure them.

    python benchmarks/decoys.py OUTPUT --human FASTA --bacteria FASTA --plants FASTA
                                --references TABLE [--barcodes TABLE...]

`--human` is the human COI gene, or the human mitochondrion, from which the gene is cut out.
`--bacteria` are COI genes of Wolbachia and relatives, cut to the barcode, in its orientation.
`--plants` are the COX1 proteins of plants. `--references` are barcodes of animals: k-mers of amino
acids that they have, too, are left out of the sketches of bacteria and plants. Only hashes of
k-mers are written. `--barcodes` are tables in which the ids of contaminants are printed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from barcodeembed.sequences.decoys import (
    Decoy,
    find_decoys,
    leave_out,
    save_decoys,
    sketch_acids,
    sketch_bases,
    sketch_proteins,
)
from barcodeembed.sequences.reading import read_records
from barcodeembed.taxonomy.references import chain_labelled

#: The COI gene in the reference sequence of the human mitochondrion, NC_012920.1.
_GENE = slice(5_903, 7_445)

#: Every eighth reference is read. K-mers of two or more of them are left out.
_EVERY, _AT_LEAST = 8, 2

ANIMAL = "Animalia Metazoa Eukaryota Chordata Vertebrata Mammalia".split()
HUMAN = "Primates Hominidae Homininae Homo".split() + ["Homo sapiens"]
BACTERIA = (
    "Bacteria Pseudomonadati Pseudomonadota Proteobacteria Alphaproteobacteria Rickettsiales "
    "Anaplasmataceae Ehrlichiaceae Rickettsiaceae Wolbachia Wolbachieae Rickettsia"
).split()
PLANTS = "Plantae Viridiplantae Archaeplastida Streptophyta Tracheophyta Magnoliopsida".split()
PLANTS += "Liliopsida Bryophyta Marchantiophyta Chlorophyta Charophyta Polypodiopsida".split()
PLANTS += ["Magnoliophyta", "Bryopsida"]


def proteins(path: Path) -> Iterator[str]:
    """Yield the proteins of a FASTA file."""
    for record in path.read_text().split(">")[1:]:
        yield "".join(record.split("\n")[1:]).upper()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path)
    for name in ("human", "bacteria", "plants", "references"):
        parser.add_argument(f"--{name}", required=True, type=Path, metavar="FILE")
    parser.add_argument("--barcodes", nargs="*", default=[], type=Path, metavar="TABLE")
    asked = parser.parse_args()
    human = [record.sequence.upper() for record in read_records(asked.human)]
    human = [bases[_GENE] if len(bases) > 10_000 else bases for bases in human]
    bacteria = [record.sequence.upper() for record in read_records(asked.bacteria)]
    animals = [
        record.sequence.upper()
        for record, lineage in islice(chain_labelled([asked.references]), 0, None, _EVERY)
        if not {*lineage} & {*PLANTS}
    ]
    acids = {
        "bacteria": leave_out(sketch_acids(bacteria), animals, _AT_LEAST),
        "plants": leave_out(sketch_proteins(proteins(asked.plants)), animals, _AT_LEAST),
    }
    none: frozenset[str] = frozenset()
    decoys = [
        Decoy("human", frozenset(HUMAN), frozenset(ANIMAL), False, 0.42, 0.0, sketch_bases(human)),
        Decoy("bacteria", frozenset(BACTERIA), none, False, 0.45, 0.0, sketch_bases(bacteria)),
        Decoy("bacteria", frozenset(BACTERIA), none, True, 0.08, 1.06, acids["bacteria"]),
        Decoy("plant", frozenset(PLANTS), none, True, 0.03, 0.55, acids["plants"]),
    ]
    save_decoys(decoys, asked.output)
    for decoy in decoys:
        print(f"{decoy.name}: {len(decoy.hashes):,} k-mers")
    for path in asked.barcodes:
        count = 0
        for record, lineage in chain_labelled([path]):
            count += 1
            (number,) = find_decoys([record.sequence.upper()], decoys)
            if number is not None:
                names = [name or "-" for name in lineage]
                print(path.name, record.id, decoys[number].name, *names)
        print(f"{path.name}: {count:,} records")


if __name__ == "__main__":
    main()
