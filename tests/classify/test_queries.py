"""From records to queries: which part of a read is named."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from barcodeembed.classify.queries import Query, make_queries
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.sequences.stretches import Stretch
from barcodeembed.sequences.trimming import Trimmer

SETTINGS = SimpleNamespace(min_bases=100, max_bases=2_000)


def queries_of(read: str, start: int, end: int, strand: str) -> list:
    bases = read[start:end] if strand == "+" else reverse_complement(read[start:end])
    part = Stretch(bases, strand, start, end)
    locator = SimpleNamespace(anchor=None, length=658, locate=lambda reads: [part])
    return make_queries([SequenceRecord("r", read)], Trimmer([]), locator, SETTINGS)


@pytest.mark.parametrize("strand", "+-")
def test_a_read_that_a_cut_would_make_too_short_is_named_whole(strand):
    read = "".join(np.random.default_rng(0).choice(list("ACGT"), 130))
    (query,) = queries_of(read, 20, 105, strand)
    assert isinstance(query, Query) and (query.start, query.end) == (0, 130)
    assert query.bases == (read if strand == "+" else reverse_complement(read))
    (query,) = queries_of(read, 20, 125, strand)
    assert (query.start, query.end) == (20, 125)


def test_a_long_read_with_a_short_part_of_the_marker_is_too_short():
    read = "".join(np.random.default_rng(0).choice(list("ACGT"), 1_500))
    (answer,) = queries_of(read, 0, 85, "+")
    assert answer.status == "unclassifiable" and answer.flags == ("short",)
