"""Bases as bytes, four in each, so that those of millions of references fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import overload

import numpy as np

from barcodeembed.sequences.bases import encode_bases

#: The first byte of packed bases is the number of letters missing in the last byte, or this.
_AS_TEXT = 4

#: The letters of each byte.
_LETTERS = np.array(["".join(four).encode() for four in product("ACGT", repeat=4)]).view(np.uint32)


def pack(bases: str) -> bytes:
    """Return bases as bytes. Those with other letters than A, C, G and T stay text.

    >>> pack("ACGTT"), pack("ACGTN")
    (b'\\x03\\x1b\\xc0', b'\\x04ACGTN')
    """
    if sum(map(bases.count, "ACGT")) < len(bases):
        return bytes([_AS_TEXT]) + bases.encode()
    missing = -len(bases) % 4
    codes = encode_bases(bases + "A" * missing)
    fours = codes[::4] << 6 | codes[1::4] << 4 | codes[2::4] << 2 | codes[3::4]
    return bytes([missing]) + fours.tobytes()


def unpack(packed: bytes) -> str:
    """Return the bases.

    >>> unpack(pack("ACGTT")), unpack(pack("ACGTN")), unpack(pack(""))
    ('ACGTT', 'ACGTN', '')
    """
    missing = packed[0]
    if missing == _AS_TEXT:
        return packed[1:].decode()
    letters = _LETTERS[np.frombuffer(packed, np.uint8, offset=1)].tobytes()
    return letters[: len(letters) - missing].decode()


class PackedSequences(Sequence[str]):
    """Sequences that become text when they are read. ``packed`` are from `pack`."""

    def __init__(self, packed: Sequence[bytes]) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, number: int) -> str: ...

    @overload
    def __getitem__(self, number: slice) -> list[str]: ...

    def __getitem__(self, number: int | slice) -> str | list[str]:
        if isinstance(number, slice):
            return list(map(unpack, self._packed[number]))
        return unpack(self._packed[number])

    def __iter__(self) -> Iterator[str]:
        return map(unpack, self._packed)
