"""The error rate of reads: given, by their qualities, or estimated."""

from __future__ import annotations

from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
from anchored_barcodes import make_barcode

from barcodeembed.calibration.examples import add_sequencing_errors
from barcodeembed.classify.read_errors import (
    SAMPLE,
    ReadErrors,
    Signs,
    estimate_rates,
    find_signs,
)
from barcodeembed.sequences.anchor import Anchor
from barcodeembed.sequences.reading import read_records


@pytest.fixture(scope="module")
def anchor() -> Anchor:
    from barcodeembed.embedding.embedder import Embedder

    return Embedder.load(verify=False).anchor


def query(bases: str, error_rate: float | None = None) -> SimpleNamespace:
    return SimpleNamespace(bases=bases, record=SimpleNamespace(error_rate=error_rate))


@pytest.fixture(scope="module")
def barcodes(anchor) -> list[str]:
    return [make_barcode(anchor, np.random.default_rng(seed)) for seed in range(200)]


@pytest.mark.parametrize("length", [658, 200])
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.03])
@pytest.mark.parametrize("indels", [0.2, 0.0, 1.0])
def test_the_estimate_is_near_the_rate_of_simulated_errors(barcodes, anchor, rate, length, indels):
    rng = np.random.default_rng(1)
    starts = range(0, 659 - length, 150)
    reads = [bases[start : start + length] for start in starts for bases in barcodes]
    if rate:
        reads = [add_sequencing_errors(bases, rate, rng, indels) for bases in reads]
    found = ReadErrors().learn([query(bases) for bases in reads], anchor)
    assert found.source == "estimated"
    # In simulated barcodes an insertion or deletion is found sooner than in real ones.
    assert found.rate == pytest.approx(rate, abs=max(0.65 * rate, 0.002))


def test_other_codons_and_lost_codons_are_no_signs(barcodes, anchor):
    """A species that no reference has differs by these, so it does not look like errors."""
    rng = np.random.default_rng(2)
    reads = []
    for bases in barcodes[:40]:
        codons = [bases[i : i + 3] for i in range(1, len(bases) - 2, 3)]  # the marker's frame
        for at in rng.permutation(len(codons))[:40]:
            codons[at] = codons[at][:2] + rng.choice(list("CT"))  # no stop codon ends with these
        reads.append("".join(codons[:100] + codons[101:]))
    signs = find_signs(reads, anchor)
    assert signs.stopped == 0 and signs.reads == 40 and signs.codons > 40 * 200
    assert estimate_rates(signs).total < 0.002


def test_few_signs_are_not_enough_for_a_high_rate():
    assert estimate_rates(Signs(1, 600)).total < 0.005 < estimate_rates(Signs(20, 6_000)).total
    clean = Signs(0, 600_000, reads=1_000, codons=200_000)
    assert estimate_rates(clean._replace(stopped=3)).total == 0.0  # pseudogenes, for example
    assert estimate_rates(clean._replace(stopped=1_000)).total == 0.05  # as high as is learned


def test_stop_codons_contradict_a_mixture_in_both_directions():
    mixed = Signs(2_100, 1_000_000, stopped=293, reads=1_500, codons=330_000)
    rates = [estimate_rates(mixed._replace(stopped=n)) for n in (293, 700, 150)]
    assert rates[0].total == pytest.approx(0.01, abs=0.0005)
    assert rates[1].total > 0.02
    assert rates[2].total == pytest.approx(0.003, abs=0.001)  # insertions and deletions mostly
    assert abs(rates[0].harm - 1) < 0.02 and rates[1].harm < 0.95 and rates[2].harm > 1.2


def test_few_reads_have_the_ordinary_mixture_and_many_their_own():
    """Ten and a thousand reads with as many insertions and deletions as substitutions."""
    few, many = (
        estimate_rates(Signs(6 * n, 600 * n, stopped=n // 2, reads=n, codons=210 * n))
        for n in (10, 1_000)
    )
    assert few.indels == pytest.approx(many.indels, abs=0.002)
    assert many.substitutions < few.substitutions < 4 * few.indels


def test_a_marker_with_few_codons_near_a_stop_codon_has_as_many_errors():
    signs = Signs(0, 600_000, stopped=300, reads=1_000, codons=210_000)
    rare = signs._replace(stopped=164, risk=signs.risk / 2)  # half as many stops in a read
    assert estimate_rates(rare).total == pytest.approx(estimate_rates(signs).total, rel=0.02)


def test_insertions_and_deletions_count_as_a_higher_rate_of_mixed_errors():
    reads, fragment = [query("A"), query("A"), query("A", 0.01)], np.array([False, True, False])

    def rates(rate: float, source: str) -> np.ndarray:
        return ReadErrors(rate, source, 1.9).of(reads, fragment)

    np.testing.assert_allclose(rates(0.01, "estimated"), [0.019, 0.01, 0.01])
    np.testing.assert_allclose(rates(0.04, "estimated"), [0.05, 0.04, 0.01])
    np.testing.assert_allclose(rates(0.04, "given"), 0.04)


def test_a_read_with_more_errors_than_are_known_is_not_novel():
    reads = [query("A"), query("A", 0.05), query("A", 0.08), query("A", 0.1), query("A", 0.3)]
    found = ReadErrors(0.05, "estimated", excess=1.5).novelty(reads)
    np.testing.assert_allclose(found, [0.5, 1.0, 0.4, 0.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(ReadErrors(0.03, "given").novelty(reads), 1.0)
    signs = Signs(730, 25_000, stopped=40, reads=40, codons=8_200)  # 10 % of Nanopore's errors
    assert estimate_rates(signs).total == 0.05 and estimate_rates(signs).excess > 3


def test_qualities_come_before_an_estimate_and_a_given_rate_before_both(barcodes, anchor):
    reads = [query(bases, 0.001 * i) for i, bases in enumerate(barcodes[:5])]
    found = ReadErrors().learn(reads, anchor)
    assert found == ReadErrors(pytest.approx(0.002), "qualities")
    whole = np.zeros(5, bool)
    np.testing.assert_allclose(found.of(reads, whole), [0, 0.001, 0.002, 0.003, 0.004])
    given = ReadErrors(0.05, "given").learn(reads, anchor)
    np.testing.assert_allclose(given.of(reads, whole), 0.05)
    assert ReadErrors().learn([query(barcodes[0])], None) == ReadErrors(0.0, "assumed")
    mixed = ReadErrors(0.02, "estimated").of([query("A"), query("A", 0.3)], whole[:2])
    np.testing.assert_allclose(mixed, [0.02, 0.3])


def test_the_error_rate_of_fastq_is_the_mean_error_probability(tmp_path):
    path = tmp_path / "reads.fq"
    path.write_text("@a\nACGT\n+\n5555\n@b\nACGT\n+\n+5+5\n@c\nAC\n+\n!I\n")
    rates = [record.error_rate for record in read_records(path)]
    # 5 is Q20, + is Q10, I is Q40; of a base with Q0 nothing is known.
    np.testing.assert_allclose(rates, [0.01, (0.1 + 0.01) / 2, (0.75 + 0.0001) / 2])
    fasta = tmp_path / "reads.fasta"
    fasta.write_text(">a\nACGT\n")
    assert [record.error_rate for record in read_records(fasta)] == [None]


def test_qualities_that_can_have_the_offset_64_are_not_used(tmp_path):
    path = tmp_path / "reads.fq"
    path.write_text("@a\nACGT\n+\nhhB;\n@b\nACGT\n+\nhh5h\n@c\nACGT\n+\n~~~~\n@d\nACGT\n+\nIIII\n")
    rates = [record.error_rate for record in read_records(path)]
    assert rates[0] is None and None not in rates[1:]


@pytest.mark.parametrize("length", [658, 200])
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.03])
def test_the_estimate_is_near_the_rate_of_errors_in_real_barcodes(coi, anchor, rate, length):
    rng = np.random.default_rng(1)
    reads = []
    for record in islice(read_records(coi / "val_seen.tsv.gz"), SAMPLE):
        start = int(rng.integers(0, max(len(record.sequence) - length, 0), endpoint=True))
        part = record.sequence[start : start + length].upper()
        reads.append(add_sequencing_errors(part, rate, rng) if rate else part)
    found = ReadErrors().learn([query(bases) for bases in reads], anchor)
    assert found.rate == pytest.approx(rate, abs=max(0.25 * rate, 0.0005))
