"""Records are counted without being read."""

from __future__ import annotations

import gzip

import pytest
from support import SIMULATED

from barcodeembed.sequences import counting
from barcodeembed.sequences.counting import count_records

FASTA = ">a\nAC\nGT\n>b >c\n\n>d\nAC"
FASTQ = "@a\nACGT\n+\n@III\n@b\nAC\n+\n>>"


@pytest.mark.parametrize(
    ("text", "count"), [(FASTA, 3), (FASTQ, 2), ("", None), ("id\tseq\n", None)]
)
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_records_are_counted(tmp_path, monkeypatch, text, count, compress):
    path = tmp_path / "reads"
    path.write_bytes(compress(text.encode()))
    for block in (1, 2, 7, 100):
        monkeypatch.setattr(counting, "_BLOCK", block)
        assert count_records(path) == count


def test_what_cannot_be_counted_has_no_count(tmp_path):
    damaged = tmp_path / "damaged.gz"
    damaged.write_bytes(gzip.compress((SIMULATED / "reads.fasta").read_bytes())[:500])
    for source in (damaged, tmp_path, tmp_path / "nowhere", "-", "/dev/null"):
        assert count_records(source) is None
