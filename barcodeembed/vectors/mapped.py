"""Large arrays that are mapped from files: let the system take back what was read.

The pages of a mapped file count as memory of the process as long as they are mapped. A few searches
among ten million vectors would map all of the file. To map a page again costs little, but more than
to leave it.
"""

from __future__ import annotations

import mmap
import sys

import numpy as np

#: Arrays of fewer bytes stay mapped.
LARGE = 1 << 30


def release(array: np.ndarray) -> None:
    """Give up the pages of a large read-only mapped array; other arrays stay as they are.

    They remain in the cache of the system, and are mapped again when they are read again.
    """
    if array.nbytes < LARGE or sys.platform != "linux":
        return
    mapped: object = array
    while isinstance(mapped, np.ndarray) and not mapped.flags.writeable:
        mapped = mapped.base
    if isinstance(mapped, mmap.mmap):
        mapped.madvise(mmap.MADV_DONTNEED)
