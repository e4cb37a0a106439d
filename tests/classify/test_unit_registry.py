"""Novel units keep their names from run to run by a registry."""

from __future__ import annotations

import fcntl
import os

import numpy as np
import pytest
from support import SIMULATED, files_in, rows_of

from barcodeembed.classify.novel_units import CombinedSimilarity, find_founders
from barcodeembed.classify.unit_registry import COLUMNS, UnitRegistry
from barcodeembed.errors import InputError
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.reading import read_records


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """The simulated reads in two files; the second also has those of the first again, reversed."""
    folder = tmp_path_factory.mktemp("halves")
    records = list(read_records(SIMULATED / "reads.fasta"))[:40]
    for name, chosen in (("one", records[:25]), ("two", records[25:])):
        again = [(f"again_{r.id}", reverse_complement(r.sequence)) for r in records[:6]]
        reads = [(r.id, r.sequence) for r in chosen] + (again if name == "two" else [])
        text = "".join(f">{key}\n{bases}\n" for key, bases in reads)
        (folder / f"{name}.fasta").write_text(text)
    return folder


def units_of(text: str) -> dict[str, str]:
    return {row["query_id"]: row["novel_unit"] for row in rows_of(text)}


def test_units_keep_their_names_between_runs(halves, index_bundle, tmp_path, call):
    registry = tmp_path / "lake-2024.tsv"
    words = ("-i", index_bundle, "--units", registry)
    first = call("classify", halves / "one.fasta", *words)
    assert "0 units were known" in first.err
    one = units_of(first.out)
    known = rows_of(registry.read_text())
    assert [unit["novel_unit"] for unit in known] == sorted(set(one.values()) - {"NA"})
    assert known[0]["novel_unit"] == "lake_2024_0001"
    # The same run again changes nothing.
    before = registry.read_bytes()
    assert call("classify", halves / "one.fasta", *words).out == first.out
    assert registry.read_bytes() == before
    # Another run knows them, in the other orientation too, and adds its own.
    second = call("classify", halves / "two.fasta", *words)
    two = units_of(second.out)
    again = {name: unit for name, unit in two.items() if name.startswith("again_")}
    assert again == {f"again_{name}": unit for name, unit in list(one.items())[:6]}
    assert set(again.values()) - {"NA"}
    grown = rows_of(registry.read_text())
    assert grown[: len(known)] == known
    assert {unit["novel_unit"] for unit in grown} == {*one.values(), *two.values()} - {"NA"}
    assert f"{len(known)} units were known, {len(grown) - len(known)} are new" in second.err
    # Tables of both runs can be reported together.
    for name, done in (("one", first), ("two", second)):
        (tmp_path / f"{name}.tsv").write_text(done.out)
    done = call("report", tmp_path / "one.tsv", tmp_path / "two.tsv", "--to", "table")
    assert done.code == 0 and "lake_2024_0001" in done.out


def test_a_second_run_with_the_same_registry_is_refused(call, index_bundle, tmp_path):
    """Before anything is read: otherwise the units of the run that ends first would be lost."""
    registry = tmp_path / "units.tsv"
    descriptor = os.open(tmp_path / ".units.tsv.lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # another descriptor is as another process
    words = ("classify", SIMULATED / "reads.fasta", "-i", "absent", "--units", registry)
    result = call(*words)
    assert result.code == 1
    assert result.err == f"barcodeembed: error: {registry}: another command is writing it now\n"
    os.close(descriptor)
    assert "absent" in call(*words).err
    assert files_in(tmp_path) == set()


def test_a_first_run_has_the_units_of_a_run_without_a_registry(
    halves, index_bundle, tmp_path, call
):
    words = (halves / "one.fasta", "-i", index_bundle)
    plain = units_of(call("classify", *words, "--cluster-novel").out)
    named = units_of(call("classify", *words, "--units", tmp_path / "u.tsv").out)
    pairs = {(plain[name], named[name]) for name in plain}
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})


def test_known_founders_are_never_joined():
    vectors = np.eye(3, dtype=np.float32)[[0, 0, 0]]
    bases = ["ACGT" * 30, "ACGT" * 29 + "ACGA", "ACGT" * 29 + "ACCC"]
    measure = CombinedSimilarity(0.9, True)
    founders = find_founders(bases, vectors, measure, known=2)
    assert founders[:2] == bases[:2]
    assert founders[2] in bases[:2]
    assert len(set(find_founders(bases, vectors, measure))) == 1


def test_chimeras_and_pseudogenes_get_no_unit(index_bundle, tmp_path):
    import io

    from barcodeembed.classify.assignment import Assignment
    from barcodeembed.classify.pipeline import Classifier
    from barcodeembed.classify.samples import Answer
    from barcodeembed.classify.tables import write_tables
    from barcodeembed.sequences.records import SequenceRecord

    classifier = Classifier.load(index_bundle)
    bases = "ACGT" * 40
    record, vector = SequenceRecord("q", bases), np.asarray(classifier.index.vectors[0])
    answers = [
        Answer(None, record, Assignment("q", "novel", 160, flags, bases=bases, vector=vector))
        for flags in ((), ("chimera",), ("stop_codon", "pseudogene"), ("stop_codon",))
    ]
    units = []
    for registry in (UnitRegistry(tmp_path / "lake.tsv"), None):
        table = io.StringIO()
        done = write_tables(answers, classifier, table, cluster_novel=True, registry=registry)
        assert len(list(done)) == 4
        units.append([row["novel_unit"] for row in rows_of(table.getvalue())])
    assert units == [["lake_0001", "NA", "NA", "lake_0001"], ["novel_0001"] * 4]


def test_a_registry_must_be_one(tmp_path):
    path = tmp_path / "u.tsv"
    path.write_text("id\tsequence\nx\tACGT\n")
    with pytest.raises(InputError, match="not a registry of units .* no column novel_unit"):
        UnitRegistry(path)
    row = "\t".join(["u_0001", *["NA"] * (len(COLUMNS) - 2), "ACGT"])
    path.write_text("\n".join(["\t".join(COLUMNS), row, row]) + "\n")
    with pytest.raises(InputError, match="a unit or a sequence occurs twice"):
        UnitRegistry(path)
    path.write_text("\n".join(["\t".join(COLUMNS), row.replace("u_0001", "u\x1b[31m")]) + "\n")
    with pytest.raises(InputError, match="u.tsv:2: control character in the cell"):
        UnitRegistry(path)
    path.write_text("\n".join(["\t".join(COLUMNS), row.replace("ACGT", "AC-GT")]) + "\n")
    with pytest.raises(InputError, match="u.tsv:2: a unit without a name or a sequence"):
        UnitRegistry(path)


def test_a_registry_is_not_written_if_the_run_fails(halves, tmp_path, index_bundle, call):
    (tmp_path / "bad.fasta").write_text(">a\nACGT\n>b\nAC>GT\n")
    registry = tmp_path / "u.tsv"
    done = call("classify", tmp_path / "bad.fasta", "-i", index_bundle, "--units", registry)
    assert done.code == 1 and not registry.exists()
