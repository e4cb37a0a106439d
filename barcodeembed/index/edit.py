"""Edit an index: add records, merge indexes, take a subset. Known vectors are not computed again.

The records of the index get back the lineage and strand of their source, and go through the same
steps as in a build. So, without whitening, the result is the same as a build of all the records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from barcodeembed.calibration.fit import Calibration
from barcodeembed.embedding.vector_maker import VectorMaker
from barcodeembed.errors import IndexMismatch, InputError
from barcodeembed.index.amplicon import cut_references
from barcodeembed.index.build import make_index
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.index.collect import (
    BuildReport,
    Reference,
    clean_references,
    deduplicate,
    keep_main_marker,
    resolve_lineages,
)
from barcodeembed.index.compatibility import check_embedder
from barcodeembed.index.embed import KnownVectors
from barcodeembed.index.extend import extend_index
from barcodeembed.index.options import BuildOptions, ProgressCallback, no_progress
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.packed import pack
from barcodeembed.taxonomy.names import note_names
from barcodeembed.taxonomy.references import LabelledRecord
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vocabulary import AUTO


def add_records(
    index: ReferenceIndex,
    labelled: Iterable[LabelledRecord],
    embedder: VectorMaker,
    *,
    on_conflict: str = "majority",
    keep_calibration: bool = False,
    report: BuildReport | None = None,
    progress: ProgressCallback = no_progress,
) -> ReferenceIndex:
    """Return an index of the records of an index and more records.

    With ``keep_calibration`` it keeps what the index has learned from its references, unless it has
    grown by more than a fifth since then, or has names at other ranks (`settings.calibrated`).

    The index must pass `refuse_unchangeable`. Raises IndexMismatch if the index was made with
    another model, and the errors of `build_index`.
    """
    check_embedder(index, embedder)
    report = BuildReport() if report is None else report
    cleaned = clean_references(
        labelled, report, max_bases=embedder.max_bases, min_bases=index.settings.min_bases
    )
    with note_names(report.names):
        more = keep_main_marker(cleaned, report)
    if amplicon := index.settings.amplicon:
        anchor = getattr(embedder, "anchor", None)
        more = cut_references(more, amplicon, anchor, report, min_bases=index.settings.min_bases)
    references = _join([index], more, report, on_conflict)
    if keep_calibration:
        extended = extend_index(index, references, embedder, report, progress)
        if extended:
            return extended
    return _remake([index], references, embedder, report, progress)


def merge_indexes(
    indexes: Sequence[ReferenceIndex],
    embedder: VectorMaker,
    *,
    on_conflict: str = "majority",
    report: BuildReport | None = None,
    progress: ProgressCallback = no_progress,
) -> ReferenceIndex:
    """Return an index of the records of all indexes.

    Its minimum length is the smallest of theirs. Its seed and its read error rate are those of the
    first index. Raises the errors of `add_records`.
    """
    for index in indexes:
        check_embedder(index, embedder)
    report = BuildReport() if report is None else report
    references = _join(indexes, (), report, on_conflict)
    return _remake(indexes, references, embedder, report, progress)


def take_records(
    index: ReferenceIndex,
    chosen: np.ndarray,
    embedder: VectorMaker,
    *,
    progress: ProgressCallback = no_progress,
) -> ReferenceIndex:
    """Return an index of the records where ``chosen``, bool (records,), is true.

    The records keep the lineages that they have in the index, and whitened vectors keep their
    whitening. The index must not contain prototypes. Raises IndexMismatch if the index was made
    with another model.
    """
    check_embedder(index, embedder)
    taken = [r for r, wanted in zip(_references(index), chosen, strict=True) if wanted]
    made = make_index(
        taken,
        embedder,
        BuildOptions(
            min_bases=index.settings.min_bases,
            read_errors=index.settings.read_errors,
            seed=index.settings.seed,
        ),
        report=BuildReport(amplicon=index.settings.amplicon),
        known=KnownVectors(_vectors_of([index]), index.whitening),
        progress=progress,
    )
    return replace(made, model_path=index.model_path)


def take_prototypes(index: ReferenceIndex, chosen: np.ndarray) -> ReferenceIndex:
    """Return an index of the prototypes where ``chosen``, bool (prototypes,), is true.

    It keeps the calibration of the whole index, because the barcodes are not stored.
    """
    lineages, lineages_of = np.unique(index.record_lineages[chosen], return_inverse=True)
    taxa = Taxa.of([index.taxa.lineages[i] for i in lineages])
    vectors = index.vectors[chosen]
    # How many records and barcodes these prototypes were made from is not stored.
    settings = replace(index.settings, records=None, barcodes=None, vectors=len(vectors))
    return replace(
        index,
        vectors=vectors,
        kmers=index.kmers.take(chosen),
        record_ids=[name for name, wanted in zip(index.record_ids, chosen, strict=True) if wanted],
        record_vectors=np.arange(len(vectors)),
        record_lineages=lineages_of,
        taxa=taxa,
        calibration=Calibration.from_json(index.calibration.to_json(), taxa.ranks),
        settings=settings,
    )


def refuse_unchangeable(indexes: Mapping[str, ReferenceIndex]) -> None:
    """Raise InputError, with the name of the index, if records cannot be added to one of them."""
    for name, index in indexes.items():
        if index.sequences is None:
            raise InputError(
                "is an index of prototypes, which does not contain the barcodes; build it again "
                "from its source files",
                name,
            )
        if index.whitening:
            raise InputError(
                "its vectors are whitened, so it cannot be changed; build it again from its source "
                "files; with --whiten 0, records can be added later",
                name,
            )


def refuse_different(indexes: Mapping[str, ReferenceIndex]) -> None:
    """Raise IndexMismatch, with the indexes' names, if they have different models or amplicons."""
    (first, one), *others = indexes.items()
    for name, other in others:
        if other.embedder_fingerprint != one.embedder_fingerprint:
            raise IndexMismatch(
                f"{first} was made with model {one.embedder_fingerprint} and {name} with "
                f"{other.embedder_fingerprint}; only indexes made with the same model can be merged"
            )
        if _primers(other) != _primers(one):
            raise IndexMismatch(
                f"{first} contains {_extent(one)} and {name} {_extent(other)}; only indexes of the "
                "same part of the marker can be merged"
            )


def _primers(index: ReferenceIndex) -> tuple[str, str] | None:
    amplicon = index.settings.amplicon
    return (amplicon.forward, amplicon.reverse) if amplicon else None


def _extent(index: ReferenceIndex) -> str:
    """Return which part of the marker the references of an index cover, as text."""
    amplicon = index.settings.amplicon
    return f"the amplicon {amplicon.name}" if amplicon else "whole barcodes"


def _join(
    indexes: Sequence[ReferenceIndex],
    more: Iterable[Reference],
    report: BuildReport,
    on_conflict: str,
) -> list[Reference]:
    """Return the records of indexes and more references, prepared as in a build."""
    report.amplicon = indexes[0].settings.amplicon
    known = [_as_in_source(r) for index in indexes for r in _references(index)]
    report.records += len(known)
    return resolve_lineages(deduplicate(chain(known, more), report), on_conflict, report)


def _remake(
    indexes: Sequence[ReferenceIndex],
    references: list[Reference],
    embedder: VectorMaker,
    report: BuildReport,
    progress: ProgressCallback,
) -> ReferenceIndex:
    """Return an index of the references, without embedding those of the indexes again."""
    index = make_index(
        references,
        embedder,
        BuildOptions(
            min_bases=min(index.settings.min_bases for index in indexes),
            read_errors=indexes[0].settings.read_errors,
            seed=indexes[0].settings.seed,
            search="quantised" if any(index.quantised for index in indexes) else AUTO,
        ),
        report=report,
        known=KnownVectors(_vectors_of(indexes)),
        progress=progress,
    )
    model_path = next((one.model_path for one in indexes if one.model_path), None)
    return replace(index, model_path=model_path)


def _references(index: ReferenceIndex) -> Iterator[Reference]:
    """Yield the records of an index: lineages as in the index, strands as in the source."""
    sequences = list(index.sequences or ())
    sources = index.sources.rows(len(index.record_ids))
    for name, vector, lineage, (bin, country, is_reverse, source_lineage, taxon_id) in zip(
        index.record_ids,
        index.record_vectors.tolist(),
        index.record_lineages.tolist(),
        sources,
        strict=True,
    ):
        bases = reverse_complement(sequences[vector]) if is_reverse else sequences[vector]
        taxa = index.taxa.lineages[lineage]
        yield Reference(
            name, pack(bases), taxa, bin, country, source_lineage=source_lineage, taxon_id=taxon_id
        )


def _as_in_source(reference: Reference) -> Reference:
    """Return the reference with its lineage as given in the source."""
    if reference.source_lineage is None:
        return reference
    return replace(reference, lineage=reference.source_lineage, source_lineage=None)


def _vectors_of(indexes: Iterable[ReferenceIndex]) -> dict[str, np.ndarray]:
    """Return the vector of every barcode of the indexes."""
    return {
        bases: vector
        for index in indexes
        for bases, vector in zip(index.sequences or (), np.array(index.vectors), strict=True)
    }
