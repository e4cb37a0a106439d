"""The Darwin Core archive of `report`."""

from __future__ import annotations

import csv
import io
import zipfile
from xml.etree import ElementTree

import pytest

from barcodeembed.sequences.cleaning import reverse_complement

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
BEE = ("Animalia", "Arthropoda", "Insecta", "Hymenoptera", "Apidae", "Apis", "Apis mellifera")
COLUMNS = (
    *("query_id", "status", "novel_rank", "rank", "taxon", "confidence", *RANKS, "nearest_id"),
    *("similarity", "identity", "strand", "length", "flags", "nearest_taxon", "nearest_bin"),
    *("sample", "sequence_md5", "novel_unit"),
)


def row(query, sample, status="assigned", rank="species", novel=None, **cells):
    names = dict(zip(RANKS, BEE, strict=True))
    shown = RANKS[: RANKS.index(rank) + 1] if rank else ()
    cells = {
        **{name: names[name] for name in shown},
        "query_id": query,
        "sample": sample,
        "status": status,
        "rank": rank,
        "novel_rank": novel,
        "taxon": names[rank] if rank else None,
        "confidence": "0.9876" if rank else None,
        "nearest_id": "REF1" if rank else None,
        "nearest_taxon": "Apis mellifera" if rank else None,
        "nearest_bin": "BOLD:AAA2326" if rank else None,
        "similarity": "0.9",
        "identity": "98.7654" if rank else None,
        "strand": "+",
        "length": "8",
        "sequence_md5": f"md5_{query.partition(';')[0]}",
        **cells,
    }
    return "\t".join(cells.get(name) or "NA" for name in COLUMNS)


ROWS = (
    row("q1;size=7", "lake"),
    row("q1;size=2", "pond", strand="-"),
    row("q2;size=3", "lake", "novel", "genus", "species", novel_unit="lake_0001"),
    row("q3", "lake", "ambiguous", "order"),
    row("q4", "lake", "unclassifiable", None, flags="non_target", strand=None),
    row("q5;size=9", "lake", flags="chimera"),
)


@pytest.fixture
def names(tmp_path):
    path = tmp_path / "names.tsv"
    path.write_text("\n".join(["\t".join(COLUMNS), *ROWS]) + "\n")
    return path


@pytest.fixture
def archive(names, tmp_path, call):
    (tmp_path / "ids.csv").write_text(
        "taxon,id\nApis mellifera,urn:lsid:marinespecies.org:taxname:5\nApis,gbif:1334757\n"
    )
    for sample in ("lake", "pond"):
        text = "".join(
            f">{q}\naacc-GG{q[1].replace('1', 'T')}\n" for q in ("q1;size=7", "q1;size=2")
        )
        (tmp_path / f"{sample}.fasta").write_text(text)
    words = ("--ids", tmp_path / "ids.csv", "--exclude-flags", "chimera", "--title", "Bees & co")
    reads = [w for s in ("lake", "pond") for w in ("--reads", tmp_path / f"{s}.fasta")]
    done = call("report", names, "--to", "dwc", *words, *reads, "-o", tmp_path / "bees.zip")
    assert done.code == 0, done.err
    assert "--reads: 3 of 5 queries have no sequence there" in done.err
    assert "6 records, 1 left out" in done.err
    return tmp_path / "bees.zip"


def read_table(archive: zipfile.ZipFile, kind: str) -> list[dict[str, str]]:
    """Read the core or the extension as meta.xml describes it."""
    space = "{http://rs.tdwg.org/dwc/text/}"
    table = ElementTree.fromstring(archive.read("meta.xml")).find(space + kind)
    assert table is not None
    text = archive.read(table.find(f"{space}files/{space}location").text).decode()
    rows = list(csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))
    terms = {int(f.get("index")): f.get("term") for f in table.findall(space + "field")}
    return [{terms[i].rpartition("/")[2]: row[i] for i in terms} for row in rows[1:]]


def test_an_occurrence_is_a_sequence_in_a_sample(archive):
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        rows = read_table(opened, "core")
        eml = ElementTree.fromstring(opened.read("eml.xml"))
    assert eml.find("dataset/title").text == "Bees & co"
    assert [row["occurrenceID"] for row in rows] == [
        *("lake:md5_q1", "pond:md5_q1", "lake:md5_q2", "lake:md5_q3", "lake:md5_q4"),
    ]
    bee, other, new, order, unknown = rows
    assert bee["scientificName"] == "Apis mellifera" and bee["taxonRank"] == "species"
    assert [bee[rank] for rank in RANKS[:-1]] == list(BEE[:-1])
    assert bee["scientificNameID"] == "urn:lsid:marinespecies.org:taxname:5"
    assert bee["taxonConceptID"] == "BOLD:AAA2326"
    assert (bee["eventID"], bee["organismQuantity"], bee["sampleSizeValue"]) == ("lake", "7", "21")
    assert (other["organismQuantity"], other["sampleSizeValue"]) == ("2", "2")
    assert bee["identificationQualifier"] == ""
    assert (
        "confidence 0.9876; closest reference REF1 (Apis mellifera), identity 98.77 %"
        in (bee["identificationRemarks"])
    )
    assert (new["scientificName"], new["taxonRank"]) == ("Apis", "genus")
    assert new["identificationQualifier"] == "sp. lake_0001"
    assert "new to the reference at species" in new["identificationRemarks"]
    assert order["identificationQualifier"] == "indet." and order["family"] == ""
    assert unknown["scientificName"] == "Incertae sedis"
    assert unknown["scientificNameID"] == "urn:lsid:marinespecies.org:taxname:12"
    assert unknown["kingdom"] == unknown["taxonConceptID"] == ""
    assert {row["occurrenceStatus"] for row in rows} == {"present"}


def test_sequences_are_those_of_their_sample_in_one_orientation(archive):
    with zipfile.ZipFile(archive) as opened:
        rows = read_table(opened, "extension")
        table = opened.read("dna.txt").decode()
    assert [row["dna_sequence"] for row in rows] == ["AACCGGT", reverse_complement("AACCGGT")]
    assert [line.split("\t")[0] for line in table.splitlines()[1:]] == [
        "lake:md5_q1",
        "pond:md5_q1",
    ]


def test_the_same_rows_give_the_same_bytes_on_one_day(names, tmp_path, call):
    made = []
    for number in range(2):
        path = tmp_path / f"{number}.zip"
        assert call("report", names, "--to", "dwc", "-o", path).code == 0
        made.append(path.read_bytes())
    assert made[0] == made[1]
    with zipfile.ZipFile(tmp_path / "0.zip") as opened:
        assert set(opened.namelist()) == {"meta.xml", "eml.xml", "occurrence.txt"}


def test_a_reader_of_darwin_core_reads_the_archive(archive):
    dwca = pytest.importorskip("dwca.read", reason="needs python-dwca-reader")
    with dwca.DwCAReader(str(archive)) as opened:
        assert opened.descriptor.core.type == "http://rs.tdwg.org/dwc/terms/Occurrence"
        rows = list(opened)
        term = "http://rs.tdwg.org/dwc/terms/"
        assert [row.data[f"{term}eventID"] for row in rows] == ["lake", "pond", *["lake"] * 3]
        assert [len(row.extensions) for row in rows] == [1, 1, 0, 0, 0]
        sequence = rows[0].extensions[0].data["http://rs.gbif.org/terms/dna_sequence"]
        assert sequence == "AACCGGT"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--to", "dwc"], "writes an archive; give FILE.zip"),
        (["--to", "dwc", "-o", "x.tsv"], "writes an archive; give FILE.zip"),
        (["--to", "krona", "--ids", "x"], "is for --to dwc"),
        (["--to", "krona", "--title", "x"], "is for --to html or dwc"),
        (["--to", "html", "-o", "x.pdf"], "does not write .pdf; give a name that ends with .html"),
        (["--to", "table", "-o", "x.csv.gz"], "does not write .csv"),
        (["--to", "biom", "-o", "x.tsv"], "does not write .tsv"),
    ],
)
def test_outputs_and_options_that_do_not_fit(words, message, names, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = call("report", names, *words)
    assert done.code == 2 and message in " ".join(done.err.split())
    assert {path.name for path in tmp_path.iterdir()} == {"names.tsv"}


def test_damaged_tables_of_identifiers_are_errors(names, tmp_path, call):
    (tmp_path / "ids").write_text("genus\tid\nApis\t1\n")
    words = ("--ids", tmp_path / "ids", "-o", tmp_path / "x.zip")
    done = call("report", names, "--to", "dwc", *words)
    assert done.code == 1 and "needs the columns taxon and id; it has no taxon" in done.err
    assert not (tmp_path / "x.zip").exists()
