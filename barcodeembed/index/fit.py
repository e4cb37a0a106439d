"""Fit an index to its own barcodes: the parameters of the vote and the calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from barcodeembed.calibration.examples import (
    Examples,
    Voter,
    add_sequencing_errors,
    make_examples,
    random_fragment,
)
from barcodeembed.calibration.fit import Calibration, calibrate
from barcodeembed.calibration.mutants import MutatedCopies
from barcodeembed.calibration.sample import Sample
from barcodeembed.calibration.tuning import Tuned, tune_open_vote, tune_vote
from barcodeembed.index.finder import make_finder
from barcodeembed.index.options import BuildOptions
from barcodeembed.index.represent import Barcodes, Representation
from barcodeembed.scoring.candidates import WHOLE, Finder, Weights
from barcodeembed.scoring.identity import remembering
from barcodeembed.scoring.vote import TEMPERATURE
from barcodeembed.vocabulary import NEIGHBOURS

#: Returns the unit vectors of sequences, whitened if the index is.
Embed = Callable[[list[str]], np.ndarray]

#: Candidates by vectors that are aligned for a marker without positions, where vectors show less.
_CANDIDATES = 20

#: Alignments that are remembered, of about 300 bytes each.
_REMEMBERED = 1 << 17

#: Percentage of the references that are shorter than a complete barcode of a varying length.
_SHORTER = 5

#: Error rates of the reads that an index is calibrated for, and how many fragments have each.
ERROR_RATES = (0.0, 0.005, 0.01, 0.03, 0.05)
_FREQUENCIES = (0.4, 0.15, 0.15, 0.15, 0.15)

#: Fragments of each barcode that confidence is learned from: few barcodes in a sample have both a
#: certain length and a certain error rate.
_FRAGMENTS = 3


@dataclass(frozen=True, slots=True)
class Fitted:
    """How the neighbours of whole barcodes and of fragments vote, and the calibration.

    ``kmers_for_all``: whether whole barcodes are searched by shared k-mers, too. ``candidates``:
    how many are found by vectors, None for as many as vote. ``read_vectors`` (S, D) are those of
    fragments, one of each barcode of the sample.
    """

    whole: Weights
    fragments: Weights
    kmers_for_all: bool
    candidates: int | None
    calibration: Calibration
    read_vectors: np.ndarray


def fit_index(
    held: Representation,
    barcodes: Barcodes,
    embed: Embed,
    options: BuildOptions,
    *,
    anchored: bool,
) -> Fitted:
    """Choose the parameters of the vote, and calibrate the confidence of the names that win.

    With an ``anchored`` model, whole barcodes are searched by their vectors alone. Without one,
    they are searched by k-mers, too, if there are sequences to align or names are better so; more
    candidates are aligned, and the vote is tuned to new taxa, too.
    """
    whole = [barcodes.bases[i] for i in held.rows]
    sequences, taxa = held.sequences, barcodes.taxa
    median_length, complete_length = lengths(barcodes.bases, anchored=anchored)
    untuned = Weights(TEMPERATURE)
    most = max(1, len(held.vectors) - 1)  # no query finds itself
    wide = not anchored and sequences is not None
    candidates = _CANDIDATES if wide else NEIGHBOURS
    finder = make_finder(
        sequences,
        held.kmers,
        min(NEIGHBOURS, most),
        min(candidates, most),
        untuned,
        untuned,
        complete_length,
        kmers_for_all=wide,
    )
    if sequences is not None:  # the vote is tuned and calibrated with the same pairs
        finder = replace(finder, align=remembering(sequences, _REMEMBERED))

    def tune(sample: Sample, queries: list[str], finder: Finder) -> Tuned:
        choose = tune_open_vote if wide else tune_vote
        return choose(Voter(held.vectors, held.members, taxa, finder), sample, queries)

    tuned = tune(held.sample, whole, finder if wide else replace(finder, kmers=None))
    if not (anchored or wide):
        with_kmers = tune(held.sample, whole, replace(finder, kmers_for_all=True))
        if with_kmers.correct > tuned.correct:
            tuned, finder = with_kmers, replace(finder, kmers_for_all=True)
    finder = replace(finder, whole=tuned.weights)
    rng = np.random.default_rng(options.seed)

    def cut() -> Reads:
        """Return a fragment of each barcode."""
        return make_fragments(whole, held.sample, embed, complete_length, options.min_bases, rng)

    fragments = cut()
    tuned = tune(fragments.sample, fragments.bases, finder)
    finder = replace(finder, fragments=tuned.weights)
    voter = Voter(held.vectors, held.members, taxa, finder)
    reads = [
        Reads(held.sample, whole, np.zeros(len(whole))),
        _simulate(whole, rng.choice(ERROR_RATES[1:], len(whole)), whole, held.sample, embed, rng),
        fragments,
        *(cut() for _ in range(_FRAGMENTS - 1)),
    ]
    examples = Examples.join(
        [make_examples(part.sample, part.bases, part.errors, voter) for part in reads]
    )
    # For a barcode of several lineages, the first is used.
    owners = barcodes.members.lineages[barcodes.members.starts[:-1]]
    copies = MutatedCopies(voter, barcodes.bases, owners, embed, rng)
    models = calibrate(examples, taxa.ranks, copies.examples)
    return Fitted(
        finder.whole,
        finder.fragments,
        finder.kmers_for_all,
        candidates if wide else None,
        Calibration(models, median_length, complete_length),
        fragments.sample.vectors,
    )


def lengths(references: Sequence[str], *, anchored: bool) -> tuple[float, float]:
    """Return the median length of references, and the length of a complete barcode.

    They are the same for a marker with positions. Complete barcodes of other markers vary in
    length, so nearly all references count as complete.
    """
    lengths = [len(bases) for bases in references]
    median = float(np.median(lengths))
    complete = float(np.percentile(lengths, _SHORTER)) / WHOLE
    return median, median if anchored else min(median, round(complete, 1))


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads of the barcodes of a sample: their vectors, bases and error rates (S,)."""

    sample: Sample
    bases: list[str]
    errors: np.ndarray


def make_fragments(
    whole: list[str],
    sample: Sample,
    embed: Embed,
    complete_length: float,
    min_bases: int,
    rng: np.random.Generator,
) -> Reads:
    """Return random fragments of the barcodes of a sample, some of them with errors."""
    return _simulate(
        [random_fragment(bases, complete_length, min_bases, rng) for bases in whole],
        rng.choice(ERROR_RATES, len(whole), p=_FREQUENCIES),
        whole,
        sample,
        embed,
        rng,
    )


def _simulate(
    parts: list[str],
    errors: np.ndarray,
    whole: list[str],
    sample: Sample,
    embed: Embed,
    rng: np.random.Generator,
) -> Reads:
    """Return reads of parts of barcodes with errors; without a vector, the whole barcode."""
    if not parts:
        return Reads(sample, whole, errors)
    reads = [
        add_sequencing_errors(bases, rate, rng) if rate else bases
        for bases, rate in zip(parts, errors.tolist(), strict=True)
    ]
    vectors = sample.vectors.copy()
    changed = [i for i, (read, bases) in enumerate(zip(reads, whole, strict=True)) if read != bases]
    vectors[changed] = embed([reads[i] for i in changed])
    finite = np.all(np.isfinite(vectors), axis=1)
    return Reads(
        replace(sample, vectors=np.where(finite[:, None], vectors, sample.vectors)),
        [r if f else w for r, f, w in zip(reads, finite, whole, strict=True)],
        np.where(finite, errors, 0.0),
    )
