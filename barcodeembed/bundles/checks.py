"""Plain checks of what is read from a bundle, so that damage is one error that names the file.

Checksums find what changed after a bundle was written. These checks find what was wrong before: a
file that was edited by hand and given a new checksum, or damaged before the sums were made.
"""

from __future__ import annotations

import errno
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from barcodeembed.errors import BarcodeEmbedError, BundleError, ran_out_of_memory

#: Everything that the standard library, NumPy and pyfastx raise when they read damaged files.
_ERRORS = (
    ValueError,  # also UnicodeDecodeError and a damaged zip header
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,  # also RecursionError, and NotImplementedError for a method of zip
    OSError,
    EOFError,
    SyntaxError,
    tokenize.TokenError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)

#: Errors of the system that say nothing about the content of a file.
_SYSTEM = (errno.EMFILE, errno.ENFILE, errno.EIO, errno.EACCES, errno.ESTALE)

#: The best that deflate can do. A zip member that claims more would only waste memory.
_MAX_RATIO = 1032

_AT_ONCE = 1 << 16


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Convert every error of reading a file to a BundleError that names it."""
    try:
        yield
    except BarcodeEmbedError as error:
        if str(path) in str(error):
            raise
        raise BundleError(f"{path}: {error}") from None
    except _ERRORS as error:
        if ran_out_of_memory(error):
            raise
        if isinstance(error, OSError) and error.errno in _SYSTEM:
            raise BundleError(f"{path}: cannot be read: {error.strerror}") from None
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise BundleError(
            f"{path}: damaged, or not as barcodeembed writes it: {reason or type(error).__name__}"
        ) from None


def field(
    values: Any, name: str, kind: type, low: float = -math.inf, high: float = math.inf
) -> Any:
    """Return a value of a JSON object, of a type and in a range; a float can be an integer.

    Raises ValueError that names the field.

    >>> field({"seed": 3}, "seed", int, 0)
    3
    >>> field({"seed": -1}, "seed", int, 0)
    Traceback (most recent call last):
        ...
    ValueError: seed is -1; expected int from 0 to inf
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{name} is not in an object")
    if name not in values:
        raise ValueError(f"{name} is missing")
    value = values[name]
    if not _is(value, kind):
        raise ValueError(f"{name} is {_short(value)}; expected {kind.__name__}")
    if kind in (int, float) and not low <= value <= high:
        raise ValueError(
            f"{name} is {_short(value)}; expected {kind.__name__} from {low} to {high}"
        )
    return value


def optional(values: Any, name: str, kind: type, low: float = -math.inf) -> Any:
    """Return what `field` does, or None if there is no value."""
    return None if values.get(name) is None else field(values, name, kind, low)


def numbers(values: Any, name: str, count: int) -> list[float]:
    """Return a list of so many finite numbers. Raises ValueError that names the field."""
    found = field(values, name, list)
    if len(found) != count or not all(_is(value, float) for value in found):
        raise ValueError(f"{name} is {_short(found)}; expected {count} numbers")
    return found


def _is(value: Any, kind: type) -> bool:
    if kind is float:
        return _is(value, int) or (isinstance(value, float) and math.isfinite(value))
    return isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:60]}..."


def load_array(
    path: Path, dtype: str, shape: Sequence[int | None], *, mapped: bool = False
) -> np.ndarray:
    """Return the array of a ``.npy`` file, memory-mapped if ``mapped``.

    ``shape`` is the accepted shape; None is any length. The size of the file is compared with its
    header before memory is allocated. Raises BundleError.
    """
    # NumPy warns of headers that it can only just read.
    with reading(path), warnings.catch_warnings(action="ignore"):
        with open(path, "rb") as stream:
            _check_header(stream, path.stat().st_size, dtype, shape)
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)


def load_arrays(path: Path, wanted: Mapping[str, tuple[str, Sequence[int | None]]]) -> list[Any]:
    """Return the arrays of a ``.npz`` file, by name, checked as those of `load_array`."""
    with reading(path), warnings.catch_warnings(action="ignore"):
        with zipfile.ZipFile(path) as archive:
            for name, (dtype, shape) in wanted.items():
                member = archive.getinfo(f"{name}.npy")
                if member.file_size > _MAX_RATIO * (member.compress_size + 1):
                    raise ValueError(f"{name} claims {member.file_size} bytes")
                with archive.open(member) as stream, reading(path / name):
                    _check_header(stream, member.file_size, dtype, shape)
        with np.load(path, allow_pickle=False) as arrays:
            return [arrays[name] for name in wanted]


def check_finite(path: Path, array: np.ndarray) -> None:
    """Raise BundleError if an array has NaN or infinity."""
    for start in range(0, len(array), _AT_ONCE):
        if not np.isfinite(array[start : start + _AT_ONCE]).all():
            raise BundleError(f"{path}: contains values that are not finite")


def check_unit(path: Path, vectors: np.ndarray) -> None:
    """Raise BundleError unless all vectors, (N, D), have unit length."""
    for start in range(0, len(vectors), _AT_ONCE):
        part = vectors[start : start + _AT_ONCE]
        with np.errstate(over="ignore", invalid="ignore"):
            lengths = np.einsum("nd,nd->n", part, part)
        if not (np.abs(lengths - 1) < 0.01).all():
            raise BundleError(f"{path}: contains vectors that do not have unit length")


def check_range(path: Path, what: str, values: np.ndarray, end: int) -> None:
    """Raise BundleError unless all values are from 0 to ``end - 1``."""
    if len(values) and not (0 <= values.min() and values.max() < end):
        raise BundleError(f"{path}: {what} is not from 0 to {end - 1}")


def _check_header(
    stream: IO[bytes], size: int, expected: str, wanted: Sequence[int | None]
) -> None:
    """Raise ValueError unless the header of an array fits the size of its file."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"version {version} of the format of arrays")
    if dtype != np.dtype(expected):
        raise ValueError(f"an array of type {dtype}; expected {expected}")
    fits = len(shape) == len(wanted) and all(
        w is None or w == s for w, s in zip(wanted, shape, strict=True)
    )
    if not fits or any(length < 0 for length in shape):
        lengths = ", ".join("any" if w is None else str(w) for w in wanted)
        raise ValueError(f"an array of shape {shape}; expected ({lengths})")
    if stream.tell() + math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"an array of shape {shape} in a file of {size} bytes")
