"""Identity and overlap of queries and references, compared with a simple count."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import SIMULATED, rows_of

from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.rows import hit_rows
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.index.model import open_with_model
from barcodeembed.scoring import identity
from barcodeembed.scoring.features import Neighbours
from barcodeembed.scoring.identity import (
    Identities,
    identities,
    overlap,
    percent_identity,
    remembering,
)
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.reading import read_records
from barcodeembed.vocabulary import HIT_COLUMNS

letters = st.text("ACGT", min_size=1, max_size=30)


def barcode(seed: int, length: int = 400) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=length))


def aligned(query: str, reference: str) -> tuple[float, int]:
    """Return the percent identity and the overlap of one pair."""
    found = identities([query], [reference], np.array([[0]]))
    return float(found.percents[0, 0]), int(found.overlaps[0, 0])


def distance(shorter: str, longer: str) -> int:
    """Return the minimum edits from the shorter to a part of the longer, by the full table."""
    row = [0] * (len(longer) + 1)
    for i, letter in enumerate(shorter, 1):
        above, row = row, [i]
        for j, other in enumerate(longer, 1):
            row.append(min(above[j - 1] + (letter != other), above[j] + 1, row[j - 1] + 1))
    return min(row)


@given(letters, letters)
def test_the_alignment_has_the_minimum_number_of_edits(query, reference):
    percent, columns = aligned(query, reference)
    rows = overlap(query, reference)
    shorter, longer = sorted((query, reference), key=len)
    inside = rows[0 if shorter is query else 1].replace("-", "")
    differences = columns * (1 - percent / 100) if columns else 0
    edits = differences + len(shorter) - len(inside)
    assert edits == pytest.approx(distance(shorter, longer))
    assert columns == len(rows[0]) == len(rows[1])


@given(st.integers(0, 999), st.integers(0, 300), st.integers(1, 100))
def test_the_overlap_of_a_fragment_is_the_whole_fragment(seed, start, length):
    whole = barcode(seed)
    fragment = whole[start : start + length]
    assert aligned(fragment, whole) == aligned(whole, fragment) == (100.0, length)


@given(st.integers(0, 999), st.integers(50, 350), st.integers(1, 6))
def test_internal_gaps_count_as_columns_and_end_gaps_do_not(seed, at, gap):
    whole = barcode(seed)
    without = whole[:at] + whole[at + gap :]
    assert aligned(without, whole) == pytest.approx((100 * (1 - gap / 400), 400))
    assert aligned(whole, without) == pytest.approx((100 * (1 - gap / 400), 400))
    assert aligned(whole[gap:], whole) == (100.0, 400 - gap)


@given(st.lists(letters, min_size=1, max_size=4), st.lists(letters, min_size=3, max_size=3))
def test_each_pair_has_its_own_identity(queries, references):
    rows = np.array([[2, 0], [1, 1], [0, 2], [2, 1]])[: len(queries)]
    found = identities(queries, references, rows)
    assert found.percents.shape == found.overlaps.shape == rows.shape
    assert found.overlaps.dtype == np.int64
    for i, query in enumerate(queries):
        for k, row in enumerate(rows[i]):
            assert found.percents[i, k] == percent_identity(query, references[row])
            assert found.overlaps[i, k] == len(overlap(query, references[row])[0])


def test_remembered_pairs_are_not_aligned_again(monkeypatch):
    queries, references = [barcode(8), barcode(9)], [barcode(seed) for seed in range(4)]
    rows = np.array([[0, 1, 2], [2, 1, 0]])
    expected = identities(queries, references, rows)
    align, pairs = identity._identity, []
    monkeypatch.setattr(identity, "_identity", lambda *pair: pairs.append(pair) or align(*pair))
    find = remembering(references, 100)
    for _ in range(2):
        found = find(queries, rows)
        assert (found.percents == expected.percents).all()
        assert (found.overlaps == expected.overlaps).all()
    assert len(pairs) == rows.size
    assert find(queries[:1], np.array([[3]])).percents == aligned(queries[0], references[3])[0]


def test_neighbours_keep_their_overlaps_when_identity_changes_their_order():
    similarities = np.array([[0.9, 0.8, 0.7]])
    rows = np.array([[4, 5, 6]])
    found = Identities(np.array([[70.0, 99.0, 80.0]]), np.array([[40, 50, 60]]))
    ranked = Neighbours.ranked(similarities, rows, found, 8.0)
    assert ranked.rows.tolist() == [[5, 6, 4]]
    assert ranked.identities.percents.tolist() == [[99.0, 80.0, 70.0]]
    assert ranked.identities.overlaps.tolist() == [[50, 60, 40]]


# At the command line.


@pytest.fixture(scope="module")
def reads(tmp_path_factory):
    """Write references, reads of related species, and an unclassifiable read."""
    path = tmp_path_factory.mktemp("reads") / "reads.fa"
    whole = [record.sequence for record in read_records(SIMULATED / "reference.fasta")][::60]
    same = "".join(f">same{i}\n{bases}\n" for i, bases in enumerate(whole))
    others = (SIMULATED / "reads.fasta").read_text().split("\n")[:40]
    path.write_text(same + "\n".join(others) + "\n>short\nACGT\n")
    return path


def test_the_table_has_the_overlap_of_the_identity(call, index_bundle, reads, tmp_path):
    result = call("classify", reads, "-i", index_bundle, "--hits", tmp_path / "hits.tsv")
    rows = rows_of(result.out)
    assert result.out.split("\n")[0].endswith(
        "\tflags\toverlap\tn_tied_taxa\tstart\tend\tnearest_taxon\tnearest_bin"
    )
    lines = reads.read_text().split("\n")
    read = {
        name[1:]: str(len(bases) - bases.count("N"))
        for name, bases in zip(lines[::2], lines[1::2], strict=False)
    }
    for row in rows[:-1]:
        matches = float(row["identity"]) / 100 * int(row["overlap"])
        assert matches == pytest.approx(round(matches), abs=1e-3)
        if row["query_id"].startswith("same"):
            assert (row["identity"], row["overlap"]) == ("100.0000", read[row["query_id"]])
    assert (rows[-1]["identity"], rows[-1]["overlap"]) == ("NA", "NA")
    hits = rows_of((tmp_path / "hits.tsv").read_text())
    first = {hit["query_id"]: hit for hit in reversed(hits) if hit["hit"] == "1"}
    for row in rows[:-1]:
        for name in ("similarity", "identity", "overlap"):
            assert first[row["query_id"]][name] == row[name]


def test_every_hit_has_the_identity_and_overlap_of_its_reference(
    call, index_bundle, reads, tmp_path
):
    result = call("classify", reads, "-i", index_bundle, "--hits", tmp_path / "hits.tsv")
    opened = ReferenceIndex.open(index_bundle)
    assert opened.settings.identity_weight > 0  # all neighbours are aligned
    bases_of = dict(zip(opened.record_ids, opened.record_vectors, strict=True))
    queries = {record.id: record.sequence.upper() for record in read_records(reads)}
    for row in rows_of(result.out):
        if row["strand"] == "-":
            queries[row["query_id"]] = reverse_complement(queries[row["query_id"]])
    hits = rows_of((tmp_path / "hits.tsv").read_text())
    assert len({hit["hit"] for hit in hits}) == 10
    for hit in hits[::7]:
        reference = opened.sequences[int(bases_of[hit["reference_id"]])]
        percent, columns = aligned(queries[hit["query_id"]], reference)
        assert (hit["identity"], hit["overlap"]) == (f"{percent:.4f}", str(columns))


@pytest.mark.parametrize("weight, times", [(0.0, 1), (2.0, 10)])
def test_unaligned_references_are_na_and_no_pair_is_aligned_twice(
    weight, times, index_bundle, monkeypatch
):
    """Frameshift checks need the rows of an alignment, so they are switched off here."""
    opened, embedder = open_with_model(index_bundle)
    opened = replace(
        opened,
        settings=replace(
            opened.settings, identity_weight=weight, kmers_for_all=False, candidates=None
        ),
    )
    classifier = Classifier(opened, embedder, genetic_code=None)
    pairs = []
    align = identity._align
    monkeypatch.setattr(identity, "_align", lambda *pair: pairs.append(pair) or align(*pair))
    # Whole barcodes without N; more references are aligned for fragments.
    records = [
        r
        for r in read_records(SIMULATED / "reads.fasta")
        if re.fullmatch("[ACGT]{620,}", r.sequence)
    ]
    records = list({record.sequence: record for record in records}.values())[:6]
    assignments = list(classifier.classify(records))
    assert len(pairs) == len(set(pairs)) == times * len(records)
    for assignment in assignments:
        for cells in hit_rows(assignment, classifier):
            hit = dict(zip(HIT_COLUMNS, cells, strict=True))
            unknown = int(hit["hit"]) > times
            assert (hit["identity"] == "NA", hit["overlap"] == "NA") == (unknown, unknown)
        best = assignment.hits[0]
        assert (assignment.identity, assignment.overlap) == (best.identity, best.overlap)


@given(st.lists(st.integers(20, 380), max_size=40), st.integers(0, 200))
def test_unread_bases_are_neither_matches_nor_columns(places, gap):
    reference = barcode(1)
    read = list(reference)
    for i in (*places, *range(100, 100 + gap)):
        read[i] = "N"
    read[10] = "A" if read[10] != "A" else "C"
    columns = 400 - read.count("N")
    expected = pytest.approx(100 * (columns - 1) / columns)
    assert aligned("".join(read), reference) == (expected, columns)
    assert aligned(reference, "".join(read)) == (expected, columns)


def test_the_closest_of_several_neighbours_are_in_any_order():
    """Neighbours are in the order of their scores, which combine similarity and k-mers."""
    similarities, rows = np.array([[0.4, 0.9, 0.2]]), np.array([[3, 5, 1]])
    shared = np.array([[0.3, 0.1, 0.5]])
    found = Neighbours(similarities, rows, None, similarities, shared)
    assert found.closest(0) == (0.9, None, 0.5)
    percents = np.array([[np.nan, 80.0, 70.0]])
    for first, expected in ((np.nan, None), (60.0, 60.0)):
        percents[0, 0] = first
        aligned = Identities(percents, np.full((1, 3), 100))
        found = Neighbours(similarities, rows, aligned, similarities)
        assert found.closest(0) == (0.9, expected, 0.0)
