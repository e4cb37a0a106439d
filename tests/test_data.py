"""The committed simulated data: made by data/simulate.py, as described in data/README.md."""

import csv
import importlib.util
from collections import Counter
from pathlib import Path

import pytest
from Bio.Seq import reverse_complement, translate

DATA = Path(__file__).parent.parent / "data"
FILES = ("reference.fasta", "taxonomy.tsv", "reads.fasta", "reads.tsv")
SPEC = importlib.util.spec_from_file_location("simulate", DATA / "simulate.py")
simulate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(simulate)


def read_fasta(name: str) -> list[tuple[str, str]]:
    lines = (DATA / "simulated" / name).read_text().splitlines()
    assert all(header.startswith(">") for header in lines[::2])
    return [(head[1:], bases) for head, bases in zip(lines[::2], lines[1::2], strict=True)]


def read_table(name: str) -> list[dict[str, str]]:
    with open(DATA / "simulated" / name, newline="") as table:
        return list(csv.DictReader(table, delimiter="\t"))


REFERENCE, TAXONOMY = read_fasta("reference.fasta"), read_table("taxonomy.tsv")
READS, TRUTH = read_fasta("reads.fasta"), read_table("reads.tsv")
COMPLETE = [bases for _, bases in REFERENCE if len(bases) == 658]


def taxa(rank: str, rows: list[dict[str, str]] = TAXONOMY) -> set[str]:
    return {row[rank] for row in rows}


def words(bases: str, size: int = 12) -> set[str]:
    return {bases[at : at + size] for at in range(len(bases) - size + 1)}


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list]:
    folder = tmp_path_factory.mktemp("simulated")
    return folder, simulate.simulate(0, folder)


@pytest.mark.parametrize("name", FILES)
def test_the_script_writes_the_committed_files(rewritten, name):
    assert (rewritten[0] / name).read_bytes() == (DATA / "simulated" / name).read_bytes()


def test_another_seed_writes_other_data(tmp_path):
    simulate.simulate(1, tmp_path)
    assert (tmp_path / "reads.fasta").read_text() != (DATA / "simulated/reads.fasta").read_text()


def test_the_report_is_the_one_in_the_readme(rewritten):
    assert simulate.report(rewritten[1]) in (DATA / "README.md").read_text()


def test_data_are_small():
    assert sum((DATA / "simulated" / name).stat().st_size for name in FILES) < 1.5e6


def test_ids_are_unique():
    for records in (REFERENCE, READS):
        assert len({header.split(";")[0] for header, _ in records}) == len(records)


def test_headers_and_taxonomy_agree():
    for (header, _), row in zip(REFERENCE, TAXONOMY, strict=True):
        names = ",".join(f"{rank[0]}:{row[rank]}" for rank in simulate.LINEAGE)
        assert header == f"{row['record_id']};tax={names.replace(' ', '_')};"


def test_each_taxon_has_one_parent_and_each_name_one_rank():
    lineages = {tuple(row[rank] for rank in simulate.LINEAGE) for row in TAXONOMY}
    taxa_seen = {lineage[:depth] for lineage in lineages for depth in range(1, 8)}
    assert len({taxon[-1] for taxon in taxa_seen}) == len(taxa_seen)


def test_names_begin_with_the_mark_of_their_order():
    for row in TAXONOMY + TRUTH:
        mark = row["order"].removesuffix("optera")
        assert mark in simulate.MARKS
        assert all(row[rank].startswith(mark) for rank in ("family", "genus", "species"))
        assert row["species"].split(" ")[0] == row["genus"]


def test_complete_references_translate_without_stop():
    assert len(COMPLETE) > 0.8 * len(REFERENCE)
    assert not any("*" in translate(bases[1:], table=5) for bases in COMPLETE)


def test_some_references_are_partial_or_ambiguous():
    assert all(400 < len(bases) <= 658 and set(bases) <= set("ACGTN") for _, bases in REFERENCE)
    assert sum("N" in bases for _, bases in REFERENCE) == simulate.AMBIGUOUS_RECORDS


def test_one_haplotype_is_shared_by_two_species():
    species = [row["species"] for row in TAXONOMY]
    carriers = set(zip((bases for _, bases in REFERENCE), species, strict=True))
    assert sorted(Counter(bases for bases, _ in carriers).values())[-2:] == [1, 2]


def test_reads_and_truth_agree():
    assert READS == [(row["record_id"], row["nucleotides"]) for row in TRUTH]
    assert Counter(row["kind"] for row in TRUTH) == simulate.READS | {"damaged": 2}


def test_held_out_taxa_are_absent_and_their_parents_present():
    for row in TRUTH:
        seen = row["kind"] in ("seen", "damaged")
        assert (row["species"] in taxa("species")) == seen
        assert (row["genus"] in taxa("genus")) == (row["kind"] != "unseen_genus")
        assert row["family"] in taxa("family")


def test_reads_are_of_new_haplotypes():
    reads = {bases for _, bases in READS} | {reverse_complement(bases) for _, bases in READS}
    assert not reads & {bases for _, bases in REFERENCE}


def test_strands_are_as_labelled():
    words_of = {row["family"]: set() for row in TAXONOMY}
    for (_, bases), row in zip(REFERENCE, TAXONOMY, strict=True):
        words_of[row["family"]] |= words(bases)
    for row in TRUTH:
        read, known = row["nucleotides"].upper(), words_of[row["family"]]
        forward, backward = words(read) & known, words(reverse_complement(read)) & known
        if set(read) != {"N"}:
            assert (len(forward) > len(backward)) == (row["strand"] == "+")


def test_two_reads_cannot_be_classified():
    damaged = [row["nucleotides"] for row in TRUTH if row["kind"] == "damaged"]
    assert sorted(len(bases) for bases in damaged) == [40, 658]
    assert [bases for _, bases in READS if set(bases) == {"N"}] == [max(damaged, key=len)]
    assert sum(len(bases) < 150 for _, bases in READS) == 1
