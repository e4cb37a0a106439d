"""The encoded corpus: base codes and taxa of every distinct barcode, memory-mapped from disk."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from barcodeembed.bundles.directories import replace_directory
from barcodeembed.bundles.manifest import (
    digest_file,
    open_bundle,
    read_json,
    write_json,
    write_manifest,
)
from barcodeembed.errors import InputError, TrainingError
from barcodeembed.sequences.anchor import MarkerPositions, gather_bases
from barcodeembed.sequences.bases import encode_bases
from barcodeembed.sequences.cleaning import clean
from barcodeembed.taxonomy.columns import bin_of
from barcodeembed.taxonomy.ranks import RANKS, Lineage
from barcodeembed.taxonomy.references import LabelledRecord, resolve_conflicts
from barcodeembed.taxonomy.taxa import Taxa

KIND = "corpus"
FORMAT_VERSION = 2

#: The labels of a barcode: its taxon at every rank, and its BIN (BOLD's cluster).
LABELS = (*RANKS, "bin")

#: Maximum length of a barcode in a corpus. A longer sequence is a genome, not a marker.
MAX_BASES = 10_000

_HELD_OUT_FRACTION = 0.01
_MAX_HELD_OUT = 2_048


@dataclass(frozen=True, slots=True)
class Corpus:
    """Encoded barcodes.

    Attributes:
        codes: Base codes of all barcodes, uint8 (total,).
        starts: The index of each barcode's first code, int64 (rows,).
        lengths: The length of each barcode in bases, int64 (rows,).
        labels: The taxa of each barcode, numbered from 0 for each label, int32 (rows, LABELS).
            -1 is unknown.
        held_out: The rows for validation.
        train: The rows for training.
        fingerprint: The sha256 of codes and labels.
        summary: Counts of records, by reason if they were left out.
        marker_positions: The positions of the barcodes in the marker, for an anchored model.
    """

    codes: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    held_out: np.ndarray
    train: np.ndarray
    fingerprint: str
    summary: dict[str, int]
    marker_positions: MarkerPositions | None = None

    def bases_of(self, rows: np.ndarray) -> np.ndarray:
        """Return base codes of barcodes, uint8 (B, longest); after their end they are ambiguous."""
        return gather_bases(self.codes, self.starts[rows], self.lengths[rows])

    def marker_positions_of(self, rows: np.ndarray) -> np.ndarray | None:
        """Return the marker position of each base, int64 (B, longest), or None if not located."""
        if self.marker_positions is None:
            return None
        return self.marker_positions.take(rows).expand(int(self.lengths[rows].max()))


def encode_corpus(
    labelled: Iterable[LabelledRecord],
    path: Path,
    sources: list[dict[str, str]] | None = None,
    *,
    progress: Callable[[int], None] = lambda count: None,
) -> None:
    """Write the complete encoded corpus of a stream of records, or nothing.

    Records that cannot be classified are left out and counted by reason. Identical barcodes are
    written once, as in BarcodeMAE, with the taxa that all their records agree on. Bases are
    written to disk at once: memory grows by 40 bytes per record, and by the lineages.
    ``progress`` is called with the number of records so far.
    """
    with replace_directory(path, KIND) as bundle:
        with open(bundle / "codes.u8", "wb") as stream:
            columns = _encode_records(labelled, stream, progress)
        lengths, digests, lineage_of, cluster_of = map(np.array, columns.columns)
        labels = np.column_stack((_number_taxa(list(columns.lineages), lineage_of), cluster_of))
        rows, labels = _merge_identical(digests, labels)
        columns.summary["distinct"] = len(rows)
        columns.summary["labelled"] = int((labels >= 0).any(1).sum())
        np.save(bundle / "lengths.npy", lengths)
        np.save(bundle / "digests.npy", digests)
        np.save(bundle / "rows.npy", rows)
        np.save(bundle / "labels.npy", labels.astype(np.int32))
        write_json(bundle / "summary.json", columns.summary)
        write_manifest(bundle, KIND, FORMAT_VERSION, sources=sources or [])


@dataclass(slots=True)
class _Columns:
    """Length, digest, lineage number and BIN number of each record that is used."""

    columns: tuple[array[int], ...] = field(
        default_factory=lambda: tuple(array(code) for code in "qQqq")
    )
    lineages: dict[Lineage, int] = field(default_factory=dict)
    bins: dict[str | None, int] = field(default_factory=lambda: {None: -1})
    summary: dict[str, int] = field(default_factory=lambda: {"records": 0})


def _encode_records(
    labelled: Iterable[LabelledRecord], stream: IO[bytes], progress: Callable[[int], None]
) -> _Columns:
    """Write the base codes of the usable records, and return their other columns."""
    encoded = _Columns()
    lengths, digests, lineage_of, cluster_of = encoded.columns
    for record, lineage in labelled:
        encoded.summary["records"] += 1
        barcode = clean(record, max_bases=MAX_BASES)
        if barcode.unclassifiable:
            reason = barcode.unclassifiable
            encoded.summary[reason] = encoded.summary.get(reason, 0) + 1
            continue
        bases = barcode.bases.strip("N")
        stream.write(encode_bases(bases).tobytes())
        lengths.append(len(bases))
        digests.append(digest_bases(bases))
        lineage_of.append(encoded.lineages.setdefault(lineage, len(encoded.lineages)))
        cluster_of.append(encoded.bins.setdefault(bin_of(record.fields), len(encoded.bins) - 1))
        if encoded.summary["records"] % 1024 == 0:
            progress(encoded.summary["records"])
    return encoded


def open_corpus(path: Path, *, verify: bool = True) -> Corpus:
    """Open an encoded corpus, memory-mapped.

    Raises BundleError if it is damaged, and InputError if it has fewer than two barcodes.
    """
    manifest = open_bundle(path, KIND, FORMAT_VERSION, verify=verify)
    all_lengths = np.load(path / "lengths.npy")
    rows = np.load(path / "rows.npy")
    digests = np.load(path / "digests.npy")[rows]
    if len(rows) < 2:
        raise InputError(f"the corpus has {len(rows)} usable barcodes; pretraining needs two")
    # The rows with the lowest digests are held out, so the sample does not depend on file order.
    count = min(max(1, round(_HELD_OUT_FRACTION * len(rows))), _MAX_HELD_OUT)
    held_out = np.zeros(len(rows), bool)
    held_out[np.argsort(digests, kind="stable")[:count]] = True
    numbers = np.arange(len(rows))
    return Corpus(
        codes=np.memmap(path / "codes.u8", np.uint8, "r"),
        starts=(np.cumsum(all_lengths) - all_lengths)[rows],
        lengths=all_lengths[rows],
        labels=np.load(path / "labels.npy"),
        held_out=numbers[held_out],
        train=numbers[~held_out],
        fingerprint=_fingerprint(manifest["files"]),
        summary=read_json(path / "summary.json"),
    )


def describe_sources(paths: Iterable[str]) -> list[dict[str, str]]:
    """Return the name and sha256 of every file. The sha256 of standard input is empty."""
    return [
        {"name": path, "sha256": digest_file(Path(path)) if Path(path).is_file() else ""}
        for path in paths
    ]


def encoded_from(path: Path, sources: list[dict[str, str]]) -> bool:
    """Return whether ``path`` has a corpus that was encoded from these files.

    Raises TrainingError if it was encoded from other files, because a run must resume on the
    corpus that it began with.
    """
    if not path.is_dir():
        return False
    encoded = open_bundle(path, KIND, FORMAT_VERSION, verify=False)["sources"]
    sums = [[source["sha256"] for source in listed] for listed in (encoded, sources)]
    if sums[0] != sums[1]:
        names = ", ".join(source["name"] for source in encoded)
        raise TrainingError(
            f"{path} was encoded from other content ({names}); resume the run with the corpus "
            "that it began with"
        )
    return True


def _number_taxa(lineages: list[Lineage], lineage_of: np.ndarray) -> np.ndarray:
    """Return the taxa of every record, int (records, RANKS).

    Homonyms have different numbers, and conflicting parents are resolved.
    """
    replacement, _ = resolve_conflicts(lineages[i] for i in lineage_of)
    taxa = Taxa.of([replacement.get(lineage, lineage) for lineage in lineages])
    numbered = np.full((len(lineages), len(RANKS)), -1, np.int64)
    numbered[:, [RANKS.index(rank) for rank in taxa.ranks]] = taxa.codes
    return numbered[lineage_of]


def _merge_identical(digests: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first row of each distinct barcode, and the labels that all its rows agree on."""
    order = np.argsort(digests, kind="stable")
    first = np.flatnonzero(np.r_[True, digests[order][1:] != digests[order][:-1]][: len(order)])
    if not len(first):
        return order, labels
    in_order = labels[order]
    no_label = np.iinfo(np.int64).max
    lowest = np.minimum.reduceat(np.where(in_order < 0, no_label, in_order), first)
    highest = np.maximum.reduceat(in_order, first)
    rows = order[first]
    by_row = np.argsort(rows)
    return rows[by_row], np.where(lowest == highest, highest, -1)[by_row]


def _fingerprint(files: dict[str, dict[str, Any]]) -> str:
    sums = files["codes.u8"]["sha256"] + files["labels.npy"]["sha256"]
    return hashlib.sha256(sums.encode()).hexdigest()


def digest_bases(bases: str) -> int:
    """Return the 64-bit number by which identical barcodes are found."""
    return int.from_bytes(hashlib.blake2b(bases.encode(), digest_size=8).digest(), "little")
