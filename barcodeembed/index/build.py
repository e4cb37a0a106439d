"""Build an index: labelled records in, embedded and calibrated references out.

The steps are prepare (clean, deduplicate, resolve lineages), embed, represent (as barcodes or
prototypes) and fit (learn from the references themselves).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from barcodeembed.bundles.scratch import TEMPORARY, Scratch
from barcodeembed.calibration.sample import draw_sample
from barcodeembed.embedding.embedder import Embedder
from barcodeembed.embedding.vector_maker import VectorMaker
from barcodeembed.errors import BundleError, ReferenceDataError
from barcodeembed.index.amplicon import cut_references
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.index.collect import (
    BuildReport,
    Reference,
    clean_references,
    collapse,
    deduplicate,
    keep_main_marker,
    orient_references,
    resolve_lineages,
)
from barcodeembed.index.embed import KnownVectors, embed_barcodes
from barcodeembed.index.fit import fit_index
from barcodeembed.index.large import choose_search
from barcodeembed.index.options import (
    EMBEDDING,
    BuildOptions,
    ProgressCallback,
    StepCallback,
    no_progress,
    only_embedding,
)
from barcodeembed.index.represent import Barcodes, represent
from barcodeembed.index.settings import Amplicon, IndexSettings
from barcodeembed.index.sources import Sources
from barcodeembed.sequences.frames import is_coding
from barcodeembed.taxonomy.columns import BIN_COLUMNS
from barcodeembed.taxonomy.names import note_names
from barcodeembed.taxonomy.references import LabelledRecord, read_labelled
from barcodeembed.vectors.whitening import as_searched
from barcodeembed.vocabulary import MIN_BASES, MIN_BASES_UNANCHORED

#: Vectors that are checked at a time.
_AT_ONCE = 1 << 14

#: Records that are read between two reports of progress.
_COUNTED = 1_000


def build_index(
    references: str | PathLike[str] | Iterable[LabelledRecord],
    embedder: VectorMaker | None = None,
    *,
    report: BuildReport | None = None,
    progress: ProgressCallback = no_progress,
    steps: StepCallback | None = None,
    resume: str | PathLike[str] | None = None,
    folder: str | PathLike[str] | None = None,
    **options: Any,
) -> ReferenceIndex:
    """Build an index of labelled barcodes.

    Identical barcodes share one vector, which has the names of all their records. The result does
    not depend on the order of the records.

    >>> import barcodeembed
    >>> index = barcodeembed.build_index("references.tsv")  # doctest: +SKIP
    >>> index  # doctest: +SKIP
    <ReferenceIndex: 560 records, 493 vectors, 61 taxa at rank genus, 120 taxa at rank species,
    model f2e3205f>
    >>> index.save("references.bix")  # doctest: +SKIP

    Args:
        references: A file in any format that ``barcodeembed index build`` reads, with the lineages
            in it, or (record, lineage) pairs, as `read_labelled` yields them.
        embedder: What makes the vectors; by default the COI model that ships with barcodeembed.
        report: Filled with the counts of records that were used and left out.
        progress: Called with the number of barcodes embedded so far and the number of all.
        steps: Instead, for all steps: called with the name of each when it begins. It returns a
            function like ``progress``. Most steps do not call it; the number of all can be 0, for
            unknown.
        resume: A path: vectors are kept in the folder ``PATH.part`` as they are made, and those
            that an interrupted build of the same barcodes kept there are not made again. Delete
            the folder when the index is saved.
        folder: A folder for temporary files, about 1.5 kB for each barcode: vectors and k-mers are
            there until the index is deleted. By default, the system's (``TMPDIR``).
        options: The fields of `BuildOptions`: ``whiten``, ``min_bases``, ``duplicate_ids``,
            ``on_conflict``, ``prototypes``, ``read_errors``, ``sample``, ``seed``, ``amplicon``,
            ``primers`` and ``search``.

    Raises InputError if an option is out of range or the file cannot be read, OutputError if
    vectors of other barcodes or another model are in ``PATH.part``, ReferenceDataError if no record
    can be used, an id stands for different references, taxa have conflicting parents and
    ``on_conflict`` is ``fail``, or prototypes of BINs are requested and no record has a BIN.
    """
    report = BuildReport() if report is None else report
    if embedder is None:
        embedder = Embedder.load()
    if options.get("min_bases") is None:
        options["min_bases"] = MIN_BASES if _is_anchored(embedder) else MIN_BASES_UNANCHORED
    chosen = BuildOptions(**options)
    labelled = read_labelled(references) if isinstance(references, str | PathLike) else references
    steps = steps or only_embedding(progress)
    counted = _count(labelled, steps("reading references"))
    prepared = prepare(counted, embedder, chosen, report)
    return make_index(
        prepared,
        embedder,
        chosen,
        report=report,
        steps=steps,
        resume=resume,
        scratch=Scratch(Path(folder) if folder is not None else None),
    )


def prepare(
    labelled: Iterable[LabelledRecord],
    embedder: VectorMaker,
    options: BuildOptions,
    report: BuildReport,
) -> list[Reference]:
    """Return the references that can be used, cleaned, sorted by id, with consistent lineages."""
    usable = clean_references(
        labelled, report, max_bases=embedder.max_bases, min_bases=options.min_bases
    )
    with note_names(report.names):
        references = keep_main_marker(usable, report)
    if pair := options.primer_pair():
        references = cut_references(
            references,
            Amplicon(pair.name, pair.forward, pair.reverse),
            getattr(embedder, "anchor", None),
            report,
            min_bases=options.min_bases,
        )
    references = deduplicate(references, report, options.duplicate_ids)
    if options.prototypes == "bin" and not any(r.bin for r in references):
        raise ReferenceDataError(
            f"prototypes of BINs: no reference has a BIN in a column {', '.join(BIN_COLUMNS)}"
        )
    return resolve_lineages(references, options.on_conflict, report)


def make_index(
    references: list[Reference],
    embedder: VectorMaker,
    options: BuildOptions,
    *,
    report: BuildReport,
    known: KnownVectors | None = None,
    progress: ProgressCallback = no_progress,
    steps: StepCallback | None = None,
    resume: str | PathLike[str] | None = None,
    scratch: Scratch = TEMPORARY,
) -> ReferenceIndex:
    """Make an index of prepared references, which have the orientation of their source.

    Barcodes with a ``known`` vector are not embedded again. The other arguments are as in
    `build_index`.
    """
    begin = steps or only_embedding(progress)
    begin("orienting references")
    references, orientation = orient_references(references, report)
    vectors_of, bases = collapse(references)
    report.distinct = len(bases)
    report.embedded = sum(known is None or b not in known.vectors for b in bases)
    vectors, whitening = embed_barcodes(
        bases,
        embedder,
        scratch=scratch,
        known=known,
        whiten=options.whiten,
        progress=begin(EMBEDDING),
        resume=resume,
    )
    check_vectors(vectors, references, vectors_of)
    barcodes = Barcodes.of(references, bases, vectors, vectors_of)
    rows = draw_sample(barcodes.members, size=options.sample, seed=options.seed)
    begin("indexing k-mers")
    held = represent(references, barcodes, rows, options.prototypes, scratch)
    begin("calibrating")
    fitted = fit_index(
        held,
        barcodes,
        lambda copies: as_searched(embedder.encode(copies), whitening),
        options,
        anchored=_is_anchored(embedder),
    )
    begin("choosing the search")
    quantised = choose_search(held.vectors, held.sample, fitted.read_vectors, options, report)
    return ReferenceIndex(
        held.vectors,
        held.sequences,
        held.kmers,
        held.ids,
        held.vectors_of,
        held.lineages_of,
        barcodes.taxa,
        fitted.calibration,
        orientation,
        whitening,
        IndexSettings(
            embedder=embedder.fingerprint,
            embedding=embedder.settings,
            max_bases=embedder.max_bases,
            min_bases=options.min_bases,
            read_errors=options.read_errors,
            records=len(references),
            vectors=len(held.vectors),
            temperature=fitted.whole.temperature,
            identity_weight=fitted.whole.identity,
            fragment_temperature=fitted.fragments.temperature,
            fragment_identity_weight=fitted.fragments.identity,
            kmers_for_all=fitted.kmers_for_all,
            candidates=fitted.candidates,
            upper_temperature=fitted.whole.upper,
            fragment_upper_temperature=fitted.fragments.upper,
            whitening=whitening.directions.shape[1] if whitening else 0,
            seed=options.seed,
            prototypes=options.prototypes,
            barcodes=len(bases) if options.prototypes else None,
            amplicon=report.amplicon,
            non_coding=(bool(options.prototypes) and not is_coding(bases)) or None,
            search=report.search if quantised else None,
        ),
        Sources() if options.prototypes else Sources.of(references),
        embedder.path if isinstance(embedder, Embedder) else None,
        quantised,
    )


def _count(
    labelled: Iterable[LabelledRecord], progress: ProgressCallback
) -> Iterator[LabelledRecord]:
    for number, record in enumerate(labelled, 1):
        if number % _COUNTED == 0:
            progress(number, 0)
        yield record


def _is_anchored(embedder: VectorMaker) -> bool:
    """Return whether a model knows positions in the marker."""
    return getattr(embedder, "anchor", None) is not None


def check_vectors(vectors: np.ndarray, references: list[Reference], vectors_of: np.ndarray) -> None:
    """Raise BundleError if a barcode has no vector: the model is damaged or unsuitable."""
    for start in range(0, len(vectors), _AT_ONCE):
        finite = np.isfinite(vectors[start : start + _AT_ONCE]).all(1)
        if finite.all():
            continue
        worst = start + int(finite.argmin())
        name = next(r.id for r, v in zip(references, vectors_of, strict=True) if v == worst)
        raise BundleError(f"the model gives reference {name} no finite, non-zero vector")
