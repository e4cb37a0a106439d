"""The answer for one query in words, and its tree; the name and BIN of the closest reference."""

from __future__ import annotations

import numpy as np
import pytest
from support import SIMULATED, rows_of

from barcodeembed.classify.trees import distances_by_identity, drawn, joined
from barcodeembed.sequences.reading import read_records

READS = SIMULATED / "reads.fasta"


@pytest.fixture(scope="module")
def table(index_bundle, tmp_path_factory):
    from support import run_here

    out = tmp_path_factory.mktemp("names")
    words = ("-i", index_bundle, "-o", out / "names.tsv", "--hits", out / "hits.tsv", "-q")
    assert run_here("classify", READS, *words) == 0
    return [rows_of((out / name).read_text()) for name in ("names.tsv", "hits.tsv")]


def explained(call, index_bundle, query):
    done = call("classify", READS, "-i", index_bundle, "--explain", query)
    assert done.code == 0
    return " ".join(done.out.split()), done.out


@pytest.mark.parametrize("status", ["assigned", "novel"])
def test_an_explanation_agrees_with_the_row(status, table, index_bundle, call):
    row = next(row for row in table[0] if row["status"] == status)
    words, text = explained(call, index_bundle, row["query_id"])
    assert f"{row['rank']} {row['taxon']}, with a confidence of {row['confidence']}" in words
    assert (f"its {row['novel_rank']} is in the reference" in words) == (status == "novel")
    assert ("It is new" in words) == (status == "novel")
    hits = [hit for hit in table[1] if hit["query_id"] == row["query_id"]]
    for hit in hits:
        assert hit["reference_id"] in words and hit["taxon"] in words
    tree = text.split("Neighbour-joining tree (fraction of different bases):\n")[1]
    assert f"> {row['query_id']}" in tree
    assert f"1 {row['nearest_taxon']}" in tree


def test_an_explanation_says_why_there_is_no_name(table, index_bundle, call):
    row = next(row for row in table[0] if row["flags"] == "short")
    words, text = explained(call, index_bundle, row["query_id"])
    assert words == (
        f"{row['query_id']}: 40 bases It has no name: it is too short (short). "
        "Flags: it is too short (short)."
    )


def test_every_flag_has_words():
    from barcodeembed.classify.columns import IN_CONTROL
    from barcodeembed.classify.explain import _FLAGS
    from barcodeembed.classify.quality import FLAGS

    assert set(FLAGS) <= set(_FLAGS) and IN_CONTROL not in _FLAGS


def test_wrong_explanations_are_errors(index_bundle, call):
    done = call("classify", READS, "-i", index_bundle, "--explain", "nobody")
    assert (done.code, done.out) == (1, "")
    assert "--explain: there is no record nobody" in done.err
    done = call("classify", READS, "-i", index_bundle, "--explain", "x", "--cluster-novel")
    assert done.code == 2 and "cannot be used with --cluster-novel" in " ".join(done.err.split())


def test_neighbour_joining_finds_an_additive_tree():
    # ((a:1, b:2):3, (c:4, d:5)): the distances are sums along the branches.
    distances = np.array([[0, 3, 8, 9], [3, 0, 9, 10], [8, 9, 0, 9], [9, 10, 9, 0]], float)
    tree = joined("abcd", distances)
    for i, one in enumerate("abcd"):
        for j, other in enumerate("abcd"):
            assert tree.distance(one, other) == pytest.approx(distances[i, j])
    assert {c.name for c in tree.get_nonterminals()} == {None}
    text = drawn(tree)
    assert all(text.count(f" {name}\n") == 1 for name in "abcd")


def test_distances_by_identity_are_fractions():
    one = next(read_records(READS)).sequence
    other = ("C" if one[50] != "C" else "A").join((one[:50], one[51:]))
    distances = distances_by_identity([one, other, one])
    assert distances[0, 2] == 0
    assert distances[0, 1] == distances[1, 0] == pytest.approx(1 / len(one))


def test_the_row_and_the_hits_name_the_closest_reference(index_bundle, table, tmp_path, call):
    names, hits = table
    first = {hit["query_id"]: hit for hit in reversed(hits)}
    for row in names:
        hit = first.get(row["query_id"])
        assert row["nearest_taxon"] == (hit["taxon"] if hit else "NA")
        assert row["nearest_bin"] == "NA"
        if hit:
            assert hit["taxon"] == hit["lineage"].split(";")[-1]
            assert hit["bin"] == hit["country"] == "NA"


def test_bins_and_countries_are_those_of_the_references(model_bundle, tmp_path, call):
    references = list(read_records(SIMULATED / "reference.fasta"))[::50][:12]
    lines = ["processid\tnuc\tbin_uri\tcountry\tgenus\tspecies"]
    for number, record in enumerate(references):
        country = "Peru" if number % 2 else ""
        names = f"Aus\tAus {'abcdefghijkl'[number]}us"
        lines.append(f"R{number}\t{record.sequence}\tBOLD:AAA{number:04d}\t{country}\t{names}")
    (tmp_path / "r.tsv").write_text("\n".join(lines) + "\n")
    (tmp_path / "q.fasta").write_text(f">q\n{references[3].sequence}\n")
    index, hits = tmp_path / "r.bix", tmp_path / "hits.tsv"
    assert call("index", "build", tmp_path / "r.tsv", "-m", model_bundle, "-o", index).code == 0
    (row,) = rows_of(call("classify", tmp_path / "q.fasta", "-i", index, "--hits", hits).out)
    assert row["nearest_id"] == "R3"
    assert (row["nearest_taxon"], row["nearest_bin"]) == ("Aus dus", "BOLD:AAA0003")
    for hit in rows_of(hits.read_text()):
        number = int(hit["reference_id"][1:])
        assert hit["bin"] == f"BOLD:AAA{number:04d}"
        assert hit["country"] == ("Peru" if number % 2 else "NA")
    done = call("classify", tmp_path / "q.fasta", "-i", index, "--explain", "q")

    assert "1 Aus dus BOLD:AAA0003" in done.out
