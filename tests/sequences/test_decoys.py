"""Sketches of contaminants: a mutated copy is recognised, everything else is not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from support import SHARED, SIMULATED

from barcodeembed.calibration.examples import add_sequencing_errors
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.decoys import (
    Decoy,
    find_decoys,
    known_decoys,
    leave_out,
    load_decoys,
    save_decoys,
    sketch_acids,
    sketch_bases,
    sketch_proteins,
)
from barcodeembed.sequences.reading import read_records
from barcodeembed.taxonomy.references import read_labelled

CODONS = ["".join(codon) for codon in product("ACGT", repeat=3)]
CODONS = [codon for codon in CODONS if codon not in ("TAA", "TAG", "TGA")]

#: Codons by amino acid, in part: silent changes in the third position.
SILENT = {
    first: [first + base for base in "ACGT"] for first in ("GG", "GC", "GT", "CC", "AC", "CT")
}


def gene(seed: int) -> str:
    return "".join(random.Random(seed).choices(CODONS, k=220))


def silent(bases: str, rng: random.Random) -> str:
    """Return a sequence with the same protein and other third positions, where that is possible."""
    codons = [bases[i : i + 3] for i in range(0, len(bases), 3)]
    return "".join(rng.choice(SILENT.get(codon[:2], [codon])) for codon in codons)


def decoy(hashes: np.ndarray, of_acids: bool = False) -> Decoy:
    taxa, above = frozenset({"Primates", "Homo sapiens"}), frozenset({"Mammalia", "Animalia"})
    limits = (0.08, 1.06) if of_acids else (0.42, 0.0)
    return Decoy("human", taxa, above, of_acids, *limits, hashes)


HUMAN = decoy(sketch_bases([gene(1)]))
BACTERIA = decoy(sketch_acids([gene(1), gene(2)]), of_acids=True)


def find_decoy(bases: str, decoys: Sequence[Decoy]) -> Decoy | None:
    (number,) = find_decoys([bases], decoys)
    return None if number is None else decoys[number]


def test_many_sequences_are_searched_as_one_by_one():
    rng = np.random.default_rng(0)
    reads = ["", "ACGT", "N" * 40, gene(3), gene(1)[:14], gene(1)[:15], gene(1)[:100] + "N"]
    for seed in range(60):
        bases = add_sequencing_errors(gene(seed % 4), 0.1 * rng.random(), rng)
        start = int(rng.integers(600))
        read = bases[start : start + int(rng.integers(10, 600))]
        reads.append(reverse_complement(read) if seed % 3 else read)
    decoys = [HUMAN, BACTERIA]
    together = find_decoys(reads, decoys)
    assert together == [find_decoys([read], decoys)[0] for read in reads]
    assert {None, 0, 1} == set(together)
    assert find_decoys([], decoys) == []


@pytest.mark.parametrize("known", [HUMAN, BACTERIA])
@pytest.mark.parametrize("length", [130, 313, 660])
def test_fragments_of_a_decoy_are_recognised_on_both_strands(known, length):
    rng = np.random.default_rng(length)
    for start in range(0, 661 - length, 53):
        read = add_sequencing_errors(gene(1)[start : start + length], 0.01, rng)
        assert find_decoy(read, [known]) is known
        assert find_decoy(reverse_complement(read), [known]) is known
        assert find_decoy(read.lower(), [known]) is known


@pytest.mark.parametrize("known", [HUMAN, BACTERIA])
@pytest.mark.parametrize("length", [12, 100, 660])
def test_other_genes_are_not_of_a_decoy(known, length):
    assert not any(find_decoy(gene(seed)[:length], [known]) for seed in range(10, 60))
    assert find_decoy("N" * length, [known]) is None


def test_bases_distinguish_relatives_and_acids_do_not():
    relative = silent(gene(1), random.Random(5))
    differ = sum(one != two for one, two in zip(relative, gene(1), strict=True)) / 660
    assert differ > 0.05
    assert find_decoy(relative, [decoy(sketch_acids([gene(1)]), of_acids=True)])
    worse = "".join(
        base if i % 3 < 2 or random.Random(i).random() < 0.7 else "ACGT"["TGCA".index(base)]
        for i, base in enumerate(gene(1))
    )
    assert find_decoy(worse, [HUMAN]) is None


def test_ambiguous_bases_are_not_shared():
    read = "".join("N" if i % 11 == 0 else base for i, base in enumerate(gene(1)))
    assert find_decoy(read, [HUMAN]) is None


def test_kmers_that_others_have_are_left_out_of_a_sketch():
    whole = sketch_acids([gene(1)])
    assert len(leave_out(whole, [gene(1)], 2)) == len(whole)
    assert len(leave_out(whole, [gene(1), gene(1)], 2)) == 0
    kept = leave_out(whole, [gene(1)[:330]] * 2, 2)
    assert find_decoy(gene(1)[:330], [decoy(kept, of_acids=True)]) is None
    assert find_decoy(gene(1)[330:], [decoy(kept, of_acids=True)])


def test_a_protein_gives_the_kmers_of_its_own_frame():
    from barcodeembed.sequences.frames import amino_acids

    number = {"".join(codon): i for i, codon in enumerate(product("ACGT", repeat=3))}
    protein = "".join(amino_acids(11)[number[gene(1)[i : i + 3]]] for i in range(0, 660, 3))
    assert np.isin(sketch_proteins([protein]), sketch_acids([gene(1)])).all()


@pytest.mark.parametrize(
    ("lineage", "fits"),
    [
        (("Animalia", "Chordata", "Mammalia", "Primates", "Homo sapiens"), True),
        (("Animalia", None, "Mammalia"), True),
        (("Animalia", "Chordata", "Mammalia", "Primates", "Pan troglodytes"), True),
        (("Animalia", "Arthropoda", "Insecta"), False),
        (("Animalia", "Chordata", "Mammalia", "Carnivora", "Canis lupus"), False),
        ((None, None), True),
    ],
)
def test_a_reference_fits_if_its_name_does_not_contradict(lineage, fits):
    assert HUMAN.fits(lineage) is fits


def test_decoys_survive_writing_and_reading(tmp_path):
    save_decoys([HUMAN, BACTERIA], tmp_path / "decoys.npz")
    for one, two in zip(load_decoys(tmp_path / "decoys.npz"), [HUMAN, BACTERIA], strict=True):
        assert np.array_equal(one.hashes, two.hashes)
        assert (one.name, one.taxa, one.above, one.of_acids) == (
            two.name,
            two.taxa,
            two.above,
            two.of_acids,
        )
        assert (one.floor, one.slope) == (two.floor, two.slope)


# What ships.


def test_the_shipped_decoys_recognise_no_simulated_barcode():
    assert [known.name for known in known_decoys()] == ["human", "bacteria", "bacteria", "plant"]
    for record in read_records(SIMULATED / "reference.fasta"):
        assert find_decoy(record.sequence, known_decoys()) is None


def real(name: str):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the public records are not at {path}")
    return path


@pytest.mark.parametrize("length", [130, 313, 658])
@pytest.mark.parametrize("rate", [0.001, 0.03])
def test_real_contaminants_are_recognised(length, rate):
    rng = np.random.default_rng(length)
    (human,) = read_records(real("data/decoys/human_mitochondrion.fa.gz"))
    bacteria = list(read_records(real("data/decoys/bacterial_coi.fa.gz")))
    wanted = {"human": [human.sequence[5_903:7_445]] * 40}
    wanted["bacteria"] = [record.sequence for record in bacteria]
    for name, sequences in wanted.items():
        found = []
        for bases in sequences:
            start = int(rng.integers(0, min(len(bases), 700) - length))
            read = add_sequencing_errors(bases[start : start + length].upper(), rate, rng)
            decoy = find_decoy(read, known_decoys())
            found.append(decoy is not None and decoy.name == name)
        assert np.mean(found) >= 0.95


def test_contaminated_references_are_found():
    records = list(read_labelled(real("cases/reads/09_contaminated_reference.tsv.gz")))
    found = [
        decoy.name
        for record, lineage in records
        if (decoy := find_decoy(record.sequence.upper(), known_decoys()))
        and not decoy.fits(lineage)
    ]
    assert (found.count("human"), found.count("bacteria"), len(found)) == (11, 4, 15)
