"""The plain checks of what a bundle contains: each kind of damage is an error that names it."""

from __future__ import annotations

import errno
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from barcodeembed.bundles.checks import (
    check_finite,
    check_unit,
    field,
    load_array,
    load_arrays,
    numbers,
    reading,
)
from barcodeembed.bundles.manifest import read_json, read_object
from barcodeembed.errors import BundleError

PATH = Path("some.bix/vectors.npy")


def test_an_error_names_the_file_once():
    with pytest.raises(BundleError, match=f"^{PATH}: is empty$"), reading(PATH):
        raise BundleError(f"{PATH}: is empty")
    with pytest.raises(BundleError, match=f"^{PATH}: is empty$"), reading(PATH):
        raise BundleError("is empty")
    with pytest.raises(BundleError, match=f"^{PATH}: damaged.*: 'rows' is missing$"), reading(PATH):
        raise KeyError("rows")


def test_a_lack_of_memory_is_not_damage():
    with pytest.raises(OSError, match="Cannot allocate memory"), reading(PATH):
        raise OSError(12, "Cannot allocate memory")


def test_a_failing_disk_is_not_damage():
    with pytest.raises(BundleError, match=f"^{PATH}: cannot be read: Input/output error$"):
        with reading(PATH):
            raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize(
    "values, problem",
    [
        ([], "seed is not in an object"),
        ({}, "seed is missing"),
        ({"seed": True}, "seed is True; expected int"),
        ({"seed": "9" * 99}, f"seed is '{'9' * 59}...; expected int"),
    ],
)
def test_a_field_is_named(values, problem):
    with pytest.raises(ValueError, match=problem.replace(".", r"\.")):
        field(values, "seed", int)


@pytest.mark.parametrize("found", [[1.0], [1.0, None], [1.0, float("nan")]])
def test_a_list_has_so_many_finite_numbers(found):
    assert numbers({"weights": [1, 2.5]}, "weights", 2) == [1, 2.5]
    with pytest.raises(ValueError, match="weights is .*; expected 2 numbers"):
        numbers({"weights": found}, "weights", 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_an_error(bad):
    check_finite(PATH, np.ones((3, 2)))
    with pytest.raises(BundleError, match="values that are not finite"):
        check_finite(PATH, np.array([[1.0, 1.0], [1.0, bad]]))


@pytest.mark.parametrize("vector", [[1.0, 1.0], [0.0, 0.0], [np.nan, 1.0], [1e30, 0.0]])
def test_a_vector_of_another_length_is_an_error(vector):
    check_unit(PATH, np.array([[0.6, 0.8]], np.float32))
    with pytest.raises(BundleError, match="do not have unit length"):
        check_unit(PATH, np.array([[0.6, 0.8], vector], np.float32))


def content(array: np.ndarray, version: tuple[int, int] = (1, 0)) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version)
    return stream.getvalue()


ROWS = np.arange(6, dtype=np.int32).reshape(3, 2)


def test_both_versions_of_the_format_are_read(tmp_path):
    for version in ((1, 0), (2, 0)):
        (tmp_path / "rows.npy").write_bytes(content(ROWS, version))
        np.testing.assert_array_equal(load_array(tmp_path / "rows.npy", "int32", (None, 2)), ROWS)


@pytest.mark.parametrize(
    "damaged, problem",
    [
        (content(ROWS, (3, 0)), r"version \(3, 0\) of the format of arrays"),
        (content(ROWS)[:-1], r"an array of shape \(3, 2\) in a file of 151 bytes"),
        (content(ROWS.astype(">i4")), "an array of type >i4; expected int32"),
        (content(ROWS.ravel()), r"an array of shape \(6,\); expected \(any, 2\)"),
        (content(ROWS).replace(b"(3, 2)", b"(-3,2)"), "an array of shape"),
        (b"\x93NUMPY", "rows.npy: damaged"),
    ],
)
def test_an_array_that_does_not_fit_its_file_is_an_error(damaged, problem, tmp_path):
    (tmp_path / "rows.npy").write_bytes(damaged)
    with pytest.raises(BundleError, match=problem):
        load_array(tmp_path / "rows.npy", "int32", (None, 2))


def test_an_archive_that_claims_too_much_is_an_error(tmp_path):
    """The size is compared before memory is allocated."""
    path = tmp_path / "some.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.npy", content(ROWS))
    assert load_arrays(path, {"rows": ("int32", (None, 2))})[0].tolist() == ROWS.tolist()
    stored = path.read_bytes()
    # The size in the directory at the end of the archive.
    at = stored.rindex(b"PK\x01\x02") + 24
    path.write_bytes(stored[:at] + (2**31).to_bytes(4, "little") + stored[at + 4 :])
    with pytest.raises(BundleError, match="rows claims 2147483648 bytes"):
        load_arrays(path, {"rows": ("int32", (None, 2))})


@pytest.mark.parametrize(
    "text, problem",
    [
        (None, "missing; the bundle is incomplete"),
        ("{", "cannot be read as JSON"),
        ('{"seed": NaN}', "cannot be read as JSON: it contains NaN"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("[1]", "is not a JSON object"),
    ],
)
def test_a_json_file_that_is_not_an_object_is_an_error(text, problem, tmp_path):
    path = tmp_path / "config.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BundleError, match=problem):
        read_object(path)
    path.write_text("[1]")
    assert read_json(path) == [1]
