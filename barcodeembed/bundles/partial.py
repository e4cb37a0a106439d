"""Unfinished outputs, which a later run can go on with.

The folder ``OUTPUT.part`` has files that grow, and a journal with the state at the last commit, and
with the sizes and checksums of the files. What was written after it is cut off when the folder is
opened again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from barcodeembed.bundles.files import output_errors, replace_file, resolve_links
from barcodeembed.bundles.locks import lock_file
from barcodeembed.bundles.signals import signals_held
from barcodeembed.bundles.sums import read_with_sum, with_sum
from barcodeembed.errors import BundleError, OutputError

_JOURNAL = "journal.json"
_EMPTY = hashlib.sha256().hexdigest()


class Partial:
    """The unfinished output of a run.

    Attributes:
        folder: The folder ``OUTPUT.part``.
        streams: The files, by name, open at their end.
        state: What the last `commit` stored; empty for a new run.
    """

    def __init__(
        self, folder: Path, settings: dict[str, Any], streams: dict[str, IO[bytes]]
    ) -> None:
        """Continue after the last commit. Raises OutputError if its files are damaged."""
        self.folder, self.streams = folder, streams
        self._settings = settings
        committed, self.state = _read_journal(folder, settings)
        self._sums = {name: _Sum(folder / name) for name in streams}
        for name, stream in streams.items():
            size, digest = committed.get(name, (0, _EMPTY))
            if self._sums[name].extend(size) != digest:
                raise OutputError(f"{folder / name}: damaged; delete {folder} to start again")
            stream.truncate(size)
            stream.seek(size)

    def commit(self, state: dict[str, Any]) -> None:
        """Store what was written so far, and the state that belongs to it, on disk."""
        with output_errors([self.folder]):
            for stream in self.streams.values():
                stream.flush()
                os.fsync(stream.fileno())
            sizes = {name: stream.tell() for name, stream in self.streams.items()}
            files = {name: (size, self._sums[name].extend(size)) for name, size in sizes.items()}
        self.state = state
        journal = {"settings": self._settings, "files": files, "state": state}
        with replace_file(self.folder / _JOURNAL) as target:
            target.write(with_sum(journal))

    def remove(self) -> None:
        """Delete the folder: the output is finished."""
        with signals_held():
            shutil.rmtree(self.folder)


def folder_of(output: str | os.PathLike[str]) -> Path:
    """Return the folder of the unfinished output of a run."""
    return resolve_links(Path(f"{output}.part"))


@contextmanager
def open_partial(
    output: str | os.PathLike[str], settings: dict[str, Any], names: Sequence[str]
) -> Iterator[Partial]:
    """Open the unfinished output of a run, or begin one, with files of these names.

    ``settings`` identify the run: everything that its rows depend on. The folder stays if an error
    occurs. Raises OutputError if the folder is of a run with other settings, if another process
    uses it, or if it is damaged.
    """
    folder = folder_of(output)
    with output_errors([folder]), ExitStack() as stack:  # a full disk can show when files close
        if folder.exists() and not _is_partial(folder, names):
            raise OutputError(f"{folder}: is not the unfinished output of a run; remove it")
        _read_journal(folder, settings)  # before anything is changed
        folder.mkdir(exist_ok=True)
        streams: dict[str, IO[bytes]] = {
            name: stack.enter_context(open(folder / name, "ab")) for name in names
        }
        try:
            for stream in streams.values():
                lock_file(stream.fileno())
        except OSError:
            raise OutputError(f"{folder}: another run is writing it") from None
        yield Partial(folder, settings, streams)


class _Sum:
    """The sha256 of the beginning of a file that grows."""

    def __init__(self, path: Path) -> None:
        self._path, self._size, self._hash = path, 0, hashlib.sha256()

    def extend(self, size: int) -> str:
        """Return the sha256 of the first bytes; ``size`` must not become less."""
        with open(self._path, "rb") as stream:
            stream.seek(self._size)
            while self._size < size and (read := stream.read(min(size - self._size, 1 << 20))):
                self._hash.update(read)
                self._size += len(read)
        return self._hash.hexdigest()


def _is_partial(folder: Path, names: Sequence[str]) -> bool:
    """Return whether a folder has nothing but the files of an unfinished output."""
    if not folder.is_dir():
        return False
    found = {path.name for path in folder.iterdir() if not path.name.startswith(f".{_JOURNAL}.")}
    return found <= {*names, _JOURNAL}


def _read_journal(
    folder: Path, settings: dict[str, Any]
) -> tuple[dict[str, tuple[int, str]], dict[str, Any]]:
    """Return size and sha256 of each file, and the state at the last commit; empty if none was."""
    path = folder / _JOURNAL
    if not path.exists():
        return {}, {}
    try:
        journal = read_with_sum(path)
    except BundleError:
        raise OutputError(f"{path}: damaged; delete {folder} to start again") from None
    found, files, state = (journal[key] for key in ("settings", "files", "state"))
    changed = [name for name in {**found, **settings} if found.get(name) != settings.get(name)]
    if changed:
        raise OutputError(
            f"{folder}: is of a run with another {changed[0].replace('_', '-')}; give the same "
            "options, or delete the folder to start again"
        )
    return {name: (size, digest) for name, (size, digest) in files.items()}, state
