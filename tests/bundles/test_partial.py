"""Unfinished outputs: what was committed comes back, and nothing else is touched."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from barcodeembed.bundles.partial import folder_of, open_partial
from barcodeembed.errors import OutputError

SETTINGS = {"top_k": 10}
NAMES = ("rows", "hits")


@pytest.fixture
def output(tmp_path) -> Path:
    """Write an unfinished output with one commit, and a row after it."""
    path = tmp_path / "names.tsv"
    with open_partial(path, SETTINGS, NAMES) as partial:
        assert partial.state == {}
        partial.streams["rows"].write(b"a\nb\n")
        partial.commit({"done": 2})
        partial.streams["rows"].write(b"half")
    return path


def test_what_was_committed_comes_back(output):
    folder = folder_of(output)
    assert (folder / "rows").read_bytes() == b"a\nb\nhalf"
    with open_partial(output, SETTINGS, NAMES) as partial:
        assert partial.state == {"done": 2}
        partial.streams["rows"].write(b"c\n")
        partial.streams["hits"].write(b"1\n")
        partial.commit({"done": 3})
        assert (folder / "rows").read_bytes() == b"a\nb\nc\n"
        partial.remove()
    assert not folder.exists()


def test_an_error_keeps_what_was_committed(output):
    with pytest.raises(ZeroDivisionError), open_partial(output, SETTINGS, NAMES) as partial:
        partial.streams["rows"].write(b"c\n")
        partial.commit({"done": 3})
        raise ZeroDivisionError
    with open_partial(output, SETTINGS, NAMES) as partial:
        assert partial.state == {"done": 3}


def test_another_run_is_refused(output):
    for settings in ({"top_k": 5}, SETTINGS | {"min_length": 50}):
        with pytest.raises(OutputError, match="is of a run with another (top-k|min-length); give"):
            with open_partial(output, settings, NAMES):
                pass
    assert (folder_of(output) / "rows").read_bytes() == b"a\nb\nhalf"


@pytest.mark.parametrize("text", ["{", "[]", '{"settings": {}}', '{"settings": 1}'])
def test_a_damaged_journal_is_an_error(text, output):
    (folder_of(output) / "journal.json").write_text(text)
    with pytest.raises(OutputError, match="journal.json: damaged; delete .* to start again"):
        with open_partial(output, SETTINGS, NAMES):
            pass


def test_a_file_that_was_cut_is_an_error(output):
    os.truncate(folder_of(output) / "rows", 3)
    with pytest.raises(OutputError, match="rows: damaged; delete .* to start again"):
        with open_partial(output, SETTINGS, NAMES):
            pass


def test_a_changed_byte_is_an_error(output):
    with open(folder_of(output) / "rows", "r+b") as rows:
        rows.write(b"A")
    with pytest.raises(OutputError, match="rows: damaged; delete .* to start again"):
        with open_partial(output, SETTINGS, NAMES):
            pass
    assert (folder_of(output) / "rows").read_bytes() == b"A\nb\nhalf"


@pytest.mark.parametrize("value", [None, "x", 1, [], {"rows": -1}, {"done": "2"}])
@pytest.mark.parametrize("name", ["settings", "files", "state"])
def test_a_journal_that_was_edited_is_an_error(name, value, output):
    path = folder_of(output) / "journal.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(OutputError, match="journal.json: damaged; delete .* to start again"):
        with open_partial(output, SETTINGS, NAMES):
            pass


def test_the_checksum_goes_on_after_an_interruption(output):
    for done, row in ((3, b"c\n"), (4, b""), (5, b"d\n")):
        with open_partial(output, SETTINGS, NAMES) as partial:
            partial.streams["rows"].write(row)
            partial.commit({"done": done})
    with open_partial(output, SETTINGS, NAMES) as partial:
        assert partial.state == {"done": 5}
        assert (partial.folder / "rows").read_bytes() == b"a\nb\nc\nd\n"


def test_two_runs_at_the_same_time_are_refused(output):
    with open(folder_of(output) / "rows") as rows:
        fcntl.flock(rows, fcntl.LOCK_EX)
        with pytest.raises(OutputError, match="names.tsv.part: another run is writing it"):
            with open_partial(output, SETTINGS, NAMES):
                pass


@pytest.mark.parametrize("is_file", [False, True])
def test_something_else_is_left_alone(is_file, tmp_path):
    other = tmp_path / "names.tsv.part"
    if is_file:
        other.write_text("mine")
    else:
        other.mkdir()
        (other / "thesis.doc").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match="is not the unfinished output of a run; remove it"):
        with open_partial(tmp_path / "names.tsv", SETTINGS, NAMES):
            pass
    assert sorted(tmp_path.rglob("*")) == before


def test_a_full_disk_that_shows_when_the_files_are_closed_is_named(tmp_path):
    with pytest.raises(OutputError, match="names.tsv.part: cannot be written: No space left"):
        with open_partial(tmp_path / "names.tsv", {}, ["rows"]) as partial:
            rows = partial.streams["rows"]
            rows.write(b"not flushed")
            os.dup2(os.open("/dev/full", os.O_WRONLY), rows.fileno())
