"""The protocols of the papers, compared with independent definitions, and their command."""

from __future__ import annotations

import json
import math
import re
import sys
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import SIMULATED, files_in

from barcodeembed.embedding.embedder import Embedder
from barcodeembed.errors import InputError
from barcodeembed.evaluation.protocols import clusters, neighbours
from barcodeembed.evaluation.protocols.intervals import half_sample_interval, wilson
from barcodeembed.evaluation.protocols.leakage import (
    count_overlaps,
    deduplicate,
    find_duplicates,
    find_parts,
)
from barcodeembed.evaluation.protocols.splits import (
    PUBLISHED_BASES,
    Split,
    derive_splits,
    read_splits,
    sample_queries,
)
from barcodeembed.taxonomy.references import read_labelled
from barcodeembed.vectors.normalise import normalise

HEADER = "processid,dna_bin,phylum,class,order,family,genus,species,split,dna_barcode"

#: The splits of the simulated references, by their number within the species.
PLACES = {1: "val", 3: "test", 5: "pretrain"}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Write a table like that of BIOSCAN-5M of every second species.

    Every sixth of these is unseen if its genus is large.
    """
    of_genus, by_species = defaultdict(set), defaultdict(list)
    for record, names in read_labelled(SIMULATED / "reference.fasta"):
        if names[-1]:
            of_genus[names[-2]].add(names[-1])
            by_species[names[-1]].append((record, names))
    lines = [HEADER]
    for number, (_, records) in enumerate(sorted(by_species.items())[::2]):
        unseen = number % 6 == 0 and len(of_genus[records[0][1][-2]]) > 2
        for place, (record, names) in enumerate(records):
            split = "test_unseen" if unseen else PLACES.get(place, "train")
            ranks = [name or "" for name in (*names[1:5], names[6], names[7])]
            lines.append(",".join([record.id, f"BOLD:{number}", *ranks, split, record.sequence]))
    path = tmp_path_factory.mktemp("published") / "metadata.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


# Intervals.


@given(st.integers(0, 60), st.integers(1, 60))
def test_wilsons_interval_inverts_the_score_test(right, n):
    """At its ends, the observed fraction is 1.96 standard errors away."""
    right = min(right, n)
    low, high = wilson(right, n)
    assert 0 <= low <= right / n <= high <= 1
    for end in {low, high} - {0.0, 1.0}:
        score = (right / n - end) / math.sqrt(end * (1 - end) / n)
        assert abs(score) == pytest.approx(1.959963984540054, abs=1e-6)


def test_wilsons_interval_is_narrower_with_more_queries():
    widths = [high - low for low, high in (wilson(8 * n, 10 * n) for n in (1, 10, 100, 1000))]
    assert widths == sorted(widths, reverse=True) and widths[-1] < 0.02
    assert all(map(math.isnan, wilson(0, 0)))


def test_half_samples_give_the_standard_error_of_a_mean():
    values = np.random.default_rng(1).normal(5, 2, 4_000)
    low, high = half_sample_interval(values.mean(), lambda rows: values[rows].mean(), len(values))
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(len(values)), rel=0.25)
    assert half_sample_interval(0.5, len, 3) == pytest.approx((math.nan,) * 2, nan_ok=True)


# Leakage.

words = st.lists(st.text("AC", min_size=3, max_size=12), min_size=1, max_size=30, unique=True)


@given(words, st.integers(1, 8))
def test_parts_are_all_substrings(barcodes, anchor):
    expected = {(a, b) for a in barcodes for b in barcodes if a != b and a in b}
    assert set(find_parts(barcodes, anchor)) == expected


def split_of(*bases: str, bins=()) -> Split:
    none = [None] * len(bases)
    return Split([*map(str, range(len(bases)))], [*bases], none, none, [*bins] or none, len(bases))


def test_overlaps_are_counted_by_pair_of_splits():
    a, b, c = "ACGTTGCAAC", "GGATCCATTA", "TTTACACGGA"
    splits = {
        "train": split_of(a, b + "C", bins=["1", "2"]),
        "test": split_of(a, b, "GT" + a, c, bins=["1", "2", None, "9"]),
        "test_unseen": split_of(c),
    }
    duplicates = find_duplicates(splits)
    rows = {(row["split"], row["found_in"]): row for row in count_overlaps(splits, duplicates)}
    kinds = ("barcodes", "exact", "contained", "containing", "same_bin")
    assert {pair: [row[kind] for kind in kinds] for pair, row in rows.items()} == {
        ("test", "train"): [4, 1, 1, 1, 2],
        ("test_unseen", "train"): [1, 0, 0, 0, None],
        ("test_unseen", "test"): [1, 1, 0, 0, None],
    }
    left = {}
    for what in ("none", "exact", "contained"):
        kept, dropped = deduplicate(splits, duplicates, what)
        left[what] = kept["test"].bases
        assert kept["train"] == splits["train"] and kept["test_unseen"].bases == [c]
        assert dropped == {"test": 4 - len(left[what]), "test_unseen": 0}
    assert left == {
        "none": [a, b, "GT" + a, c],
        "exact": [b, "GT" + a, c],
        "contained": ["GT" + a, c],
    }


# Reading.


def test_a_published_table_is_read(tmp_path):
    """Interim species are kept, barcodes are cut, and duplicates are removed."""
    rng = np.random.default_rng(0)
    one, other = ("".join(rng.choice(list("ACGT"), 700)) for _ in range(2))
    rows = [
        ("a", "BOLD:1", "Apis", "Apis mellifera", "train", one),
        ("b", "BOLD:1", "Apis", "Apis mellifera", "train", one[:PUBLISHED_BASES] + "NN"),
        ("c", "", "Apis", "Apis sp. 3", "test_unseen", "NN" + other[:300].lower()),
        ("d", "None", "Bombus", "terrestris", "Validation", other[300:]),
        ("e", "BOLD:2", "Bombus", "unidentified", "test_seen", "ACGT"),
        ("f", "BOLD:2", "Bombus", "", "", other),
    ]
    path = tmp_path / "table.tsv"
    path.write_text(
        "".join(
            "\t".join(row) + "\n"
            for row in [("processid", "bin_uri", "genus", "species", "split", "nucleotides"), *rows]
        )
    )
    splits = read_splits(path, max_bases=10_000)
    assert list(splits) == ["train", "val", "test", "test_unseen"]
    assert splits["train"] == Split(["a"], [one[:660]], ["Apis"], ["Apis mellifera"], ["BOLD:1"], 2)
    assert splits["test_unseen"].species == ["Apis sp. 3"]
    assert splits["test_unseen"].bases == [other[:300]]
    assert (splits["val"].species, splits["val"].bin) == (["Bombus terrestris"], [None])
    assert (len(splits["test"]), splits["test"].left_out) == (0, {"short": 1})


def test_references_and_queries_become_the_published_splits():
    splits = derive_splits(
        read_labelled(SIMULATED / "reference.fasta"),
        read_labelled(SIMULATED / "reads.tsv"),
        max_bases=1_700,
    )
    assert list(splits) == ["train", "test", "test_unseen", "other_heldout"]
    train, test, unseen = splits["train"], splits["test"], splits["test_unseen"]
    assert set(test.species) <= set(train.species)
    assert not set(unseen.species) & set(train.species)
    assert set(unseen.genus) <= set(train.genus)
    assert not set(splits["other_heldout"].genus) & set(train.genus)
    assert test.records + unseen.records + splits["other_heldout"].records == 120
    assert sum(test.left_out.values()) > 0
    few = sample_queries(splits, 5, seed=1)
    assert [len(few[name]) for name in few] == [len(train), 5, 5, len(few["other_heldout"])]
    assert few["test"].ids == sample_queries(splits, 5, seed=1)["test"].ids
    assert set(few["test"].bases) <= set(test.bases)


# Neighbours.


def points(seed: int, n: int, width: int = 8) -> np.ndarray:
    return normalise(np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32))


@pytest.mark.parametrize("k", neighbours.K)
def test_uniform_votes_equal_those_of_scikit_learn(k):
    from sklearn.neighbors import KNeighborsClassifier

    train, queries = points(0, 400), points(1, 150)
    labels = np.random.default_rng(2).integers(0, 9, len(train))
    expected = KNeighborsClassifier(k, metric="cosine").fit(train, labels).predict(queries)
    found = {(n, kind): x for n, kind, x in neighbours.predict(train, labels, queries)}
    np.testing.assert_array_equal(found[k, "uniform"], expected)


def test_softmax_votes_are_sums_of_exponentials():
    train, queries = points(3, 300), points(4, 40)
    labels = np.random.default_rng(5).integers(0, 6, len(train))
    cosine = np.round(queries.astype(float) @ train.astype(float).T, 6)
    found = {(n, kind): x for n, kind, x in neighbours.predict(train, labels, queries, (1, 20))}
    for query, answer in zip(cosine, found[20, "softmax"], strict=True):
        nearest = np.argsort(-query, kind="stable")[:20]
        votes = [np.exp(query[nearest] / 0.02)[labels[nearest] == c].sum() for c in range(6)]
        assert answer == int(np.argmax(votes))
    np.testing.assert_array_equal(found[1, "softmax"], found[1, "uniform"])
    assert (found[20, "softmax"] != found[20, "uniform"]).any()


def test_the_lowest_label_wins_a_tie():
    similarities = np.array([[0.9, 0.8, 0.7]])
    assert neighbours.label_by_vote(similarities, np.array([[5, 2, 7]])).tolist() == [2]
    assert neighbours.label_by_vote(similarities, np.array([[5, 2, 7]]), 0.02).tolist() == [5]


# The probe and fine-tuning.


def test_a_probe_separates_classes_and_does_not_learn_noise():
    from barcodeembed.evaluation.protocols.probe import fit_probe

    rng = np.random.default_rng(0)
    centres = rng.normal(size=(20, 16)).astype(np.float32)
    labels = rng.permutation(np.repeat(np.arange(20), 30))
    vectors = 0.01 * (centres[labels] + 0.05 * rng.normal(size=(600, 16)).astype(np.float32)) + 3
    train, val, test = np.split(np.arange(600), [400, 500])

    def fraction_correct(labels, **options) -> float:
        probe = fit_probe(vectors[train], labels[train], 20, **options)
        return float((probe.predict(vectors[test]) == labels[test]).mean())

    assert fraction_correct(labels) == 1.0
    assert fraction_correct(labels, val=(vectors[val], labels[val])) == 1.0
    assert fraction_correct(rng.permutation(labels)) < 0.3
    once, again = (fit_probe(vectors[train], labels[train], 20, seed=3) for _ in range(2))
    assert (once.head.weight == again.head.weight).all()


def test_finetuning_learns_and_does_not_change_the_model(model_bundle):
    from barcodeembed.evaluation.protocols.finetune import finetune, predict

    embedder = Embedder.load(model_bundle)
    encoder = embedder.model.encoder
    rng = np.random.default_rng(0)
    barcodes = [
        "".join(rng.choice(list("ACGT"), 120, p=p))
        for p in [[0.7, 0.1, 0.1, 0.1]] * 40 + [[0.1, 0.1, 0.1, 0.7]] * 40
    ]
    labels = np.repeat([0, 1], 40)
    train, test = np.arange(0, 80, 2), np.arange(1, 80, 2)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    some = [barcodes[i] for i in train]
    losses = []
    runs = [
        finetune(
            encoder,
            some,
            embedder.encode(some),
            labels[train],
            2,
            epochs=4,
            seed=1,
            report=lambda epoch, epochs, loss: losses.append(loss),
        )
        for _ in range(2)
    ]
    assert losses[:4] == losses[4:] and losses[3] < losses[0]
    assert (predict(runs[0], [barcodes[i] for i in test]) == labels[test]).mean() > 0.9
    changed = runs[0].encoder.state_dict()
    assert all((encoder.state_dict()[name] == before[name]).all() for name in before)
    assert any((changed[name] != before[name]).any() for name in before)


# Clusters.


def test_clusters_of_separate_bins_agree_and_random_ones_do_not():
    bins = np.repeat(np.arange(30), 6)
    vectors = normalise(points(6, 30, 32)[bins] + 0.02 * points(7, len(bins), 32))
    known = clusters.cluster_into(vectors, 30)
    threshold = clusters.learn_threshold(vectors[:90], bins[:90])
    unknown = clusters.cluster_within(vectors[90:], threshold)
    assert clusters.adjusted_mutual_information(bins, known) == pytest.approx(1)
    assert clusters.adjusted_mutual_information(bins[90:], unknown) == pytest.approx(1)
    assert len(np.unique(unknown)) == 15
    by_chance = np.random.default_rng(8).permutation(bins)
    assert abs(clusters.adjusted_mutual_information(bins, by_chance)) < 0.15


def test_the_clusterings_equal_those_of_scikit_learn():
    from sklearn.cluster import AgglomerativeClustering

    vectors = points(9, 80)
    for found, expected in (
        (clusters.cluster_into(vectors, 12), AgglomerativeClustering(12)),
        (
            clusters.cluster_within(vectors, 0.4),
            AgglomerativeClustering(
                None, metric="cosine", linkage="average", distance_threshold=0.4
            ),
        ),
    ):
        same = expected.fit_predict(vectors.astype(float))
        assert clusters.adjusted_mutual_information(found, same) == pytest.approx(1)


def test_complete_bins_are_drawn():
    bins = ["a"] * 5 + [None] * 3 + ["b"] * 4 + ["c"] * 50
    rows = clusters.draw_bins(bins, 9, seed=0)
    assert sorted({bins[i] for i in rows}) == ["a", "b"] and len(rows) == 9
    assert len(clusters.draw_bins(bins, 100, seed=0)) == 59


# The command.

FIGURES = {
    "protocol",
    "method",
    "split",
    "rank",
    "measure",
    "value",
    "low",
    "high",
    "queries",
    "details",
}


def test_a_published_table_gives_every_figure(call, published, model_bundle, tmp_path):
    out = tmp_path / "figures.json"
    words = (
        "evaluate",
        published,
        "-m",
        model_bundle,
        "--protocol",
        "knn,probe,finetune,bins",
        "--finetune-epochs",
        2,
        "--json",
        out,
    )
    result = call(*words)
    assert result.code == 0, result.err
    assert "finetune: epoch 2/2" in result.err
    report = json.loads(out.read_text())
    assert report.keys() == {"schema_version", "leakage", "deduplicate", "splits", "protocols"}
    assert list(report["splits"]) == sorted(["pretrain", "train", "val", "test", "test_unseen"])
    assert len(report["leakage"]) == 10
    scores = report["protocols"]
    assert [s["protocol"] for s in scores] == ["knn"] * 24 + ["probe", "finetune"] + ["bins"] * 2
    for score in scores:
        assert score.keys() == FIGURES
        assert score["low"] <= score["value"] <= score["high"]
        assert score["queries"] > 10
    assert scores[24]["details"]["weight_decay"] in (1e-4, 1e-2, 1e-1)
    ward = scores[26]["details"]
    assert ward["clusters"] == ward["bins"]
    # Leakage is reported before the other figures.
    assert result.out.index("| exact |") < result.out.index("| linear probe |")
    assert result.out.count("\n| ") == 2 + 5 + 2 + 10 + 2 + 28
    assert call(*words, "--quiet").out == result.out
    assert files_in(tmp_path) == {out}


def test_exact_duplicates_are_counted_and_removed_unless_kept(
    call, published, model_bundle, tmp_path
):
    lines = published.read_text().splitlines()
    trained = next(line for line in lines if ",train," in line)
    bases = trained.rsplit(",", 1)[1]
    table = tmp_path / "leaky.csv"
    for name, copy in (("exact", bases), ("part", bases[5:-5])):
        lines.append(trained.replace(",train,", ",test,").replace(bases, copy).replace("SIM", name))
    table.write_text("\n".join(lines) + "\n")
    used = {}
    for what in ("none", "exact", "contained"):
        assert (
            call(
                "evaluate",
                table,
                "-m",
                model_bundle,
                "--protocol",
                "knn",
                "--deduplicate",
                what,
                "--json",
                tmp_path / "f.json",
            ).code
            == 0
        )
        report = json.loads((tmp_path / "f.json").read_text())
        row = next(r for r in report["leakage"] if (r["split"], r["found_in"]) == ("test", "train"))
        used[what] = report["splits"]["test"]["used"]
        assert report["splits"]["test"]["dropped"] == row["barcodes"] - used[what]
    assert row["exact"] >= 1 and row["contained"] >= 1 and row["same_bin"] >= 2
    assert used["none"] == row["barcodes"]
    assert used["exact"] == row["barcodes"] - row["exact"]
    assert used["contained"] < used["exact"]


@pytest.mark.slow
def test_the_open_world_and_a_protocol_in_one_call(call, model_bundle, tmp_path):
    words = (
        "evaluate",
        SIMULATED / "reference.fasta",
        "-m",
        model_bundle,
        "--queries",
        SIMULATED / "reads.tsv",
        "--against",
        "none",
        "--json",
    )
    both = call(*words, tmp_path / "both.json", "--protocol", "open-world,knn", "--sample", 9)
    alone = call(*words, tmp_path / "alone.json", "--sample", 9)
    assert (both.code, alone.code) == (0, 0)
    report, plain = (
        json.loads((tmp_path / f"{name}.json").read_text()) for name in ("both", "alone")
    )
    assert plain.keys() == {
        "schema_version",
        "references",
        "queries",
        "threads",
        "max_error",
        "confidence_threshold",
        "methods",
        "agreement",
        "decisions",
    }
    assert report.keys() == plain.keys() | {"leakage", "deduplicate", "splits", "protocols"}
    assert report["decisions"] == plain["decisions"]
    assert {s["queries"] for s in report["protocols"]} == {9}
    assert re.search(r"(?s)\| exact \|.*\| kNN, k = 50.*\| nearest reference \|", both.out)


@pytest.mark.parametrize(
    "arguments, code, problem",
    [
        (
            ["{table}", "-m", "{model}", "--protocol", "umap"],
            2,
            "'umap' is not one of open-world, knn",
        ),
        (["{table}", "-m", "{model}"], 2, "open-world needs --queries"),
        (
            ["{index}", "-m", "{model}", "--protocol", "knn"],
            2,
            "needs a file of references, not an index",
        ),
        (
            ["{table}", "-m", "{model}", "--protocol", "knn", "--deduplicate", "all"],
            2,
            "'all' is not one of none, exact, contained",
        ),
        (
            ["{table}", "-m", "{model}", "--protocol", "finetune", "--finetune-epochs", "0"],
            2,
            "'--finetune-epochs'",
        ),
        (
            ["-", "-m", "{model}", "--protocol", "open-world,knn", "--queries", "{table}"],
            2,
            "standard input can be read only once",
        ),
        (["{plain}", "-m", "{model}", "--protocol", "knn"], 1, "has no column `split`"),
        (
            ["{other}", "-m", "{model}", "--protocol", "knn"],
            1,
            "no record `train` (it has: reference)",
        ),
        (["{bare}", "-m", "{model}", "--protocol", "bins"], 1, "bins needs BINs of train"),
        (["{only}", "-m", "{model}", "--protocol", "probe"], 1, "probe needs records of test"),
        (["{only}", "-m", "{model}", "--protocol", "knn"], 1, "knn needs records of train, and of"),
    ],
)
def test_unusable_inputs_are_a_one_line_error(
    arguments, code, problem, call, published, model_bundle, index_bundle, tmp_path
):
    table = published.read_text()
    only = [line for line in table.splitlines() if ",train," in line or line == HEADER]
    texts = {
        "plain": table.replace("split", "part"),
        "other": table.replace(",train,", ",reference,"),
        "bare": table.replace("dna_bin", "voucher"),
        "only": "\n".join(only) + "\n",
    }
    for name, text in texts.items():
        text = (
            text
            if name != "other"
            else "\n".join(
                line for line in text.splitlines() if "reference" in line or line == HEADER
            )
        )
        (tmp_path / name).write_text(text)
    paths = {name: tmp_path / name for name in texts}
    paths |= {"table": published, "model": model_bundle, "index": index_bundle}
    before = files_in(tmp_path)
    result = call("evaluate", *(word.format_map(paths) for word in arguments))
    assert (result.code, result.out) == (code, "")
    assert problem in " ".join(result.err.split())
    if code == 1:
        assert result.err.splitlines()[-1].startswith("barcodeembed: error: ")
        assert result.err.count("\n") == 1
    assert files_in(tmp_path) == before


def test_bins_without_scikit_learn_say_what_to_install(call, published, model_bundle, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    result = call("evaluate", published, "-m", model_bundle, "--protocol", "bins")
    assert result == (
        1,
        "",
        "barcodeembed: error: --protocol bins needs scikit-learn: "
        "pip install 'barcodeembed[protocols]'\n",
    )
    with pytest.raises(InputError):
        clusters.check_scikit_learn()


def test_real_barcodes_share_no_bin_across_unseen_species(call, coi, model_bundle, tmp_path):
    """As published. Even a model with random weights is better than chance."""
    mini = coi / "mini"
    out = tmp_path / "figures.json"
    assert (
        call(
            "evaluate",
            mini / "reference.tsv.gz",
            "-m",
            model_bundle,
            "--protocol",
            "knn",
            "--queries",
            mini / "val_seen.tsv.gz",
            "--queries",
            mini / "val_unseen_species.tsv.gz",
            "--json",
            out,
        ).code
        == 0
    )
    report = json.loads(out.read_text())
    rows = {row["split"]: row for row in report["leakage"] if row["found_in"] == "train"}
    assert rows["test"]["exact"] == 0 < rows["test"]["same_bin"]
    assert rows["test_unseen"]["same_bin"] == 0
    assert {s["split"]: s["queries"] for s in report["protocols"]} == {
        "test": 75,
        "test_unseen": 70,
    }
    assert min(s["value"] for s in report["protocols"] if s["details"]["k"] == 1) > 0.2
