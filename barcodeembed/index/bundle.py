"""The index bundle: reference vectors, their names and lineages, and what was learnt of them.

``NAME.bix/`` holds ``vectors.npy``, ``references.fasta`` (one record per vector, for random
access by pyfastx), ``records.tsv`` (every record and its vector), ``lineages.tsv``,
``calibration.json``, ``orientation.npy``, ``whitening.npz`` where asked for, ``config.json``, a
copy of the model in ``model/`` where it was given, and ``manifest.json``. What the records'
sources said beside (Sources) are further columns of ``records.tsv``, and ``source_lineage.tsv``; each is
there only where a record has such a thing.

An index of prototypes keeps neither sequences nor records. In place of the first four it holds
``prototypes.npy`` (int8), ``prototypes.tsv.gz`` (each one's id and lineage) and
``lineages.tsv.gz``.
"""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from barcodeembed.bundles.directories import replace_directory
from barcodeembed.bundles.manifest import open_bundle, read_json, write_json, write_manifest
from barcodeembed.bundles.tables import read_table, write_table
from barcodeembed.calibration.fit import Calibration
from barcodeembed.errors import BundleError
from barcodeembed.index.settings import INDEX_FORMAT, outdated
from barcodeembed.index.sources import Sources
from barcodeembed.scoring.vote import Members
from barcodeembed.taxonomy.ranks import RANKS, Lineage
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.prototypes import dequantise, quantise
from barcodeembed.vectors.whitening import Whitening, as_searched
from barcodeembed.vocabulary import NA

KIND = "index"
MODEL = "model"


@dataclass(frozen=True, slots=True)
class ReferenceIndex:
    """References ready to be searched.

    ``vectors`` float32 (N, D), unit length; ``sequences`` their N barcodes; record i, named
    ``record_ids[i]``, has vector ``record_vectors[i]`` and lineage ``record_lineages[i]`` of
    ``taxa``. The first record of vector v is ``first_records[v]``.

    Of an index of prototypes the records are the prototypes, and ``sequences`` is None.
    """

    vectors: np.ndarray
    sequences: Sequence[str] | None
    record_ids: Sequence[str]
    record_vectors: np.ndarray
    record_lineages: np.ndarray
    taxa: Taxa
    calibration: Calibration
    orientation: np.ndarray
    whitening: Whitening | None
    settings: dict[str, Any]
    sources: Sources = field(default_factory=Sources)

    @property
    def members(self) -> Members:
        return Members.of(self.record_vectors, self.record_lineages, len(self.vectors))

    @property
    def first_records(self) -> np.ndarray:
        return np.unique(self.record_vectors, return_index=True)[1]

    @property
    def embedder_fingerprint(self) -> str:
        return self.settings["embedder"]

    @property
    def dimension(self) -> int:
        """How wide the model's vectors are; those of the index are narrower if it is whitened."""
        return len(self.whitening.mean) if self.whitening else self.vectors.shape[1]

    def as_searched(self, vectors: np.ndarray) -> np.ndarray:
        """Return what the index is searched with, float32 (n, D), for vectors of its model.

        They are of unit length, or NaN where there is no vector.
        """
        return as_searched(vectors, self.whitening)

    @classmethod
    def open(cls, path: str | PathLike[str], *, verify: bool = True) -> ReferenceIndex:
        """Open an index bundle; the vectors of barcodes stay on disk, mapped. Raises BundleError."""
        bundle = Path(path)
        manifest = open_bundle(bundle, KIND, INDEX_FORMAT, verify=verify)
        if manifest["format_version"] < INDEX_FORMAT:
            raise BundleError(outdated(bundle))
        try:
            return _read(bundle)
        except (ValueError, KeyError, OSError, IndexError, EOFError, zlib.error) as error:
            raise BundleError(f"{bundle}: not a readable index: {error}") from None

    def save(self, path: str | PathLike[str], model: str | PathLike[str] | None = None) -> None:
        """Write an index bundle, all or nothing, with a copy of the model bundle that made it.

        Without a ``model`` there is only its fingerprint.
        """
        with replace_directory(path, KIND) as bundle:
            if self.sequences is None:
                _write_prototypes(bundle, self)
            else:
                _write_references(bundle, self, self.sequences)
            np.save(bundle / "orientation.npy", self.orientation)
            if self.whitening:
                np.savez(
                    bundle / "whitening.npz",
                    mean=self.whitening.mean,
                    directions=self.whitening.directions,
                )
            write_json(bundle / "calibration.json", self.calibration.to_json())
            write_json(bundle / "config.json", self.settings)
            if model is not None:
                shutil.copytree(model, bundle / MODEL)
            write_manifest(bundle, KIND, INDEX_FORMAT, embedder=self.embedder_fingerprint)


class FastaSequences(Sequence[str]):
    """The bundle's own FASTA, read by position; its pyfastx index lies beside it."""

    def __init__(self, path: Path) -> None:
        import pyfastx

        try:
            self._fasta = pyfastx.Fasta(str(path), uppercase=False)
        except (SystemError, RuntimeError) as error:  # a full disk, a damaged index
            raise OSError(f"pyfastx cannot index {path.name}: {error}") from None

    def __len__(self) -> int:
        return len(self._fasta)

    def __getitem__(self, number):
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        return self._fasta[int(number)].seq


def _write_references(bundle: Path, index: ReferenceIndex, sequences: Sequence[str]) -> None:
    np.save(bundle / "vectors.npy", index.vectors)
    names = [index.record_ids[i] for i in index.first_records]
    with open(bundle / "references.fasta", "w", encoding="utf-8") as stream:
        for name, bases in zip(names, sequences, strict=True):
            stream.write(f">{name}\n{bases}\n")
    FastaSequences(bundle / "references.fasta")  # leaves its index beside it
    said = index.sources.columns()
    write_table(
        bundle / "records.tsv",
        ("record_id", "vector", "lineage", *said),
        zip(
            index.record_ids,
            map(str, index.record_vectors),
            map(str, index.record_lineages),
            *said.values(),
            strict=True,
        ),
    )
    _write_lineages(bundle / "lineages.tsv", index.taxa.lineages)
    if "source_lineage" in said:
        _write_lineages(bundle / "source_lineage.tsv", index.sources.lineages())


def _write_prototypes(bundle: Path, index: ReferenceIndex) -> None:
    np.save(bundle / "prototypes.npy", quantise(index.vectors))
    write_table(
        bundle / "prototypes.tsv.gz",
        ("prototype_id", "lineage"),
        zip(index.record_ids, map(str, index.record_lineages), strict=True),
    )
    _write_lineages(bundle / "lineages.tsv.gz", index.taxa.lineages)


def _write_lineages(path: Path, lineages: Iterable[Lineage]) -> None:
    write_table(path, RANKS, ([name or NA for name in lineage] for lineage in lineages))


def _read(bundle: Path) -> ReferenceIndex:
    settings = read_json(bundle / "config.json")
    held = (_read_prototypes if "prototypes" in settings else _read_references)(bundle)
    whitening = None
    if settings["whitening"]:  # not wherever such a file lies: only what the build wrote is summed
        with np.load(bundle / "whitening.npz") as arrays:
            whitening = Whitening(arrays["mean"], arrays["directions"])
    ranks = held["taxa"].ranks
    return ReferenceIndex(
        **held,
        calibration=Calibration.from_json(read_json(bundle / "calibration.json"), ranks),
        orientation=np.load(bundle / "orientation.npy"),
        whitening=whitening,
        settings=settings,
    )


def _read_references(bundle: Path) -> dict[str, Any]:
    header, rows = read_table(bundle / "records.tsv")
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    source_lineages = (
        _read_lineages(bundle / "source_lineage.tsv") if "source_lineage" in columns else []
    )
    return {
        "vectors": np.load(bundle / "vectors.npy", mmap_mode="r"),
        "sequences": FastaSequences(bundle / "references.fasta"),
        "record_ids": columns["record_id"],
        "record_vectors": np.array(columns["vector"], np.int64),
        "record_lineages": np.array(columns["lineage"], np.int64),
        "taxa": Taxa.of(_read_lineages(bundle / "lineages.tsv")),
        "sources": Sources.read(columns, source_lineages),
    }


def _read_prototypes(bundle: Path) -> dict[str, Any]:
    vectors = dequantise(np.load(bundle / "prototypes.npy"))
    ids, lineages = zip(*read_table(bundle / "prototypes.tsv.gz")[1], strict=True)
    return {
        "vectors": vectors,
        "sequences": None,
        "record_ids": ids,
        "record_vectors": np.arange(len(vectors)),
        "record_lineages": np.array(lineages, np.int64),
        "taxa": Taxa.of(_read_lineages(bundle / "lineages.tsv.gz")),
    }


def _read_lineages(path: Path) -> list[Lineage]:
    rows = read_table(path)[1]
    return [tuple(None if name == NA else name for name in row) for row in rows]
