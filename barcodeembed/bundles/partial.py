"""Unfinished outputs, which a later run can go on with.

The folder ``OUTPUT.part`` has files that grow, and a journal with the state at the last commit.
What was written after it is cut off when the folder is opened again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from barcodeembed.bundles.files import output_errors, replace_file, resolve_links
from barcodeembed.bundles.locks import lock_file
from barcodeembed.bundles.signals import signals_held
from barcodeembed.errors import OutputError

_JOURNAL = "journal.json"


class Partial:
    """The unfinished output of a run.

    Attributes:
        folder: The folder ``OUTPUT.part``.
        streams: The files, by name, open at their end.
        state: What the last `commit` stored; empty for a new run.
    """

    def __init__(
        self, folder: Path, settings: dict[str, Any], streams: dict[str, IO[bytes]], state: Any
    ) -> None:
        self.folder, self.streams, self.state = folder, streams, state
        self._settings = settings

    def commit(self, state: dict[str, Any]) -> None:
        """Store what was written so far, and the state that belongs to it, on disk."""
        with output_errors([self.folder]):
            for stream in self.streams.values():
                stream.flush()
                os.fsync(stream.fileno())
            sizes = {name: stream.tell() for name, stream in self.streams.items()}
        self.state = state
        journal = {"settings": self._settings, "sizes": sizes, "state": state}
        with replace_file(self.folder / _JOURNAL) as target:
            target.write(json.dumps(journal).encode())

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
    with ExitStack() as stack:
        with output_errors([folder]):
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
        sizes, state = _read_journal(folder, settings)
        for name, stream in streams.items():
            size = sizes.get(name, 0)
            if os.fstat(stream.fileno()).st_size < size:
                raise OutputError(f"{folder / name}: damaged; delete {folder} to start again")
            stream.truncate(size)
            stream.seek(size)
        with output_errors([folder]):
            yield Partial(folder, settings, streams, state)


def _is_partial(folder: Path, names: Sequence[str]) -> bool:
    """Return whether a folder has nothing but the files of an unfinished output."""
    if not folder.is_dir():
        return False
    found = {path.name for path in folder.iterdir() if not path.name.startswith(f".{_JOURNAL}.")}
    return found <= {*names, _JOURNAL}


def _read_journal(folder: Path, settings: dict[str, Any]) -> tuple[dict[str, int], dict[str, Any]]:
    """Return the sizes of the files and the state at the last commit; empty if there was none."""
    path = folder / _JOURNAL
    if not path.exists():
        return {}, {}
    try:
        journal = json.loads(path.read_bytes())
        found, sizes, state = (dict(journal[key]) for key in ("settings", "sizes", "state"))
    except (OSError, ValueError, KeyError, TypeError):
        raise OutputError(f"{path}: damaged; delete {folder} to start again") from None
    changed = [name for name in {**found, **settings} if found.get(name) != settings.get(name)]
    if changed:
        raise OutputError(
            f"{folder}: is of a run with another {changed[0].replace('_', '-')}; give the same "
            "options, or delete the folder to start again"
        )
    return sizes, state
