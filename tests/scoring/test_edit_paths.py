"""Alignments by edlib: the same as those of its Python function, and no memory is lost."""

from __future__ import annotations

import ctypes
import random
import sys

import pytest

from barcodeembed.scoring import edit_paths
from barcodeembed.scoring.edit_paths import align
from barcodeembed.scoring.identity import _EQUALITIES


@pytest.mark.parametrize("equalities", [(), _EQUALITIES])
def test_alignments_are_those_of_edlib(equalities):
    rng = random.Random(1)
    letters = "ACGTNRY" if equalities else "ACGT"
    for _ in range(300):
        shorter = "".join(rng.choices(letters, k=rng.randint(1, 130)))
        longer = list("".join(rng.choices("ACGT", k=rng.randint(0, 60))) + shorter + "ACG")
        for _ in range(rng.randint(0, 9)):
            at = rng.randrange(len(longer))
            longer[at : at + rng.randint(0, 2)] = rng.choices(letters, k=rng.randint(0, 2))
        longer += rng.choices("ACGT", k=max(0, len(shorter) - len(longer)))
        pair = shorter, "".join(longer), equalities
        assert align(*pair) == edit_paths._align_by_module(*pair)


class _Heap(ctypes.Structure):
    """What glibc's mallinfo2 returns; ``used`` are the bytes that are not free."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("a", "b", "c", "d", "mapped", "e", "f", "used", "g", "h")
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="measured with glibc")
def test_the_memory_of_alignments_is_freed():
    measure = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if measure is None:
        pytest.skip("needs glibc 2.33")
    measure.restype = _Heap
    rng = random.Random(2)
    pair = "".join(rng.choices("ACGT", k=100)), "".join(rng.choices("ACGT", k=300))

    def lost(function) -> int:
        function(*pair, ())
        before = measure().used
        for _ in range(300):
            function(*pair, ())
        return measure().used - before

    assert lost(align) < 300 * 8  # edlib's function for Python loses 32 bytes or more


def test_without_the_c_functions_the_python_function_is_used(monkeypatch):
    def missing():
        raise AttributeError("undefined symbol: edlibAlign")

    monkeypatch.setattr(edit_paths, "_direct", missing)
    edit_paths._aligner.cache_clear()
    try:
        assert edit_paths._aligner() is edit_paths._align_by_module
        assert align("ACGTACGTAA", "TTACGTAGTAATT") == (2, b"\0\0\0\0\0\1\0\0\0\0")
    finally:
        edit_paths._aligner.cache_clear()


def test_functions_that_give_something_else_are_not_used(monkeypatch):
    monkeypatch.setattr(edit_paths, "_direct", lambda: lambda *pair: None)
    edit_paths._aligner.cache_clear()
    try:
        assert edit_paths._aligner() is edit_paths._align_by_module
    finally:
        edit_paths._aligner.cache_clear()
