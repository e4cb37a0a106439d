"""Numbers in the tables that `report` and `classify --counts` read: found by a fuzzer."""

from __future__ import annotations

import pytest

from barcodeembed.classify.counts import read_counts
from barcodeembed.errors import InputError
from barcodeembed.report.rows import read_table

HEADER = (
    "query_id\tstatus\tnovel_rank\trank\ttaxon\tconfidence\tspecies\tnearest_id\tsimilarity\t"
    "identity\tstrand\tlength\tflags\n"
)


def table(**cells: str) -> str:
    row = {
        **{"query_id": "q;size=3", "status": "assigned", "novel_rank": "NA", "rank": "species"},
        **{"taxon": "Apis mellifera", "confidence": "0.9", "species": "Apis mellifera"},
        **{"nearest_id": "A", "similarity": "0.9", "identity": "99", "strand": "+"},
        **{"length": "658", "flags": "NA"},
    }
    return HEADER + "\t".join((row | cells).values()) + "\n"


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({"length": "inf"}, "'inf' in the column length is not a number"),
        ({"length": "nan"}, "'nan' in the column length is not a number"),
        ({"confidence": "-inf"}, "'-inf' in the column confidence is not a number"),
        ({"similarity": "1e999"}, "'1e999' in the column similarity is not a number"),
        ({"identity": "x"}, "'x' in the column identity is not a number"),
        ({"query_id": f"q;size={'9' * 5_000}"}, "size=9{20}... is no number of reads"),
    ],
)
def test_a_number_that_cannot_be_used_is_an_error(cells, problem, tmp_path):
    (tmp_path / "t.tsv").write_text(table(**cells))
    with pytest.raises(InputError, match=problem):
        list(read_table(str(tmp_path / "t.tsv"), lambda query: "S", by_sample=True))
    (tmp_path / "t.tsv").write_text(table())
    (row,) = read_table(str(tmp_path / "t.tsv"), lambda query: "S", by_sample=True)
    assert (row.reads, row.length, row.confidence) == (3, 658, 0.9)


def test_a_count_is_read_without_what_python_takes_for_space(tmp_path):
    """int() does not skip all characters that strip() removes."""
    (tmp_path / "counts").write_text("id,A\nx,7459\x1e\x1e\ny, 12.0 \n")
    assert read_counts(tmp_path / "counts").reads == {"x": {"A": 7459}, "y": {"A": 12}}
