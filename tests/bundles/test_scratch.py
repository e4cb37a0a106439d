"""Large arrays on disk: their content, and that nothing of them remains."""

from __future__ import annotations

import numpy as np
import pytest

from barcodeembed.bundles.scratch import Scratch
from barcodeembed.errors import OutputError


@pytest.mark.parametrize("sizes", [(1, 0, 5, 2), (3,), (0,), ()])
def test_the_parts_follow_each_other(sizes, tmp_path):
    parts = [np.full((size, 3), number, np.float64) for number, size in enumerate(sizes)]
    stored = Scratch(tmp_path).store(iter(parts), np.float32, 3)
    assert stored.dtype == np.float32
    assert not stored.flags.writeable or not len(stored)
    assert np.array_equal(stored, np.concatenate([np.zeros((0, 3)), *parts]))


def test_arrays_of_numbers(tmp_path):
    assert Scratch(tmp_path).store([np.arange(3), np.arange(2)], np.uint32).tolist() == [
        *(0, 1, 2),
        *(0, 1),
    ]


def test_the_folder_has_no_file(tmp_path):
    stored = Scratch(tmp_path).store([np.arange(9)], np.int64)
    assert list(tmp_path.iterdir()) == []
    assert stored.sum() == 36


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OutputError, match="missing: cannot be written"):
        Scratch(tmp_path / "missing").store([np.arange(9)], np.int64)
