"""The files of ``embed`` have the same records and vectors, whatever their format."""

from __future__ import annotations

import numpy as np
import pytest
from pyarrow import parquet
from support import SIMULATED, rows_of

READS = SIMULATED / "reads.fasta"


@pytest.fixture
def reads(tmp_path):
    """Write three barcodes; the second is too short for a vector."""
    lines = READS.read_text().splitlines()
    path = tmp_path / "reads.fasta"
    path.write_text("\n".join([*lines[:2], ">short", "ACGT", *lines[2:4]]) + "\n")
    return path


@pytest.fixture
def table(call, reads, model_bundle) -> list[dict[str, str]]:
    return rows_of(call("embed", reads, "-m", model_bundle).out)


def test_parquet_has_null_where_there_is_no_vector(call, reads, model_bundle, table, tmp_path):
    path = tmp_path / "vectors.parquet"
    # Batches of two: the record without a vector is once last, and once alone with another.
    assert call("embed", reads, "-m", model_bundle, "-o", path, "--batch-size", 2).code == 0
    rows = parquet.read_table(path).to_pylist()
    assert [row["record_id"] for row in rows] == [row["record_id"] for row in table]
    assert [str(row["length"]) for row in rows] == [row["length"] for row in table]
    assert [row["flags"] for row in rows] == [row["flags"] for row in table]
    assert [row["vector"] is None for row in rows] == [False, True, False]
    for row, shown in zip(rows, table, strict=True):
        if row["vector"] is not None:
            values = [float(shown[f"d{n + 1}"]) for n in range(len(row["vector"]))]
            assert row["vector"] == pytest.approx(values, abs=1e-4)


def test_parquet_has_lists_that_old_versions_of_arrow_read(call, reads, model_bundle, tmp_path):
    path = tmp_path / "vectors.parquet"
    call("embed", reads, "-m", model_bundle, "-o", path)
    # A fixed-size list with nulls can be read only from pyarrow 26 on.
    assert str(parquet.read_schema(path).field("vector").type) in (
        "list<element: float>",
        "list<item: float>",
    )


def test_npz_has_nan_where_there_is_no_vector(call, reads, model_bundle, table, tmp_path):
    path = tmp_path / "vectors.npz"
    call("embed", reads, "-m", model_bundle, "-o", path)
    with np.load(path) as arrays:
        assert arrays["record_ids"].tolist() == [row["record_id"] for row in table]
        assert arrays["flags"].tolist() == [row["flags"] for row in table]
        missing = np.isnan(arrays["vectors"]).all(1)
    assert missing.tolist() == [False, True, False]
