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
- ``quantised/``: 8-bit vectors in clusters (`Quantised`), five arrays, if the search is not exact;
- ``model/``, a copy of the model bundle, unless it was left out.

An index of prototypes contains neither sequences nor records. Instead of the first four it has
``prototypes.npy`` (int8), ``prototypes.tsv.gz`` (the id and the lineage of each prototype) and
``lineages.tsv.gz``. Its k-mers are compressed: ``kmers.npz``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from barcodeembed.bundles.checks import (
    check_finite,
    check_unit,
    load_array,
    load_arrays,
    reading,
)
from barcodeembed.bundles.columns import read_columns
from barcodeembed.bundles.manifest import read_object, write_json
from barcodeembed.bundles.tables import read_table, write_table
from barcodeembed.calibration.fit import Calibration
from barcodeembed.errors import BundleError
from barcodeembed.index.large import read_quantised, write_quantised
from barcodeembed.index.packing import pack_kmers, unpack_kmers
from barcodeembed.index.reference_sequences import (
    FastaSequences,
    check_fasta_index,
    index_sequences,
)
from barcodeembed.index.settings import IndexSettings
from barcodeembed.index.sources import Sources
from barcodeembed.index.validation import (
    check_calibration,
    check_kmer_lengths,
    check_kmers,
    check_lineages,
    check_records,
    check_settings,
)
from barcodeembed.sequences.shared_kmers import Postings, SharedKmers
from barcodeembed.taxonomy.ranks import RANKS, Lineage
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.prototypes import dequantise, quantise
from barcodeembed.vectors.whitening import Whitening
from barcodeembed.vocabulary import NA

if TYPE_CHECKING:
    from barcodeembed.index.bundle import ReferenceIndex

CONFIG = "config.json"

#: The folder of a bundle that contains a copy of the model.
MODEL = "model"

#: The k-mers of a bundle: a folder, or a file.
KMERS = "kmers"


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
    if index.quantised:
        write_quantised(bundle, index.quantised)
    write_json(bundle / "calibration.json", index.calibration.to_json())
    write_json(bundle / CONFIG, index.settings.to_json())


def read_index(bundle: Path, *, verify: bool = True) -> dict[str, Any]:
    """Return the fields of `ReferenceIndex`, by name, from the files of a bundle.

    The vectors and k-mers of barcodes stay on disk, memory-mapped; the k-mers of prototypes are
    read when they are needed. Types, shapes and lengths are always checked; with ``verify`` also
    all values of the mapped arrays, which reads them. Raises BundleError that names the file if one
    is not as `write_index` wrote it.
    """
    settings = read_settings(bundle)
    held = _read_prototypes(bundle) if settings.prototypes else _read_references(bundle, verify)
    if len(held["vectors"]) != settings.vectors:
        raise BundleError(f"{bundle / CONFIG}: vectors is not {len(held['vectors'])}")
    whitening = None
    if settings.whitening:  # a file that the build did not write has no checksum: ignore it
        whitening = _read_whitening(bundle / "whitening.npz", held["vectors"].shape[1])
    quantised = None
    if settings.search:
        quantised = read_quantised(bundle, settings.search, held["vectors"], verify=verify)
    model = bundle / MODEL
    return {
        **held,
        "quantised": quantised,
        "calibration": _read_calibration(bundle, held["taxa"].ranks),
        "orientation": load_array(bundle / "orientation.npy", "int32", (4**6,)),
        "whitening": whitening,
        "settings": settings,
        "model_path": model if model.is_dir() else None,
    }


def read_settings(bundle: Path) -> IndexSettings:
    """Read the settings of an index. Raises BundleError that names the field that is not valid."""
    path = bundle / CONFIG
    values = read_object(path)
    with reading(path):
        check_settings(values)
        return IndexSettings.from_json(values)


def _read_calibration(bundle: Path, ranks: Sequence[str]) -> Calibration:
    path = bundle / "calibration.json"
    values = read_object(path)
    with reading(path):
        check_calibration(values, ranks)
        return Calibration.from_json(values, ranks)


def _read_whitening(path: Path, width: int) -> Whitening:
    mean, directions = load_arrays(
        path, {"mean": ("float32", (None,)), "directions": ("float32", (None, width))}
    )
    if len(mean) != len(directions):
        raise BundleError(f"{path}: mean and directions have different lengths")
    check_finite(path, mean)
    check_finite(path, directions)
    return Whitening(mean, directions)


def _write_references(bundle: Path, index: ReferenceIndex, sequences: Sequence[str]) -> None:
    np.save(bundle / "vectors.npy", index.vectors)
    names = [index.record_ids[i] for i in index.first_records]
    with open(bundle / "references.fasta", "w", encoding="utf-8") as stream:
        for name, bases in zip(names, sequences, strict=True):
            stream.write(f">{name}\n{bases}\n")
    index_sequences(bundle / "references.fasta", sequences)
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


def _read_references(bundle: Path, verify: bool) -> dict[str, Any]:
    vectors = load_array(bundle / "vectors.npy", "float32", (None, None), mapped=True)
    kmers = _map_kmers(bundle / KMERS)
    fasta, path = bundle / "references.fasta", bundle / "records.tsv"
    with reading(fasta):
        if verify:
            check_unit(bundle / "vectors.npy", vectors)
            check_kmers(bundle / KMERS, kmers, len(vectors))
            check_fasta_index(fasta, len(vectors))
        sequences = FastaSequences(fasta)
        if len(sequences) != len(vectors):
            raise ValueError(f"has {len(sequences)} sequences for {len(vectors)} vectors")
    taxa = _read_taxa(bundle / "lineages.tsv")
    with reading(path):
        columns = read_columns(path)
        record_vectors = columns["vector"].numbers()
        record_lineages = columns["lineage"].numbers()
        check_records(path, record_vectors, record_lineages, len(vectors), len(taxa.lineages))
        source_lineages = (
            _read_lineages(bundle / "source_lineage.tsv") if "source_lineage" in columns else []
        )
        return {
            "vectors": vectors,
            "sequences": sequences,
            "kmers": SharedKmers(lambda: kmers, len(vectors)),
            "record_ids": columns["record_id"],
            "record_vectors": record_vectors,
            "record_lineages": record_lineages,
            "taxa": taxa,
            "sources": Sources.read(columns, source_lineages),
        }


def _read_prototypes(bundle: Path) -> dict[str, Any]:
    vectors = dequantise(load_array(bundle / "prototypes.npy", "int8", (None, None)))
    check_unit(bundle / "prototypes.npy", vectors)
    taxa = _read_taxa(bundle / "lineages.tsv.gz")
    path, packed = bundle / "prototypes.tsv.gz", bundle / f"{KMERS}.npz"
    with reading(path):
        ids, lineages = zip(*read_table(path)[1], strict=True)
        record_lineages = np.array(lineages, np.int64)
        if len(ids) != len(vectors):
            raise ValueError(f"has {len(ids)} rows for {len(vectors)} prototypes")
        rows = np.arange(len(vectors))
        check_records(path, rows, record_lineages, len(vectors), len(taxa.lineages))
        return {
            "vectors": vectors,
            "sequences": None,
            "kmers": SharedKmers(lambda: _read_packed_kmers(packed, len(vectors)), len(vectors)),
            "record_ids": ids,
            "record_vectors": rows,
            "record_lineages": record_lineages,
            "taxa": taxa,
        }


def _map_kmers(folder: Path) -> Postings:
    kmers = Postings(
        *(
            np.asarray(load_array(folder / f"{name}.npy", dtype, (None,), mapped=True))
            for name, dtype in zip(Postings._fields, ("uint32", "int64", "uint32"), strict=True)
        )
    )
    check_kmer_lengths(folder, kmers)
    return kmers


def _read_packed_kmers(path: Path, prototypes: int) -> Postings:
    packed = ("uint8", (4, None))
    hashes, pairs = load_arrays(path, {"hashes": packed, "pairs": packed})
    with reading(path):
        kmers = unpack_kmers(hashes, pairs, prototypes)
        check_kmer_lengths(path, kmers)
        check_kmers(path, kmers, prototypes)
    return kmers


def _read_taxa(path: Path) -> Taxa:
    taxa = Taxa.of(_read_lineages(path))
    if not taxa.ranks:
        raise BundleError(f"{path}: has no names")
    return taxa


def _read_lineages(path: Path) -> list[Lineage]:
    with reading(path):
        header, rows = read_table(path)
        check_lineages(header, rows)
    return [tuple(None if name == NA else name for name in row) for row in rows]
