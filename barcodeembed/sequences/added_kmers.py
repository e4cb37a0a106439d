"""Add references to an inverted index of k-mers, without reading the sequences of the others.

Shapes: N references before, n more, P postings before, U hashes, p and u those of the n.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from barcodeembed.sequences.shared_kmers import Postings, SharedKmers


def add_references(
    kmers: SharedKmers, places: np.ndarray, rows: np.ndarray, sequences: Sequence[str]
) -> SharedKmers:
    """Return the index of the references of ``kmers`` and of more ``sequences``.

    ``places`` (N,) are the rows of the old references among all, and ``rows`` (n,), ascending,
    those of the sequences. The result is that of `SharedKmers.of` all sequences.
    """
    old = _moved(kmers.postings, places.astype(np.uint32))
    more = SharedKmers.of(sequences).postings
    more = more._replace(rows=rows.astype(np.uint32)[more.rows])
    merged = _merge(old, more)
    return SharedKmers(lambda: merged, len(places) + len(rows))


def _moved(postings: Postings, places: np.ndarray) -> Postings:
    """Return postings with other numbers of the references, in ascending order again."""
    rows, starts = places[postings.rows], postings.starts
    # Few references change places with others: only those whose id is no longer their first.
    falls = np.flatnonzero(rows[1:] < rows[:-1]) + 1
    lists = np.searchsorted(starts, falls, "right") - 1
    for i in np.unique(lists[starts[lists] < falls]).tolist():
        rows[starts[i] : starts[i + 1]].sort()
    return postings._replace(rows=rows)


def _merge(old: Postings, more: Postings) -> Postings:
    """Return the postings of both; no reference is in both."""
    at_u = np.searchsorted(old.hashes, more.hashes)
    ends_U = np.append(old.starts[1:], old.starts[-1:])  # a hash after the last has no list
    known_u = np.append(old.hashes, more.hashes[-1:])[at_u] == more.hashes
    known_u &= at_u < len(old.hashes)
    begins_u = old.starts[at_u]
    ends_u = np.where(known_u, ends_U[at_u], begins_u)
    places_p = np.repeat(begins_u, np.diff(more.starts))
    for i in np.flatnonzero(ends_u > begins_u).tolist():
        part = slice(more.starts[i], more.starts[i + 1])
        places_p[part] += np.searchsorted(old.rows[begins_u[i] : ends_u[i]], more.rows[part])
    hashes = np.union1d(old.hashes, more.hashes)
    counts = np.zeros(len(hashes), np.int64)
    for postings in (old, more):
        counts[np.searchsorted(hashes, postings.hashes)] += np.diff(postings.starts)
    return Postings(
        hashes,
        np.append(0, counts.cumsum()),
        np.insert(old.rows, places_p, more.rows),
    )
