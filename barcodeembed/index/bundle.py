"""The reference index: vectors, the names and lineages of their records, and the calibration."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from barcodeembed.bundles.checks import reading
from barcodeembed.bundles.directories import replace_directory
from barcodeembed.bundles.manifest import open_bundle, write_manifest
from barcodeembed.calibration.fit import Calibration
from barcodeembed.errors import BundleError, InputError
from barcodeembed.index.files import MODEL, read_index, write_index
from barcodeembed.index.settings import INDEX_FORMAT, IndexSettings, outdated
from barcodeembed.index.sources import Sources
from barcodeembed.scoring.vote import Members
from barcodeembed.sequences.shared_kmers import SharedKmers
from barcodeembed.shipped import FOLDER
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.quantised import Quantised
from barcodeembed.vectors.search import Search, nearest
from barcodeembed.vectors.whitening import Whitening, as_searched

KIND = "index"


class Matches(NamedTuple):
    """The most similar reference vectors of Q queries, most similar first.

    ``similarities`` are cosines, float32 (Q, K). ``rows`` are numbers of reference vectors, int64
    (Q, K). A query without a vector has similarities NaN and rows -1.
    """

    similarities: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True, slots=True, repr=False)
class ReferenceIndex:
    """References that queries are compared with.

    Make one with `build_index`, or open a bundle with `ReferenceIndex.open`:

    >>> import barcodeembed
    >>> from barcodeembed.shipped import shipped_index
    >>> index = barcodeembed.ReferenceIndex.open(shipped_index())
    >>> index.taxa.ranks[-1]
    'species'
    >>> index.vectors.dtype
    dtype('float32')

    Attributes:
        vectors: float32 (N, D), of unit length, one for each distinct barcode or prototype.
        sequences: The N barcodes, in bases. None for an index of prototypes.
        kmers: The k-mers of the N barcodes or prototypes.
        record_ids: The ids of the records; for prototypes, the ids of the prototypes.
        record_vectors: int64 (records,), the vector of each record.
        record_lineages: int64 (records,), the lineage of each record, a row of ``taxa``.
        taxa: All lineages, and the names of the taxa at each rank.
        calibration: Models that turn the features of a vote into probabilities.
        orientation: Log-odds of k-mers in the orientation of the references.
        whitening: The map that was applied to the vectors, if any.
        settings: How the index was made.
        sources: BINs, countries and lineages of the records as given in the source.
        model_path: The bundle of the model that made the index, if its path is known.
        quantised: The vectors as 8-bit codes in clusters, if a large index is searched with them.
    """

    vectors: np.ndarray
    sequences: Sequence[str] | None
    kmers: SharedKmers
    record_ids: Sequence[str]
    record_vectors: np.ndarray
    record_lineages: np.ndarray
    taxa: Taxa
    calibration: Calibration
    orientation: np.ndarray
    whitening: Whitening | None
    settings: IndexSettings
    sources: Sources = field(default_factory=Sources)
    model_path: Path | None = field(default=None, compare=False)
    quantised: Quantised | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        what = "prototypes" if self.sequences is None else "records"
        taxa = [
            f"{len(names):,} taxa at rank {rank}"
            for rank, names in zip(self.taxa.ranks[-2:], self.taxa.names[-2:], strict=True)
        ]
        return (
            f"<ReferenceIndex: {len(self.record_ids):,} {what}, {len(self.vectors):,} vectors, "
            f"{', '.join(taxa)}, model {self.embedder_fingerprint[:8]}>"
        )

    @property
    def members(self) -> Members:
        """The distinct lineages of each vector."""
        return Members.of(self.record_vectors, self.record_lineages, len(self.vectors))

    @property
    def first_records(self) -> np.ndarray:
        """The first record of each vector, int64 (N,)."""
        return np.unique(self.record_vectors, return_index=True)[1]

    @property
    def embedder_fingerprint(self) -> str:
        """The fingerprint of the embedder that made the index."""
        return self.settings.embedder

    @property
    def dimension(self) -> int:
        """The width of the model's vectors. Those of a whitened index can be narrower."""
        return len(self.whitening.mean) if self.whitening else self.vectors.shape[1]

    @property
    def nearest(self) -> Search:
        """The function that finds the closest vectors: quantised if the index is, or exact."""
        return self.quantised.nearest if self.quantised else nearest

    def as_searched(self, vectors: np.ndarray) -> np.ndarray:
        """Return vectors of the model, (Q, dimension), as the index is searched with them.

        They are whitened if the index is, and scaled to unit length: float32 (Q, D). NaN where
        there is no vector.
        """
        return as_searched(vectors, self.whitening)

    def search(self, vectors: np.ndarray, k: int = 10, *, exact: bool = False) -> Matches:
        """Return the ``k`` most similar reference vectors of each query.

        The search is exact, unless the index is quantised (``index.quantised``) and ``exact`` is
        false. Equally similar references are in the order of their rows. ``vectors``
        (Q, dimension) are those that the model makes, not whitened: ``embedder.embed(sequences)``,
        or ``embedder.embed(sequences, normalise=False)`` if the index is whitened
        (``index.whitening``). With fewer than ``k`` reference vectors all are returned.

        The id of the first record of a match is ``index.record_ids[index.first_records[row]]``.

        Raises InputError if the vectors have another width than those of the model, or if all have
        unit length and the index is whitened.

        >>> import numpy as np
        >>> import barcodeembed
        >>> from barcodeembed.shipped import shipped_index
        >>> index = barcodeembed.ReferenceIndex.open(shipped_index())
        >>> similarities, rows = index.search(np.asarray(index.vectors[:1]), k=3)
        >>> rows.shape, int(rows[0, 0]), round(float(similarities[0, 0]), 4)
        ((1, 3), 0, 1.0)
        """
        vectors = np.asarray(vectors)
        if vectors.ndim != 2 or vectors.shape[1] != self.dimension:
            raise InputError(
                f"vectors of shape {vectors.shape} cannot be compared with this index; "
                f"expected (queries, {self.dimension})"
            )
        if k < 1:
            raise InputError(f"k is {k}; it must be at least 1")
        if self.whitening and _of_unit_length(vectors):
            raise InputError(
                "the vectors have unit length, but a whitened index is searched with the vectors "
                "as the model makes them; use embedder.embed(..., normalise=False)"
            )
        queries = self.as_searched(vectors)
        missing = ~np.isfinite(queries).all(1)
        queries[missing] = 0.0
        find = nearest if exact else self.nearest
        similarities, rows = find(np.asarray(self.vectors), queries, k)
        similarities[missing], rows[missing] = np.nan, -1
        return Matches(similarities.astype(np.float32), rows)

    def with_coverage(self, coverage: str | None) -> ReferenceIndex:
        """Return the index with another description of the coverage of its references."""
        return replace(self, settings=replace(self.settings, coverage=coverage))

    @classmethod
    def open(cls, path: str | PathLike[str], *, verify: bool = True) -> ReferenceIndex:
        """Open an index bundle. The vectors of barcodes stay on disk, memory-mapped.

        With ``verify`` the checksums and the content of all files are checked. Raises BundleError
        if the bundle is missing, damaged, of another kind or of another format.
        """
        bundle = Path(path)
        manifest = open_bundle(bundle, KIND, INDEX_FORMAT, verify=verify)
        if manifest["format_version"] < INDEX_FORMAT:
            raise BundleError(outdated(bundle))
        with reading(bundle):
            return cls(**read_index(bundle, verify=verify))

    def save(self, path: str | PathLike[str], model: str | PathLike[str] | None = "auto") -> None:
        """Write an index bundle. A failure leaves nothing, or the bundle that was there before.

        Args:
            path: A new directory, or an index bundle to replace.
            model: The model bundle to copy into the index, so that the index can be used alone.
                ``auto`` copies ``model_path``, unless it is unknown or is the model that ships
                with barcodeembed. None copies no model.

        Raises OutputError.
        """
        if model == "auto":
            ships = self.model_path is not None and self.model_path.parent == FOLDER
            model = None if ships else self.model_path
        with replace_directory(path, KIND) as bundle:
            write_index(bundle, self)
            if model is not None:
                shutil.copytree(model, bundle / MODEL)
            write_manifest(bundle, KIND, INDEX_FORMAT, embedder=self.embedder_fingerprint)


def _of_unit_length(vectors: np.ndarray) -> bool:
    """Return whether all finite vectors, and at least one, have unit length."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    lengths = lengths[np.isfinite(lengths)]
    return len(lengths) > 0 and bool((np.abs(lengths - 1) < 1e-3).all())
