"""Columns of large tables of bundles, read from disk when they are needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barcodeembed.bundles import columns
from barcodeembed.bundles.columns import OptionalColumn, read_columns
from barcodeembed.bundles.tables import write_table

CELLS = st.text(st.characters(blacklist_characters="\t\n", blacklist_categories=["Cs"]))


@given(st.lists(st.tuples(CELLS, st.integers(0, 10**17), CELLS), min_size=1, max_size=8))
def test_cells_are_read_as_they_were_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("table") / "table.tsv"
    write_table(path, ("é", "number", "b"), [(a, str(n), b) for a, n, b in rows])
    found = read_columns(path)
    assert list(found) == ["é", "number", "b"]
    assert list(found["é"]) == [row[0] for row in rows] == found["é"][:]
    assert found["b"][-1] == rows[-1][2]
    assert found["number"].numbers().tolist() == [row[1] for row in rows]
    text = rows[0][0]
    assert found["b"].equals(text).tolist() == [row[2] == text for row in rows]


@pytest.fixture
def table(tmp_path) -> Path:
    path = tmp_path / "table.tsv"
    write_table(path, ("a", "b"), [("x", "NA"), ("yy", "3"), ("z", "NA")])
    return path


def test_a_text_stands_for_a_missing_value(table):
    column = OptionalColumn(read_columns(table)["b"], "NA")
    assert list(column) == [None, "3", None] == column[:] == [column[i] for i in range(3)]
    assert len(column) == 3
    assert np.array(read_columns(table)["a"]).tolist() == ["x", "yy", "z"]
    with pytest.raises(IndexError):
        column[3]


def test_a_table_that_is_read_in_parts_is_the_same(table, monkeypatch):
    whole = {name: list(column) for name, column in read_columns(table).items()}
    monkeypatch.setattr(columns, "_AT_ONCE", 3)
    assert {name: list(column) for name, column in read_columns(table).items()} == whole


@pytest.mark.parametrize(
    "content", [b"a\tb\nx\n", b"a\tb\nx\ty\tz\n", b"a\tb\nx\ty", b"a\tb\nx\ny\tz\tx\n", b"a", b""]
)
def test_rows_of_another_length_are_refused(content, table):
    table.write_bytes(content)
    with pytest.raises((ValueError, IndexError)):
        read_columns(table)


def test_wrong_letters_and_numbers_are_refused(table):
    for cell in ("", "-1", "1.0", "x", "1" * 19, " 1"):
        write_table(table, ("a",), [("1",), (cell,)])
        with pytest.raises(ValueError, match="whole number"):
            read_columns(table)["a"].numbers()
    table.write_bytes(b"a\n\xff\n")
    with pytest.raises(UnicodeDecodeError):
        read_columns(table)
