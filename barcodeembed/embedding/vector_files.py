"""Write vectors as TSV, NumPy .npy or .npz, or Parquet.

Batches are written as they arrive. If an error occurs, no file is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from barcodeembed.bundles.files import open_output, replace_file, replace_together
from barcodeembed.embedding.streaming import EmbeddedBatch
from barcodeembed.errors import OutputError
from barcodeembed.vocabulary import COMPRESSED

Writer = Callable[[EmbeddedBatch], None]

#: What is added to the name of a ``.npy`` for the table of its records.
LABELS = ".ids.tsv"

_TSV_SUFFIXES = ("", ".tsv", *COMPRESSED)


def open_vectors(path: str | PathLike[str], dimension: int) -> AbstractContextManager[Writer]:
    """Return a context with a function that writes batches to ``path``.

    The suffix of ``path`` gives the format; ``-`` is TSV on standard output. Raises OutputError for
    an unknown suffix.
    """
    suffix = Path(path).suffix
    writers = {".npy": _npy, ".npz": _npz, ".parquet": _parquet} | dict.fromkeys(
        _TSV_SUFFIXES, _tsv
    )
    if suffix not in writers:
        raise OutputError(
            f"{path}: no format has the suffix {suffix}; use .npy, .npz, .parquet or .tsv"
        )
    return writers[suffix](path, dimension)


@contextmanager
def _tsv(path: str | PathLike[str], dimension: int) -> Iterator[Writer]:
    """Write the header with the first row: before that, the input can turn out to be unreadable."""
    header = ["record_id", "length", "flags", *(f"d{i}" for i in range(1, dimension + 1))]

    def write_header() -> None:
        if header:
            print(*header, sep="\t", file=stream)
            header.clear()

    with open_output(path) as stream:

        def write(batch: EmbeddedBatch) -> None:
            write_header()
            for cells, vector in zip(labels(batch), batch.vectors, strict=True):
                values = ("NA" if np.isnan(v) else f"{v:.6f}" for v in vector.tolist())
                print(*cells, *values, sep="\t", file=stream)

        yield write
        write_header()


@contextmanager
def _npy(path: str | PathLike[str], dimension: int) -> Iterator[Writer]:
    """Write ``path`` and ``path.ids.tsv``, which exists only if it belongs to ``path``.

    The header is written again at the end, when the number of rows is known. NumPy pads it so that
    its length stays the same.
    """
    count = 0

    def header(rows: int) -> dict[str, Any]:
        return {"descr": "<f4", "fortran_order": False, "shape": (rows, dimension)}

    with replace_together() as group:
        stream, ids = group.binary(path), group.text(f"{path}{LABELS}")
        np.lib.format.write_array_header_1_0(stream, header(0))
        print("record_id", "length", "flags", sep="\t", file=ids)

        def write(batch: EmbeddedBatch) -> None:
            nonlocal count
            count += len(batch.ids)
            stream.write(batch.vectors.astype("<f4").tobytes())
            for cells in labels(batch):
                print(*cells, sep="\t", file=ids)

        yield write
        stream.seek(0)
        np.lib.format.write_array_header_1_0(stream, header(count))


@contextmanager
def _npz(path: str | PathLike[str], dimension: int) -> Iterator[Writer]:
    """Collect all batches first: in a .npz, the size of an array precedes its data."""
    batches: list[EmbeddedBatch] = []
    with replace_file(path) as stream:
        yield batches.append
        rows = [cells for batch in batches for cells in labels(batch)]
        ids, lengths, flags = zip(*rows, strict=True) if rows else ((), (), ())
        np.savez(
            stream,
            record_ids=np.array(ids, np.str_),
            lengths=np.array(lengths, np.int64),
            flags=np.array(flags, np.str_),
            vectors=np.concatenate(
                [np.empty((0, dimension), np.float32), *(batch.vectors for batch in batches)]
            ),
        )


@contextmanager
def _parquet(path: str | PathLike[str], dimension: int) -> Iterator[Writer]:
    """Write a row group per batch. ``vector`` is a list, which is null if there is no vector.

    Not a fixed-size list: with nulls, pyarrow before 26 cannot read it, and 15 cannot write it.
    """
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema(
        [
            ("record_id", pa.string()),
            ("length", pa.int64()),
            ("flags", pa.string()),
            ("vector", pa.list_(pa.float32())),
        ]
    )
    with replace_file(path) as stream, parquet.ParquetWriter(stream, schema) as writer:

        def write(batch: EmbeddedBatch) -> None:
            ids, lengths, flags = zip(*labels(batch), strict=True)
            embedded = np.array([reason is None for reason in batch.refused])
            ends = np.concatenate([[0], np.cumsum(embedded * dimension)])
            vectors = pa.ListArray.from_arrays(  # an offset that is null makes its list null
                pa.array(ends, pa.int32(), mask=np.append(~embedded, False)),
                pa.array(batch.vectors[embedded].reshape(-1)),
            )
            columns = [pa.array(ids), pa.array(lengths), pa.array(flags), vectors]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))

        yield write


def labels(batch: EmbeddedBatch) -> Iterator[tuple[str, int, str]]:
    """Yield the id, length and flags of each record, as in a table."""
    for identifier, length, flags in zip(batch.ids, batch.lengths, batch.flags, strict=True):
        yield identifier, length, ";".join(flags) or "NA"
