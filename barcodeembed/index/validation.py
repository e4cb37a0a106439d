"""Check the content of an index bundle when it is opened: fields, ranges, equal lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from barcodeembed.bundles.checks import check_range, field, numbers, optional
from barcodeembed.calibration.fit import ERROR_FRACTIONS
from barcodeembed.errors import BundleError
from barcodeembed.scoring.features import CONTEXT, FEATURES
from barcodeembed.scoring.logistic import Logistic
from barcodeembed.sequences.primers import IUPAC
from barcodeembed.sequences.shared_kmers import Postings
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.vocabulary import PRECISIONS, PROTOTYPES

#: Larger values would only waste memory or overflow.
_MAX_BASES = 2**31 - 1
_MAX_SLOPE = 1e9
_MAX_GROWTH = 100


def check_settings(values: Mapping[str, Any]) -> None:
    """Raise ValueError that names the field if the settings of an index are not valid."""
    field(values, "embedder", str)
    embedding = field(values, "embedding", dict)
    if embedding.get("precision", "fp32") not in PRECISIONS:
        raise ValueError(f"embedding.precision is {embedding['precision']!r}")
    if "offsets" in embedding:
        field(embedding, "offsets", int, 1, 8)
    for name, low, high in (
        ("max_bases", 1, _MAX_BASES),
        ("min_bases", 1, _MAX_BASES),
        ("vectors", 1, _MAX_BASES),
        ("whitening", 0, _MAX_BASES),
        ("seed", 0, float("inf")),
    ):
        field(values, name, int, low, high)
    field(values, "read_errors", float, 0, 1)
    for kind in ("", "fragment_"):
        field(values, f"{kind}temperature", float, 1e-6, _MAX_SLOPE)
        optional(values, f"{kind}upper_temperature", float, 1e-6)
        field(values, f"{kind}identity_weight", float, 0, _MAX_SLOPE)
    for name in ("records", "barcodes", "calibrated", "candidates"):
        optional(values, name, int, 1)
    field(values, "kmers_for_all", bool)
    optional(values, "coverage", str)
    optional(values, "non_coding", bool)
    if optional(values, "prototypes", str) not in (None, *PROTOTYPES):
        raise ValueError(f"prototypes is {values['prototypes']!r}")
    if amplicon := optional(values, "amplicon", dict):
        _check_amplicon(amplicon)
    if search := optional(values, "search", dict):
        field(search, "clusters", int, 1, values["vectors"])
        field(search, "margin", float, 0, 2)
        for name in ("recall_nearest", "recall_ten"):
            field(search, name, float, 0, 1)


def _check_amplicon(values: Mapping[str, Any]) -> None:
    for name in ("name", "forward", "reverse"):
        field(values, name, str)
    if not all(12 <= len(values[name]) <= 64 for name in ("forward", "reverse")):
        raise ValueError("amplicon has a primer that is too short or too long")
    if not set(values["forward"] + values["reverse"]) <= set(IUPAC):
        raise ValueError("amplicon has primers with other letters than IUPAC codes")
    for name in ("first", "last"):
        optional(values, name, int, 1)


def check_calibration(values: Mapping[str, Any], ranks: Sequence[str]) -> None:
    """Raise ValueError that names the field if the calibration of an index is not valid."""
    field(values, "features", list)
    field(values, "median_length", float, 1, _MAX_BASES)
    if "complete_length" in values:
        field(values, "complete_length", float, 1, _MAX_BASES)
    of_ranks = field(values, "ranks", dict)
    for rank in ranks:
        models = field(of_ranks, rank, dict)
        for name in ("in_reference", "correct"):
            model = field(models, name, dict)
            for part in ("whole", "fragments"):
                _check_logistic(field(model, part, dict))
        for name in ("in_reference_from", "new_from"):
            field(models, name, str)
        _check_report(field(models, "report", dict))


def _check_logistic(values: Mapping[str, Any]) -> None:
    features, steps = len(FEATURES) - CONTEXT, len(Logistic((), 0.0).growth)
    counts = {"weights": features, "growth": steps, "shift": steps}
    if "products" in values:
        pairs = features * (features + 1) // 2
        counts |= {"products": pairs, "centres": features, "spreads": features}
    for name, count in counts.items():
        limit = _MAX_GROWTH if name == "growth" else _MAX_SLOPE
        if any(abs(number) > limit for number in numbers(values, name, count)):
            raise ValueError(f"{name} has a number over {limit}")
    for name in ("bias", "middle"):
        field(values, name, float, -_MAX_SLOPE, _MAX_SLOPE)
    if "products" in values and min(values["spreads"]) <= 0:
        raise ValueError("spreads has a number that is not positive")
    field(values, "noise", float, 0, 1)


def _check_report(report: Mapping[str, Any]) -> None:
    field(report, "calibration_error", float, 0, 1)
    for name, keys in (
        ("coverage", ["0.95"]),
        ("confidence_threshold", list(map(str, ERROR_FRACTIONS))),
    ):
        found = field(report, name, dict)
        for key in keys:
            if found.get(key, "missing") is not None:  # None: no confidence is high enough
                field(found, key, float, 0, 1)


def check_lineages(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Raise ValueError unless a table has the ranks as its columns, and a name in its rows."""
    if list(header) != list(RANKS):
        raise ValueError(f"has the columns {', '.join(header)}; expected {', '.join(RANKS)}")
    if any(len(row) != len(RANKS) for row in rows):
        raise ValueError("has rows of another length than its header")
    if not rows:
        raise ValueError("has no rows")


def check_records(
    path: Path, vectors: np.ndarray, lineages: np.ndarray, count: int, taxa: int
) -> None:
    """Raise BundleError unless each record has a vector and a lineage, and each vector a record."""
    check_range(path, "a lineage", lineages, taxa)
    check_range(path, "a vector", vectors, count)
    if not np.bincount(vectors, minlength=count).all():
        raise BundleError(f"{path}: a vector has no record")


def check_kmer_lengths(path: Path, kmers: Postings) -> None:
    """Raise BundleError unless the arrays of the k-mers of an index have lengths that match."""
    hashes, starts, rows = kmers
    if len(starts) != len(hashes) + 1 or starts[0] != 0 or starts[-1] != len(rows):
        raise BundleError(f"{path}: hashes, starts and rows have lengths that do not match")


def check_kmers(path: Path, kmers: Postings, references: int) -> None:
    """Raise BundleError unless the k-mers of an index are sorted, and of its references."""
    hashes, starts, rows = kmers
    if (starts[1:] < starts[:-1]).any() or (hashes[1:] <= hashes[:-1]).any():
        raise BundleError(f"{path}: hashes or starts are not in ascending order")
    check_range(path, "a row", rows, references)
