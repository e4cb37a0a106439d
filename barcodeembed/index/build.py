"""Building an index: labelled records in, embedded and calibrated references out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from barcodeembed.calibration.examples import (
    Examples,
    Voting,
    add_sequencing_errors,
    make_examples,
    mutants,
    random_fragment,
)
from barcodeembed.calibration.fit import Calibration, calibrate
from barcodeembed.calibration.sample import SAMPLE, Sample, draw_sample
from barcodeembed.calibration.tuning import tune_vote
from barcodeembed.embedding.vector_maker import VectorMaker, encode_all
from barcodeembed.errors import BundleError, ReferenceDataError
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.index.collect import (
    BuildReport,
    Reference,
    clean_references,
    collapse,
    deduplicate,
    of_one_marker,
    orient_references,
    resolve_lineages,
)
from barcodeembed.index.sources import Sources
from barcodeembed.scoring.identity import identities
from barcodeembed.scoring.vote import Members
from barcodeembed.taxonomy.columns import BIN_COLUMNS
from barcodeembed.taxonomy.ranks import Lineage, lowest
from barcodeembed.taxonomy.references import LabelledRecord
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.prototypes import make_prototypes, name_prototypes, prototypes_without
from barcodeembed.vectors.whitening import Whitening, as_searched
from barcodeembed.vocabulary import MIN_BASES, NEIGHBOURS

_REFERENCES_PER_DIRECTION = 4
_MIN_WHITENED = 64


@dataclass(frozen=True, slots=True)
class _Held:
    """What an index is searched for, as the first fields of ReferenceIndex, and the sample of it.

    ``members`` are the lineages of its vectors.
    """

    vectors: np.ndarray
    sequences: list[str] | None
    ids: list[str]
    vectors_of: np.ndarray
    lineages_of: np.ndarray
    members: Members
    sample: Sample


def build_index(
    labelled: Iterable[LabelledRecord],
    embedder: VectorMaker,
    *,
    whiten: int = 0,
    min_bases: int = MIN_BASES,
    on_conflict: str = "majority",
    prototypes: str | None = None,
    read_errors: float = 0.0,
    sample: int = SAMPLE,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[ReferenceIndex, BuildReport]:
    """Embed and calibrate references; the result does not depend on their order.

    Identical barcodes become one vector with all their records; with ``prototypes`` (one of
    `vocabulary.PROTOTYPES`) the barcodes of a taxon become one vector or a few, without records or sequences.
    ``whiten`` is the number of principal directions kept, 0 for none. It is calibrated for queries
    of which so great a share of the bases, ``read_errors``, is wrong. ``progress`` is told
    (embedded, total). Raises ReferenceDataError where no record can be used, an id is met twice,
    taxa have conflicting parents and ``on_conflict`` is ``fail``, or no record has the BIN that
    prototypes are asked of.
    """
    report = BuildReport()
    usable = clean_references(labelled, report, max_bases=embedder.max_bases, min_bases=min_bases)
    references = deduplicate(of_one_marker(usable, report), report)
    if prototypes == "bin" and not any(r.bin for r in references):
        raise ReferenceDataError(
            f"prototypes of BINs: no reference has one in a column {', '.join(BIN_COLUMNS)}"
        )
    references = resolve_lineages(references, on_conflict, report)
    index = make_index(
        references,
        embedder,
        report,
        whiten=whiten,
        min_bases=min_bases,
        prototypes=prototypes,
        read_errors=read_errors,
        sample=sample,
        seed=seed,
        progress=progress,
    )
    return index, report


def make_index(
    references: list[Reference],
    embedder: VectorMaker,
    report: BuildReport,
    *,
    embedded: Mapping[str, np.ndarray] | None = None,
    whiten: int | Whitening = 0,
    min_bases: int = MIN_BASES,
    prototypes: str | None = None,
    read_errors: float = 0.0,
    sample: int = SAMPLE,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ReferenceIndex:
    """Make an index of settled references, as their sources have them, sorted by id.

    ``embedded`` holds the unit vectors of barcodes that were embedded before: these are taken as they
    are. ``whiten`` is a number of directions to fit, of which none can be where vectors are known,
    or the whitening that these have been through. The rest is as in `build_index`.
    """
    references, orientation = orient_references(references, report)
    vectors_of, barcodes = collapse(references)
    report.distinct = len(barcodes)
    embedded = embedded or {}
    new = [bases for bases in barcodes if bases not in embedded]
    report.embedded = len(new)
    raw = encode_all(embedder, new, progress)
    whitening = whiten if isinstance(whiten, Whitening) else _whiten(raw, whiten)

    def unit(vectors: np.ndarray) -> np.ndarray:
        return as_searched(vectors, whitening)

    vectors = unit(raw)
    if embedded:
        made = iter(vectors)
        vectors = np.array([embedded[b] if b in embedded else next(made) for b in barcodes])
    if not np.isfinite(vectors).all():
        worst = int(np.flatnonzero(~np.isfinite(vectors).all(1))[0])
        name = next(r.id for r, v in zip(references, vectors_of, strict=True) if v == worst)
        raise BundleError(f"the model gives reference {name} no finite, non-zero vector")
    distinct = sorted({r.lineage for r in references}, key=_sortable)
    number = {lineage: i for i, lineage in enumerate(distinct)}
    lineages_of = np.array([number[r.lineage] for r in references], np.int64)
    taxa = Taxa.of(distinct)
    members = Members.of(vectors_of, lineages_of, len(barcodes))
    rows = draw_sample(members, size=sample, seed=seed)
    if prototypes is None:
        held = _Held(
            vectors,
            barcodes,
            [r.id for r in references],
            vectors_of,
            lineages_of,
            members,
            Sample.of_barcodes(vectors, members, rows),
        )
    else:
        bins = _bins_of(references, vectors_of, lineages_of) if prototypes == "bin" else {}
        held = _as_prototypes(vectors, members, taxa, rows, bins)
    temperature, identity_weight = tune_vote(
        held.vectors,
        held.members,
        taxa,
        held.sample,
        NEIGHBOURS,
        None
        if held.sequences is None
        else lambda found: identities([barcodes[i] for i in rows], barcodes, found).percents,
    )
    calibration = _calibrate(
        held,
        taxa,
        barcodes,
        members,
        rows,
        temperature,
        identity_weight,
        min_bases,
        read_errors,
        lambda copies: unit(embedder.encode(copies)),
        np.random.default_rng(seed),
    )
    settings = {
        "embedder": embedder.fingerprint,
        "embedding": embedder.settings,
        "max_bases": embedder.max_bases,
        "min_bases": min_bases,
        "read_errors": read_errors,
        "records": len(references),
        "vectors": len(held.vectors),
        "temperature": temperature,
        "identity_weight": identity_weight,
        "whitening": whitening.directions.shape[1] if whitening else 0,
        "seed": seed,
    }
    if prototypes:
        settings |= {"prototypes": prototypes, "barcodes": len(barcodes)}
    return ReferenceIndex(
        held.vectors,
        held.sequences,
        held.ids,
        held.vectors_of,
        held.lineages_of,
        taxa,
        calibration,
        orientation,
        whitening,
        settings,
        Sources() if prototypes else Sources.of(references),
    )


def _calibrate(
    held: _Held,
    taxa: Taxa,
    barcodes: list[str],
    members: Members,
    rows: np.ndarray,
    temperature: float,
    identity_weight: float,
    min_bases: int,
    read_errors: float,
    unit_vectors: Callable[[list[str]], np.ndarray],
    rng: np.random.Generator,
) -> Calibration:
    """Learn from the sample, the ``rows`` of the barcodes, whole and in pieces."""
    usual = float(np.median([len(bases) for bases in barcodes]))
    voting = Voting(
        held.vectors,
        held.members,
        taxa,
        NEIGHBOURS,
        temperature,
        identity_weight,
        usual,
        None
        if held.sequences is None
        else lambda queries, found: identities(queries, barcodes, found),
    )
    whole = [barcodes[i] for i in rows]
    pieces = [random_fragment(bases, usual, min_bases, rng) for bases in whole]

    def ask(copies: list[str]) -> Examples:
        """Look copies of the sample up; what gets no vector stays as it is."""
        if not copies or copies == whole:
            return make_examples(held.sample, whole, voting)
        made = unit_vectors(copies)
        finite = np.isfinite(made).all(1)
        vectors = np.where(finite[:, None], made, held.sample.vectors)
        asked = [c if f else w for c, f, w in zip(copies, finite, whole, strict=True)]
        return make_examples(replace(held.sample, vectors=vectors), asked, voting)

    owners = members.lineages[members.starts[:-1]]
    return calibrate(
        Examples.join(
            [
                ask(
                    [add_sequencing_errors(bases, read_errors, rng) for bases in copies]
                    if read_errors
                    else copies
                )
                for copies in (whole, pieces)
            ]
        ),
        taxa.ranks,
        usual,
        lambda rank, in_reference: mutants(
            voting, barcodes, owners, rank, in_reference=in_reference, embed=unit_vectors, rng=rng
        ),
    )


def _as_prototypes(
    vectors: np.ndarray,
    members: Members,
    taxa: Taxa,
    rows: np.ndarray,
    bins: dict[tuple[int, int], str],
) -> _Held:
    """Make prototypes of the barcodes of each lineage, or of each lineage and BIN.

    ``members`` are the lineages of the barcodes, ``bins`` the BINs of (barcode, lineage), and
    ``rows`` the barcodes of the sample.
    """
    barcodes_M = np.repeat(np.arange(len(vectors)), np.diff(members.starts))
    pairs = list(zip(barcodes_M.tolist(), members.lineages.tolist(), strict=True))
    keys = [(lineage, bins.get((barcode, lineage), "")) for barcode, lineage in pairs]
    distinct = sorted(set(keys))
    number = {key: i for i, key in enumerate(distinct)}
    made = make_prototypes(vectors, barcodes_M, np.array([number[key] for key in keys]))
    lineages_of = np.array([distinct[group][0] for group in made.groups], np.int64)
    ids = name_prototypes([lowest(taxa.lineages[lineage])[1] for lineage in lineages_of])
    sampled = members.starts[rows]  # of one lineage each, and so members of one prototype
    sample = Sample(
        vectors[rows],
        members.lineages[sampled],
        made.of_members[sampled],
        prototypes_without(vectors, barcodes_M, made.of_members, sampled),
    )
    each = np.arange(len(ids))
    of_prototypes = Members.of(each, lineages_of, len(ids))
    return _Held(made.vectors, None, ids, each, lineages_of, of_prototypes, sample)


def _bins_of(
    references: list[Reference], vectors_of: np.ndarray, lineages_of: np.ndarray
) -> dict[tuple[int, int], str]:
    """Return the BIN of each (barcode, lineage) that has one; of several the most frequent."""
    counts: dict[tuple[int, int], Counter[str]] = {}
    pairs = zip(vectors_of.tolist(), lineages_of.tolist(), strict=True)
    for r, pair in zip(references, pairs, strict=True):
        if r.bin:
            counts.setdefault(pair, Counter())[r.bin] += 1
    return {pair: min(found, key=lambda b: (-found[b], b)) for pair, found in counts.items()}


def _whiten(vectors: np.ndarray, width: int) -> Whitening | None:
    """Fit the whitening that so many references can determine, or none.

    With hardly more references than directions every reference lies far out along its own, and a
    query of another phylum is then as near as a kin: it would be named.
    """
    if not width or len(vectors) < _MIN_WHITENED:
        return None
    return Whitening.fit(vectors, min(width, len(vectors) // _REFERENCES_PER_DIRECTION))


def _sortable(lineage: Lineage) -> tuple[str, ...]:
    return tuple(name or "" for name in lineage)
