"""The index bundle: reference vectors, their records and lineages, and what was learnt of them.

``NAME.bix/`` holds ``vectors.npy``, ``references.fasta`` (one record per vector, for random
access by pyfastx), ``records.tsv`` (every record and its vector), ``lineages.tsv``,
``calibration.json``, ``orientation.npy``, ``whitening.npz`` where asked for, ``config.json``, a
copy of the model in ``model/``, and ``manifest.json``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from barcodeembed.classify.calibration import Calibration
from barcodeembed.classify.vote import Members
from barcodeembed.errors import BundleError
from barcodeembed.files import replace_directory
from barcodeembed.index.whitening import Whitening
from barcodeembed.manifest import open_bundle, read_json, write_json, write_manifest
from barcodeembed.taxonomy.ranks import RANKS, Lineage
from barcodeembed.taxonomy.taxa import Taxa

KIND = "index"
FORMAT_VERSION = 1
MODEL = "model"

_NA = "NA"


@dataclass(frozen=True, slots=True)
class ReferenceIndex:
    """References ready to be searched.

    ``vectors`` float32 (N, D), unit length; ``sequences`` their N barcodes; record i, named
    ``record_ids[i]``, has vector ``record_vectors[i]`` and lineage ``record_lineages[i]`` of
    ``taxa``. The first record of vector v is ``first_records[v]``.
    """

    vectors: np.ndarray
    sequences: Sequence[str]
    record_ids: Sequence[str]
    record_vectors: np.ndarray
    record_lineages: np.ndarray
    taxa: Taxa
    calibration: Calibration
    orientation: np.ndarray
    whitening: Whitening | None
    settings: dict[str, Any]

    @property
    def members(self) -> Members:
        return Members.of(self.record_vectors, self.record_lineages, len(self.vectors))

    @property
    def first_records(self) -> np.ndarray:
        return np.unique(self.record_vectors, return_index=True)[1]

    @property
    def embedder_fingerprint(self) -> str:
        return self.settings["embedder"]


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


def save_index(
    path: str | PathLike[str], index: ReferenceIndex, model: str | PathLike[str]
) -> None:
    """Write an index bundle, all or nothing, with a copy of the model bundle that made it."""
    with replace_directory(path, KIND) as bundle:
        np.save(bundle / "vectors.npy", index.vectors)
        np.save(bundle / "orientation.npy", index.orientation)
        if index.whitening:
            np.savez(bundle / "whitening.npz", mean=index.whitening.mean,
                     directions=index.whitening.directions)
        names = [index.record_ids[i] for i in index.first_records]
        with open(bundle / "references.fasta", "w", encoding="utf-8") as stream:
            for name, bases in zip(names, index.sequences, strict=True):
                stream.write(f">{name}\n{bases}\n")
        FastaSequences(bundle / "references.fasta")  # leaves its index beside it
        _write_tsv(
            bundle / "records.tsv", ("record_id", "vector", "lineage"),
            zip(index.record_ids, map(str, index.record_vectors),
                map(str, index.record_lineages), strict=True),
        )
        _write_tsv(
            bundle / "lineages.tsv", RANKS,
            ([name or _NA for name in taxa] for taxa in index.taxa.lineages),
        )
        write_json(bundle / "calibration.json", index.calibration.to_json())
        write_json(bundle / "config.json", index.settings)
        shutil.copytree(model, bundle / MODEL)
        write_manifest(bundle, KIND, FORMAT_VERSION, embedder=index.embedder_fingerprint)


def open_index(path: str | PathLike[str], *, verify: bool = True) -> ReferenceIndex:
    """Open an index bundle; vectors stay on disk, mapped. Raises BundleError."""
    bundle = Path(path)
    open_bundle(bundle, KIND, FORMAT_VERSION, verify=verify)
    try:
        return _read(bundle)
    except (ValueError, KeyError, OSError, IndexError) as error:
        raise BundleError(f"{bundle}: not a readable index: {error}") from None


def _read(bundle: Path) -> ReferenceIndex:
    record_ids, vectors, lineages = zip(*_read_tsv(bundle / "records.tsv"), strict=True)
    taxa = Taxa.of([_lineage(row) for row in _read_tsv(bundle / "lineages.tsv")])
    settings = read_json(bundle / "config.json")
    whitening = None
    if settings["whitening"]:  # not wherever such a file lies: only what the build wrote is summed
        with np.load(bundle / "whitening.npz") as arrays:
            whitening = Whitening(arrays["mean"], arrays["directions"])
    return ReferenceIndex(
        vectors=np.load(bundle / "vectors.npy", mmap_mode="r"),
        sequences=FastaSequences(bundle / "references.fasta"),
        record_ids=record_ids,
        record_vectors=np.array(vectors, np.int64),
        record_lineages=np.array(lineages, np.int64),
        taxa=taxa,
        calibration=Calibration.from_json(read_json(bundle / "calibration.json"), taxa.ranks),
        orientation=np.load(bundle / "orientation.npy"),
        whitening=whitening,
        settings=settings,
    )


def _lineage(row: list[str]) -> Lineage:
    return tuple(None if name == _NA else name for name in row)


def _write_tsv(path: Path, header: Sequence[str], rows: Iterable[Iterable[str]]) -> None:
    with open(path, "w", encoding="utf-8", newline="\n") as stream:
        stream.write("\t".join(header) + "\n")
        stream.writelines("\t".join(row) + "\n" for row in rows)


def _read_tsv(path: Path) -> list[list[str]]:
    """Read the rows of a table that this module wrote."""
    with open(path, encoding="utf-8", newline="\n") as stream:
        return [line.rstrip("\n").split("\t") for line in stream][1:]
