"""The formats of `report`, and that no read is lost."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from support import files_in, rows_of

from barcodeembed.errors import InputError
from barcodeembed.report import projection, references
from barcodeembed.report.hits import read_hits
from barcodeembed.report.projection import project
from barcodeembed.report.rows import REQUIRED, read_table
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.vocabulary import HIT_COLUMNS

USED = ("kingdom", "phylum", "class", "order", "family", "subfamily", "genus", "species")
BEE = ("Animalia", "Arthropoda", "Insecta", "Hymenoptera", "Apidae", "Apinae", "Apis")
HEADER = [
    *REQUIRED[:6],
    *USED,
    *(f"{rank}_confidence" for rank in USED),
    *REQUIRED[6:],
    "overlap",
    "n_tied_taxa",
    "start",
    "end",
    "novel_unit",
    "stop_codons",
]


def row(
    query, status="assigned", rank=None, names=(), novel=None, unit=None, confidence=0.9, **cells
):
    """Return a row of a table with ``names`` in the rank columns, placed at ``rank``."""
    shown = dict(zip(USED, names, strict=False))
    cells = {
        "query_id": query,
        "status": status,
        "novel_rank": novel,
        "rank": rank,
        "taxon": shown.get(rank),
        "confidence": f"{confidence:.4f}" if rank else None,
        **shown,
        **{f"{r}_confidence": f"{confidence:.4f}" for r in USED[: len(names)]},
        "nearest_id": "REF1",
        "similarity": "0.9123",
        "identity": "98.5000",
        "strand": "+",
        "length": "658",
        "overlap": "657",
        "n_tied_taxa": "1",
        "start": "1",
        "end": "658",
        "novel_unit": unit,
        "stop_codons": "0",
        **cells,
    }
    return [cells.get(name) or "NA" for name in HEADER]


ROWS = [
    row("q1;size=5", rank="species", names=(*BEE, "Apis mellifera"), confidence=0.99),
    row("q2", rank="species", names=(*BEE, "Apis mellifera"), strand="-"),
    row("q3;size=2;", "ambiguous", rank="subfamily", names=BEE[:6], confidence=0.7),
    row("q4", "novel", rank="genus", names=BEE, novel="species", unit="novel_0001"),
    row("q5", "novel", rank="class", names=(*BEE[:3], None, None, None, "Guess"), novel="genus"),
    row("q6", "novel", rank="family", names=BEE[:5], novel="subfamily", unit="novel_0002"),
    row(
        "q7",
        "unclassifiable",
        nearest_id=None,
        similarity=None,
        identity=None,
        strand=None,
        length="12",
        flags="short",
    ),
    row("q8", "ambiguous", rank="order", names=("Animalia", None, "Aves; birds", "Owls, all")),
]


def write(path: Path, rows=ROWS, header=HEADER) -> Path:
    path.write_text("".join("\t".join(cells) + "\n" for cells in [header, *rows]))
    return path


@pytest.fixture
def names(tmp_path) -> Path:
    return write(tmp_path / "S1.tsv")


def lines(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


# Golden outputs.

APIS = "k__Animalia; p__Arthropoda; c__Insecta; o__Hymenoptera; f__Apidae; g__Apis"
BIRD = "k__Animalia; p__; c__Aves, birds; o__Owls, all"
KRONA = """\
1	Animalia	Aves; birds	Owls, all
1	Animalia	Arthropoda	Insecta
1	Animalia	Arthropoda	Insecta	Hymenoptera	Apidae	novel_0002
2	Animalia	Arthropoda	Insecta	Hymenoptera	Apidae	Apinae
6	Animalia	Arthropoda	Insecta	Hymenoptera	Apidae	Apinae	Apis	Apis mellifera
1	Animalia	Arthropoda	Insecta	Hymenoptera	Apidae	Apinae	Apis	novel_0001
1	unclassified
"""
KRAKEN = """\
  7.69	1	1	U	0	unclassified
 92.31	12	0	R	1	root
 92.31	12	0	K	1757406636	  Animalia
 84.62	11	0	P	1330035269	    Arthropoda
 84.62	11	1	C	1425718784	      Insecta
 76.92	10	0	O	1834987675	        Hymenoptera
 76.92	10	0	F	1084960412	          Apidae
 69.23	9	2	F1	1872932900	            Apinae
 53.85	7	0	G	1959146464	              Apis
 46.15	6	6	S	1143914543	                Apis mellifera
  7.69	1	1	S	1933301630	                novel_0001
  7.69	1	1	G	1531327777	            novel_0002
  7.69	1	0	C	1537684411	    Aves; birds
  7.69	1	1	O	1154280327	      Owls, all
"""
EMPTY = "\t"
QIIME2 = f"""\
Feature ID	Taxon	Confidence
q1	{APIS}; s__Apis mellifera	0.9900
q2	{APIS}; s__Apis mellifera	0.9000
q3	k__Animalia; p__Arthropoda; c__Insecta; o__Hymenoptera; f__Apidae	0.7000
q4	{APIS}; s__novel_0001	0.9000
q5	k__Animalia; p__Arthropoda; c__Insecta	0.9000
q6	k__Animalia; p__Arthropoda; c__Insecta; o__Hymenoptera; f__Apidae; g__novel_0002	0.9000
q7	Unassigned{EMPTY}
q8	{BIRD}	0.9000
"""
SINTAX_BEE = "k:Animalia,p:Arthropoda,c:Insecta,o:Hymenoptera,f:Apidae,g:Apis"


def sure(placed: str, confidence: str) -> str:
    return ",".join(f"{name}({confidence})" for name in placed.split(","))


SINTAX = [
    [
        "q1;size=5",
        sure(SINTAX_BEE + ",s:Apis_mellifera", "0.99"),
        "+",
        SINTAX_BEE + ",s:Apis_mellifera",
    ],
    ["q2", sure(SINTAX_BEE + ",s:Apis_mellifera", "0.90"), "-", SINTAX_BEE + ",s:Apis_mellifera"],
    ["q3;size=2;", sure(SINTAX_BEE[:-7], "0.70"), "+", SINTAX_BEE[:-7]],
    ["q4", sure(SINTAX_BEE, "0.90"), "+", SINTAX_BEE],
    [
        "q5",
        sure("k:Animalia,p:Arthropoda,c:Insecta,g:Guess", "0.90"),
        "+",
        "k:Animalia,p:Arthropoda,c:Insecta",
    ],
    ["q6", sure(SINTAX_BEE[:-7], "0.90"), "+", SINTAX_BEE[:-7]],
    ["q7", "", "", ""],
    [
        "q8",
        sure("k:Animalia,c:Aves__birds,o:Owls__all", "0.90"),
        "+",
        "k:Animalia,c:Aves__birds,o:Owls__all",
    ],
]


@pytest.mark.parametrize("to, expected", [("kraken", KRAKEN), ("krona", KRONA), ("qiime2", QIIME2)])
def test_the_text_equals_the_golden_one(to, expected, call, names):
    assert call("report", names, "--to", to) == (0, expected, "8 records\n")


def test_sintax_lines_have_the_columns_of_vsearch(call, names):
    """Lines have four columns, which can be empty; compared with `vsearch --sintax`."""
    assert lines(call("report", names, "--to", "sintax").out) == SINTAX


def test_a_table_counts_taxa_by_sample(call, tmp_path):
    # The units of a registry have the same names in all runs.
    rows = [[cell.replace("novel_0", "lake_0") for cell in cells] for cells in ROWS]
    names = write(tmp_path / "S1.tsv", rows)
    other = write(tmp_path / "S2.names.tsv", [rows[1], rows[3]])
    blank = write(tmp_path / "blank.tsv", [])
    result = call("report", names, other, blank, "--to", "table")
    assert result.err == f"barcodeembed: warning: {blank}: 0 records\n10 records\n"
    header, *rows = lines(result.out)
    assert header == ["feature_id", "S1", "S2.names", "blank", "taxonomy"]
    counts = {cells[-1]: cells[1:-1] for cells in rows}
    assert counts[f"{APIS}; s__Apis mellifera"] == ["6", "1", "0"]
    assert counts[f"{APIS}; s__lake_0001"] == ["1", "1", "0"]
    assert counts["Unassigned"] == ["1", "0", "0"]
    assert len(rows) == 7
    assert [cells[0] for cells in rows] == [cells[-1].replace("; ", ";") for cells in rows]


def test_a_table_of_queries_keeps_their_order_and_removes_sizes_from_ids(call, names):
    rows = rows_of(call("report", names, "--to", "table", "--by", "query").out)
    assert [(row["feature_id"], row["S1"]) for row in rows] == [
        ("q1", "5"),
        ("q2", "1"),
        ("q3", "2"),
        ("q4", "1"),
        ("q5", "1"),
        ("q6", "1"),
        ("q7", "1"),
        ("q8", "1"),
    ]


def test_biom_is_the_published_json(call, names, tmp_path):
    other = write(tmp_path / "S2.tsv", [ROWS[1]])
    made = json.loads(call("report", names, other, "--to", "biom").out)
    assert made.keys() == {
        "id",
        "format",
        "format_url",
        "type",
        "generated_by",
        "date",
        "rows",
        "columns",
        "matrix_type",
        "matrix_element_type",
        "shape",
        "data",
    }
    assert made["format"] == "Biological Observation Matrix 1.0.0"
    # The validator of the format does not accept a date with a time zone.
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", made["date"])
    assert (made["type"], made["matrix_type"]) == ("Taxon table", "sparse")
    assert made["shape"] == [len(made["rows"]), 2]
    assert [column["id"] for column in made["columns"]] == ["S1", "S2"]
    ids = [row["id"] for row in made["rows"]]
    bee = ids.index(f"{APIS}; s__Apis mellifera".replace("; ", ";"))
    assert made["rows"][bee]["metadata"]["taxonomy"][-1] == "s__Apis mellifera"
    assert [bee, 0, 6] in made["data"] and [bee, 1, 1] in made["data"]
    by_query = json.loads(call("report", names, "--to", "biom", "--by", "query").out)
    assert by_query["type"] == "OTU table"
    assert [row["id"] for row in by_query["rows"]] == [f"q{n}" for n in range(1, 9)]


def test_biom_is_read_back_by_its_own_package(call, names, tmp_path):
    biom = pytest.importorskip("biom")
    path = tmp_path / "taxa.biom"
    assert call("report", names, "--to", "biom", "-o", path).code == 0
    read = biom.load_table(str(path))
    assert read.sum() == 13
    assert list(read.ids()) == ["S1"]


@pytest.mark.skipif(not shutil.which("qiime"), reason="QIIME 2 is not installed")
@pytest.mark.parametrize(
    "to, kind, made_of",
    [
        ("qiime2", "FeatureData[Taxonomy]", "TSVTaxonomyFormat"),
        ("biom", "FeatureTable[Frequency]", "BIOMV100Format"),
    ],
)
def test_qiime_2_imports_the_reports(call, names, tmp_path, to, kind, made_of):
    made, artifact = tmp_path / f"{to}.tsv", tmp_path / "artifact.qza"
    assert call("report", names, "--to", to, "-o", made).code == 0
    qiime = [
        "qiime",
        "tools",
        "import",
        "--type",
        kind,
        "--input-format",
        made_of,
        "--input-path",
        str(made),
        "--output-path",
        str(artifact),
    ]
    # QIIME 2 has its own Python, which can be older.
    done = subprocess.run(
        qiime, text=True, capture_output=True, timeout=120, env={**os.environ, "PYTHONPATH": ""}
    )
    assert done.returncode == 0, done.stderr
    if to == "qiime2":
        with zipfile.ZipFile(artifact) as parts:
            held = next(name for name in parts.namelist() if name.endswith("/data/taxonomy.tsv"))
            rows = parts.read(held).decode().splitlines()[1:]
        wanted = made.read_text().splitlines()[1:]
        assert [row.split("\t")[:2] for row in rows] == [row.split("\t")[:2] for row in wanted]


@pytest.mark.skipif(not shutil.which("ktImportText"), reason="Krona is not installed")
def test_krona_reads_the_report(call, names, tmp_path):
    text, page = tmp_path / "krona.txt", tmp_path / "krona.html"
    assert call("report", names, "--to", "krona", "-o", text).code == 0
    subprocess.run(["ktImportText", text, "-o", page], check=True, capture_output=True, timeout=60)
    counts = re.findall(r"<magnitude><val>(\d+)</val>", page.read_text())
    assert counts[0] == "13"  # the root has all reads


def test_multiqc_has_a_bar_for_every_sample(call, names, tmp_path):
    blank = write(tmp_path / "blank.tsv", [])
    made = json.loads(call("report", names, blank, "--to", "multiqc").out)
    assert made["plot_type"] == "bargraph"
    statuses, ranks = made["data"]
    assert statuses["S1"] == {"assigned": 6, "ambiguous": 3, "novel": 3, "unclassifiable": 1}
    assert set(statuses["blank"].values()) == {0}
    assert ranks["S1"] == {
        "species": 6,
        "genus": 1,
        "subfamily": 2,
        "family": 1,
        "order": 1,
        "class": 1,
        "not placed": 1,
    }
    assert list(made["categories"][1]) == list(ranks["S1"])


# Properties.


@pytest.fixture(scope="module")
def classified(tmp_path_factory, index_bundle) -> Path:
    """Classify the simulated reads; return the table."""
    from support import SIMULATED, run_here

    path = tmp_path_factory.mktemp("classified") / "reads.tsv"
    assert run_here("classify", SIMULATED / "reads.fasta", "-i", index_bundle, "-o", path) == 0
    return path


def test_no_read_is_lost_in_any_format(call, classified):
    krona = lines(call("report", classified, "--to", "krona").out)
    assert sum(int(cells[0]) for cells in krona) == 120
    table = rows_of(call("report", classified, "--to", "table").out)
    assert sum(int(row["reads"]) for row in table) == 120
    made = json.loads(call("report", classified, "--to", "biom").out)
    assert sum(reads for _, _, reads in made["data"]) == 120
    for to, extra in (("qiime2", 1), ("sintax", 0)):
        text = call("report", classified, "--to", to).out
        ids = [cells[0] for cells in lines(text)][extra:]
        assert ids == [row["query_id"] for row in rows_of(classified.read_text())]
    counted = json.loads(call("report", classified, "--to", "multiqc").out)["data"]
    assert [sum(of["reads"].values()) for of in counted] == [120, 120]


@pytest.mark.parametrize("made_by", ["classify", "hand"])
def test_the_clades_of_a_kraken_report_add_up(made_by, call, classified, names):
    path = {"classify": classified, "hand": names}[made_by]
    rows = lines(call("report", path, "--to", "kraken").out)
    total = sum(row.reads for row in read_table(path, lambda _: "S"))
    assert int(rows[0][1]) + int(rows[1][1]) == total
    depths = [0, *((len(name) - len(name.lstrip(" "))) // 2 for *_, name in rows[1:])]
    for at in range(1, len(rows)):
        below = 0
        for inner in range(at + 1, len(rows)):
            if depths[inner] <= depths[at]:
                break
            below += int(rows[inner][1]) * (depths[inner] == depths[at] + 1)
        assert int(rows[at][1]) == int(rows[at][2]) + below
    taxids = [cells[4] for cells in rows]
    assert len(set(taxids)) == len(taxids)
    assert all(0 <= int(taxid) < 2**31 for taxid in taxids)


def test_a_taxid_is_the_same_in_every_report(call, names, tmp_path):
    some = write(tmp_path / "some.tsv", ROWS[3:5])
    all_of, of_some = (
        {cells[5].strip(): cells[4] for cells in lines(call("report", path, "--to", "kraken").out)}
        for path in (names, some)
    )
    assert "novel_0001" in of_some
    assert of_some.items() <= all_of.items()


def test_equal_hashes_give_different_taxids(monkeypatch):
    from barcodeembed.report import kraken

    monkeypatch.setattr(kraken.hashlib, "sha256", lambda text: Hash)
    paths = [(("kingdom", name),) for name in "ABC"]
    assert sorted(kraken._taxids(paths).values()) == [10**9 + n for n in range(3)]


class Hash:
    @staticmethod
    def digest():
        return bytes(32)


def test_best_guesses_below_the_placement_do_not_count(call, tmp_path):
    """`classify --min-confidence 0` shows the best guess at every rank."""
    guess = row("q", "novel", rank="genus", names=(*BEE, "Apis mellifera"), novel="species")
    path = write(tmp_path / "guess.tsv", [guess])
    assert call("report", path, "--to", "krona").out.split("\t")[-1] == "Apis\n"
    assert call("report", path, "--to", "sintax").out.endswith("g:Apis\n")
    assert "s:Apis_mellifera(" in call("report", path, "--to", "sintax").out


# Input.


def test_tables_are_read_compressed_from_standard_input_and_without_newer_columns(run, tmp_path):
    old = [
        [cell for name, cell in zip(HEADER, cells, strict=True) if name not in HEADER[-4:]]
        for cells in [HEADER, *ROWS]
    ]
    text = write(tmp_path / "plain.tsv", old[1:], old[0]).read_bytes()
    (tmp_path / "S1.tsv.gz").write_bytes(gzip.compress(text))
    done = subprocess.run(
        [sys.executable, "-m", "barcodeembed", "report", "-", "--to", "krona"],
        input=text,
        capture_output=True,
        check=True,
    )
    result = run("report", tmp_path / "S1.tsv.gz", "--to", "krona")
    assert result.out == done.stdout.decode()
    assert "novel" not in result.out
    header = run("report", tmp_path / "S1.tsv.gz", "--to", "table").out.split("\n")[0]
    assert header == "feature_id\tS1\ttaxonomy"


def test_classify_writes_the_required_columns(classified):
    header = classified.read_text().split("\n")[0].split("\t")
    assert set(REQUIRED) <= set(header)
    rows = list(read_table(classified, lambda _: "S"))
    assert {row.status for row in rows} >= {"novel", "unclassifiable"}
    assert all(row.taxon[RANKS.index(row.rank)] for row in rows if row.rank)


def test_samples_can_come_from_a_pattern(call, tmp_path):
    rows = [
        row(query, rank="kingdom", names=BEE[:1])
        for query in ("a;sample=S2;size=3", "b;sample=S10;size=4", "c;sample=S2")
    ]
    path = write(tmp_path / "all.tsv", rows)
    out = call("report", path, "--to", "table", "--sample-pattern", "sample=([^;]+)").out
    assert lines(out) == [
        ["feature_id", "S2", "S10", "taxonomy"],
        ["k__Animalia", "4", "4", "k__Animalia"],
    ]


@pytest.mark.parametrize(
    "arguments, problem",
    [
        ([], "Missing option '--to'"),
        (["--to", "excel"], "'excel' is not one of krona"),
        (["--to", "table", "--sample-pattern", "("], "not a regular expression"),
        (["--to", "table", "--sample-pattern", "S."], "has 0 groups"),
        (["--to", "table", "--by", "genus"], "'genus' is not one of taxon, query"),
        (["--to", "krona", "--by", "taxon"], "is for --to biom or table"),
        (["--to", "krona", "--vectors", "v.npy"], "is for --to html"),
        (["--to", "krona", "--index", "r.bix"], "is for --to html"),
        (["--to", "html", "--index", "r.bix"], "needs --vectors"),
        (["--to", "html", "--vectors", "v.npy", "-i", "r.bix", "-o", "r.bix"], "is also an input"),
        (["--to", "krona", "-o", "{names}"], "is also an input"),
        (["-", "-", "--to", "krona"], "can be read once"),
    ],
)
def test_a_usage_error_has_exit_code_2(arguments, problem, call, names):
    before = names.read_text()
    result = call("report", names, *(word.format(names=names) for word in arguments))
    assert (result.code, result.out) == (2, "")
    assert problem in " ".join(result.err.replace("│", " ").split())
    assert names.read_text() == before


def damaged(number, **cells):
    rows = [list(cells) for cells in ROWS]
    for name, cell in cells.items():
        rows[number][HEADER.index(name)] = cell
    return rows


@pytest.mark.parametrize(
    "rows, header, problem",
    [
        (ROWS, ["id", *HEADER[1:]], "it has no column query_id"),
        ([], ["record_id", "nucleotides"], "it has no column query_id"),
        (ROWS, [name.replace("identity", "percent") for name in HEADER], "has no column identity"),
        ([], REQUIRED, "it has no column kingdom or phylum or"),
        (
            damaged(2, confidence="high"),
            HEADER,
            "4 (q3;size=2;): 'high' in the column confidence is",
        ),
        (
            damaged(1, status="maybe"),
            HEADER,
            ":3 (q2): 'maybe' in the column status is not a status",
        ),
        (damaged(1, status="NA"), HEADER, ":3 (q2): 'NA' in the column status is not a status"),
        (damaged(1, rank="tribe"), HEADER, "'tribe' in the column rank is not a rank"),
        ([ROWS[0][:-1]], HEADER, ":2: the row has"),
        ([ROWS[0], HEADER], HEADER, ":3 (query_id): 'status' in the column status"),
    ],
)
def test_another_table_is_a_one_line_error(rows, header, problem, call, tmp_path):
    path = write(tmp_path / "bad.tsv", rows, header)
    before = files_in(tmp_path)
    result = call("report", path, "--to", "krona", "-o", tmp_path / "out.txt")
    assert result.code == 1
    assert result.err.startswith("barcodeembed: error: ") and result.err.count("\n") == 1
    assert problem in result.err
    assert files_in(tmp_path) == before


def test_ambiguous_counts_are_an_error(call, names, tmp_path):
    (tmp_path / "two").mkdir()
    twin = write(tmp_path / "two" / "S1.tsv", [row("q1", rank="kingdom", names=BEE[:1])])
    result = call("report", names, twin, "--to", "table")
    assert (result.code, result.out) == (1, "")
    assert "would both be the sample S1" in result.err
    assert call("report", names, twin, "--to", "krona").code == 0
    for words in (["--to", "qiime2"], ["--to", "biom", "--by", "query", "--sample-pattern", "(q)"]):
        result = call("report", names, twin, *words)
        assert result.code == 1
        assert "the id q1 is repeated with another taxon" in result.err
    result = call("report", names, "--to", "table", "--sample-pattern", "(q[1-3])")
    assert result.code == 1
    assert ":5 (q4): --sample-pattern finds no sample in this id" in result.err


def test_an_output_is_complete_or_absent(call, names, tmp_path):
    out = tmp_path / "out.txt.gz"
    assert call("report", names, "--to", "krona", "-o", out).out == ""
    assert gzip.decompress(out.read_bytes()).decode() == KRONA


def test_report_imports_neither_torch_nor_faiss(names):
    script = (
        "import sys\n"
        "from barcodeembed.cli import main\n"
        "for to in 'krona kraken qiime2 sintax biom table multiqc html'.split():\n"
        "    try: main(['report', sys.argv[1], '--to', to, '-o', '/dev/null'])\n"
        "    except SystemExit as ended: assert not ended.code\n"
        "assert not {'torch', 'faiss', 'pandas'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script, names], check=True)


# The page.

HOSTILE = "<script>alert('x')</script>&\u2028\"]]>"


def data_of(text: str) -> dict:
    found = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert len(found) == 1
    return json.loads(found[0])


def test_the_page_contains_every_row(call, names):
    data = data_of(call("report", names, "--to", "html").out)
    assert {len(column) for column in data["columns"].values()} == {8}
    assert data["columns"]["query_id"] == [cells[0] for cells in ROWS]
    assert sum(data["columns"]["reads"]) == 13
    assert data["samples"] == ["S1"]
    taxa = [data["taxa"][number] for number in data["columns"]["taxon"]]
    assert taxa[0] == [*BEE, "Apis mellifera", False]
    assert taxa[3] == [*BEE, "novel_0001", True]
    assert taxa[6] == [None] * 8 + [False]
    assert data["map"] is None


def test_no_name_becomes_markup(call, tmp_path):
    names = (*BEE[:6], HOSTILE, HOSTILE)
    rows = [
        row(HOSTILE.replace(" ", "_"), rank="species", names=names, nearest_id=HOSTILE),
        row(
            "</script><img src=x>/*SCRIPT*/",
            "novel",
            rank="genus",
            names=names,
            novel="species",
            unit=HOSTILE,
        ),
    ]
    path = write(tmp_path / "<b>.tsv", rows)
    text = call("report", path, "--to", "html").out
    clean = call("report", write(tmp_path / "b.tsv", ROWS), "--to", "html").out
    # The data contain nothing that opens or closes an element, and are unchanged.
    assert Counter(re.findall("<[/!a-z]+", text)) == Counter(re.findall("<[/!a-z]+", clean))
    data = data_of(text)
    assert data["columns"]["query_id"] == [cells[0] for cells in rows]
    assert data["columns"]["nearest_id"][0] == HOSTILE
    assert data["samples"] == ["<b>"]
    assert "\u2028" not in text
    script = text[text.index("</script>") :]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)


def test_the_page_loads_nothing(call, names):
    text = call("report", names, "--to", "html").out
    assert not re.search(r"https?://|\bsrc=|@import|url\((?!#)", text)
    assert "default-src 'none'" in text
    assert re.search(r"<title>[^<]+</title>", text)
    assert '<html lang="en">' in text


# The map.


@pytest.fixture
def vectors(tmp_path) -> Path:
    path = tmp_path / "vectors.npy"
    array = np.random.default_rng(0).normal(size=(8, 16)).astype(np.float32)
    array[6] = np.nan
    np.save(path, array)
    return path


def test_the_map_has_a_point_for_every_query_with_a_vector(call, names, vectors):
    drawn = data_of(call("report", names, "--to", "html", "--vectors", vectors).out)["map"]
    assert drawn["method"] == "PCA"
    assert [n for n, point in enumerate(drawn["points"]) if point is None] == [6]
    there = np.array([point for point in drawn["points"] if point])
    assert there.min() >= 0 and there.max() <= 1


def test_the_axes_are_principal_components():
    """Points that differ in one direction are on the first axis, in order."""
    generator = np.random.default_rng(1)
    along = np.linspace(-1, 1, 20)
    vectors = generator.normal(size=8) + 0.01 * generator.normal(size=(20, 8))
    vectors[:, 3] += along
    projection = project(5 * vectors)
    assert projection.method == "PCA"
    x, y = projection.points.T
    assert abs(np.corrcoef(x, along)[0, 1]) > 0.97
    assert np.ptp(x) == pytest.approx(1)
    assert np.ptp(y) < 0.3
    # The lengths of vectors have no effect.
    assert np.allclose(projection.points, project(vectors).points)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_map_of_very_few_queries_is_drawn(count):
    assert project(np.eye(count, 4)).points.shape == (count, 2)
    assert np.isfinite(project(np.eye(count, 4)).points).all()


def test_vectors_of_other_queries_are_an_error(call, names, vectors, tmp_path):
    def refusal(*paths):
        words = (word for path in paths for word in ("--vectors", path))
        result = call("report", names, "--to", "html", *words)
        assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
        return result.err

    assert "16 vectors for 8 rows of the table" in refusal(vectors, vectors)
    ids = Path(f"{vectors}.ids.tsv")
    rows = [["record_id", "length", "flags"], *([cells[0], "658", "NA"] for cells in ROWS)]
    with open(ids, "w", newline="") as stream:
        csv.writer(stream, delimiter="\t", lineterminator="\n").writerows(rows)
    assert call("report", names, "--to", "html", "--vectors", vectors).code == 0
    ids.write_text(ids.read_text().replace("q5", "other"))
    assert "vector 5 is of other, row 5 of the table of q5" in refusal(vectors)
    np.save(tmp_path / "flat.npy", np.zeros(8))
    assert "contains no vectors" in refusal(tmp_path / "flat.npy")
    assert "contains no vectors" in refusal(names)
    np.save(tmp_path / "few.npy", np.zeros((8, 3)))
    assert "different dimensions" in refusal(tmp_path / "few.npy", vectors)
    assert "cannot be read: No such file" in refusal(tmp_path / "absent.npy")


# The map with references.


@pytest.fixture
def components(monkeypatch):
    """Use principal components, even if UMAP is installed."""
    monkeypatch.setattr(projection, "_umap", lambda: None)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory, model_bundle) -> Path:
    """Embed the simulated reads with the model of the index."""
    from support import SIMULATED, run_here

    path = tmp_path_factory.mktemp("embedded") / "reads.npy"
    words = ("embed", SIMULATED / "reads.fasta", "-m", model_bundle, "--offsets", 4, "-o", path)
    assert run_here(*words) == 0
    return path


def map_over(call, table, vectors, index) -> dict:
    result = call("report", table, "--to", "html", "--vectors", vectors, "-i", index)
    assert result.code == 0, result.err
    return data_of(result.out)["map"]


def nearest_of_each(index_bundle, table, vectors, count=3) -> list[set[str]]:
    """Return the reference in each row and its closest references, by another method."""
    from barcodeembed.index.bundle import ReferenceIndex

    index = ReferenceIndex.open(index_bundle)
    queries = (np.load(vectors) - index.whitening.mean) @ index.whitening.directions
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    ids = np.array(index.record_ids)[index.first_records]
    found = []
    for row, query in zip(rows_of(table.read_text()), queries, strict=True):
        order = np.argsort(-(index.vectors @ query))[:count] if np.isfinite(query).all() else []
        found.append({*ids[order].tolist(), row["nearest_id"]} - {"NA"})
    return found


def test_the_closest_references_are_on_the_map(
    call, classified, embedded, index_bundle, components
):
    drawn = map_over(call, classified, embedded, index_bundle)
    shown = drawn["references"]
    assert set(shown["ids"]) == set().union(*nearest_of_each(index_bundle, classified, embedded))
    assert len(set(shown["ids"])) == len(shown["ids"]) == len(shown["points"])
    assert len(drawn["points"]) == 120
    points = np.array([point for point in [*drawn["points"], *shown["points"]] if point])
    assert points.min() >= 0 and points.max() <= 1
    # Queries and references have one scale: together they fill the longer side.
    assert np.ptp(points, axis=0).max() == pytest.approx(1, abs=1e-3)
    lineages = dict(zip(shown["ids"], shown["names"], strict=True))
    assigned = next(row for row in rows_of(classified.read_text()) if row["species"] != "NA")
    assert assigned["nearest_id"] in lineages
    assert {len(names) for names in lineages.values()} == {3}
    assert any(names[-1].startswith(names[-2]) for names in lineages.values())  # of a species


def test_without_an_index_the_page_has_no_references(call, classified, embedded, components):
    result = call("report", classified, "--to", "html", "--vectors", embedded)
    assert data_of(result.out)["map"].keys() == {"method", "axes", "points"}


def test_of_many_references_those_close_to_the_most_queries_are_shown(
    call, classified, embedded, index_bundle, components, monkeypatch
):
    about = Counter(
        id for some in nearest_of_each(index_bundle, classified, embedded) for id in some
    )
    monkeypatch.setattr(references, "MAX_SHOWN", 7)
    shown = map_over(call, classified, embedded, index_bundle)["references"]["ids"]
    assert sorted(about[id] for id in shown) == sorted(about.values())[-7:]


@pytest.fixture
def of_prototypes(tmp_path) -> tuple[Path, Path, list[str]]:
    """Write a table and vectors: two queries are shipped prototypes, one has no vector."""
    from barcodeembed.index.bundle import ReferenceIndex
    from barcodeembed.shipped import shipped_index

    index = ReferenceIndex.open(shipped_index())
    chosen = [7, 40_000]
    ids = [index.record_ids[number] for number in chosen]
    made = [
        row(f"q{number}", rank="phylum", names=BEE[:2], nearest_id=id, similarity="1.0000")
        for number, id in enumerate(ids)
    ]
    table = write(tmp_path / "P.tsv", [*made, ROWS[6]])
    np.save(tmp_path / "P.npy", np.array([*3 * index.vectors[chosen], np.full(192, np.nan)]))
    return table, tmp_path / "P.npy", ids


def test_a_query_has_the_position_of_the_reference_with_the_same_vector(call, of_prototypes):
    from barcodeembed.shipped import shipped_index

    table, vectors, ids = of_prototypes
    drawn = map_over(call, table, vectors, shipped_index())
    points = dict(zip(drawn["references"]["ids"], drawn["references"]["points"], strict=True))
    assert drawn["points"] == [points[ids[0]], points[ids[1]], None]
    assert points[ids[0]] != points[ids[1]]


def test_another_index_or_another_table_is_an_error(
    call, classified, embedded, index_bundle, tmp_path
):
    def refusal(table, vectors, index=index_bundle):
        before = files_in(tmp_path)
        result = call(
            "report",
            table,
            "--to",
            "html",
            "--vectors",
            vectors,
            "-i",
            index,
            "-o",
            tmp_path / "page.html",
        )
        assert (result.code, result.err.count("\n")) == (1, 1), result.err
        assert result.err.startswith("barcodeembed: error: ")
        assert files_in(tmp_path) == before
        return result.err

    right = np.load(embedded)
    np.save(tmp_path / "narrow.npy", right[:, :-1])
    assert "63 dimensions; the model of the index has 64" in refusal(
        classified, tmp_path / "narrow.npy"
    )
    np.save(tmp_path / "other.npy", np.random.default_rng(0).normal(size=right.shape))
    assert "similarities of the vectors to the references are not those in the table" in refusal(
        classified, tmp_path / "other.npy"
    )
    header, *lines = classified.read_text().splitlines()
    cells = lines[1].split("\t")
    cells[header.split("\t").index("nearest_id")] = "elsewhere"
    strange = tmp_path / "strange.tsv"
    strange.write_text("\n".join([header, lines[0], "\t".join(cells), *lines[2:], ""]))
    assert f"the index has no elsewhere, the closest reference of {cells[0]};" in refusal(
        strange, embedded
    )
    assert "absent.bix" in refusal(classified, embedded, tmp_path / "absent.bix")


def test_reads_of_the_other_strand_give_a_warning_unless_they_were_oriented(
    call, classified, embedded, index_bundle, model_bundle, components, tmp_path
):
    from support import SIMULATED

    reversed_reads = sum(row["strand"] == "-" for row in rows_of(classified.read_text()))
    words = ["report", classified, "--to", "html", "--vectors"]
    warned = call(*words, embedded, "-i", index_bundle).err
    count = int(re.search(r"warning: (\d+) queries are of the other strand", warned)[1])
    assert 0.8 * reversed_reads <= count <= reversed_reads
    assert "embed with --orient" in warned
    assert "strand" not in call(*words, embedded).err
    oriented = tmp_path / "oriented.npy"
    reads = (SIMULATED / "reads.fasta", "-m", model_bundle, "--offsets", 4)
    assert call("embed", *reads, "--orient", "-i", index_bundle, "-o", oriented).code == 0
    assert "strand" not in call(*words, oriented, "-i", index_bundle).err
    # Only the vectors of the other strand are different.
    strands = [row["strand"] for row in rows_of(classified.read_text())]
    same = (np.load(embedded) == np.load(oriented)).all(1)
    assert same.tolist() == [strand == "+" for strand in strands]


def test_orientation_needs_to_be_asked_for(call, index_bundle, tmp_path):
    done = call("embed", tmp_path / "x.fasta", "-i", index_bundle)
    assert done.code == 2 and "is only used with --orient" in " ".join(done.err.split())


class Umap:
    """Replaces the package UMAP: the layout is two of the dimensions."""

    settings: dict = {}

    def UMAP(self, **settings):
        self.settings = settings
        return self

    def fit_transform(self, vectors):
        return vectors[:, :2]


def test_queries_and_references_are_projected_together(monkeypatch):
    umap = Umap()
    monkeypatch.setattr(projection, "_umap", lambda: umap)
    vectors = np.random.default_rng(2).normal(size=(60, 5))
    apart, together = project(vectors), project(vectors[:20], vectors[20:])
    assert apart.method == together.method == "UMAP"
    assert np.array_equal(apart.points, together.points)
    assert umap.settings["min_dist"] > 0.1
    project(vectors)
    assert umap.settings.keys() == {"metric", "random_state"}


@pytest.fixture(scope="module")
def browser() -> str:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if not found:
        pytest.skip(f"none of {', '.join(names)} is installed")
    return found


def test_a_browser_draws_references_below_and_outlines_units(
    browser, call, tmp_path, classified, embedded, index_bundle, components
):
    """Of fourteen units of three queries, twelve have an outline and a name."""
    header, *lines = classified.read_text().splitlines()
    at = {name: number for number, name in enumerate(header.split("\t"))}
    rows = [line.split("\t") for line in lines]
    for number, cells in enumerate(rows):
        unit = "NA"
        if number < 42 and cells[at["status"]] != "unclassifiable":
            unit = f"novel_{number // 3:04}"
            cells[at["status"]], cells[at["novel_rank"]] = "novel", "kingdom"
            cells[at["rank"]] = cells[at["taxon"]] = "NA"
        cells.append(unit)
    table = write(tmp_path / "units.tsv", rows, [*header.split("\t"), "novel_unit"])
    page = tmp_path / "page.html"
    done = call(
        "report", table, "--to", "html", "--vectors", embedded, "-i", index_bundle, "-o", page
    )
    assert done.code == 0, done.err
    count = len(data_of(page.read_text())["map"]["references"]["ids"])
    dom = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path}/own",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    drawn = dom[dom.index('<svg id="map"') :].partition("</svg>")[0]
    assert f"Map of 120 queries over {count} references by PCA; 12 units outlined." in drawn
    assert "Map of the queries over the references" in dom
    assert "Outlined: the 12 largest of 14 units" in dom
    assert drawn.count('class="outline"') == 12
    assert 1 <= drawn.count('class="unit-name"') <= 12
    order = [drawn.index(f'class="{name}"') for name in ("reference", "ring", "outline")]
    assert order == sorted(order)
    (below,) = re.findall('class="reference" d="([^"]*)"', drawn)
    assert below.count("M") == count


def dumped(browser, page: Path, folder: Path, *options: str) -> str:
    """Return what a browser prints of a page."""
    words = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/own"]
    return subprocess.run(
        [browser, *words, *options, page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout


@pytest.fixture
def wide(call, tmp_path) -> Path:
    """A page with every column of the table of queries, and long cells."""
    rows = [
        row(
            f"Lake_Constance_ASV_{n:05};size={n + 2}",
            "novel",
            rank="genus",
            names=BEE,
            novel="species",
            unit=f"novel_{n:04}",
            nearest_id=f"GBMTG3448-16_{n + 49260}",
            flags="primer;stop_codon;frameshift;pseudogene;chimera",
        )
        for n in range(60)
    ]
    samples = ("Lake_Constance_2024_06", "blank_extraction_1")
    named = [[*cells, samples[n % 2]] for n, cells in enumerate(rows)]
    table = write(tmp_path / "wide.tsv", named, [*HEADER, "sample"])
    page = tmp_path / "wide.html"
    assert call("report", table, "--to", "html", "-o", page).code == 0
    return page


def test_the_table_of_a_page_fits_a_screen_of_1400_pixels(browser, wide, tmp_path):
    measured = tmp_path / "measured.html"
    script = (
        '<script>{const box = document.querySelector(".scroll"); '
        'document.title = [box.scrollWidth, box.clientWidth, "measured"].join(" ")}</script></body>'
    )
    measured.write_text(wide.read_text().replace("</body>", script))
    dom = dumped(browser, measured, tmp_path, "--window-size=1400,1000", "--dump-dom")
    inner, outer = map(int, re.search(r"<title>(\d+) (\d+) measured", dom).groups())
    assert inner <= outer
    assert "sample</button>" in dom and "unit</button>" in dom and "reads</button>" in dom


def test_a_page_is_printed_on_few_pages(browser, wide, tmp_path):
    pdf = tmp_path / "page.pdf"
    dumped(browser, wide, tmp_path, f"--print-to-pdf={pdf}")
    assert len(re.findall(rb"/Type /Page\b", pdf.read_bytes())) in (2, 3)


def test_a_page_has_a_title_and_says_what_classified_its_rows(call, names, index_bundle, tmp_path):
    from support import SIMULATED

    run = tmp_path / "run.json"
    reads = SIMULATED / "reads.fasta"
    done = call("classify", reads, "-i", index_bundle, "--json", run, "-o", tmp_path / "x.tsv")
    assert done.code == 0
    words = ("--title", "Bees & <wasps>", "--run", run)
    page = call("report", names, "--to", "html", *words).out
    assert "<title>Bees &amp; &lt;wasps&gt;</title>" in page
    assert "<h1>Bees &amp; &lt;wasps&gt;</h1>" in page
    ran = json.loads(run.read_text())
    footer = data_of(page)["run"]
    for part in (
        f"Index references.bix of {ran['index']['vectors']} barcodes",
        f"(sha256 {ran['index']['sha256'][:12]})",
        f"Model {ran['model'][:12]}",
        "Confidence threshold 0.75",
        f"on {ran['date']}",
    ):
        assert part in footer
    plain = call("report", names, "--to", "html").out
    assert "<title>barcodeembed report</title>" in plain and data_of(plain)["run"] is None
    (tmp_path / "other.json").write_text("{}")
    done = call("report", names, "--to", "html", "--run", tmp_path / "other.json")
    assert done.code == 1 and "not a description of a run" in done.err
    for edited in ({"index": 3}, {"model": None}, {"max_error": "x"}, {"confidence_threshold": []}):
        run.write_text(json.dumps(ran | edited))
        done = call("report", names, "--to", "html", "--run", run)
        assert (done.code, done.err.count("\n")) == (1, 1) and f"{run}: damaged" in done.err
    run.write_text("[" * 9_999)
    assert "cannot be read as JSON" in call("report", names, "--to", "html", "--run", run).err


@pytest.mark.parametrize("identity", ["high", "", "nan", "inf", "1e9", "100.5", "-1"])
def test_an_identity_in_hits_that_is_no_percentage_is_an_error(identity, tmp_path):
    path = tmp_path / "hits.tsv"
    cells = dict.fromkeys(HIT_COLUMNS, "x") | {"identity": "99.8480"}
    for value in ("NA", "100.0000", "0.5", identity):
        cells["identity"] = value
        path.write_text("\t".join(cells) + "\n" + "\t".join(cells.values()) + "\n")
        if value != identity:
            assert len(read_hits(path)) == 1
    with pytest.raises(InputError, match="hits.tsv:2: .* in the column identity is no percentage"):
        read_hits(path)


def test_a_page_and_its_table_are_of_the_same_rows(call, names, tmp_path):
    table = tmp_path / "taxa.tsv"
    words = ("--exclude-flags", "short", "--by", "query")
    done = call("report", names, "--to", "html", "--table", table, *words)
    assert done.code == 0 and done.err.count("left out") == 1
    assert table.read_text() == call("report", names, "--to", "table", *words).out
    assert len(data_of(done.out)["columns"]["query_id"]) == len(ROWS) - 1
    done = call("report", "-", "--to", "html", "--table", table)
    assert done.code == 2 and "needs tables in files" in " ".join(done.err.split())


def test_a_page_shows_hits_and_trees(browser, call, index_bundle, tmp_path):
    from support import SIMULATED

    table, hits, page = tmp_path / "t.tsv", tmp_path / "hits.tsv", tmp_path / "page.html"
    reads = tmp_path / "reads.fasta"
    reads.write_text("".join((SIMULATED / "reads.fasta").read_text().partition(">read_007")[0]))
    words = ("-i", index_bundle, "--hits", hits, "-o", table)
    assert call("classify", reads, *words).code == 0
    with_tree = ("--to", "html", "--hits", hits, "-i", index_bundle, "-o", page)
    done = call("report", table, *with_tree)
    assert done.code == 0, done.err
    data = data_of(page.read_text())["hits"]
    expected = rows_of(hits.read_text())
    names = [row["query_id"] for row in rows_of(table.read_text())]
    for number, shown in data["rows"].items():
        of_query = [hit for hit in expected if hit["query_id"] == names[int(number)]]
        assert shown[0][0] == of_query[0]["reference_id"]
        assert len(shown) == len({hit["hit"] for hit in of_query})
        assert f"> {names[int(number)]}" in data["trees"][number]
    page.write_text(page.read_text().replace("</body>", "<script>showHits(2)</script></body>"))
    dom = dumped(browser, page, tmp_path, "--dump-dom")
    assert f"Closest references of {names[2]}" in dom
    (tree,) = re.findall(r'<pre id="tree">(.*?)</pre>', dom, re.S)
    assert tree.strip() == data["trees"]["2"].strip().replace(">", "&gt;")
    # Without the index there are no trees, and another table is refused.
    plain = call("report", table, "--to", "html", "--hits", hits).out
    assert data_of(plain)["hits"]["trees"] == {}
    done = call("report", table, "--to", "html", "--hits", table)
    assert done.code == 1 and "not a table of `classify --hits`" in done.err
