"""The protocols of the BarcodeBERT and BarcodeMAE papers; each figure has a 95 % interval."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from barcodeembed.embedding.embedder import Embedder
from barcodeembed.embedding.vector_maker import encode_all
from barcodeembed.errors import BundleError
from barcodeembed.evaluation.protocols.leakage import count_overlaps, deduplicate, find_duplicates
from barcodeembed.evaluation.protocols.requirements import PREDICTED, check_splits
from barcodeembed.evaluation.protocols.scores import Score, accuracy_score, agreement_score
from barcodeembed.evaluation.protocols.splits import Splits, sample_queries
from barcodeembed.vectors.normalise import normalise
from barcodeembed.vocabulary import PROTOCOLS


@dataclass(frozen=True, slots=True)
class Settings:
    """Epochs of fine-tuning, the duplicates to remove, and the maximum queries per split."""

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
    """Count duplicates between the splits, then run the protocols; return the figures for JSON.

    ``leakage`` counts duplicates before any is removed, ``splits`` the barcodes that were read,
    removed and used, and ``protocols`` has the figures. ``say`` is called with messages,
    ``progress`` with (done, total) embedded barcodes. Raises InputError if the splits do not
    contain what a protocol needs.
    """
    for name in names:
        check_splits(name, splits)
    say("comparing the splits")
    duplicates = find_duplicates(splits)
    leakage = count_overlaps(splits, duplicates)
    used, dropped = deduplicate(splits, duplicates, settings.deduplicate)
    if settings.sample is not None:
        used = sample_queries(used, settings.sample, settings.seed)
    for name in names:
        check_splits(name, used)
    run = _Run(used, embedder, settings, say, progress)
    scores = [score for name in PROTOCOLS if name in names for score in run.scores(name)]
    return {
        "leakage": leakage,
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
    """Runs protocols on one set of splits. The vectors of a split are computed once."""

    def __init__(
        self,
        splits: Splits,
        embedder: Embedder,
        settings: Settings,
        say: Callable[[str], None],
        progress: Callable[[int, int], None],
    ) -> None:
        self.splits, self.embedder, self.settings = splits, embedder, settings
        self.say, self.progress = say, progress
        self._vectors: dict[str, np.ndarray] = {}

    def scores(self, protocol: str) -> Iterator[Score]:
        """Run one protocol."""
        self.say(f"running {protocol}")
        yield from getattr(self, protocol)()

    def knn(self) -> Iterator[Score]:
        """Predict genus of test_unseen and species of test by votes of the nearest in train."""
        from barcodeembed.evaluation.protocols import neighbours

        for name, rank in PREDICTED:
            rows, truth, classes = self._labelled(name, rank)
            if not len(rows):
                continue
            kept, labels = _numbered(getattr(self.splits["train"], rank), classes)
            train = normalise(self.vectors("train")[kept])
            queries = normalise(self.vectors(name)[rows])
            for k, kind, found in neighbours.predict(train, labels, queries):
                method = f"kNN, k = {k}, {kind} votes"
                yield accuracy_score(
                    "knn", method, name, rank, found, truth, {"k": k, "train_barcodes": len(kept)}
                )

    def probe(self) -> Iterator[Score]:
        """Predict species of test by a linear classifier on the vectors of train."""
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
        yield accuracy_score(
            "probe",
            "linear probe",
            "test",
            "species",
            found,
            truth,
            {
                "classes": len(classes),
                "train_barcodes": len(kept),
                "weight_decay": probe.decay,
                "epochs": probe.epochs,
            },
        )

    def finetune(self) -> Iterator[Score]:
        """Predict species of test by the encoder and a linear head, trained together on train."""
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
        yield accuracy_score(
            "finetune",
            "fine-tuned",
            "test",
            "species",
            found,
            truth,
            {"classes": len(classes), "train_barcodes": len(kept), "epochs": epochs},
        )

    def bins(self) -> Iterator[Score]:
        """Find the BINs of test and test_unseen together, as clusters of their vectors."""
        from barcodeembed.evaluation.protocols import clusters

        names = [name for name in ("test", "test_unseen") if name in self.splits]
        bins = [bin for name in names for bin in self.splits[name].bin]
        rows = np.array([i for i, bin in enumerate(bins) if bin], int)
        seed = self.settings.seed
        drawn = np.random.default_rng(seed).permutation(rows)[: clusters.MAX_CLUSTERED]
        if len(drawn) < len(rows):
            self.say(
                f"bins: a random sample of {len(drawn):,} of {len(rows):,} barcodes is clustered"
            )
        rows = np.sort(drawn)
        vectors = normalise(np.concatenate([self.vectors(name) for name in names])[rows])
        truth = np.unique([bins[i] for i in rows], return_inverse=True)[1]
        where = " + ".join(names)
        known = clusters.cluster_into(vectors, int(truth.max()) + 1)
        yield agreement_score("Ward, number of BINs known", where, known, truth, seed, {})
        fitted_on = clusters.draw_bins(self.splits["train"].bin, clusters.MAX_FITTED, seed)
        threshold = clusters.learn_threshold(
            normalise(self.vectors("train")[fitted_on]),
            np.unique([self.splits["train"].bin[i] for i in fitted_on], return_inverse=True)[1],
        )
        found = clusters.cluster_within(vectors, threshold)
        details = {"threshold": round(threshold, 6), "fitted_on": len(fitted_on)}
        method = "average linkage, number of BINs unknown"
        yield agreement_score(method, where, found, truth, seed, details)

    def vectors(self, name: str) -> np.ndarray:
        """Return the vectors of a split, float32 (barcodes, D), neither normalised nor whitened."""
        if name not in self._vectors:
            split = self.splits[name]
            self._vectors[name] = vectors = encode_all(self.embedder, split.bases, self.progress)
            bad = np.flatnonzero(~np.isfinite(normalise(vectors)).all(1))
            if len(bad):
                raise BundleError(
                    f"the model gives no finite, non-zero vector for {split.ids[bad[0]]}"
                )
        return self._vectors[name]

    def _labelled(self, name: str, rank: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Return rows with a name, the numbers of their names, and the names of train.

        A name that is not in train has the number -1, which no prediction can equal.
        """
        classes = sorted({label for label in getattr(self.splits["train"], rank) if label})
        labels = getattr(self.splits[name], rank) if name in self.splits else []
        rows = np.array([i for i, label in enumerate(labels) if label], int)
        number = {label: i for i, label in enumerate(classes)}
        return rows, np.array([number.get(labels[i], -1) for i in rows], np.int64), classes


def _numbered(
    labels: Sequence[str | None], classes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows whose label is one of the classes, and the numbers of these, both int64."""
    number = {label: i for i, label in enumerate(classes)}
    rows = np.array([i for i, label in enumerate(labels) if label in number], np.int64)
    return rows, np.array([number[labels[i]] for i in rows], np.int64)
