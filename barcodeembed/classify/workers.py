"""Search in several processes at the same time.

The processes are copies of this one (they are forked), so that they share the index and the model,
and start at once. Each computes with one thread. What a search finds depends on the bases of a
query alone, so it does not matter which process searches for which.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import signal
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

from barcodeembed.classify.repeats import Found, return_free_memory
from barcodeembed.errors import BarcodeEmbedError

#: Queries that a process searches for at a time, at least: fewer take more time each.
_LEAST = 128

#: Number of the request to Linux that a process ends with the one that started it (prctl).
_END_WITH_PARENT = 1

#: The function of OpenBLAS that sets its threads, as NumPy and SciPy name it.
_BLAS = [f"{by}openblas_set_num_threads{wide}" for by in ("", "scipy_") for wide in ("", "64_")]

Search = Callable[[list[str]], Found]
Result = Callable[[], Found]

#: The search of a process that was started here.
_search: Search | None = None


def can_fork() -> bool:
    """Return whether processes can be copied. On other systems than Linux, libraries forbid it."""
    return sys.platform == "linux"


class Workers:
    """Runs ``search`` in ``count`` processes. `stop` must be called in the end."""

    def __init__(self, search: Search, count: int) -> None:
        self.count = count
        self._pool = ProcessPoolExecutor(
            count, multiprocessing.get_context("fork"), initializer=_begin, initargs=(search,)
        )

    def start(self, queries: list[str]) -> list[Result]:
        """Start to search for queries. Return a function for each that waits for its result."""
        size = max(_LEAST, -(-len(queries) // self.count))
        results: list[Result] = []
        for begin in range(0, len(queries), size):
            asked = queries[begin : begin + size]
            with warnings.catch_warnings():
                # Python 3.12 and later warn of forks where there are threads. The processes use
                # none of the libraries that had threads but torch and FAISS, with one thread.
                warnings.simplefilter("ignore", DeprecationWarning)
                found = _Part(self._pool.submit(_run, asked))
            results += [partial(found.of, i) for i in range(len(asked))]
        return results

    def stop(self) -> None:
        """End the processes; what they are searching for is not waited for."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class _Part:
    """What a process finds for several queries."""

    def __init__(self, future: Future[Found]) -> None:
        self._future: Future[Found] | None = future
        self._found: list[Found] = []

    def of(self, i: int) -> Found:
        """Wait for the result of one query, and return it."""
        if self._future is not None:
            try:
                self._found = self._future.result().split()
            except BrokenProcessPool:
                raise BarcodeEmbedError(
                    "a process that searches was killed; if memory ran out, use fewer --threads"
                ) from None
            self._future = None
        return self._found[i]


def _begin(search: Search) -> None:
    """Prepare a process that was started."""
    from barcodeembed.model.devices import set_threads

    global _search
    _search = search
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are for the process that started it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGKILL)
    gc.freeze()  # looking for garbage would copy the memory that is shared
    set_threads(1)
    _limit_blas()


def _limit_blas() -> None:
    """Let the BLAS of NumPy compute with one thread. It has no other way to change the number."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    for path in {line.split()[-1] for line in maps if "openblas" in line}:
        for name in _BLAS:
            if function := getattr(ctypes.CDLL(path), name, None):
                function(1)


def _run(queries: list[str]) -> Found:
    assert _search is not None
    found = _search(queries)
    return_free_memory()
    return found
