"""Atomic outputs: after any failure, an output has its complete old or new content."""

from __future__ import annotations

import builtins
import bz2
import errno
import gzip
import io
import lzma
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import files_in

from barcodeembed.bundles import files, swap
from barcodeembed.bundles.directories import refuse_directory, replace_directory
from barcodeembed.bundles.files import open_output, replace_file, replace_together
from barcodeembed.bundles.manifest import open_bundle, write_manifest
from barcodeembed.errors import OutputError
from barcodeembed.index.bundle import ReferenceIndex

ROWS = [f"row {number}" for number in range(3_000)]
TEXT = "".join(f"{row}\n" for row in ROWS)
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Faults:
    """Counts the calls that can fail, and makes the N-th call fail."""

    def __init__(self, at: int) -> None:
        self.at, self.calls = at, 0

    def strike(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise FULL

    def before(self, function: Callable) -> Callable:
        def faulty(*arguments, **options):
            self.strike()
            return function(*arguments, **options)

        return faulty


class FaultyFile(io.FileIO):
    """A file whose writes are among the calls that can fail."""

    faults: Faults

    def write(self, data) -> int:
        self.faults.strike()
        return super().write(data)


@contextmanager
def failing(at: int, under: Path, monkeypatch) -> Iterator[Faults]:
    """Make the N-th write, flush, rename or opening for writing under a folder fail."""
    faults = Faults(at)

    def faulty_open(path, mode="r", *arguments, **options):
        if isinstance(path, int) or set(mode).isdisjoint("wx") or under not in Path(path).parents:
            return real_open(path, mode, *arguments, **options)
        faults.strike()
        raw = FaultyFile(path, mode.replace("b", "").replace("t", ""))
        raw.faults = faults
        buffered = io.BufferedWriter(raw, 512)  # so that writes can fail within a block
        text_options = {k: v for k, v in options.items() if k in ("encoding", "newline")}
        return buffered if "b" in mode else io.TextIOWrapper(buffered, **text_options)

    real_open = builtins.open
    with monkeypatch.context() as patch:
        for name in ("fsync", "replace", "rename", "mkdir"):
            patch.setattr(os, name, faults.before(getattr(os, name)))
        for module in (builtins, io):
            patch.setattr(module, "open", faulty_open)
        yield faults


def fail_until_success(write: Callable[[], None], folder: Path, monkeypatch) -> Iterator[int]:
    """Run ``write`` with a failure of its first, second, ... call; yield after each failure."""
    for at in range(1, 500):
        with failing(at, folder, monkeypatch) as faults:
            try:
                write()
            except OutputError as error:
                assert re.search("No space left on device|is the disk full", str(error))
                assert faults.calls >= at
            else:
                assert faults.calls < at, "a failure was not noticed"
                return
        yield at
    raise AssertionError("it never succeeded")


@pytest.mark.parametrize("old", [None, "old\n"])
@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
def test_a_file_survives_the_failure_of_any_call(old, suffix, tmp_path, monkeypatch):
    target = tmp_path / f"table.tsv{suffix}"

    def write() -> None:
        with open_output(target) as stream:
            stream.writelines(f"{row}\n" for row in ROWS[:400])

    write()
    new = target.read_bytes()
    target.unlink()
    if old is not None:
        target.write_text(old)
    failures = 0
    for _ in fail_until_success(write, tmp_path, monkeypatch):
        failures += 1
        found = target.read_bytes() if target.exists() else None
        # When the last call, the flush of the folder, fails, the new file is already in place.
        assert found in (old and old.encode(), new)
        assert files_in(tmp_path) <= {target}
    assert failures >= 5
    assert target.read_bytes() == new
    assert files_in(tmp_path) == {target}


def make_bundle(path: Path, content: str) -> None:
    with replace_directory(path, "test") as folder:
        (folder / "part").mkdir()
        (folder / "part" / "a.txt").write_text(content)
        (folder / "b.txt").write_text(content)
        write_manifest(folder, "test", 1)


def content_of(path: Path) -> str | None:
    """Return the content of a complete bundle, or None if there is no bundle."""
    if not path.exists():
        return None
    open_bundle(path, "test", 1)
    first, second = (path / "part" / "a.txt").read_text(), (path / "b.txt").read_text()
    assert first == second
    return first


@pytest.mark.parametrize("old", [None, "old"])
def test_a_bundle_survives_the_failure_of_any_call(old, tmp_path, monkeypatch):
    target = tmp_path / "bundle"
    if old:
        make_bundle(target, old)
    failures = 0
    for _ in fail_until_success(lambda: make_bundle(target, "new"), tmp_path, monkeypatch):
        failures += 1
        assert content_of(target) in (old, "new")
        assert {path.name for path in tmp_path.iterdir()} <= {"bundle"}
    assert failures >= 10
    assert content_of(target) == "new"


@pytest.fixture
def two_references(tmp_path) -> Path:
    """Write two short references with two ranks, so that an index is built quickly."""
    path = tmp_path / "two.fa"
    path.write_text(
        f">a;tax=g:Apis,s:Apis_mellifera;\n{'ACGTTGCATCAG' * 10}\n"
        f">b;tax=g:Bombus,s:Bombus_terrestris;\n{'GGATTCAACTCA' * 10}\n"
    )
    return path


@pytest.mark.slow
def test_an_index_survives_the_failure_of_any_call(
    two_references, model_bundle, call, tmp_path, monkeypatch
):
    folder = tmp_path / "out"
    folder.mkdir()
    target, ended = folder / "two.bix", []

    def build() -> None:
        ended.append(call("index", "build", two_references, "-m", model_bundle, "-o", target, "-q"))
        if ended[-1].code:
            raise OutputError(ended[-1].err)

    failures = 0
    for _ in fail_until_success(build, folder, monkeypatch):
        failures += 1
        assert ended[-1].code == 1
        assert ended[-1].err.count("\n") == 1
        assert str(target) in ended[-1].err
        assert {path.name for path in folder.iterdir()} <= {"two.bix"}
        if target.exists():  # the last call, the flush of the folder, failed
            ReferenceIndex.open(target)
            shutil.rmtree(target)
    assert failures >= 20
    assert len(ReferenceIndex.open(target).record_ids) == 2


@pytest.mark.slow
def test_an_index_survives_a_full_disk(two_references, model_bundle, run, tmp_path):
    """The system limits the size of files, which also affects NumPy, SQLite and sendfile."""
    folder = tmp_path / "out"
    folder.mkdir()
    target = folder / "two.bix"

    def limit(size: int) -> Callable[[], None]:
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    for size in (300, 20_000, 100_000):
        result = run(
            "index",
            "build",
            two_references,
            "-m",
            model_bundle,
            "-o",
            target,
            "-q",
            preexec_fn=limit(size),
        )
        assert result.code == 1
        assert result.err.startswith(f"barcodeembed: error: {target}: cannot be written: ")
        assert result.err.count("\n") == 1
        assert files_in(folder) == set()


def test_an_error_in_the_block_leaves_the_old_file(tmp_path):
    target = tmp_path / "table.tsv"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), replace_file(target) as stream:
        stream.write(b"half")
        raise ZeroDivisionError
    with pytest.raises(KeyboardInterrupt), open_output(target) as stream:
        stream.write("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert files_in(tmp_path) == {target}


@pytest.mark.parametrize(
    "suffix, expand",
    [
        ("", lambda data: data),
        (".gz", gzip.decompress),
        (".bz2", bz2.decompress),
        (".xz", lzma.decompress),
    ],
)
def test_the_suffix_gives_the_compression_and_the_bytes_contain_no_time(
    suffix, expand, tmp_path, monkeypatch
):
    written = []
    for name, now in (("one", 1e9), ("other", 2e9)):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        with open_output(tmp_path / f"{name}{suffix}") as stream:
            stream.write(TEXT)
        written.append((tmp_path / f"{name}{suffix}").read_bytes())
    assert expand(written[0]).decode() == TEXT
    assert written[0] == written[1]
    assert not suffix or len(written[0]) < len(TEXT) / 2


def test_writers_of_one_file_do_not_mix(tmp_path):
    """If two write at the same time, the file has the complete content of the last one."""
    target = tmp_path / "table.tsv"
    started = threading.Barrier(2, timeout=20)

    def write(letter: str) -> None:
        with open_output(target) as stream:
            for _ in range(1_000):
                stream.write(letter * 100)
            started.wait()

    threads = [threading.Thread(target=write, args=letter) for letter in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_text() in ("a" * 100_000, "b" * 100_000)
    assert files_in(tmp_path) == {target}


def test_a_file_is_replaced_and_not_overwritten_in_place(tmp_path):
    """A process that has the old file open, or a hard link to it, still sees the old content."""
    target = tmp_path / "table.tsv"
    target.write_text("old")
    os.link(target, tmp_path / "kept.tsv")
    with open(target) as reader:
        with replace_file(target) as stream:
            stream.write(b"new")
        assert reader.read() == (tmp_path / "kept.tsv").read_text() == "old"
    assert target.read_text() == "new"


def test_temporary_files_of_a_killed_process_do_no_harm(tmp_path):
    """In containers, process numbers recur, so such a file can have the same number."""
    target = tmp_path / "table.tsv"
    (tmp_path / f".table.tsv.tmp-{os.getpid()}").write_text("half")
    with replace_file(target) as stream:
        stream.write(b"new")
    assert target.read_bytes() == b"new"


def test_a_link_is_kept_and_leads_to_the_new_content(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "table.tsv").write_text("old")
    (tmp_path / "table.tsv").symlink_to("disk/table.tsv")
    with replace_file(tmp_path / "table.tsv") as stream:
        stream.write(b"new")
    make_bundle(tmp_path / "disk" / "bundle", "old")
    (tmp_path / "bundle").symlink_to("disk/bundle")
    make_bundle(tmp_path / "bundle", "new")
    for name, read in (("table.tsv", Path.read_text), ("bundle", content_of)):
        assert (tmp_path / name).is_symlink()
        assert read(tmp_path / "disk" / name) == "new"
    assert {path.name for path in tmp_path.iterdir()} == {"disk", "table.tsv", "bundle"}
    assert {path.name for path in (tmp_path / "disk").iterdir()} == {"table.tsv", "bundle"}


def test_a_device_is_written_to_and_not_replaced(tmp_path):
    with pytest.raises(OutputError, match="/dev/full: cannot be written: No space left"):
        with open_output("/dev/full") as stream:
            stream.write(TEXT)
    os.mkfifo(tmp_path / "fifo")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "fifo").read_text()))
    reader.start()
    with open_output(tmp_path / "fifo") as stream:
        stream.write(TEXT)
    reader.join()
    assert read == [TEXT]
    assert (tmp_path / "fifo").is_fifo()


@pytest.mark.parametrize("target", ["into_file", "to_pipe"])
def test_dev_stdout_is_standard_output(target, tmp_path):
    """Redirected to a file, ``/dev/stdout`` looks like one, and must not be replaced in /dev."""
    script = (
        "from barcodeembed.bundles.files import open_output\n"
        "with open_output('/dev/stdout') as stream: stream.write('rows\\n')"
    )
    before = os.readlink("/dev/stdout")
    with open(tmp_path / "out", "w") as stream:
        stdout = stream if target == "into_file" else subprocess.PIPE
        done = subprocess.run([sys.executable, "-c", script], stdout=stdout, text=True, check=True)
    found = (tmp_path / "out").read_text() if target == "into_file" else done.stdout
    assert found == "rows\n"
    assert os.readlink("/dev/stdout") == before


@pytest.mark.parametrize(
    "path, problem",
    [
        (".", "is a directory"),
        ("folder", "is a directory"),
        ("missing/table.tsv", "No such file or directory"),
        ("table.tsv/inside", "Not a directory"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_file_that_cannot_be_written_is_named(path, problem, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "table.tsv").write_text("old")
    with pytest.raises(OutputError, match=problem) as refused, replace_file(path):
        raise AssertionError("the block must not be entered")
    assert str(refused.value).startswith(f"{path}: ")
    assert files_in(tmp_path) == {tmp_path / "folder", tmp_path / "table.tsv"}


@pytest.mark.parametrize(
    "path, problem",
    [
        (".", "contains something other than a bundle"),
        (
            "precious",
            "contains something other than a bundle of kind test, which would be deleted",
        ),
        ("extension", "contains something other than a bundle"),
        ("model", "contains something other than a bundle"),
        ("file", "exists and is not a bundle directory"),
        ("missing/bundle", "is not a directory"),
        ("file/bundle", "is not a directory"),
    ],
)
def test_only_a_bundle_is_replaced_by_a_bundle(path, problem, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("old")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("years of work")
    for name, manifest in (("extension", '{"name": "app"}'), ("model", '{"kind": "model"}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(manifest)
    before = files_in(tmp_path)
    with pytest.raises(OutputError, match=problem):
        refuse_directory(path, "test")
    with pytest.raises(OutputError, match=problem):
        make_bundle(path, "new")
    assert files_in(tmp_path) == before


def test_an_empty_folder_and_an_older_bundle_are_replaced(tmp_path):
    (tmp_path / "bundle").mkdir()
    for content in ("one", "other"):
        make_bundle(tmp_path / "bundle", content)
        assert content_of(tmp_path / "bundle") == content


def test_a_bundle_has_the_permissions_of_new_files(tmp_path):
    """safetensors creates files that only their owner can read."""
    with replace_directory(tmp_path / "bundle", "test") as folder:
        (folder / "private").touch(mode=0o600)
    (tmp_path / "usual").touch()
    modes = [path.stat().st_mode for path in (tmp_path / "usual", tmp_path / "bundle" / "private")]
    assert modes[0] == modes[1]


def test_standard_output_is_left_open(capfd):
    with open_output(files.STDOUT) as stream:
        stream.write("data\n")
    print("more")
    sys.stdout.flush()
    assert capfd.readouterr().out == "data\nmore\n"


def write_pair(folder: Path, content: str) -> None:
    with replace_together() as group:
        first, second = group.text(folder / "first.tsv"), group.text(folder / "second.tsv")
        first.write(content)
        second.write(content)


def pair_in(folder: Path) -> list[str | None]:
    paths = (folder / "first.tsv", folder / "second.tsv")
    return [path.read_text() if path.exists() else None for path in paths]


def test_a_second_file_belongs_to_the_first_after_the_failure_of_any_call(tmp_path, monkeypatch):
    write_pair(tmp_path, "old")
    failures = 0
    for _ in fail_until_success(lambda: write_pair(tmp_path, "new"), tmp_path, monkeypatch):
        failures += 1
        first, second = pair_in(tmp_path)
        assert first in ("old", "new")
        assert second in (first, None)
        assert files_in(tmp_path) <= {tmp_path / "first.tsv", tmp_path / "second.tsv"}
        write_pair(tmp_path, "old")
    assert failures >= 6
    assert pair_in(tmp_path) == ["new", "new"]


def test_an_error_in_the_block_leaves_the_old_pair(tmp_path):
    write_pair(tmp_path, "old")
    with pytest.raises(ZeroDivisionError), replace_together() as group:
        group.text(tmp_path / "first.tsv").write("new")
        group.text(tmp_path / "second.tsv").write("new")
        raise ZeroDivisionError
    assert pair_in(tmp_path) == ["old", "old"]


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Let Ctrl-C raise an exception; tests in the background of a shell ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_signal_during_the_renames_waits_until_the_pair_is_complete(
    ctrl_c, tmp_path, monkeypatch
):
    write_pair(tmp_path, "old")
    replace = os.replace

    def interrupted(*paths) -> None:
        replace(*paths)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_pair(tmp_path, "new")
    assert pair_in(tmp_path) == ["new", "new"]


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_signal_during_the_renames_waits_until_the_bundle_is_complete(
    can_exchange, ctrl_c, tmp_path, monkeypatch
):
    target = tmp_path / "bundle"
    make_bundle(target, "old")
    put_in_place, rename = swap.exchange, os.rename

    def exchange(*paths) -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return can_exchange and put_in_place(*paths)

    def interrupted(*paths) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        rename(*paths)

    monkeypatch.setattr(swap, "exchange", exchange)
    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_bundle(target, "new")
    assert content_of(target) == "new"
    assert {path.name for path in tmp_path.iterdir()} == {"bundle"}


def test_a_signal_during_the_clean_up_waits_until_nothing_is_left(ctrl_c, tmp_path, monkeypatch):
    """The old content of a bundle, and the temporary file of an output that is not renamed."""

    def interrupted(function: Callable) -> Callable:
        def clean_up(*arguments, **options) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            function(*arguments, **options)

        return clean_up

    make_bundle(tmp_path / "bundle", "old")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", interrupted(shutil.rmtree))
        with pytest.raises(KeyboardInterrupt):
            make_bundle(tmp_path / "bundle", "new")
        patch.setattr(Path, "unlink", interrupted(Path.unlink))
        with pytest.raises(KeyboardInterrupt), replace_file(tmp_path / "table.tsv"):
            raise ZeroDivisionError
    assert content_of(tmp_path / "bundle") == "new"
    assert {path.name for path in tmp_path.iterdir()} == {"bundle"}


@pytest.mark.parametrize("old", [None, "old"])
def test_a_bundle_survives_failures_where_paths_cannot_be_exchanged(old, tmp_path, monkeypatch):
    monkeypatch.setattr(swap, "exchange", lambda first, second: False)
    test_a_bundle_survives_the_failure_of_any_call(old, tmp_path, monkeypatch)


def test_an_old_bundle_that_a_killed_process_left_is_found(tmp_path):
    target = tmp_path / "bundle"
    make_bundle(target, "old")
    target.rename(tmp_path / ".bundle.old-1-abcdef")
    assert content_of_opened(target) == "old"
    target.rename(tmp_path / ".bundle.old-1-abcdef")
    make_bundle(target, "new")
    assert content_of(target) == "new"
    assert {path.name for path in tmp_path.iterdir()} == {"bundle"}


def content_of_opened(path: Path) -> str | None:
    open_bundle(path, "test", 1)
    return content_of(path)


def test_a_second_writer_of_a_bundle_is_refused(tmp_path):
    """In another process: one process can lock an output early and write it late."""
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from barcodeembed.bundles.locks import locked\n"
        "with locked(Path(sys.argv[1])):\n"
        "    print('locked', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    target = tmp_path / "bundle"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(OutputError, match="bundle: another command is writing it now"):
            make_bundle(target, "new")
        assert not target.exists()
        other.kill()  # its lock file is left, and its lock is not
    make_bundle(target, "new")
    assert content_of(target) == "new"
    assert {path.name for path in tmp_path.iterdir()} == {"bundle"}


def test_a_folder_that_cannot_be_flushed_is_an_error_that_says_what_was_written(
    tmp_path, monkeypatch
):
    def fails(path: Path) -> None:
        if path == tmp_path:
            raise FULL

    monkeypatch.setattr(files, "sync_directory", fails)
    with pytest.raises(OutputError, match="table.tsv: is complete, but could be lost in a power"):
        with replace_file(tmp_path / "table.tsv") as stream:
            stream.write(b"new")
    assert (tmp_path / "table.tsv").read_bytes() == b"new"
    with pytest.raises(OutputError, match="bundle: is complete, but could be lost in a power"):
        make_bundle(tmp_path / "bundle", "new")
    assert content_of(tmp_path / "bundle") == "new"


# Systems that lack what Linux has.


def test_paths_are_not_exchanged_where_the_system_cannot(tmp_path, monkeypatch):
    monkeypatch.setattr(swap.ctypes, "CDLL", lambda *_, **__: object())
    assert not swap.exchange(tmp_path / "a", tmp_path / "b")


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EINVAL, errno.EACCES])
def test_an_exchange_that_is_refused_is_an_error_unless_it_cannot_be(code, tmp_path, monkeypatch):
    class Refuses:
        def renameat2(self, *_) -> int:
            return -1

    monkeypatch.setattr(swap.ctypes, "CDLL", lambda *_, **__: Refuses())
    monkeypatch.setattr(swap.ctypes, "get_errno", lambda: code)
    if code != errno.EACCES:
        assert not swap.exchange(tmp_path / "a", tmp_path / "b")
        return
    with pytest.raises(PermissionError, match="/b'"):
        swap.exchange(tmp_path / "a", tmp_path / "b")


def test_an_old_bundle_is_not_restored_over_a_new_one(tmp_path, monkeypatch):
    """Another process can write the bundle before this one has the lock."""
    target = tmp_path / "bundle"
    make_bundle(target, "old")
    target.rename(tmp_path / ".bundle.old-1-abcdef")
    make_bundle(tmp_path / "other", "new")

    @contextmanager
    def locked(path: Path) -> Iterator[None]:
        (tmp_path / "other").rename(path)
        yield

    monkeypatch.setattr(swap, "locked", locked)
    swap.restore_old(target)
    assert content_of(target) == "new"


def test_a_bundle_is_written_where_there_are_no_locks(tmp_path, monkeypatch):
    def refuse(*_) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    make_bundle(tmp_path / "bundle", "new")
    assert content_of(tmp_path / "bundle") == "new"
    assert {path.name for path in tmp_path.iterdir()} == {"bundle"}


def test_a_lock_file_that_its_holder_deleted_is_made_again(tmp_path, monkeypatch):
    answers = iter([False])
    same = os.path.samestat
    monkeypatch.setattr(
        os.path, "samestat", lambda *both: next(answers, None) is None and same(*both)
    )
    make_bundle(tmp_path / "bundle", "new")
    assert next(answers, None) is None
    assert content_of(tmp_path / "bundle") == "new"


def test_a_folder_that_need_not_be_flushed_is_no_error(tmp_path, monkeypatch):
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        files.sync_directory(tmp_path)


def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path, monkeypatch):
    """Also for root, for whom the system says that it can."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="bundle: cannot be written: "):
        make_bundle(tmp_path / "bundle", "new")


def test_standard_output_that_is_closed_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OutputError, match="standard output is closed"), open_output("-"):
        pass


def test_a_directory_that_is_made_in_the_meantime_is_not_replaced(tmp_path):
    path = tmp_path / "some.bix"
    with pytest.raises(OutputError, match="contains something other than a bundle"):
        with replace_directory(path, "test"):
            path.mkdir()
            (path / "mine.txt").write_text("mine")
    assert (path / "mine.txt").read_text() == "mine"
    assert files_in(tmp_path) == {path, path / "mine.txt"}
