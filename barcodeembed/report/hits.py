"""The closest references of queries on the HTML page, and their neighbour-joining trees."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from barcodeembed.classify.trees import MIN_LEAVES, distances_by_identity, drawn, joined
from barcodeembed.errors import InputError
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.report.rows import Row
from barcodeembed.sequences.lines import open_lines
from barcodeembed.sequences.tables import read_rows
from barcodeembed.vocabulary import HIT_COLUMNS, NA, SAMPLE

#: Columns of the hits that the page shows.
SHOWN = ("reference_id", "taxon", "bin", "country", "identity", "overlap", "similarity")

#: Maximum number of trees, those of novel queries first: each takes some hundredths of a second.
MAX_TREES = 500

Hits = list[dict[str, str]]


def read_hits(path: str | os.PathLike[str]) -> dict[tuple[str, str], Hits]:
    """Return the hits of each query by (sample, id); the sample is empty if there is no column.

    ``path`` is the table that ``classify --hits`` wrote. A hit with several lineages has its first
    one. Raises InputError if it is another table.
    """
    found: dict[tuple[str, str], Hits] = {}
    with open_lines(path) as (lines, _):
        header, rows = read_rows(lines, as_written=True)
        if missing := [name for name in HIT_COLUMNS if name not in header]:
            raise InputError(f"not a table of `classify --hits`: it has no {missing[0]}", path)
        for line, cells in rows:
            _check(cells["identity"], path, line)
            hits = found.setdefault((cells.get(SAMPLE, ""), cells["query_id"]), [])
            if not hits or hits[-1]["hit"] != cells["hit"]:
                hits.append(cells)
    return found


def _check(identity: str, path: str | os.PathLike[str], line: int) -> None:
    """Raise InputError unless an identity is missing or a percentage."""
    if identity != NA and not re.fullmatch(r"100(\.0+)?|\d\d?(\.\d+)?", identity):
        raise InputError(f"{identity[:40]!r} in the column identity is no percentage", path, line)


def hits_data(
    rows: Sequence[Row],
    hits: Mapping[tuple[str, str], Hits],
    index: ReferenceIndex | None = None,
) -> dict[str, Any]:
    """Return the hits of each row by its number, and the trees of some rows as text.

    There are trees if ``index`` is given, the one that `classify` used, and has sequences. Raises
    InputError if the index lacks a reference.
    """
    of_row = {
        number: found
        for number, row in enumerate(rows)
        if (found := hits.get((row.sample, row.query_id)) or hits.get(("", row.query_id)))
    }
    shown = {
        number: [[None if hit[name] == NA else hit[name] for name in SHOWN] for hit in found]
        for number, found in of_row.items()
    }
    trees: dict[int, str] = {}
    if index is not None and index.sequences is not None:
        vector_of = dict(zip(index.record_ids, index.record_vectors.tolist(), strict=True))
        order = sorted(of_row, key=lambda number: rows[number].status != "novel")
        for number in order[:MAX_TREES]:
            tree = _tree(rows[number].query_id, of_row[number], index.sequences, vector_of)
            if tree:
                trees[number] = tree
    return {"columns": SHOWN, "rows": shown, "trees": trees}


def _tree(
    query_id: str, hits: Hits, sequences: Sequence[str], vector_of: Mapping[str, int]
) -> str | None:
    """Return the tree of a query and its aligned hits, or None if these are too few."""
    aligned = [hit for hit in hits if hit["identity"] != NA]
    if len(aligned) + 1 < MIN_LEAVES:
        return None
    for hit in aligned:
        if hit["reference_id"] not in vector_of:
            raise InputError(
                f"the index has no {hit['reference_id']}, a hit of {query_id}; give the index that "
                "was used by classify"
            )
    bases = [sequences[vector_of[hit["reference_id"]]] for hit in aligned]
    own = np.array([1 - float(hit["identity"]) / 100 for hit in aligned])
    distances = np.zeros((len(bases) + 1, len(bases) + 1))
    distances[0, 1:] = distances[1:, 0] = own
    distances[1:, 1:] = distances_by_identity(bases)
    labels = [f"> {query_id[:36]}"]
    labels += [f"{hit['hit']} {hit['taxon']}"[:40] for hit in aligned]
    return drawn(joined(labels, distances))
