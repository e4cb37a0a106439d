"""Add barcodes to an index that keeps what it has learned from its references.

Its records, lineages, vectors and k-mers are those of an index of all records. What was learned
stays: confidence, vote, orientation, and the clusters of a quantised search, whose recall is
measured again. So the time does not depend on the calibration, but on what is new and what is
copied.

Shapes: N barcodes before, n new ones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from barcodeembed.calibration.sample import Sample, draw_sample
from barcodeembed.embedding.vector_maker import VectorMaker, encode_all
from barcodeembed.index.build import check_vectors
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.index.collect import BuildReport, Reference, collapse
from barcodeembed.index.fit import make_fragments
from barcodeembed.index.large import LEAST_RECALL, extend_quantised
from barcodeembed.index.options import ProgressCallback
from barcodeembed.index.represent import Barcodes
from barcodeembed.index.sources import Sources
from barcodeembed.sequences.added_kmers import add_references
from barcodeembed.sequences.orientation import strand
from barcodeembed.vectors.quantised import Quantised
from barcodeembed.vectors.whitening import as_searched

#: An index is calibrated again if it has grown by more than this fraction since it was calibrated.
MOST_GROWTH = 0.2

#: Barcodes whose neighbours are searched to measure the recall again.
_SAMPLE = 500


def extend_index(
    index: ReferenceIndex,
    references: list[Reference],
    embedder: VectorMaker,
    report: BuildReport,
    progress: ProgressCallback,
) -> ReferenceIndex | None:
    """Return the index of prepared references, which include all of ``index``; None if it cannot.

    It cannot be calibrated as before if it has grown too much (`MOST_GROWTH`), or if references
    have names at other ranks. The references have the orientation of their source.
    """
    oriented = _orient(index, references)
    vectors_of, bases = collapse(oriented)
    calibrated = index.settings.calibrated or len(index.vectors)
    if len(bases) > (1 + MOST_GROWTH) * calibrated or index.sequences is None:
        return None
    number = {barcode: i for i, barcode in enumerate(bases)}
    places = np.array([number[barcode] for barcode in index.sequences], np.int64)
    is_new = np.ones(len(bases), bool)
    is_new[places] = False
    rows = np.flatnonzero(is_new)
    added = [bases[i] for i in rows.tolist()]
    vectors = np.empty((len(bases), index.vectors.shape[1]), np.float32)
    vectors[places] = index.vectors
    vectors[rows] = as_searched(encode_all(embedder, added, progress), None)
    check_vectors(vectors, oriented, vectors_of)
    barcodes = Barcodes.of(oriented, bases, vectors, vectors_of)
    if barcodes.taxa.ranks != index.taxa.ranks:
        return None
    report.distinct, report.embedded = len(bases), len(added)
    report.reverse_complemented = sum(r.reverse_complemented for r in oriented)
    quantised = index.quantised and index.quantised.extended(places, rows, vectors[rows])
    if quantised:
        quantised = _measure_search(index, quantised, barcodes, embedder, report)
    return replace(
        index,
        vectors=vectors,
        sequences=bases,
        kmers=add_references(index.kmers, places, rows, added),
        record_ids=[r.id for r in oriented],
        record_vectors=vectors_of,
        record_lineages=barcodes.lineages_of,
        taxa=barcodes.taxa,
        settings=replace(
            index.settings,
            records=len(oriented),
            vectors=len(vectors),
            calibrated=calibrated,
            search=report.search if quantised else None,
        ),
        sources=Sources.of(oriented),
        quantised=quantised,
    )


def _orient(index: ReferenceIndex, references: list[Reference]) -> list[Reference]:
    """Reverse-complement the references that were so before, and new ones by their 6-mers."""
    known = dict(zip(index.record_ids, index.sources.strands(len(index.record_ids)), strict=True))
    oriented = []
    for r in references:
        is_reverse = known.get(r.id)
        if is_reverse is None:
            is_reverse = strand(r.bases, index.orientation) == "-"
        oriented.append(r.turned() if is_reverse else r)
    return oriented


def _measure_search(
    index: ReferenceIndex,
    quantised: Quantised,
    barcodes: Barcodes,
    embedder: VectorMaker,
    report: BuildReport,
) -> Quantised | None:
    """Return the search with the recall in ``report.search``; None if it finds too few."""
    seed, taxa = index.settings.seed, barcodes.taxa
    chosen = draw_sample(barcodes.members, size=_SAMPLE, seed=seed)
    unmixed = np.zeros((len(chosen), len(taxa.ranks)), bool)
    sample = Sample.of_barcodes(barcodes.vectors, barcodes.members, chosen, unmixed)
    fragments = make_fragments(
        [barcodes.bases[i] for i in chosen],
        sample,
        lambda reads: as_searched(embedder.encode(reads), None),
        index.calibration.complete_length,
        index.settings.min_bases,
        np.random.default_rng(seed),
    ).sample
    made, report.search = extend_quantised(
        quantised,
        barcodes.vectors,
        np.concatenate([sample.vectors, fragments.vectors]),
        np.tile(sample.own, 2),
    )
    return made if report.search.recall >= LEAST_RECALL else None
