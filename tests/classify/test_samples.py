"""Several samples in one run, counts, and negative controls."""

from __future__ import annotations

import json
import os

import pytest
from support import SIMULATED, rows_of

from barcodeembed.classify.counts import read_counts
from barcodeembed.classify.samples import read_sheet, samples_of
from barcodeembed.errors import InputError
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.reading import read_records
from barcodeembed.sequences.records import SequenceRecord

LATE = ("sample", "sequence_md5", "counts", "novel_unit")


def write(path, records):
    path.write_text("".join(f">{record.id}\n{record.sequence}\n" for record in records))
    return path


@pytest.fixture(scope="module")
def reads():
    records = {record.id: record for record in read_records(SIMULATED / "reads.fasta")}
    return [records[f"read_{number:03d}"] for number in range(1, 31)]


@pytest.fixture(scope="module")
def samples(reads, tmp_path_factory):
    """Two samples, of which the second also has read 3 of the first, reverse-complemented."""
    folder = tmp_path_factory.mktemp("samples")
    again = SequenceRecord("other", reverse_complement(reads[2].sequence))
    return (
        write(folder / "S1.fasta", reads[:12]),
        write(folder / "S2.fasta", [again, *reads[12:24]]),
    )


@pytest.fixture(scope="module")
def both(samples, index_bundle, tmp_path_factory):
    from support import run_here

    table = tmp_path_factory.mktemp("both") / "names.tsv"
    assert run_here("classify", *samples, "-i", index_bundle, "-o", table, "--cluster-novel") == 0
    return table


def without(rows, names=LATE):
    return [{name: cell for name, cell in row.items() if name not in names} for row in rows]


def test_a_sample_gets_the_rows_that_it_gets_alone(both, samples, index_bundle, call):
    rows = rows_of(both.read_text())
    assert [row["sample"] for row in rows] == ["S1"] * 12 + ["S2"] * 13
    for name, path in zip(("S1", "S2"), samples, strict=True):
        alone = rows_of(call("classify", path, "-i", index_bundle).out)
        assert "sample" not in alone[0]
        assert without([row for row in rows if row["sample"] == name]) == alone


def test_samples_share_units_and_sequences(both, reads):
    rows = rows_of(both.read_text())
    one = next(row for row in rows if row["query_id"] == "read_003")
    other = next(row for row in rows if row["query_id"] == "other")
    assert one["status"] == other["status"] == "novel"
    assert {one["strand"], other["strand"]} == {"+", "-"}
    assert one["novel_unit"] == other["novel_unit"] != "NA"
    assert one["sequence_md5"] == other["sequence_md5"]
    strands = ({r.sequence, reverse_complement(r.sequence)} for r in reads[:24])
    assert len({row["sequence_md5"] for row in rows}) == len({min(both) for both in strands})


def test_a_sheet_names_samples_of_several_files(samples, both, index_bundle, call, tmp_path):
    folder = samples[0].parent
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(
        f"sample,fastq_1\nlake,{folder}/S1.fasta\npond,{folder}/S2.fasta\nlake,{folder}/S2.fasta\n"
    )
    assert [len(sample.files) for sample in read_sheet(sheet)] == [2, 1]
    rows = rows_of(call("classify", "--samples", sheet, "-i", index_bundle).out)
    assert [row["sample"] for row in rows] == ["lake"] * 25 + ["pond"] * 13
    sheet.write_text("sample,reads\nlake,\n")
    with pytest.raises(InputError, match="sheet.csv:2: a sample without a name or a file"):
        read_sheet(sheet)
    sheet.write_text("name;reads\nlake;x\n")
    with pytest.raises(InputError, match="needs the columns sample and reads; it has name, reads"):
        read_sheet(sheet)


def test_hits_and_json_name_the_samples(samples, index_bundle, call, tmp_path):
    hits, run = tmp_path / "hits.tsv", tmp_path / "run.json"
    words = ("-i", index_bundle, "--hits", hits, "--json", run, "-o", tmp_path / "names.tsv")
    assert call("classify", *samples, *words).code == 0
    assert {row["sample"] for row in rows_of(hits.read_text())} == {"S1", "S2"}
    assert json.loads(run.read_text())["reads"] == {
        "S1": [str(samples[0])],
        "S2": [str(samples[1])],
    }


@pytest.mark.parametrize("name", ["S\t1", "S\x1b[31m", "S\n1", "S\x85x", "S\u2028x"])
def test_a_control_character_in_the_name_of_a_sample_is_an_error(name, tmp_path):
    """It would break the table, or control the terminal."""
    path = tmp_path / "table.csv"
    path.write_text(f'sample,reads\n"{name}",x.fa\n')
    with pytest.raises(InputError, match="table.csv:[23]: control character in the name"):
        read_sheet(path)
    path.write_text(f'sample,reads\n"S1","{name}.fa"\n')
    with pytest.raises(InputError, match="table.csv:[23]: control character in the name of the f"):
        read_sheet(path)
    if not set(name) & set("\t\n"):  # these divide a table of counts
        path.write_text(f'"id","{name}","S2"\n"a","1","2"\n')
        with pytest.raises(InputError, match="table.csv: control character in the name"):
            read_counts(path)


@pytest.mark.parametrize("name", ["S\t1", "S\x1b[31m", "S\n1", os.fsdecode(b"S\xff")])
def test_a_control_character_in_the_name_of_a_file_is_an_error_if_it_is_a_sample(name):
    assert samples_of([f"{name}.fa"])
    with pytest.raises(InputError, match="control character in the name of the sample"):
        samples_of(["S2.fa", f"{name}.fa"])


def test_a_sheet_with_a_null_character_is_an_error(tmp_path):
    (tmp_path / "sheet.tsv").write_text("sample\treads\nS1\tx\0.fa\n")
    with pytest.raises(InputError, match="sheet.tsv:2: control character in the name of the file"):
        read_sheet(tmp_path / "sheet.tsv")


def test_a_missing_file_of_several_is_an_error_before_the_first_is_read(call, tmp_path):
    missing = tmp_path / "missing.fa"
    done = call("classify", SIMULATED / "reads.fasta", missing, "-i", tmp_path / "any.bix")
    assert (done.code, done.out) == (1, "")
    assert f"{missing}: cannot be read: No such file or directory" in done.err


def test_a_file_that_occurs_twice_in_a_sample_is_an_error(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_text("sample,reads\na,x.fa\nb,x.fa\na,x.fa\n")
    with pytest.raises(InputError, match="sheet.csv:4: x.fa occurs twice in the sample a"):
        read_sheet(path)


def test_two_files_cannot_be_one_sample(tmp_path):
    with pytest.raises(InputError, match="would both be the sample S1"):
        samples_of(["a/S1.fasta", "b/S1.fastq.gz"])


def test_sequences_of_a_blank_are_flagged(samples, reads, index_bundle, call, tmp_path):
    blank = write(tmp_path / "blank.fasta", [SequenceRecord("b", reads[2].sequence), reads[29]])
    words = ("-i", index_bundle, "--negative-control", "blank")
    rows = rows_of(call("classify", *samples, blank, *words).out)
    flagged = {row["query_id"] for row in rows if "in_control" in row["flags"].split(";")}
    assert flagged == {"read_003", "other", "b", "read_030"}
    done = call("classify", *samples, "-i", index_bundle, "--negative-control", "blank")
    assert done.code == 2
    assert "there is no sample 'blank'; the samples are S1, S2" in " ".join(done.err.split())


@pytest.mark.parametrize(
    "table",
    [
        "#OTU ID\tA\tB\nread_001\t3\t0\nread_002;size=6\t5.0\t1\ngone\t1\t1\n",
        '"";"A";"B"\n"read_001";3;0\n"read_002;size=6";5;1\n"gone";1;1\n',
        "# Constructed from biom file\n#OTU ID\tA\tB\ttaxonomy\n"
        "read_001\t3.0\t0.0\tk__A\nread_002;size=6\t5.0\t1.0\t\ngone\t1\t1\tk__B\n",
        "A\tB\nread_001\t3\t0\nread_002;size=6\t5\t1\ngone\t1\t1\n",
        ",{0},{1},{2}\nA,3,5,1\nB,0,1,1\n",
        "seq,A,B\n{0},3,0\n{1},5,1\n{2},1,1\n",
    ],
)
def test_counts_of_many_programs(table, reads, tmp_path):
    path = tmp_path / "counts"
    gone = "ACGT" * 20
    path.write_text(table.format(reads[0].sequence, reverse_complement(reads[1].sequence), gone))
    counts = read_counts(path)
    assert counts.samples == ["A", "B"]
    assert counts.of(reads[0]) == {"A": 3}
    assert counts.of(SequenceRecord("read_002;size=6", reads[1].sequence)) == {"A": 5, "B": 1}
    assert counts.of(reads[2]) == {}
    assert counts.missing == {"read_003"}
    assert len(counts.unused) == 1


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("id\tA\nx\t1.5\n", "counts:2: '1.5' is not a count of reads"),
        ("id\tA\nx\tinf\n", "counts:2: 'inf' is not a count of reads"),
        (f"id\tA\nx\t{'9' * 5_000}\n", "counts:2: '9{40}' is not a count of reads"),
        ("id\tA\tB\nx\t1\t2\ny\t1\n", "counts:3: the row has 2 columns, the header has 3"),
        ("id\tA\nx\t1\nx\t2\n", "counts: a name occurs twice in the first column"),
        ("id\tA;B\nx\t1\n", "'A;B' is no name of a sample"),
        ("id\tA\n", "needs a header line and one row or more"),
    ],
)
def test_damaged_counts_are_errors(table, message, tmp_path):
    path = tmp_path / "counts"
    path.write_text(table)
    with pytest.raises(InputError, match=message):
        read_counts(path)


def test_counts_make_a_table_of_variants_by_samples(reads, index_bundle, call, tmp_path):
    fasta = write(tmp_path / "asvs.fasta", reads[:4])
    counts = tmp_path / "counts.tsv"
    counts.write_text("id\tA\tblank\nread_001\t3\t0\nread_002\t5\t1\nread_003\t0\t0\n")
    names = tmp_path / "names.tsv"
    words = ("--counts", counts, "--negative-control", "blank", "--cluster-novel")
    done = call("classify", fasta, "-i", index_bundle, *words, "-o", names)
    assert "1 records are not in the table, as 'read_004'" in done.err
    assert [row["counts"] for row in rows_of(names.read_text())] == [
        *("A=3", "A=5;blank=1", "NA", "NA"),
    ]
    table = rows_of(call("report", names, "--to", "table", "--by", "query").out)
    assert [(row["feature_id"], row["A"], row["blank"]) for row in table] == [
        ("read_001", "3", "0"),
        ("read_002", "5", "1"),
    ]
    assert table[0]["taxonomy"].startswith("k__Animalia; p__Arthropoda")
    assert ["in_control" in row["flags"] for row in table] == [False, True]
    biom = json.loads(call("report", names, "--to", "biom", "--by", "query").out)
    assert biom["data"] == [[0, 0, 3], [1, 0, 5], [1, 1, 1]]
    assert biom["rows"][0]["metadata"]["confidence"] == table[0]["confidence"]
    krona = call("report", names, "--to", "krona", "--exclude-flags", "in_control").out
    assert [line.split("\t")[0] for line in krona.splitlines()][0] == "3"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["S1.fasta", "--samples", "sheet.csv"], "give either READS or --samples"),
        (["S1.fasta", "S2.fasta", "--counts", "c.tsv"], "needs one file of READS"),
        (["-", "-"], "can be read once"),
        ([], "Missing argument"),
    ],
)
def test_wrong_uses(words, message, call):
    done = call("classify", *words)
    assert done.code == 2 and message in " ".join(done.err.split())


# The report of several samples.


def test_a_report_takes_samples_from_their_column(both, call):
    by_sequence = rows_of(call("report", both, "--to", "table", "--by", "sequence").out)
    rows = rows_of(both.read_text())
    assert sum(int(row["S1"]) for row in by_sequence) == 12
    assert sum(int(row["S2"]) for row in by_sequence) == 13
    assert len(by_sequence) == len({row["sequence_md5"] for row in rows}) < len(rows)
    shared = next(row for row in by_sequence if row["S1"] == row["S2"])
    assert shared["novel_unit"] == next(
        row["novel_unit"] for row in rows if row["query_id"] == "other"
    )
    assert "names" not in by_sequence[0]


def test_a_report_refuses_units_of_separate_runs(both, tmp_path, call):
    other = tmp_path / "other.tsv"
    other.write_text(both.read_text())
    done = call("report", both, other, "--to", "krona")
    assert done.code == 1 and "units (novel_0001) of separate runs" in done.err
    other.write_text(both.read_text().replace("novel_00", "lake_00"))
    assert call("report", both, other, "--to", "krona").code == 0


def test_the_sample_and_size_of_an_id_are_no_part_of_a_feature(both, tmp_path, call):
    header, first, *_ = both.read_text().splitlines()
    names = tmp_path / "names.tsv"
    cells = first.split("\t")[1:]
    ids = ("ASV2;sample=A;size=37", "ASV2;sample=B;size=2")
    lines = [header, *("\t".join([name, *cells]) for name in ids)]
    at = header.split("\t").index("sample")
    without_sample = ["\t".join(c for i, c in enumerate(x.split("\t")) if i != at) for x in lines]
    names.write_text("\n".join(without_sample) + "\n")
    pattern = ("--sample-pattern", "sample=([^;]+)")
    done = call("report", names, "--to", "table", "--by", "query", *pattern)
    assert [(row["feature_id"], row["A"], row["B"]) for row in rows_of(done.out)] == [
        ("ASV2", "37", "2"),
    ]


def test_excluded_flags_must_occur(both, call):
    done = call("report", both, "--to", "krona", "--exclude-flags", "pseudogen")
    assert "no row has the flag pseudogen" in done.err
