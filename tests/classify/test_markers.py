"""Reads of several markers: each is named with the references of its marker."""

from __future__ import annotations

import json
import random
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import rows_of, run_here, without_model

from barcodeembed import shipped, vocabulary
from barcodeembed.classify import markers
from barcodeembed.classify.markers import MarkerClassifier
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.rows import row as cells_of
from barcodeembed.embedding.embedder import Embedder
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.model.bundle import load_model, save_model
from barcodeembed.model.encoder import Encoder
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.marker_odds import (
    learn_marker_odds,
    load_marker_odds,
    save_marker_odds,
)
from barcodeembed.sequences.parts import Part
from barcodeembed.sequences.records import SequenceRecord

pytestmark = pytest.mark.usefixtures("small_samples")

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")


def mutated(bases: str, rate: float, rng: random.Random) -> str:
    return "".join(rng.choice("ACGT") if rng.random() < rate else base for base in bases)


def simulate(stem: str, letters: str) -> dict[str, str]:
    """Return the barcodes of 24 species in 6 genera of a marker, by species."""
    rng = random.Random(stem)
    ancestor = "".join(rng.choices(letters, k=400))
    barcodes = {}
    for ending in ("ana", "ella", "ia", "ops", "ula", "ura"):
        common = mutated(ancestor, 0.15, rng)
        for species in ("albus", "niger", "ruber", "viridis"):
            barcodes[f"{stem}{ending} {species}"] = mutated(common, 0.08, rng)
    return barcodes


STEMS = {"COI": "Mont", "ITS2": "Silv", "trnL": "Flum"}
SIMULATED = {
    marker: simulate(stem, letters)
    for (marker, stem), letters in zip(STEMS.items(), ("ACGTAT", "ACGTGC", "ACGT"), strict=True)
}


def references(barcodes: dict[str, str], path: Path) -> Path:
    rng = random.Random(0)
    lines = ["\t".join(("record_id", *RANKS, "nucleotides"))]
    for number, (species, bases) in enumerate(barcodes.items()):
        lineage = ("Life", "Phylum", "Class", "Order", "Family", species.split()[0], species)
        for copy in range(3):
            cells = (f"r{number}_{copy}", *lineage, mutated(bases, 0.01 * copy, rng))
            lines.append("\t".join(cells))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def bundles(model_bundle, small_samples, tmp_path_factory) -> Path:
    """Make a folder with the models and prototypes of three simulated markers."""
    import torch

    folder = tmp_path_factory.mktemp("bundles")
    config = load_model(model_bundle).config
    for seed, (marker, barcodes) in enumerate(SIMULATED.items()):
        torch.manual_seed(seed)
        name = folder / marker.lower()
        save_model(name.with_suffix(".model"), Encoder(config), {})
        table = references(barcodes, folder / f"{marker}.tsv")
        words = ("index", "build", table, "-m", f"{name}.model", "-o", f"{name}.full")
        assert run_here(*words, "--prototypes", "species", "-q") == 0
        without_model(Path(f"{name}.full"), name.with_suffix(".bix"))
    main, *others = SIMULATED
    odds = learn_marker_odds(
        SIMULATED[main].values(), {other: SIMULATED[other].values() for other in others}
    )
    save_marker_odds(odds, folder / "markers.npz")
    shutil.copy(shipped.shipped_decoys(), folder)
    return folder


@pytest.fixture
def box(bundles, monkeypatch) -> Iterator[Path]:
    """Let the package find these bundles."""
    monkeypatch.setattr(shipped, "FOLDER", bundles)
    markers._marker_odds.cache_clear()
    yield bundles
    markers._marker_odds.cache_clear()


def mixed_reads() -> list[SequenceRecord]:
    """Return reads of all markers in both orientations, and of none, in random order."""
    rng = random.Random(5)
    reads = []
    for marker, barcodes in SIMULATED.items():
        for species, bases in barcodes.items():
            read = mutated(bases, 0.01, rng)[rng.randrange(60) :]
            for strand, turned in (("+", read), ("-", reverse_complement(read))):
                name = f"{marker};{species.replace(' ', '_')};{strand}"
                reads.append(SequenceRecord(name, turned, "", 1))
    for number in range(5):
        reads.append(SequenceRecord(f"none;{number}", "".join(rng.choices("ACGT", k=300)), "", 1))
    rng.shuffle(reads)
    return reads


def any_vectors(self, sequences):
    """Return vectors of sequences without the model, which is slow for small batches."""
    seeds = [zlib.crc32(bases.encode()) for bases in sequences]
    vectors = [np.random.default_rng(seed).standard_normal(self.dimension) for seed in seeds]
    return np.array(vectors, np.float32).reshape(-1, self.dimension)


@pytest.mark.parametrize("waiting", [5, 10_000])
def test_a_part_is_named_as_it_is_among_all(box, monkeypatch, waiting):
    """The error rate is learned from the same reads, also if those of a marker are rare."""
    monkeypatch.setattr(markers, "_MAX_WAITING", waiting)
    monkeypatch.setattr(Embedder, "encode", any_vectors)
    reads = [replace(read, error_rate=i / 5000) for i, read in enumerate(mixed_reads())]
    whole = MarkerClassifier.of_marker("auto", device="cpu")
    rows = [cells_of(a, whole.ranks) for a in whole.classify(reads, batch_size=4)]
    assert set(whole.counts) >= set(SIMULATED)
    for part in (Part(1, 3), Part(2, 3), Part(3, 3), Part(done=100)):
        classifier = MarkerClassifier.of_marker("auto", device="cpu")
        found = list(classifier.classify(iter(reads), batch_size=4, part=part))
        assert [cells_of(a, whole.ranks) for a in found] == list(part.of(rows))
        assert classifier.counts.total() == len(found)
        for marker in SIMULATED:
            assert classifier.of(marker).read_errors == whole.of(marker).read_errors


def fasta(reads: list[SequenceRecord], path: Path) -> Path:
    path.write_text("".join(f">{read.id}\n{read.sequence}\n" for read in reads))
    return path


def test_each_read_of_a_mixed_file_is_named_by_its_marker(box, call, tmp_path):
    path = fasta(mixed_reads(), tmp_path / "mixed.fasta")
    done = call("classify", path, "--min-confidence", "0")
    assert done.code == 0, done
    rows = rows_of(done.out)
    assert [row["query_id"] for row in rows] == [read.id for read in mixed_reads()]
    for row in rows:
        marker, species, *strand = row["query_id"].split(";")
        if marker != "none":
            assert row["marker"] == marker
            assert row["species"] == species.replace("_", " ")
            assert row["strand"] == strand[0]
    assert "--marker auto: " in done.err
    assert done.err.count("48 ") >= 2  # 48 reads of each of the other markers


def test_a_read_of_another_marker_is_named_as_by_its_own_classifier(box):
    """Only the marker and the ranks of the row are added."""
    reads = [read for read in mixed_reads() if read.id.startswith("trnL")]
    mixed = list(MarkerClassifier.of_marker().classify(reads))
    alone = list(Classifier.load(box / "trnl.bix").classify(reads))
    fields = ("status", "rank", "taxon", "confidence", "strand", "similarity", "nearest_id")
    for one, other in zip(mixed, alone, strict=True):
        assert one.marker == "trnL"
        assert [getattr(one, f) for f in fields] == [getattr(other, f) for f in fields]


def test_reads_of_the_main_marker_alone_are_named_as_before(box):
    reads = [read for read in mixed_reads() if read.id.startswith(("COI", "none"))]
    before = list(Classifier.load(box / "coi.bix").classify(reads))
    after = MarkerClassifier.of_marker()
    assert [replace(a, marker=None) for a in after.classify(reads)] == before
    assert after._others == {}  # nothing else was loaded


def test_a_rare_marker_does_not_read_the_whole_file(box, monkeypatch):
    monkeypatch.setattr(markers, "_MAX_WAITING", 20)
    reads = mixed_reads()
    rare = [read for read in reads if read.id.startswith("ITS2")][:2]
    many = [read for read in reads if read.id.startswith("COI")] * 3
    taken = 0

    def stream():
        nonlocal taken
        for read in [rare[0], *many, rare[1]]:
            taken += 1
            yield read

    assignments = iter(MarkerClassifier.of_marker().classify(stream(), batch_size=10))
    first = next(assignments)
    assert (first.query_id, first.marker) == (rare[0].id, "ITS2")
    assert taken <= 30
    rest = list(assignments)
    assert [a.query_id for a in rest] == [read.id for read in [*many, rare[1]]]
    assert rest[-1].marker == "ITS2"


def test_a_frame_has_the_marker_of_each_read(box):
    reads = mixed_reads()
    frame = MarkerClassifier.of_marker().classify(reads).to_frame()
    assert list(frame.columns)[-1] == "marker"
    own = [read.id for read in reads if read.id.startswith("ITS2")]
    assert set(frame.set_index("query_id").loc[own, "marker"]) == {"ITS2"}


def test_results_do_not_depend_on_the_size_of_batches(box):
    reads = mixed_reads()
    classifier = MarkerClassifier.of_marker()
    tables = [
        [
            cells_of(assignment, classifier.ranks)
            for assignment in classifier.classify(reads, batch_size=n)
        ]
        for n in (7, 2_048)
    ]
    assert tables[0] == tables[1]


def test_with_a_marker_given_other_reads_are_unclassifiable(box, call, tmp_path):
    path = fasta(mixed_reads(), tmp_path / "mixed.fasta")
    done = call("classify", path, "--marker", "its2")
    assert done.code == 0, done
    assert done.err.startswith("--marker ITS2: using the prototypes")
    for row in rows_of(done.out):
        if row["query_id"].startswith("ITS2"):
            assert (row["marker"], row["status"] != "unclassifiable") == ("ITS2", True)
            assert row["kingdom"] == "Life"
        else:
            assert (row["marker"], row["status"], row["flags"]) == (
                *("NA", "unclassifiable", "non_target"),
            )


def test_novel_units_and_hits_are_of_the_marker(box, call, tmp_path):
    rng = random.Random(9)
    reads = [
        SequenceRecord(f"{marker};{copy}", mutated(next(iter(barcodes.values())), 0.06, r), "", 1)
        for marker, barcodes in SIMULATED.items()
        for r in [random.Random(rng.random())]
        for copy in [0]
    ]
    path = fasta([*reads, *reads], tmp_path / "novel.fasta")
    hits, summary = tmp_path / "hits.tsv", tmp_path / "run.json"
    words = ("--cluster-novel", "--hits", hits, "--json", summary)
    done = call("classify", path, *words)
    assert done.code == 0, done
    rows = rows_of(done.out)
    assert {row["marker"] for row in rows} == set(SIMULATED)
    units = {row["marker"]: row["novel_unit"] for row in rows if row["novel_unit"] != "NA"}
    assert len(set(units.values())) == len(units)
    for hit in rows_of(hits.read_text()):
        marker = hit["query_id"].split(";")[0]
        assert f";{STEMS[marker]}" in hit["lineage"]
    assert json.loads(summary.read_text())["markers"] == dict.fromkeys(sorted(SIMULATED), 2)


# Biopython 1.81 does not close a file when it is imported.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_read_of_another_marker_is_explained_by_its_own_references(box, call, tmp_path):
    reads = [read for read in mixed_reads() if read.id.startswith("ITS2")]
    path = fasta(reads, tmp_path / "reads.fasta")
    done = call("classify", path, "--explain", reads[0].id)
    assert done.code == 0, done
    hits = [line for line in done.out.splitlines() if line[:1].isdigit()]
    assert hits
    assert all(STEMS["ITS2"] in line for line in hits)


def test_the_barcode_of_a_contig_is_named_by_its_marker(box):
    rng = random.Random(6)
    reads, parts = [], []
    for marker in ("ITS2", "trnL"):
        for species, bases in list(SIMULATED[marker].items())[::4]:
            contig = (
                "".join(rng.choices("ACGT", k=1_500)) + bases + "".join(rng.choices(bases, k=900))
            )
            for read in (contig, reverse_complement(contig)):
                reads.append(SequenceRecord(f"{marker};{species}", read, "", 1))
            parts.append(SequenceRecord(f"{marker};{species}", bases, "", 1))
    reads.append(SequenceRecord("none", "".join(rng.choices("ACGT", k=3_000)), "", 1))
    classifier = MarkerClassifier.of_marker("auto", device="cpu")
    alone = list(classifier.classify(parts))
    *found, none = classifier.classify(reads)
    assert none.status == "unclassifiable" and none.flags == ("non_target",)
    for i, (read, named) in enumerate(zip(reads[:-1], found, strict=True)):
        assert named.marker == read.id.split(";")[0]
        assert named.taxon == alone[i // 2].taxon
        assert named.end - named.start < 440


def test_a_marker_and_an_index_are_a_usage_error(box, call, tmp_path):
    path = fasta(mixed_reads()[:2], tmp_path / "reads.fasta")
    result = call("classify", path, "--marker", "ITS2", "-i", box / "coi.bix")
    assert (result.code, result.out) == (2, "")
    assert "--marker" in result.err
    assert call("classify", path, "--marker", "28S").code == 2


def test_the_table_of_markers_is_read_as_written(tmp_path):
    odds = learn_marker_odds(["ACGTTGCAAGG" * 9], {"ITS2": ["GGCCTTAACGC" * 9]})
    save_marker_odds(odds, tmp_path / "markers.npz")
    read = load_marker_odds(tmp_path / "markers.npz")
    assert read.names == odds.names
    assert (read.table == odds.table).all()
    assert read.guess("GGCCTTAACGC" * 9) == "ITS2"
    assert read.guess(reverse_complement("GGCCTTAACGC" * 9)) == "ITS2"
    assert read.guess("ACGTTGCAAGG" * 9) is None
    assert read.guess("ACGT") is None


@pytest.mark.parametrize("marker", vocabulary.MARKERS)
def test_what_ships_for_a_marker_belongs_together(marker):
    index = ReferenceIndex.open(shipped.shipped_index(marker))
    model = json.loads((shipped.shipped_model(marker) / "manifest.json").read_text())
    assert index.embedder_fingerprint.startswith(f"{model['fingerprint']}:")
    assert index.sequences is None
    assert marker in ("COI", *load_marker_odds(shipped.shipped_odds()).names)


def test_models_lists_what_ships(call):
    rows = rows_of(call("models").out)
    assert [row["marker"] for row in rows] == list(vocabulary.MARKERS)
    assert [row["index"] for row in rows] == [
        str(shipped.shipped_index(marker)) for marker in vocabulary.MARKERS
    ]
    assert json.loads(call("models", "--json").out)[0]["species"] == int(rows[0]["species"])


@pytest.mark.slow
def test_real_reads_of_a_mixed_file_are_named_by_marker(call, coi, tmp_path):
    """Held-out barcodes, every second one reverse-complemented."""
    from barcodeembed.taxonomy.references import chain_labelled

    lines, species = [], {}
    for marker in vocabulary.MARKERS:
        folder = coi if marker == "COI" else coi.parent / "markers" / marker
        queries = list(chain_labelled([folder / "val_seen.tsv.gz"]))
        for number, (record, lineage) in enumerate(random.Random(0).sample(queries, 100)):
            bases = record.sequence.upper()
            name = f"{marker};{number}"
            species[name] = lineage[-1]
            lines.append(f">{name}\n{reverse_complement(bases) if number % 2 else bases}\n")
    random.Random(1).shuffle(lines)
    path = tmp_path / "mixed.fasta"
    path.write_text("".join(lines))
    rows = rows_of(call("classify", path, "-q", "--min-confidence", "0").out)
    for marker in vocabulary.MARKERS:
        own = [row for row in rows if row["query_id"].startswith(f"{marker};")]
        assert sum(row["marker"] == marker for row in own) >= 0.95 * len(own)
        named = [row["species"] == species[row["query_id"]] for row in own]
        assert sum(named) >= 0.65 * len(own)
