"""Location: the barcode inside a longer read, on either strand, and the parts of a joined read."""

from __future__ import annotations

import numpy as np
import pytest
from anchored_barcodes import LENGTH, make_barcode

from barcodeembed.sequences.anchor import Anchor
from barcodeembed.sequences.anchor_location import AnchorLocator, find_segment
from barcodeembed.sequences.bases import encode_bases
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.stretches import Stretch
from barcodeembed.shipped import shipped_index


@pytest.fixture(scope="module")
def anchor() -> Anchor:
    from barcodeembed.embedding.embedder import Embedder

    return Embedder.load(verify=False).anchor


@pytest.fixture(scope="module")
def locator(anchor) -> AnchorLocator:
    log_odds = np.load(shipped_index() / "orientation.npy")
    return AnchorLocator(anchor, log_odds, LENGTH, 20_000)


def check_ends(found: list[Stretch], start: int, end: int) -> None:
    """Check that all ends but one are near the true ones. By chance, bases after it can fit."""
    errors = np.abs([[part.start - start, part.end - end] for part in found])
    assert np.median(errors, axis=0).max() <= 5 and np.sort(errors, axis=None)[-2] <= 30, errors


def random_bases(length: int, rng: np.random.Generator) -> str:
    return "".join(rng.choice(list("ACGT"), length))


@pytest.fixture(scope="module")
def barcodes(anchor) -> list[str]:
    rng = np.random.default_rng(0)
    return [make_barcode(anchor, rng) for _ in range(10)]


def test_a_whole_barcode_is_not_cut(locator, barcodes):
    for bases in barcodes:
        for cut in (bases, bases[40:], bases[:-70], bases[100:413], bases[300:430]):
            (found,) = locator.locate([cut])
            assert (found.bases, found.strand) == (cut, "+")
            assert (found.start, found.end) == (0, len(cut))
            (turned,) = locator.locate([reverse_complement(cut)])
            assert (turned.bases, turned.strand) == (cut, "-")
            assert (turned.start, turned.end) == (0, len(cut))


@pytest.mark.parametrize(("before", "after"), [(30, 45), (0, 900), (900, 0), (2_000, 14_000)])
@pytest.mark.parametrize("sense", "+-")
def test_the_barcode_is_found_in_a_longer_read(locator, barcodes, before, after, sense):
    rng = np.random.default_rng(before)
    reads = []
    for bases in barcodes:
        inner = bases if sense == "+" else reverse_complement(bases)
        reads.append(random_bases(before, rng) + inner + random_bases(after, rng))
    found = locator.locate(reads)
    check_ends(found, before, before + LENGTH)
    for read, part in zip(reads, found, strict=True):
        assert part.strand == sense
        bases = read[part.start : part.end]
        assert part.bases == (bases if sense == "+" else reverse_complement(bases))


def test_another_gene_on_the_other_strand_does_not_decide_the_strand(locator, anchor, barcodes):
    """Most bases of the read have the 6-mers of the reverse strand."""
    rng = np.random.default_rng(1)
    kmers = rng.choice(np.argsort(locator.log_odds)[:40], 800)
    gene = "".join("ACGT"[kmer >> 2 * i & 3] for kmer in kmers for i in range(5, -1, -1))
    found = locator.locate([gene + bases + gene for bases in barcodes])
    assert {part.strand for part in found} == {"+"}
    check_ends(found, len(gene), len(gene) + LENGTH)


def test_the_end_of_a_contig_contains_part_of_a_barcode(locator, barcodes):
    rng = np.random.default_rng(2)
    found = locator.locate([bases[-130:] + random_bases(4_000, rng) for bases in barcodes])
    assert {(part.strand, part.start) for part in found} == {("+", 0)}
    check_ends(found, 0, 130)


def test_the_end_of_a_fragment_is_cut_only_if_it_is_long(locator, barcodes):
    rng = np.random.default_rng(3)
    fragments = [bases[200:513] for bases in barcodes]
    found = locator.locate([random_bases(50, rng) + f + random_bases(50, rng) for f in fragments])
    check_ends(found, 50, 363)
    short = [random_bases(10, rng) + fragment for fragment in fragments]
    assert [(part.start, part.end) for part in locator.locate(short)] == [(0, 323)] * 10


def test_a_read_without_a_barcode_is_whole_or_none(locator):
    rng = np.random.default_rng(4)
    short, long, longest = (random_bases(n, rng) for n in (658, 9_000, 25_000))
    found = locator.locate([short, long, longest])
    assert [f and (f.start, f.end) for f in found] == [(0, 658), (0, 9_000), None]


def test_a_megabase_is_searched(locator, barcodes):
    rng = np.random.default_rng(5)
    read = random_bases(700_000, rng) + reverse_complement(barcodes[0]) + random_bases(90_000, rng)
    (found,) = locator.locate([read])
    assert found.strand == "-"
    assert abs(found.start - 700_000) <= 14 and abs(found.end - 700_658) <= 14


def test_results_do_not_depend_on_the_batch(locator, barcodes):
    rng = np.random.default_rng(6)
    reads = [random_bases(int(n), rng) + bases for bases in barcodes for n in (0, 20, 200, 2_000)]
    assert locator.locate(reads) == [locator.locate([read])[0] for read in reads]


@pytest.mark.parametrize("gap", [5, 10, 108, 400])
@pytest.mark.parametrize("sense", "+-")
def test_the_gap_of_joined_reads_gets_its_true_length(locator, barcodes, gap, sense):
    for bases in barcodes:
        read = bases[:300] + "N" * gap + bases[408:]
        (found,) = locator.locate([read if sense == "+" else reverse_complement(read)])
        assert found.bases == bases[:300] + "N" * 108 + bases[408:]
        assert (found.strand, found.start, found.end) == (sense, 0, len(read))


def test_joined_reads_that_overlap_are_merged(locator, barcodes):
    for bases in barcodes:
        (found,) = locator.locate([bases[:400] + "N" * 10 + bases[350:]])
        assert found.bases == bases


def test_three_parts_and_adapters(locator, barcodes):
    rng = np.random.default_rng(7)
    reads = []
    for bases in barcodes:
        joined = ("N" * 10).join([bases[:200], bases[260:420], bases[500:]])
        reads.append(random_bases(40, rng) + joined + random_bases(1_500, rng))
    found = locator.locate(reads)
    check_ends(found, 40, 40 + 538)
    for part, bases in zip(found, barcodes, strict=True):
        expected = bases[100:200] + "N" * 60 + bases[260:420] + "N" * 80 + bases[500:600]
        assert expected in part.bases


def test_runs_of_n_at_the_ends_and_scattered_n_stay(locator, barcodes):
    rng = np.random.default_rng(8)
    for bases in barcodes:
        letters = list(bases)
        for place in rng.choice(LENGTH, 20, replace=False):
            letters[place] = "N"
        scattered = "".join(letters)
        (found,) = locator.locate([scattered])
        assert (found.start, found.end) == (0, LENGTH) and found.bases == scattered
        (found,) = locator.locate(["N" * 30 + bases + "N" * 50])
        assert (found.bases, found.start, found.end) == (bases, 30, 30 + LENGTH)


def test_the_best_segment_equals_that_of_a_simple_search(anchor):
    """Try all pairs of votes on each diagonal."""
    rng = np.random.default_rng(9)
    for _ in range(3):
        codes = encode_bases(random_bases(60, rng) + make_barcode(anchor, rng, 120)[40:] + "NNNN")
        votes: dict[int, list[tuple[int, int]]] = {}
        for i in range(len(codes) - 4):
            if codes[i : i + 5].max() > 3:
                continue
            number = int("".join(map(str, codes[i : i + 5])), 4)
            for position, weight in zip(
                anchor.positions[number], anchor.weights[number], strict=True
            ):
                if weight > 0:
                    diagonal = int(position) - i
                    votes.setdefault(diagonal, []).append((i, round(float(weight) * 1024)))
        best = max(
            sum(weight for _, weight in found[a : b + 1]) - 512 * (found[b][0] - found[a][0])
            for found in votes.values()
            for a in range(len(found))
            for b in range(a, len(found))
        )
        assert find_segment(codes, anchor).score == best / 1024
