"""The protocols of the BarcodeBERT and BarcodeMAE papers, each figure with its interval."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from barcodeembed.embedding.embedder import Embedder
from barcodeembed.embedding.vector_maker import encode_all
from barcodeembed.errors import BundleError, InputError
from barcodeembed.evaluation.protocols.intervals import half_sample_interval, wilson
from barcodeembed.evaluation.protocols.leakage import count_overlaps, deduplicate, find_duplicates
from barcodeembed.evaluation.protocols.splits import Split, Splits, sample_queries
from barcodeembed.vectors.normalise import normalise

PROTOCOLS = ("knn", "probe", "finetune", "bins")

#: What is asked of which split: species of seen species, genus of unseen ones.
_ASKED = (("test_unseen", "genus"), ("test", "species"))


@dataclass(frozen=True, slots=True)
class Score:
    """A figure: ``value`` with the 95% interval from ``low`` to ``high``, over ``queries``.

    ``rank`` is what is named: a rank, or BINs. ``details`` holds what belongs to the method alone.
    """

    protocol: str
    method: str
    split: str
    rank: str
    value: float
    low: float
    high: float
    queries: int
    details: dict[str, float | int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            name: None if value != value else round(value, 4) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class Settings:
    """``epochs`` of fine-tuning, ``sample`` of queries of a split at most, and the seed."""

    epochs: int
    deduplicate: str = "exact"
    sample: int | None = None
    seed: int = 0


def evaluate_protocols(
    names: Collection[str],
    splits: Splits,
    embedder: Embedder,
    settings: Settings,
    *,
    say: Callable[[str], None] = lambda message: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Audit the splits, then run protocols on them; returns the report's keys.

    ``audit`` counts what the splits share before anything is dropped, ``splits`` what was read,
    dropped and used, ``protocols`` the figures. ``say`` is told what goes on, ``progress`` how
    many barcodes are embedded. Raises InputError where the splits lack what a protocol needs.
    """
    for name in names:
        _check(name, splits)
    say("comparing the splits")
    duplicates = find_duplicates(splits)
    audit = count_overlaps(splits, duplicates)
    used, dropped = deduplicate(splits, duplicates, settings.deduplicate)
    if settings.sample is not None:
        used = sample_queries(used, settings.sample, settings.seed)
    for name in names:
        _check(name, used)
    run = _Run(used, embedder, settings, say, progress)
    scores = [score for name in PROTOCOLS if name in names for score in run.scores(name)]
    return {
        "audit": audit,
        "deduplicate": settings.deduplicate,
        "splits": {
            name: {
                "records": split.records,
                "left_out": dict(split.left_out),
                "barcodes": len(split),
                "dropped": dropped.get(name, 0),
                "used": len(used[name]),
            }
            for name, split in splits.items()
        },
        "protocols": [score.to_json() for score in scores],
    }


class _Run:
    """Protocols on one set of splits, whose vectors are made once."""

    def __init__(self, splits: Splits, embedder: Embedder, settings: Settings, say, progress):
        self.splits, self.embedder, self.settings = splits, embedder, settings
        self.say, self.progress = say, progress
        self._vectors: dict[str, np.ndarray] = {}

    def scores(self, protocol: str) -> Iterator[Score]:
        """Run one protocol."""
        self.say(f"running {protocol}")
        yield from getattr(self, protocol)()

    def knn(self) -> Iterator[Score]:
        """Genus of unseen species and species of seen ones, by votes of the nearest in train."""
        from barcodeembed.evaluation.protocols import neighbours

        for name, rank in _ASKED:
            labelled = self._labelled(name, rank)
            if labelled is None:
                continue
            rows, truth, classes = labelled
            kept, labels = _numbered(getattr(self.splits["train"], rank), classes)
            train = normalise(self.vectors("train")[kept])
            queries = normalise(self.vectors(name)[rows])
            for k, kind, found in neighbours.predict(train, labels, queries):
                method = f"kNN, k = {k}, {kind} votes"
                yield _accuracy(
                    "knn", method, name, rank, found, truth, {"k": k, "references": len(kept)}
                )

    def probe(self) -> Iterator[Score]:
        """Species of seen species, by a linear classifier on the vectors of train."""
        from barcodeembed.evaluation.protocols.probe import fit_probe

        rows, truth, classes = self._labelled("test", "species")
        kept, labels = _numbered(self.splits["train"].species, classes)
        val = None
        if "val" in self.splits:
            val_rows, val_labels = _numbered(self.splits["val"].species, classes)
            if len(val_rows):
                val = self.vectors("val")[val_rows], val_labels
        probe = fit_probe(
            self.vectors("train")[kept],
            labels,
            len(classes),
            val=val,
            device=self.embedder.device,
            seed=self.settings.seed,
        )
        found = probe.predict(self.vectors("test")[rows])
        yield _accuracy(
            "probe",
            "linear probe",
            "test",
            "species",
            found,
            truth,
            {
                "classes": len(classes),
                "train": len(kept),
                "weight_decay": probe.decay,
                "epochs": probe.epochs,
            },
        )

    def finetune(self) -> Iterator[Score]:
        """Species of seen species, by the encoder and a head trained together on train."""
        from barcodeembed.evaluation.protocols.finetune import finetune, predict

        rows, truth, classes = self._labelled("test", "species")
        train, epochs = self.splits["train"], self.settings.epochs
        kept, labels = _numbered(train.species, classes)
        model = finetune(
            self.embedder.model.encoder,
            [train.bases[i] for i in kept],
            self.vectors("train")[kept],
            labels,
            len(classes),
            epochs=epochs,
            device=self.embedder.device,
            seed=self.settings.seed,
            report=lambda epoch, of, loss: self.say(
                f"finetune: epoch {epoch}/{of}  loss {loss:.4f}"
            ),
        )
        found = predict(model, [self.splits["test"].bases[i] for i in rows])
        yield _accuracy(
            "finetune",
            "fine-tuned",
            "test",
            "species",
            found,
            truth,
            {"classes": len(classes), "train": len(kept), "epochs": epochs},
        )

    def bins(self) -> Iterator[Score]:
        """BINs of test and test_unseen together, from clusters of their vectors."""
        from barcodeembed.evaluation.protocols import clusters

        asked = [name for name in ("test", "test_unseen") if name in self.splits]
        bins = [bin for name in asked for bin in self.splits[name].bin]
        rows = np.array([i for i, bin in enumerate(bins) if bin], int)
        drawn = np.random.default_rng(self.settings.seed).permutation(rows)[: clusters.MOST]
        if len(drawn) < len(rows):
            self.say(f"bins: {len(drawn):,} of {len(rows):,} barcodes are drawn to be clustered")
        rows = np.sort(drawn)
        vectors = normalise(np.concatenate([self.vectors(name) for name in asked])[rows])
        truth = np.unique([bins[i] for i in rows], return_inverse=True)[1]
        count = int(truth.max()) + 1
        where = " + ".join(asked)
        known = clusters.cluster_into(vectors, count)
        yield self._agreement("Ward, number known", where, truth, known)
        learnt = clusters.draw_bins(
            self.splits["train"].bin, clusters.LEARNT_FROM, self.settings.seed
        )
        threshold = clusters.learn_threshold(
            normalise(self.vectors("train")[learnt]),
            np.unique([self.splits["train"].bin[i] for i in learnt], return_inverse=True)[1],
        )
        found = clusters.cluster_within(vectors, threshold)
        yield self._agreement(
            "average linkage, number unknown",
            where,
            truth,
            found,
            {"threshold": round(threshold, 6), "learnt_from": len(learnt)},
        )

    def vectors(self, name: str) -> np.ndarray:
        """Return a split's vectors, float32 (barcodes, D), as the model makes them."""
        if name not in self._vectors:
            split = self.splits[name]
            self._vectors[name] = vectors = encode_all(self.embedder, split.bases, self.progress)
            wrong = np.flatnonzero(~np.isfinite(normalise(vectors)).all(1))
            if len(wrong):
                raise BundleError(
                    f"the model gives {split.ids[wrong[0]]} no finite, non-zero vector"
                )
        return self._vectors[name]

    def _labelled(self, name: str, rank: str):
        """Return the rows that have a name, its numbers, and train's names; None without any.

        A name that train lacks is numbered -1: no answer to it can be right.
        """
        classes = sorted({label for label in getattr(self.splits["train"], rank) if label})
        labels = getattr(self.splits[name], rank) if name in self.splits else []
        rows = np.array([i for i, label in enumerate(labels) if label], int)
        if not len(rows):
            return None
        number = {label: i for i, label in enumerate(classes)}
        return rows, np.array([number.get(labels[i], -1) for i in rows]), classes

    def _agreement(self, method, where, truth, found, details=()) -> Score:
        from barcodeembed.evaluation.protocols.clusters import adjusted_mutual_information

        value = adjusted_mutual_information(truth, found)
        low, high = half_sample_interval(
            value,
            lambda rows: adjusted_mutual_information(truth[rows], found[rows]),
            len(truth),
            seed=self.settings.seed,
        )
        counts = {"bins": int(truth.max()) + 1, "clusters": len(np.unique(found))}
        return Score(
            "bins",
            method,
            where,
            "BIN (AMI)",
            value,
            low,
            min(high, 1.0),
            len(truth),
            counts | dict(details),
        )


def _accuracy(
    protocol: str,
    method: str,
    split: str,
    rank: str,
    found: np.ndarray,
    truth: np.ndarray,
    details: dict[str, float | int],
) -> Score:
    right, n = int((found == truth).sum()), len(truth)
    details = details | {"absent_from_train": int((truth < 0).sum())}
    return Score(protocol, method, split, rank, right / n, *wilson(right, n), n, details)


def _numbered(
    labels: Sequence[str | None], classes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows whose label is one of the classes, and its numbers, both int64."""
    number = {label: i for i, label in enumerate(classes)}
    rows = np.array([i for i, label in enumerate(labels) if label in number], np.int64)
    return rows, np.array([number[labels[i]] for i in rows], np.int64)


def _check(protocol: str, splits: Splits) -> None:
    """Raise InputError where the splits lack what a protocol needs."""

    def has(name: str, column: str) -> bool:
        return any(getattr(splits.get(name, Split()), column))

    def need(found: bool, what: str) -> None:
        if not found:
            raise InputError(f"--protocol {protocol} needs {what}; there is none")

    if protocol in ("probe", "finetune"):
        need(has("train", "species"), "records of train with a species")
        need(has("test", "species"), "records of test (seen species) with a species")
    elif protocol == "knn":
        need(
            any(has("train", rank) and has(name, rank) for name, rank in _ASKED),
            "records of train, and of test or test_unseen, with a species or a genus",
        )
    elif protocol == "bins":
        from barcodeembed.evaluation.protocols.clusters import check_scikit_learn

        check_scikit_learn()
        need(has("train", "bin"), "BINs of train (a column dna_bin, bin_uri or bin)")
        need(has("test", "bin") or has("test_unseen", "bin"), "BINs of test or test_unseen")
