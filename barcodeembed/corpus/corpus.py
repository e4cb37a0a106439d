"""The corpus on disk: base codes and taxa of every distinct barcode, encoded once and mapped."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

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

#: What a barcode may be labelled with: its taxon at every rank, and BOLD's cluster, the BIN.
LABELS = (*RANKS, "bin")

#: Longest barcode that a corpus keeps; anything longer is a genome, not a marker.
MAX_BASES = 10_000

_HELD_OUT_SHARE = 0.01
_HELD_OUT_MOST = 2_048


@dataclass(frozen=True, slots=True)
class Corpus:
    """Encoded barcodes: ``codes`` uint8 (total,), ``starts`` and ``lengths`` int64 (rows,).

    ``labels`` int32 (rows, LABELS) numbers the taxa of each rank from 0; -1 is unknown.
    ``held_out`` and ``train`` are the rows for validation and for learning. ``marker_positions``
    say where in the marker they lie, for an anchored model.
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
        """Return the base codes of barcodes, uint8 (B, longest), ambiguous past the end."""
        return gather_bases(self.codes, self.starts[rows], self.lengths[rows])

    def marker_positions_of(self, rows: np.ndarray) -> np.ndarray | None:
        """Return the place of each base in the marker, int64 (B, longest), if they are known."""
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
    """Write the encoded corpus of a stream of records, all or nothing.

    Records that cannot be named could teach nothing either and are left out, counted by reason;
    of identical barcodes one is kept (BarcodeMAE's recipe), with the taxa on which all that have
    it agree. Bases go straight to disk: memory grows by 40 bytes a record and by its lineages.
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
    """What is known of each record kept: length, digest, number of its lineage and of its BIN."""

    columns: tuple[array, ...] = field(default_factory=lambda: tuple(map(array, "qQqq")))
    lineages: dict[Lineage, int] = field(default_factory=dict)
    bins: dict[str | None, int] = field(default_factory=lambda: {None: -1})
    summary: dict[str, int] = field(default_factory=lambda: {"records": 0})


def _encode_records(
    labelled: Iterable[LabelledRecord], stream: IO[bytes], progress: Callable[[int], None]
) -> _Columns:
    """Write the base codes of the records that can be learnt from; return the rest of them."""
    made = _Columns()
    lengths, digests, lineage_of, cluster_of = made.columns
    for record, lineage in labelled:
        made.summary["records"] += 1
        barcode = clean(record, max_bases=MAX_BASES)
        if barcode.unclassifiable:
            reason = barcode.unclassifiable
            made.summary[reason] = made.summary.get(reason, 0) + 1
            continue
        bases = barcode.bases.strip("N")
        stream.write(encode_bases(bases).tobytes())
        lengths.append(len(bases))
        digests.append(_digest(bases))
        lineage_of.append(made.lineages.setdefault(lineage, len(made.lineages)))
        cluster_of.append(made.bins.setdefault(bin_of(record.fields), len(made.bins) - 1))
        if made.summary["records"] % 1024 == 0:
            progress(made.summary["records"])
    return made


def open_corpus(path: Path, *, verify: bool = True) -> Corpus:
    """Map an encoded corpus. Raises BundleError where it is damaged, InputError where too small."""
    manifest = open_bundle(path, KIND, FORMAT_VERSION, verify=verify)
    all_lengths = np.load(path / "lengths.npy")
    rows = np.load(path / "rows.npy")
    digests = np.load(path / "digests.npy")[rows]
    if len(rows) < 2:
        raise InputError(f"the corpus has {len(rows)} usable barcodes; pretraining needs two")
    # The lowest digests, not the first rows, are held out: a sample that no order of the files
    # decides.
    count = min(max(1, round(_HELD_OUT_SHARE * len(rows))), _HELD_OUT_MOST)
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
    """Return the name and sha256 of every file; standard input has no sum to be known by."""
    return [
        {"name": path, "sha256": digest_file(Path(path)) if Path(path).is_file() else ""}
        for path in paths
    ]


def encoded_from(path: Path, sources: list[dict[str, str]]) -> bool:
    """Tell whether an encoded corpus was made of these files.

    Raises TrainingError where one is there that was made of others: a run must not go on with
    another corpus than it began with.
    """
    if not path.is_dir():
        return False
    made_of = open_bundle(path, KIND, FORMAT_VERSION, verify=False)["sources"]
    sums = [[source["sha256"] for source in listed] for listed in (made_of, sources)]
    if sums[0] != sums[1]:
        names = ", ".join(source["name"] for source in made_of)
        raise TrainingError(
            f"{path} was encoded from other content ({names}); a run resumes "
            "on the corpus that it began with"
        )
    return True


def _number_taxa(lineages: list[Lineage], lineage_of: np.ndarray) -> np.ndarray:
    """Return the taxa of every record, int (records, RANKS), homonyms apart, parents settled."""
    replacement, _ = resolve_conflicts(lineages[i] for i in lineage_of)
    taxa = Taxa.of([replacement.get(lineage, lineage) for lineage in lineages])
    numbered = np.full((len(lineages), len(RANKS)), -1, np.int64)
    numbered[:, [RANKS.index(rank) for rank in taxa.ranks]] = taxa.codes
    return numbered[lineage_of]


def _merge_identical(digests: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first row of each distinct barcode and the labels that all its rows agree on."""
    order = np.argsort(digests, kind="stable")
    first = np.flatnonzero(np.r_[True, digests[order][1:] != digests[order][:-1]][: len(order)])
    if not len(first):
        return order, labels
    known = labels[order]
    lowest = np.minimum.reduceat(np.where(known < 0, np.iinfo(np.int64).max, known), first)
    highest = np.maximum.reduceat(known, first)
    rows = order[first]
    by_row = np.argsort(rows)
    return rows[by_row], np.where(lowest == highest, highest, -1)[by_row]


def _fingerprint(files: dict[str, dict]) -> str:
    sums = files["codes.u8"]["sha256"] + files["labels.npy"]["sha256"]
    return hashlib.sha256(sums.encode()).hexdigest()


def _digest(bases: str) -> int:
    return int.from_bytes(hashlib.blake2b(bases.encode(), digest_size=8).digest(), "little")
