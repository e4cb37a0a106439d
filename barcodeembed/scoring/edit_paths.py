"""Alignments by edlib whose memory is freed.

edlib's function for Python (1.3.9) does not free the CIGAR of an alignment, so that the memory of a
long run grows by some hundred bytes with each of them. Here the C functions of the same library are
called, which its module exports on Linux and macOS. Where it does not, its Python function is used.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

#: edlib's numbers of: the shorter sequence within the longer one, with the path.
_HW, _PATH = 2, 2

#: edlib's numbers of the columns of an alignment: two bases that match, a base only of the first
#: sequence, one only of the second, two bases that do not match.
MATCH, INSERTED, DELETED, MISMATCH = range(4)

#: The same in a CIGAR.
_LETTERS = "=IDX"

_RUN = re.compile(f"([0-9]+)([{_LETTERS}])")


class EditPath(NamedTuple):
    """The alignment of a sequence to a part of another one, which begins at ``start``.

    ``steps`` has one byte for each column: MATCH, INSERTED, DELETED or MISMATCH.
    """

    start: int
    steps: bytes


Align = Callable[[str, str, Sequence[tuple[str, str]]], EditPath]


def align(shorter: str, longer: str, equalities: Sequence[tuple[str, str]] = ()) -> EditPath:
    """Align a sequence to a part of another one with the fewest edits. Neither can be empty.

    >>> align("ACGTACGTAA", "TTACGTAGTAATT")
    EditPath(start=2, steps=b'\\x00\\x00\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x00')
    """
    return _aligner()(shorter, longer, equalities)


class _Equality(ctypes.Structure):
    _fields_ = (("first", ctypes.c_char), ("second", ctypes.c_char))


class _Config(ctypes.Structure):
    _fields_ = (
        ("k", ctypes.c_int),
        ("mode", ctypes.c_int),
        ("task", ctypes.c_int),
        ("equalities", ctypes.POINTER(_Equality)),
        ("equalities_length", ctypes.c_int),
    )


class _Result(ctypes.Structure):
    _fields_ = (
        ("status", ctypes.c_int),
        ("distance", ctypes.c_int),
        ("ends", ctypes.POINTER(ctypes.c_int)),
        ("starts", ctypes.POINTER(ctypes.c_int)),
        ("locations", ctypes.c_int),
        ("path", ctypes.POINTER(ctypes.c_ubyte)),
        ("path_length", ctypes.c_int),
        ("alphabet_length", ctypes.c_int),
    )


@cache
def _aligner() -> Align:
    """Return the function that frees its memory, if it works here."""
    example = "ACGTACGTAA", "TTACGTAGTRATT", (("R", "A"),)
    expected = _align_by_module(*example)
    try:
        direct = _direct()
        return direct if direct(*example) == expected else _align_by_module
    except (OSError, AttributeError, TypeError):  # the functions are not exported; Windows
        return _align_by_module


def _align_by_module(shorter: str, longer: str, equalities: Sequence[tuple[str, str]]) -> EditPath:
    import edlib

    found: dict[str, Any] = edlib.align(
        shorter, longer, mode="HW", task="path", additionalEqualities=list(equalities) or None
    )
    runs = _RUN.findall(found["cigar"])
    steps = b"".join(bytes([_LETTERS.index(letter)]) * int(n) for n, letter in runs)
    return EditPath(found["locations"][0][0], steps)


def _direct() -> Align:
    """Return a function that calls the C functions. Raises AttributeError if there are none."""
    import edlib

    library = ctypes.CDLL(edlib.__file__)
    run, clear = library.edlibAlign, library.edlibFreeAlignResult
    run.restype = _Result
    run.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, _Config]
    clear.restype, clear.argtypes = None, [_Result]

    @cache
    def config(equalities: tuple[tuple[str, str], ...]) -> _Config:
        pairs = [_Equality(first.encode(), second.encode()) for first, second in equalities]
        return _Config(-1, _HW, _PATH, (_Equality * len(pairs))(*pairs), len(pairs))

    def align(shorter: str, longer: str, equalities: Sequence[tuple[str, str]]) -> EditPath:
        one, other = shorter.encode("ascii"), longer.encode("ascii")
        found = run(one, len(one), other, len(other), config(tuple(equalities)))
        if found.status or not found.path:
            raise MemoryError("out of memory while sequences were aligned")
        path = EditPath(found.starts[0], ctypes.string_at(found.path, found.path_length))
        clear(found)
        return path

    return align
