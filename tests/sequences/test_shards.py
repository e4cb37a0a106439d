"""Shards of an input: which records they have, and which outputs are joined or refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from barcodeembed.bundles.sums import read_with_sum, with_sum
from barcodeembed.errors import InputError
from barcodeembed.sequences.parts import ALL, Flagged, InputDigest, Part
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.sequences.shards import (
    SUFFIX,
    forget_shard,
    join_tables,
    sort_shards,
    write_shard,
)

RECORDS = [SequenceRecord(f"r{i}", "ACGT" * (i + 1)) for i in range(7)]


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 9])
@pytest.mark.parametrize("first", [0, 1, 4])
def test_every_record_is_in_one_shard(shards, first):
    parts = [Part(i + 1, shards) for i in range(shards)]
    found = [[*part.of(RECORDS[:first]), *part.after(first).of(RECORDS[first:])] for part in parts]
    assert found == [RECORDS[i::shards] for i in range(shards)]


def test_a_part_leaves_out_what_is_done():
    assert list(ALL.of(RECORDS)) == RECORDS
    assert list(Part(done=3).of(RECORDS)) == RECORDS[3:]
    assert list(Part(2, 3, done=1).after(2).of(RECORDS[2:])) == [RECORDS[4]]
    assert not list(Part(2, 3, done=9).of(RECORDS))


def test_a_stream_that_stopped_can_go_on():
    class Records(list):
        def __next__(self):
            if not self:
                raise StopIteration
            return self.pop(0)

        def __iter__(self):
            return self

    waiting = Records("ab")
    chosen = Part(2, 2).of(waiting)
    assert list(chosen) == ["b"]
    waiting.extend("cdef")
    assert list(chosen) == ["d", "f"]


def test_a_part_by_flags():
    part = Flagged()
    part.flags.extend([True, False, False, True, True])
    assert list(part.of("ab")) == ["a"]
    assert list(part.after(2).of("cde")) == ["d", "e"]


def read(records: list[SequenceRecord], expected: tuple[int, str] | None = None) -> InputDigest:
    digest = InputDigest(expected)
    assert list(digest.watch(records)) == records
    digest.finish()
    return digest


def test_the_digest_is_of_the_records():
    seen = read(RECORDS[:4])
    assert seen.records == 4
    assert read(RECORDS, (4, seen.value)).value == read(RECORDS).value != seen.value
    for other in ([RECORDS[0], *RECORDS[:3], *RECORDS[4:]], RECORDS[:3], RECORDS[1:]):
        with pytest.raises(InputError, match="first 4 records are not those"):
            read(other, (4, seen.value))


def make(folder: Path, number: int, shards: int = 3, total: int = 7, **changed) -> str:
    """Write the table of a shard of seven records."""
    path = folder / f"names.{number}.tsv.gz"
    rows = "".join(f"r{i}\t{i}\n" for i in range(total)[number - 1 :: shards])
    path.write_bytes(gzip.compress(f"query_id\tnumber\n{rows}".encode()))
    fields = {
        "shard": number,
        "shards": shards,
        "records": rows.count("\n"),
        "input": {"records": total, "sha256": "abc"},
        "settings": {"version": "1", "index": "aaa", "top_k": 10},
    }
    write_shard(path, [path], **{**fields, **changed})
    return str(path)


@pytest.mark.parametrize("total", [0, 1, 7])
def test_shards_are_joined_in_the_order_of_the_input(tmp_path, total):
    outputs = [make(tmp_path, number, total=total) for number in (3, 1, 2)]
    lines = list(join_tables(sort_shards(outputs)))
    assert lines == ["query_id\tnumber\n", *(f"r{i}\t{i}\n" for i in range(total))]


def test_a_missing_shard(tmp_path):
    outputs = [make(tmp_path, number, shards=4) for number in (1, 4)]
    with pytest.raises(InputError, match="shard 2, 3 of 4 is missing"):
        sort_shards(outputs)


def test_a_shard_that_is_given_twice(tmp_path):
    outputs = [make(tmp_path, number) for number in (1, 2, 3)]
    with pytest.raises(InputError, match=r"names.2.tsv.gz: is shard 2, as .*names.2.tsv.gz is"):
        sort_shards([*outputs, outputs[1]])


def test_a_shard_that_did_not_finish(tmp_path):
    outputs = [make(tmp_path, number) for number in (1, 2, 3)]
    Path(outputs[2] + SUFFIX).unlink()
    with pytest.raises(InputError, match=r"names.3.tsv.gz: has no names.3.tsv.gz.shard.json"):
        sort_shards(outputs)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format_version": 1}', "\x00"])
def test_a_damaged_description(tmp_path, text):
    output = make(tmp_path, 1, shards=1)
    Path(output + SUFFIX).write_text(text)
    with pytest.raises(InputError, match="damaged; run this shard again"):
        sort_shards([output])


@pytest.mark.parametrize("name", ["shard", "shards", "records", "input", "settings", "files"])
@pytest.mark.parametrize("value", [None, "1", 2, 10**12, 0.5, [], {}])
def test_a_description_that_was_edited(tmp_path, name, value):
    output = make(tmp_path, 1, shards=1)
    path = Path(output + SUFFIX)
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(InputError, match="shard.json: damaged; run this shard again"):
        sort_shards([output])


def test_a_newer_description(tmp_path):
    output = make(tmp_path, 1, shards=1)
    described = read_with_sum(Path(output + SUFFIX))
    Path(output + SUFFIX).write_bytes(with_sum(described | {"format_version": 2}))
    with pytest.raises(InputError, match="has format 2"):
        sort_shards([output])


def test_a_changed_table(tmp_path):
    output = make(tmp_path, 1, shards=1)
    Path(output).write_bytes(gzip.compress(b"query_id\tnumber\n"))
    with pytest.raises(InputError, match="is not what its run wrote"):
        sort_shards([output])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"shards": 4}, "is one of 4 shards, but .* of 3"),
        ({"input": {"records": 7, "sha256": "other"}}, "is of another input than"),
        ({"settings": {"version": "2", "index": "aaa", "top_k": 10}}, "another version than"),
        ({"settings": {"version": "1", "index": "bbb", "top_k": 10}}, "another index than"),
        ({"settings": {"version": "1", "index": "aaa", "top_k": 9}}, "another top-k .* 9, not 10"),
        ({"settings": {"version": "1", "index": "aaa"}}, "another top-k than"),
        ({"records": 1}, "has 1 records, not 2"),
    ],
)
def test_a_shard_of_another_run(tmp_path, changed, message):
    outputs = [make(tmp_path, 1), make(tmp_path, 2, **changed), make(tmp_path, 3)]
    with pytest.raises(InputError, match=message):
        sort_shards(outputs)


def test_other_columns(tmp_path):
    shards = sort_shards([make(tmp_path, 1, shards=2), make(tmp_path, 2, shards=2)])
    Path(shards[1][0]).write_text("query_id\tother\nr1\t1\nr3\t3\nr5\t5\n")
    with pytest.raises(InputError, match="has other columns"):
        list(join_tables(shards))


def test_rows_that_are_lost(tmp_path):
    shards = sort_shards([make(tmp_path, 1, shards=2), make(tmp_path, 2, shards=2)])
    Path(shards[1][0]).write_text("query_id\tnumber\nr1\t1\n")
    with pytest.raises(InputError, match="the shards have 3 rows for 7 records"):
        list(join_tables(shards))


@pytest.mark.parametrize("cut", [0, 12])
def test_a_table_that_is_damaged_after_its_check(tmp_path, cut):
    shards = sort_shards([make(tmp_path, 1, shards=1)])
    packed = gzip.compress(Path(shards[0][0]).read_bytes() + bytes(range(128, 256)))
    Path(shards[0][0]).write_bytes(packed[: len(packed) - cut])
    with pytest.raises(InputError, match="damaged; run this shard again"):
        list(join_tables(shards))


def test_the_description_of_an_earlier_output_is_forgotten(tmp_path):
    output = make(tmp_path, 1)
    for _ in range(2):
        forget_shard(output)
        assert Path(output).exists() and not Path(output + SUFFIX).exists()
