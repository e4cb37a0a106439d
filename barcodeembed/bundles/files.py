"""Write outputs atomically: a path has either its old or its complete new content."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from barcodeembed.bundles.signals import signals_held
from barcodeembed.errors import OutputError

STDOUT = "-"


class OutputGroup:
    """Outputs that belong together. See `replace_together`."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.files, self.layers = ExitStack(), ExitStack()
        self.outputs: list[_Output] = []

    def binary(self, path: str | os.PathLike[str]) -> IO[bytes]:
        """Return a binary file that becomes ``path``."""
        output = self.files.enter_context(_prepared(Path(path)))
        self.names.append(str(path))
        self.outputs.append(output)
        return output.stream

    def text(self, path: str | os.PathLike[str]) -> IO[str]:
        """Return a UTF-8 text stream to ``-`` (standard output), or one that becomes ``path``.

        The suffixes ``.gz``, ``.bz2`` and ``.xz`` compress the file. Compressed files contain no
        time and no name, so that the same rows give the same bytes.
        """
        if os.fspath(path) == STDOUT:
            self.names.append("standard output")
            return self.layers.enter_context(_standard_output())
        return self.layers.enter_context(_text(self.binary(path), Path(path).suffix))


@contextmanager
def replace_together() -> Iterator[OutputGroup]:
    """Yield a group of outputs, which replace their targets if the block ends without error.

    Each is written in the folder of its target and synced. When all are complete, the old files are
    deleted, except the first, and the new ones are renamed, the first one first. So after a crash
    each file but the first is missing, or belongs to the first. After an error in the block all
    targets are as before. Raises OutputError if a target cannot be written.
    """
    group = OutputGroup()
    with group.files:
        with output_errors(group.names), group.layers:
            yield group
        for output in group.outputs:
            output.complete()
        with signals_held():
            _put_in_place([output for output in group.outputs if output.temporary])


@contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Yield a binary file that becomes ``path`` if the block ends without error.

    The file is written in the folder of its target, synced, and renamed over the target. After an
    error it is deleted. Raises OutputError if the target cannot be written.
    """
    with replace_together() as group:
        yield group.binary(path)


@contextmanager
def open_output(path: str | os.PathLike[str]) -> Iterator[IO[str]]:
    """Yield one `OutputGroup.text`: to standard output, or to a file, written atomically."""
    with replace_together() as group:
        yield group.text(path)


@dataclass(frozen=True, slots=True)
class _Output:
    """A file that is being written. A device has no ``temporary``: it is written to directly."""

    path: Path
    stream: IO[bytes]
    target: Path
    temporary: Path | None

    def complete(self) -> None:
        with output_errors([self.path]), self.stream:
            self.stream.flush()
            if self.temporary:
                os.fsync(self.stream.fileno())


@contextmanager
def _prepared(path: Path) -> Iterator[_Output]:
    """Open an output. What was not renamed at the end of the block is deleted."""
    # The tests of os.path are False if access is denied; opening the file then gives the reason.
    if os.path.isdir(path):
        raise OutputError(f"{path}: is a directory; give a file")
    if os.path.exists(path) and not os.path.isfile(path):
        # A device or a FIFO (/dev/full, /dev/stdout) can only be written to, not replaced.
        with output_errors([path]), open(path, "wb") as stream:
            yield _Output(path, stream, path, None)
        return
    target = resolve_links(path)
    temporary = temporary_sibling(target)
    with output_errors([path]):
        try:
            with open(temporary, "xb") as stream:
                yield _Output(path, stream, target, temporary)
        finally:
            with signals_held():
                temporary.unlink(missing_ok=True)


def _put_in_place(outputs: Sequence[_Output]) -> None:
    """Rename complete files. See `replace_together` for the order."""
    for output in outputs[1:]:
        remove_file(output.path)
    for output in outputs:
        with output_errors([output.path]):
            assert output.temporary
            os.replace(output.temporary, output.target)
    for output in outputs:
        confirm_rename(output.path, output.target.parent)


def remove_file(path: Path) -> None:
    """Delete an output if it is a file, so that it is not taken to belong to a new one."""
    target = resolve_links(path)
    with output_errors([path]):
        if target.is_file():
            target.unlink()
            sync_directory(target.parent)


@contextmanager
def _standard_output() -> Iterator[IO[str]]:
    if sys.stdout is None:
        raise OutputError("standard output is closed; use -o FILE to write to a file")
    stream = io.TextIOWrapper(
        os.fdopen(os.dup(sys.stdout.fileno()), "wb"), encoding="utf-8", newline="\n"
    )
    with stream:
        yield stream


@contextmanager
def _text(raw: IO[bytes], suffix: str) -> Iterator[IO[str]]:
    with compressor(raw, suffix) as binary:
        text = io.TextIOWrapper(binary, encoding="utf-8", newline="\n")
        try:
            yield text
            text.flush()
        except BaseException:
            with suppress(OSError):
                text.close()
            raise
        text.detach()


def write_rows(lines: Iterable[str], stream: IO[str]) -> None:
    """Write lines of a table cell by cell, as the commands do that make tables.

    The bytes of a compressed file depend on the sizes of what is written, so this gives the same
    file.
    """
    for line in lines:
        print(*line.removesuffix("\n").split("\t"), sep="\t", file=stream)


@contextmanager
def compressor(raw: IO[bytes], suffix: str) -> Iterator[IO[bytes]]:
    """Yield a stream to ``raw``, compressed according to a file suffix, without time or name."""
    if suffix == ".gz":
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as stream:
            yield cast(IO[bytes], stream)
    elif suffix == ".bz2":
        with bz2.BZ2File(raw, "wb") as stream:
            yield cast(IO[bytes], stream)
    elif suffix == ".xz":
        with lzma.LZMAFile(raw, "wb") as stream:
            yield cast(IO[bytes], stream)
    else:
        yield raw


@contextmanager
def output_errors(names: Sequence[str | os.PathLike[str]]) -> Iterator[None]:
    """Convert OSError to an OutputError that names the outputs. Standard output is not one."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if list(names) in ([], ["standard output"]):
            raise
        # NumPy, shutil and pyfastx raise OSError without the system's reason.
        text = "not all files were copied" if isinstance(error, shutil.Error) else error
        reason = error.strerror or f"{text}; is the disk full?"
        named = ", ".join(map(str, names))
        raise OutputError(f"{named}: cannot be written: {reason}") from None


def resolve_links(path: Path) -> Path:
    """Return the path that a link leads to: that path is replaced, and the link stays."""
    return Path(os.path.realpath(path))


def temporary_sibling(path: Path, label: str = "tmp") -> Path:
    """Return a new hidden path in the same folder."""
    # The process number is not enough: in containers the same numbers recur, and a killed process
    # leaves its file.
    return path.with_name(f".{path.name}.{label}-{os.getpid()}-{secrets.token_hex(3)}")


def confirm_rename(path: Path, folder: Path) -> None:
    """Flush the entries of the folder of an output that was renamed.

    Raises OutputError that says that the output is complete, and for what it is not safe.
    """
    try:
        sync_directory(folder)
    except OSError as error:
        raise OutputError(
            f"{path}: is complete, but could be lost in a power failure, because its folder cannot "
            f"be flushed to disk: {error.strerror}"
        ) from None


def sync_directory(path: Path) -> None:
    """Flush the entries of a directory to disk, so that a rename in it survives a crash."""
    if sys.platform == "win32":
        return  # a directory cannot be opened there
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system without this call
            raise
    finally:
        os.close(descriptor)
