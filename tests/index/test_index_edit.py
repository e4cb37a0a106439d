"""Edited indexes have the same files as a build of all their records."""

from __future__ import annotations

import csv
import json
import shutil
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from support import SIMULATED, files_in, run_here

from barcodeembed.evaluation.open_world.kmers import KmerCounter
from barcodeembed.index.build import build_index
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.index.collect import BuildReport
from barcodeembed.index.edit import add_records, merge_indexes
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.taxonomy.references import read_labelled

pytestmark = pytest.mark.usefixtures("small_samples")

COUNTRIES = ("Canada", "Kenya", "Canada: Ontario", "")


class Counted(KmerCounter):
    """A k-mer counter that records what it counted."""

    def __init__(self) -> None:
        super().__init__(4)
        object.__setattr__(self, "asked", [])

    def encode(self, sequences):
        self.asked.extend(sequences)
        return super().encode(sequences)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Write tables of 101 simulated references with all optional columns.

    Every 20th is reverse-complemented, every 30th is in a family of another genus, every 17th has
    no order, and every 5th has no BIN.
    """
    folder = tmp_path_factory.mktemp("tables")
    rows = []
    for i, (record, taxa) in enumerate(
        islice(read_labelled(SIMULATED / "reference.fasta"), 0, None, 6)
    ):
        bases = reverse_complement(record.sequence) if i % 20 == 3 else record.sequence
        names = dict(zip(RANKS, [name or "" for name in taxa], strict=True))
        if i % 30 == 7:
            names["family"] = "Othernabupidae"
        if i % 17 == 5:
            names["order"] = ""
        of_bin = "" if i % 5 == 0 else f"BOLD:{names['species'][:12].upper().replace(' ', '')}"
        rows.append(
            {
                "record_id": record.id,
                "bin": of_bin,
                "country": COUNTRIES[i % 4],
                **names,
                "nucleotides": bases,
            }
        )

    def write(name: str, chosen, columns=None) -> Path:
        path = folder / f"{name}.tsv"
        with open(path, "w", newline="") as stream:
            writer = csv.DictWriter(
                stream, columns or list(rows[0]), delimiter="\t", extrasaction="ignore"
            )
            writer.writeheader()
            writer.writerows(row for i, row in enumerate(rows) if chosen(i, row))
        return path

    return write


@pytest.fixture(scope="module")
def parts(table):
    """Write three tables that share a few records, and one table of all records."""
    return (
        table("a", lambda i, row: i % 3 == 0),
        table("b", lambda i, row: i % 3 == 1 or i % 36 == 0),
        table("c", lambda i, row: i % 3 == 2 or i % 36 == 1),
        table("all", lambda i, row: True),
    )


@pytest.fixture(scope="module")
def built(parts, model_bundle, tmp_path_factory):
    """Build the indexes of these tables with the command."""
    folder = tmp_path_factory.mktemp("built")
    for path in parts:
        assert (
            run_here(
                "index",
                "build",
                path,
                "-m",
                model_bundle,
                "--whiten",
                "0",
                "-o",
                folder / f"{path.stem}.bix",
                "-q",
            )
            == 0
        )
    return folder


def contents(bundle: Path) -> dict[str, bytes]:
    return {str(f.relative_to(bundle)): f.read_bytes() for f in files_in(bundle) if f.is_file()}


def same(one: Path, other: Path) -> None:
    found, wanted = contents(one), contents(other)
    assert found.keys() == wanted.keys()
    assert [name for name in wanted if found[name] != wanted[name]] == []


def test_the_fixture_has_all_optional_columns(built):
    sources = ReferenceIndex.open(built / "all.bix").sources
    assert (
        any(sources.reverse_complemented) and any(sources.source_lineage) and any(sources.countries)
    )
    assert None in sources.bins and any(sources.bins)


def test_adding_equals_a_build_of_both(built, parts, call, tmp_path):
    a, b, c, _ = parts
    first = call("index", "add", built / "a.bix", b, "-o", tmp_path / "ab.bix")
    assert (first.code, first.out) == (0, "")
    assert first.err.startswith(f"{b}: read as a table with rank columns\n")
    assert "3 repeated" in first.err
    again = call("index", "add", tmp_path / "ab.bix", c, "-o", tmp_path / "abc.bix")
    assert again.code == 0
    same(tmp_path / "abc.bix", built / "all.bix")


@pytest.mark.slow
def test_add_reports_the_format_as_build_does(model_bundle, call, tmp_path):
    some = (SIMULATED / "reference.fasta").read_text().split("\n")[:48]
    old, sintax, plain, names = (tmp_path / name for name in ("old.fa", "s.fa", "p.fa", "t.tsv"))
    old.write_text("\n".join(some[:24]) + "\n")
    sintax.write_text("\n".join(some[24:36]) + "\n")
    plain.write_text("".join(f">P{i}\n{bases}\n" for i, bases in enumerate(some[37::2])))
    names.write_text("".join(f"P{i}\tk__Animalia; p__Arthropoda; g__Apis\n" for i in range(6)))
    words = ("-m", model_bundle, "-o", tmp_path / "x.bix")
    assert call("index", "build", old, *words, "--whiten", "0").code == 0
    for path, name, *options in [
        (sintax, "SINTAX headers (;tax=k:..,p:..)"),
        (plain, "QIIME 2 or UNITE taxonomy (k__..;p__..)", "--taxonomy", names),
    ]:
        made = call("index", "add", tmp_path / "x.bix", path, *options, "-o", tmp_path / "y.bix")
        built = call("index", "build", path, *options, *words[:2], "-o", tmp_path / "z.bix")
        assert (made.code, built.code) == (0, 0)
        line = f"{options[-1] if options else path}: read as {name}"
        assert made.err.split("\n")[0] == built.err.split("\n")[0] == line
    quiet = call("index", "add", tmp_path / "x.bix", sintax, "-q", "-o", tmp_path / "y.bix")
    assert (quiet.code, quiet.err) == (0, "")


def test_merging_in_any_order_equals_a_build_of_all(built, call, tmp_path):
    for order in ("abc", "cab"):
        made = call(
            "index",
            "merge",
            *(built / f"{name}.bix" for name in order),
            "-o",
            tmp_path / "merged.bix",
        )
        assert (made.code, made.out) == (0, "")
        assert " 0 of them embedded now" in made.err
        assert "repeated" in made.err
        same(tmp_path / "merged.bix", built / "all.bix")


def test_a_subset_equals_a_build_of_its_records(table, model_bundle, call, tmp_path):
    """Use references with consistent lineages, because a subset keeps resolved lineages."""
    columns = ["record_id", "bin", "country", *RANKS[:4], "genus", "species", "nucleotides"]

    def agree(i, row):
        return i % 17 != 5 and i % 30 != 7

    _, lineage = next(read_labelled(SIMULATED / "reference.fasta"))
    order = lineage[3]
    everything = table("agree", agree, columns)
    some = table("some", lambda i, row: agree(i, row) and row["order"] == order, columns)
    for path in (everything, some):
        assert (
            call(
                "index",
                "build",
                path,
                "-m",
                model_bundle,
                "--whiten",
                "0",
                "-o",
                tmp_path / f"{path.stem}.bix",
            ).code
            == 0
        )
    made = call(
        "index", "subset", tmp_path / "agree.bix", "--taxon", order, "-o", tmp_path / "subset.bix"
    )
    assert made.code == 0
    same(tmp_path / "subset.bix", tmp_path / "some.bix")


@pytest.mark.slow
def test_known_barcodes_are_not_embedded_again(parts, tmp_path):
    """Only mutated copies are embedded, on which a small index is calibrated."""
    a, b, _, _ = parts
    first = build_index(read_labelled(a), KmerCounter(4))
    embedder = Counted()
    report = BuildReport()
    grown = add_records(first, read_labelled(b), embedder, report=report)
    there = set(first.sequences)
    assert not there & set(embedder.asked)
    assert report.embedded == len(set(grown.sequences) - there)
    whole = build_index([*read_labelled(a), *read_labelled(b)], KmerCounter(4))
    assert np.array_equal(grown.vectors, whole.vectors)
    embedder = Counted()
    second = build_index(read_labelled(b), KmerCounter(4))
    report = BuildReport()
    merged = merge_indexes([first, second], embedder, report=report)
    assert report.embedded == 0
    assert not (there | set(second.sequences)) & set(embedder.asked)
    assert merged.calibration == whole.calibration
    assert merged.settings == whole.settings


@pytest.mark.slow
def test_a_subset_keeps_lineages_resolved_with_all_records(built, call, tmp_path):
    old = ReferenceIndex.open(built / "all.bix")
    chosen = np.array([bool(lineage) for lineage in old.sources.source_lineage])
    assert chosen.any() and not chosen.all()
    lineages = [old.taxa.lineages[i] for i in old.record_lineages[chosen]]
    index = tmp_path / "some.bix"
    country = call("index", "subset", built / "all.bix", "--country", "kenya", "-o", index)
    assert country.code == 0
    new = ReferenceIndex.open(index)
    assert set(new.sources.countries) == {"Kenya"}
    named = dict(
        zip(old.record_ids, (old.taxa.lineages[i] for i in old.record_lineages), strict=True)
    )
    assert all(
        named[record] == new.taxa.lineages[lineage]
        for record, lineage in zip(new.record_ids, new.record_lineages, strict=True)
    )
    assert lineages


def test_countries_and_taxa_are_combined(built, call, tmp_path):
    old = ReferenceIndex.open(built / "all.bix")
    order = old.taxa.names[old.taxa.ranks.index("order")][0]
    made = call(
        "index",
        "subset",
        built / "all.bix",
        "--taxon",
        f"order:{order}",
        "--country",
        "CANADA",
        "--country",
        "Kenya",
        "-o",
        tmp_path / "some.bix",
    )
    assert made.code == 0
    column = old.taxa.ranks.index("order")
    wanted = {
        name
        for name, lineage, country in zip(
            old.record_ids, old.record_lineages, old.sources.countries, strict=True
        )
        if country and old.taxa.names[column][old.taxa.codes[lineage, column]] == order
    }
    assert set(ReferenceIndex.open(tmp_path / "some.bix").record_ids) == wanted


@pytest.mark.slow
def test_a_subset_of_whitened_vectors_keeps_their_whitening(index_bundle, call, tmp_path):
    old = ReferenceIndex.open(index_bundle)
    order = old.taxa.names[old.taxa.ranks.index("order")][0]
    made = call("index", "subset", index_bundle, "--taxon", order, "-o", tmp_path / "s.bix")
    assert made.code == 0
    new = ReferenceIndex.open(tmp_path / "s.bix")
    assert np.array_equal(new.whitening.directions, old.whitening.directions)
    rows = [list(old.sequences).index(bases) for bases in new.sequences]
    assert np.array_equal(new.vectors, old.vectors[rows])


def test_a_subset_of_prototypes_needs_no_model(parts, model_bundle, call, tmp_path):
    whole = tmp_path / "whole.bix"
    words = ("index", "build", parts[0], "-m", model_bundle, "-o", whole)
    assert call(*words, "--prototypes", "species", "--without-model").code == 0
    old = ReferenceIndex.open(whole)
    family = old.taxa.names[old.taxa.ranks.index("family")][1]
    made = call("index", "subset", whole, "--taxon", family, "-o", tmp_path / "new.bix")
    assert made.code == 0
    new = ReferenceIndex.open(tmp_path / "new.bix")
    column = old.taxa.ranks.index("family")
    kept = np.array([old.taxa.codes[i, column] == 1 for i in old.record_lineages])
    assert np.array_equal(new.vectors, old.vectors[kept])
    assert list(new.record_ids) == [n for n, k in zip(old.record_ids, kept, strict=True) if k]
    assert new.calibration == old.calibration
    assert call("info", tmp_path / "new.bix").code == 0
    for words in (("add", whole, SIMULATED / "reference.fasta"), ("merge", whole, whole)):
        refused = call("index", *words, "-o", tmp_path / "none.bix")
        assert (refused.code, "is an index of prototypes" in refused.err) == (1, True)


@pytest.mark.slow
def test_records_can_be_added_to_an_index_without_optional_columns(built, parts, call, tmp_path):
    """Early indexes have no optional columns."""
    old = ReferenceIndex.open(built / "a.bix")
    assert {"bin", "country", "strand", "source_lineage"} <= set(
        (built / "a.bix" / "records.tsv").read_text().split("\n")[0].split("\t")
    )
    bare = type(old)(*(getattr(old, name) for name in type(old).__slots__[:-1]))
    bare.save(tmp_path / "bare.bix", built / "a.bix" / "model")
    head = (tmp_path / "bare.bix" / "records.tsv").read_text().split("\n")[0]
    assert head == "record_id\tvector\tlineage"
    assert not (tmp_path / "bare.bix" / "source_lineage.tsv").exists()
    record, _ = next(read_labelled(SIMULATED / "reference.fasta"))
    (tmp_path / "more.fasta").write_text(
        f">new;tax=k:Animalia,p:Arthropoda,g:Nova,s:Nova nova;\n{record.sequence[9:]}\n"
    )
    made = call(
        "index", "add", tmp_path / "bare.bix", tmp_path / "more.fasta", "-o", tmp_path / "new.bix"
    )
    assert made.code == 0
    assert set(ReferenceIndex.open(tmp_path / "new.bix").record_ids) == {*old.record_ids, "new"}
    refused = call(
        "index", "subset", tmp_path / "bare.bix", "--country", "Kenya", "-o", tmp_path / "none.bix"
    )
    assert (refused.code, "keeps no countries" in refused.err) == (1, True)


@pytest.fixture(scope="module")
def other_model(tmp_path_factory) -> Path:
    import torch

    from barcodeembed.model.bundle import save_model
    from barcodeembed.model.config import PRESETS
    from barcodeembed.model.encoder import Encoder

    path = tmp_path_factory.mktemp("other") / "tiny"
    torch.manual_seed(1)
    save_model(path, Encoder(PRESETS["tiny"].model), {})
    return path


def test_indexes_of_two_models_are_an_error_with_both_names(
    built, parts, other_model, model_bundle, call, tmp_path
):
    other = tmp_path / "other.bix"
    assert (
        call("index", "build", parts[1], "-m", other_model, "--whiten", "0", "-o", other).code == 0
    )
    before = files_in(tmp_path)
    refused = call("index", "merge", built / "a.bix", other, "-o", tmp_path / "none.bix")
    assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
    for path in (built / "a.bix", other):
        fingerprint = json.loads((path / "config.json").read_text())["embedder"]
        assert f"{path.name} " in refused.err and fingerprint in refused.err
    refused = call(
        "index", "add", built / "a.bix", parts[1], "-m", other_model, "-o", tmp_path / "none.bix"
    )
    assert (refused.code, "the index was made with model" in refused.err) == (1, True)
    assert files_in(tmp_path) == before


def altered(path: Path, change, to: Path) -> Path:
    """Write the first three rows of a table with a change."""
    with open(path, newline="") as stream:
        header, *rows = list(csv.reader(stream, delimiter="\t"))[:4]
    with open(to, "w", newline="") as stream:
        csv.writer(stream, delimiter="\t").writerows([header, *(change(row) for row in rows)])
    return to


def without_the_format(stderr: str) -> list[str]:
    """Return the lines of standard error, without the one about the format of a file."""
    return [line for line in stderr.splitlines() if ": read as " not in line]


@pytest.mark.parametrize("what", ["bases", "lineage"])
def test_an_id_with_another_barcode_or_lineage_is_an_error(what, built, parts, call, tmp_path):
    def change(row):
        return [*row[:-1], row[-1][5:]] if what == "bases" else [*row[:-2], "Alia alia", row[-1]]

    more = altered(parts[0], change, tmp_path / "more.tsv")
    before = files_in(tmp_path)
    refused = call("index", "add", built / "a.bix", more, "-o", tmp_path / "none.bix")
    assert (refused.code, refused.out, len(without_the_format(refused.err))) == (1, "", 1)
    assert "3 ids stand for different references: " in refused.err
    assert files_in(tmp_path) == before


def test_a_whitened_index_cannot_be_changed(index_bundle, parts, call, tmp_path):
    for words in (("add", index_bundle, parts[0]), ("merge", index_bundle, index_bundle)):
        refused = call("index", *words, "-o", tmp_path / "none.bix")
        assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
        assert "vectors are whitened" in refused.err and "--whiten 0" in refused.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words, problem",
    [
        (["subset", "{a}", "--taxon", "Insekta"], "no 'Insekta'; did you mean 'Insecta'?"),
        (
            ["subset", "{a}", "--taxon", "order:Insecta"],
            "--taxon: the index has no 'order:Insecta'",
        ),
        (
            ["subset", "{a}", "--country", "Canad"],
            "no record is from 'Canad'; the most frequent countries are ",
        ),
        (["subset", "{absent}", "--taxon", "Insecta"], "absent: does not exist; expected an index"),
        (["add", "{a}", "{absent}"], "absent: cannot be read"),
        (["add", "{a}", "{plain}"], "plain:1 (x): no lineage for this record"),
        (["add", "{absent}", "{plain}"], "absent: does not exist; expected an index"),
        (["add", "{a}", "{b}", "--on-conflict", "fail"], "taxa have conflicting parents"),
        (["merge", "{a}", "{absent}"], "absent: does not exist; expected an index"),
        (["audit", "{absent}"], "absent: does not exist; expected an index"),
    ],
)
def test_an_error_is_one_line_and_leaves_no_files(words, problem, built, parts, call, tmp_path):
    (tmp_path / "plain").write_text(">x\n" + "ACGTTGCAATCC" * 30 + "\n")
    paths = {
        "a": built / "a.bix",
        "b": parts[1],
        "absent": tmp_path / "absent",
        "plain": tmp_path / "plain",
    }
    before = files_in(tmp_path, built)
    result = call("index", *(w.format_map(paths) for w in words), "-o", tmp_path / "none.bix")
    assert (result.code, result.out, len(without_the_format(result.err))) == (1, "", 1), result
    assert problem in result.err
    assert files_in(tmp_path, built) == before


@pytest.mark.parametrize(
    "words, problem",
    [
        (["subset", "{a}"], "say what to keep"),
        (["merge", "{a}"], "give two indexes or more"),
        (["subset", "{a}", "--taxon", "Insecta", "-o", "{a}"], "is also an input"),
        (["merge", "{a}", "{b}", "-o", "{b}"], "is also an input"),
        (["add", "{a}", "{a}", "--on-conflict", "x"], "'x' is not one of majority, fail"),
        (["audit", "{a}", "-o", "{a}"], "is also an input"),
        (["audit", "{a}", "-k", "2"], "'--top-k'"),
    ],
)
def test_a_usage_error_has_exit_code_2(words, problem, built, call, tmp_path):
    paths = {"a": built / "a.bix", "b": built / "b.bix"}
    words = [word.format_map(paths) for word in words]
    result = call("index", *words, *([] if "-o" in words else ["-o", tmp_path / "none.bix"]))
    assert result.code == 2
    assert problem in result.out + result.err
    assert not list(tmp_path.iterdir())


def test_a_name_at_two_ranks_is_an_error_and_homonyms_are_a_warning(model_bundle, call, tmp_path):
    references = [record.sequence for record, _ in read_labelled(SIMULATED / "reference.fasta")]
    names = [
        "k:Animalia,p:Mollusca,c:Dubia,g:Aus,s:Aus bus",
        "k:Plantae,p:Tracheophyta,g:Colocasia,s:Colocasia xus",
        "k:Animalia,p:Arthropoda,g:Dubia,s:Dubia dua",
        "k:Animalia,p:Arthropoda,g:Colocasia,s:Colocasia yus",
    ]
    (tmp_path / "x.fasta").write_text(
        "".join(
            f">r{i};tax={taxa};\n{bases}\n"
            for i, (taxa, bases) in enumerate(zip(names, references[::90], strict=False))
        )
    )
    assert (
        call(
            "index", "build", tmp_path / "x.fasta", "-m", model_bundle, "-o", tmp_path / "x.bix"
        ).code
        == 0
    )
    asked = call(
        "index", "subset", tmp_path / "x.bix", "--taxon", "Dubia", "-o", tmp_path / "n.bix"
    )
    assert asked.code == 1
    assert "is a name at several ranks; give class:Dubia or genus:Dubia" in asked.err
    for text, ids, warned in (
        ("class:Dubia", ["r0"], False),
        ("genus:Dubia", ["r2"], False),
        ("Colocasia", ["r1", "r3"], True),
    ):
        made = call(
            "index", "subset", tmp_path / "x.bix", "--taxon", text, "-o", tmp_path / "n.bix"
        )
        assert made.code == 0
        assert list(ReferenceIndex.open(tmp_path / "n.bix").record_ids) == ids
        assert ("2 taxa, of different kingdoms" in made.err) == warned


def test_the_copy_of_the_model_is_kept(built, call, tmp_path):
    bare = Path(shutil.copytree(built / "b.bix", tmp_path / "b.bix"))
    shutil.rmtree(bare / "model")
    manifest = json.loads((bare / "manifest.json").read_text())
    manifest["files"] = {k: v for k, v in manifest["files"].items() if not k.startswith("model")}
    (bare / "manifest.json").write_text(json.dumps(manifest))
    made = call("index", "merge", bare, built / "a.bix", "-o", tmp_path / "m.bix")
    assert made.code == 0
    assert contents(tmp_path / "m.bix" / "model") == contents(built / "a.bix" / "model")
    lone = call("index", "subset", bare, "--taxon", "Insecta", "-o", tmp_path / "s.bix")
    assert (lone.code, "give --model" in lone.err) == (1, True)
    made = call(
        "index",
        "subset",
        bare,
        "--taxon",
        "Insecta",
        "-m",
        built / "a.bix" / "model",
        "--coverage",
        "All there is.",
        "-o",
        tmp_path / "s.bix",
    )
    assert made.code == 0
    assert not (tmp_path / "s.bix" / "model").exists()
    assert ReferenceIndex.open(tmp_path / "s.bix").settings.coverage == "All there is."
