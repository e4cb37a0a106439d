"""The files of an index bundle.

``NAME.bix/`` contains:

- ``vectors.npy``: the vectors of the distinct barcodes;
- ``references.fasta``: one sequence per vector, for random access by pyfastx, and its ``.fxi``;
- ``records.tsv``: the id of every record, the numbers of its vector and of its lineage, and, if a
  record has one, its BIN, country, strand and original lineage (`Sources`);
- ``lineages.tsv``, and ``source_lineage.tsv`` for original lineages;
- ``calibration.json``, ``orientation.npy``, ``config.json`` (`IndexSettings`), ``manifest.json``;
- ``kmers/``: which barcodes have which k-mers (`SharedKmers`), three arrays;
- ``whitening.npz``, if the vectors are whitened;
- ``model/``, a copy of the model bundle, unless it was left out.

An index of prototypes contains neither sequences nor records. Instead of the first four it has
``prototypes.npy`` (int8), ``prototypes.tsv.gz`` (the id and the lineage of each prototype) and
``lineages.tsv.gz``. Its k-mers are compressed: ``kmers.npz``.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload
from zipfile import BadZipFile

import numpy as np

from barcodeembed.bundles.manifest import read_json, write_json
from barcodeembed.bundles.tables import read_table, write_table
from barcodeembed.calibration.fit import Calibration
from barcodeembed.errors import BundleError
from barcodeembed.index.packing import pack_kmers, unpack_kmers
from barcodeembed.index.settings import IndexSettings
from barcodeembed.index.sources import Sources
from barcodeembed.sequences.shared_kmers import Postings, SharedKmers
from barcodeembed.taxonomy.ranks import RANKS, Lineage
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.prototypes import dequantise, quantise
from barcodeembed.vectors.whitening import Whitening
from barcodeembed.vocabulary import NA

if TYPE_CHECKING:
    from barcodeembed.index.bundle import ReferenceIndex

#: What reading a file raises that is not as `write_index` wrote it.
UNREADABLE = (ValueError, KeyError, OSError, IndexError, EOFError, BadZipFile, zlib.error)

#: The folder of a bundle that contains a copy of the model.
MODEL = "model"

#: The k-mers of a bundle: a folder, or a file.
KMERS = "kmers"


class FastaSequences(Sequence[str]):
    """The sequences of a FASTA file, by position. pyfastx writes its own index next to the file."""

    def __init__(self, path: Path) -> None:
        import pyfastx

        try:
            self._fasta = pyfastx.Fasta(str(path), uppercase=False)
        except (SystemError, RuntimeError) as error:  # a full disk, a damaged index
            raise OSError(f"pyfastx cannot index {path.name}: {error}") from None

    def __len__(self) -> int:
        return len(self._fasta)

    @overload
    def __getitem__(self, number: int) -> str: ...

    @overload
    def __getitem__(self, number: slice) -> list[str]: ...

    def __getitem__(self, number: int | slice) -> str | list[str]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        return self._fasta[int(number)].seq


def write_index(bundle: Path, index: ReferenceIndex) -> None:
    """Write all files of an index except its model and its manifest."""
    if index.sequences is None:
        _write_prototypes(bundle, index)
    else:
        _write_references(bundle, index, index.sequences)
    np.save(bundle / "orientation.npy", index.orientation)
    if index.whitening:
        np.savez(
            bundle / "whitening.npz",
            mean=index.whitening.mean,
            directions=index.whitening.directions,
        )
    write_json(bundle / "calibration.json", index.calibration.to_json())
    write_json(bundle / "config.json", index.settings.to_json())


def read_index(bundle: Path) -> dict[str, Any]:
    """Return the fields of `ReferenceIndex`, by name, from the files of a bundle.

    The vectors of barcodes stay on disk, memory-mapped, and the k-mers of prototypes are read when
    they are needed. Raises one of UNREADABLE if a file is not as `write_index` wrote it.
    """
    settings = IndexSettings.from_json(read_json(bundle / "config.json"))
    held = (_read_prototypes if settings.prototypes else _read_references)(bundle)
    whitening = None
    if settings.whitening:  # a file that the build did not write has no checksum: ignore it
        with np.load(bundle / "whitening.npz") as arrays:
            whitening = Whitening(arrays["mean"], arrays["directions"])
    ranks = held["taxa"].ranks
    model = bundle / MODEL
    return {
        **held,
        "calibration": Calibration.from_json(read_json(bundle / "calibration.json"), ranks),
        "orientation": np.load(bundle / "orientation.npy"),
        "whitening": whitening,
        "settings": settings,
        "model_path": model if model.is_dir() else None,
    }


def _write_references(bundle: Path, index: ReferenceIndex, sequences: Sequence[str]) -> None:
    np.save(bundle / "vectors.npy", index.vectors)
    names = [index.record_ids[i] for i in index.first_records]
    with open(bundle / "references.fasta", "w", encoding="utf-8") as stream:
        for name, bases in zip(names, sequences, strict=True):
            stream.write(f">{name}\n{bases}\n")
    FastaSequences(bundle / "references.fasta")  # writes the index of pyfastx
    folder = bundle / KMERS
    folder.mkdir()
    for name, values in index.kmers.postings._asdict().items():
        np.save(folder / f"{name}.npy", values)
    sources = index.sources.columns()
    write_table(
        bundle / "records.tsv",
        ("record_id", "vector", "lineage", *sources),
        zip(
            index.record_ids,
            map(str, index.record_vectors),
            map(str, index.record_lineages),
            *sources.values(),
            strict=True,
        ),
    )
    _write_lineages(bundle / "lineages.tsv", index.taxa.lineages)
    if "source_lineage" in sources:
        _write_lineages(bundle / "source_lineage.tsv", index.sources.lineages())


def _write_prototypes(bundle: Path, index: ReferenceIndex) -> None:
    np.save(bundle / "prototypes.npy", quantise(index.vectors))
    write_table(
        bundle / "prototypes.tsv.gz",
        ("prototype_id", "lineage"),
        zip(index.record_ids, map(str, index.record_lineages), strict=True),
    )
    _write_lineages(bundle / "lineages.tsv.gz", index.taxa.lineages)
    hashes, pairs = pack_kmers(index.kmers)
    np.savez_compressed(bundle / f"{KMERS}.npz", hashes=hashes, pairs=pairs)


def _write_lineages(path: Path, lineages: Iterable[Lineage]) -> None:
    write_table(path, RANKS, ([name or NA for name in lineage] for lineage in lineages))


def _read_references(bundle: Path) -> dict[str, Any]:
    header, rows = read_table(bundle / "records.tsv")
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    source_lineages = (
        _read_lineages(bundle / "source_lineage.tsv") if "source_lineage" in columns else []
    )
    vectors = np.load(bundle / "vectors.npy", mmap_mode="r")
    kmers = Postings(
        *(np.load(bundle / KMERS / f"{name}.npy", mmap_mode="r") for name in Postings._fields)
    )
    return {
        "vectors": vectors,
        "sequences": FastaSequences(bundle / "references.fasta"),
        "kmers": SharedKmers(lambda: kmers, len(vectors)),
        "record_ids": columns["record_id"],
        "record_vectors": np.array(columns["vector"], np.int64),
        "record_lineages": np.array(columns["lineage"], np.int64),
        "taxa": Taxa.of(_read_lineages(bundle / "lineages.tsv")),
        "sources": Sources.read(columns, source_lineages),
    }


def _read_prototypes(bundle: Path) -> dict[str, Any]:
    vectors = dequantise(np.load(bundle / "prototypes.npy"))

    def read_kmers() -> Postings:  # when the first fragment needs them
        try:
            with np.load(bundle / f"{KMERS}.npz") as arrays:
                return unpack_kmers(arrays["hashes"], arrays["pairs"], len(vectors))
        except UNREADABLE as error:
            raise BundleError(f"{bundle}: not a readable index: {error}") from None

    ids, lineages = zip(*read_table(bundle / "prototypes.tsv.gz")[1], strict=True)
    return {
        "vectors": vectors,
        "sequences": None,
        "kmers": SharedKmers(read_kmers, len(vectors)),
        "record_ids": ids,
        "record_vectors": np.arange(len(vectors)),
        "record_lineages": np.array(lineages, np.int64),
        "taxa": Taxa.of(_read_lineages(bundle / "lineages.tsv.gz")),
    }


def _read_lineages(path: Path) -> list[Lineage]:
    rows = read_table(path)[1]
    return [tuple(None if name == NA else name for name in row) for row in rows]
