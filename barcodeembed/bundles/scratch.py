"""Large arrays that a build makes: on disk, and mapped into memory.

The system writes their pages to the disk when it needs memory. Their files have no names, so that
nothing remains when the process ends, however it ends. They are written with calls, not through the
map: on a full disk, a write through a map would end the process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from barcodeembed.bundles.files import output_errors


@dataclass(frozen=True, slots=True)
class Scratch:
    """A place for large arrays: a folder, or the system's for temporary files (``TMPDIR``)."""

    folder: Path | None = None

    def store(self, parts: Iterable[np.ndarray], dtype: type, *width: int) -> np.ndarray:
        """Store arrays, (n, *width) each, one after the other; return all as one, read-only.

        The file is deleted when the array is. Raises OutputError if it cannot be written.
        """
        folder = self.folder or Path(tempfile.gettempdir())
        with output_errors([folder]):
            stream = tempfile.TemporaryFile(dir=folder, buffering=0)
        with stream:
            for part in parts:
                left = np.ascontiguousarray(part, dtype).reshape(-1).view(np.uint8).data
                with output_errors([folder]):
                    while left:
                        left = left[stream.write(left) :]
            if not stream.tell():
                return np.zeros((0, *width), dtype)
            return np.asarray(np.memmap(stream, dtype, "r")).reshape(-1, *width)


#: The system's place for temporary files.
TEMPORARY = Scratch()
