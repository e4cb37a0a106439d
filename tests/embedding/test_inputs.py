"""What the API accepts as sequences."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from Bio.Seq import Seq
from Bio.SeqRecord import SeqRecord

from barcodeembed.embedding.inputs import called, records_of
from barcodeembed.errors import InputError
from barcodeembed.sequences.records import SequenceRecord

BARCODE = "ACGGATTCTAGCATTCAGGTACCATTAG"
RECORD = SequenceRecord("a", BARCODE)


def pairs(sequences) -> list[tuple[str, str]]:
    return [(record.id, record.sequence) for record in records_of(sequences)]


@pytest.mark.parametrize(
    "sequences",
    [
        BARCODE,
        f"{BARCODE[:9]}\n{BARCODE[9:]}\n",
        [BARCODE],
        (BARCODE,),
        iter([BARCODE]),
        pd.Series([BARCODE], index=[7]),
        Seq(BARCODE),
        [Seq(BARCODE)],
    ],
    ids=["text", "lines", "list", "tuple", "iterator", "Series", "Seq", "list of Seq"],
)
def test_a_sequence_can_be_given_in_many_ways(sequences):
    assert pairs(sequences) == [("sequence_1", BARCODE)]


def test_records_keep_their_ids():
    biopython = SeqRecord(Seq(BARCODE), id="b", description="from a colleague")
    assert pairs([RECORD, biopython, BARCODE]) == [
        ("a", BARCODE),
        ("b", BARCODE),
        ("sequence_3", BARCODE),
    ]
    assert pairs(RECORD) == [("a", BARCODE)]
    assert pairs(biopython) == [("b", BARCODE)]


def test_a_text_that_names_a_file_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("reads.fa").write_text(f">r1\n{BARCODE}\n")
    for path in ("reads.fa", Path("reads.fa"), str(tmp_path / "reads.fa")):
        assert pairs(path) == [("r1", BARCODE)]


def test_a_file_whose_name_could_be_a_sequence_needs_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").write_text(f">r1\n{BARCODE}\n")
    with pytest.raises(InputError, match=r"could also be a sequence; give the file as pathlib.Pat"):
        records_of("data")
    assert pairs(Path("data")) == [("r1", BARCODE)]
    assert pairs(["data"]) == [("sequence_1", "data")]


@pytest.mark.parametrize(
    "sequences, message",
    [
        ("hello world", "'hello world' is neither a DNA sequence nor an existing file"),
        ("reads.fasta", "'reads.fasta' is neither a DNA sequence nor an existing file"),
        ("", "'' is neither"),
        ("-", "'-' is neither"),
        (f">r1\n{BARCODE}", "is the text of a FASTA or FASTQ file; write it to a file"),
        (b"ACGT", "an object of type bytes cannot be read; give a DNA sequence, a list"),
        (7, "an object of type int cannot be read"),
        (pd.DataFrame({"sequence": [BARCODE]}), "give the column of the sequences"),
        ([BARCODE, "hello world"], "sequence 2: character 'e' is not a nucleotide"),
        ([BARCODE, float("nan")], "sequence 2 is of type float"),
        ([BARCODE, None], "sequence 2 is of type NoneType"),
        ([Path("reads.fa")], "sequence 1 is of type"),
        (["reads.fasta"], "sequence 1: character 'e'"),
        ([SequenceRecord("a", "MKLVPQ")], "record a: character 'L' is not a nucleotide"),
    ],
)
def test_anything_else_is_an_error_that_says_what_to_do(sequences, message):
    with pytest.raises(InputError) as caught:
        list(records_of(sequences))
    assert message in str(caught.value)


def test_a_missing_file_is_an_error():
    with pytest.raises(InputError, match="missing.fa: cannot be read: No such file"):
        list(records_of(Path("missing.fa")))


def test_the_letters_of_a_record_are_checked_and_tidied():
    (record,) = records_of([SequenceRecord("a", "1 acgt 5 acgt")])
    assert (record.sequence, record.flags) == ("acgtacgt", ("layout_removed",))


def test_inputs_have_a_name():
    assert called(Path("reads.fa")) == "reads.fa"
    assert called(RECORD) == "a"
    assert called(BARCODE) == "1 sequence"
    assert called([BARCODE, BARCODE]) == "2 sequences"
    assert called(iter([BARCODE])) == "a stream of sequences"
