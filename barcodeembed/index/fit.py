"""Fit an index to its own barcodes: the parameters of the vote and the calibration."""

from __future__ import annotations

from collections.abc import Callable
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
from barcodeembed.calibration.tuning import tune_vote
from barcodeembed.index.finder import make_finder
from barcodeembed.index.options import BuildOptions
from barcodeembed.index.represent import Barcodes, Representation
from barcodeembed.scoring.identity import identities
from barcodeembed.vocabulary import NEIGHBOURS

#: Returns the unit vectors of sequences, whitened if the index is.
Embed = Callable[[list[str]], np.ndarray]

#: Error rates of the reads that an index is calibrated for, and how many fragments have each.
ERROR_RATES = (0.0, 0.005, 0.01, 0.03, 0.05)
_FREQUENCIES = (0.4, 0.15, 0.15, 0.15, 0.15)


@dataclass(frozen=True, slots=True)
class Fitted:
    """The temperature of the vote, the weight of identity in it, and the calibration."""

    temperature: float
    identity_weight: float
    calibration: Calibration


def fit_index(
    held: Representation, barcodes: Barcodes, embed: Embed, options: BuildOptions
) -> Fitted:
    """Choose the parameters of the vote, and calibrate the confidence of the names that win."""
    whole = [barcodes.bases[i] for i in held.rows]
    sequences = held.sequences
    temperature, identity_weight = tune_vote(
        held.vectors,
        held.members,
        barcodes.taxa,
        held.sample,
        NEIGHBOURS,
        None if sequences is None else lambda found: identities(whole, sequences, found).percents,
    )
    median_length = float(np.median([len(bases) for bases in barcodes.bases]))
    finder = make_finder(sequences, NEIGHBOURS, identity_weight, median_length)
    voter = Voter(held.vectors, held.members, barcodes.taxa, temperature, finder)
    rng = np.random.default_rng(options.seed)
    examples = _make_examples(voter, held, whole, embed, options, rng)
    # For a barcode of several lineages, the first is used.
    owners = barcodes.members.lineages[barcodes.members.starts[:-1]]
    copies = MutatedCopies(voter, barcodes.bases, owners, embed, rng)
    calibration = calibrate(examples, barcodes.taxa.ranks, median_length, copies.examples)
    return Fitted(temperature, identity_weight, calibration)


def _make_examples(
    voter: Voter,
    held: Representation,
    whole: list[str],
    embed: Embed,
    options: BuildOptions,
    rng: np.random.Generator,
) -> Examples:
    """Make examples of the sample: whole barcodes, the same with errors, and random fragments."""
    clean = np.zeros(len(whole))
    fragments = [
        random_fragment(bases, voter.finder.median_length, options.min_bases, rng)
        for bases in whole
    ]

    def ask(copies: list[str], errors: np.ndarray) -> Examples:
        """Make examples of copies. A copy without a vector is replaced by the whole barcode."""
        if not copies:
            return make_examples(held.sample, whole, clean, voter)
        read = [
            add_sequencing_errors(bases, rate, rng) if rate else bases
            for bases, rate in zip(copies, errors.tolist(), strict=True)
        ]
        made = embed(read)
        finite = np.all(np.isfinite(made), axis=1)
        vectors = np.where(finite[:, None], made, held.sample.vectors)
        asked = [r if f else w for r, f, w in zip(read, finite, whole, strict=True)]
        rates = np.where(finite, errors, 0.0)
        return make_examples(replace(held.sample, vectors=vectors), asked, rates, voter)

    return Examples.join(
        [
            make_examples(held.sample, whole, clean, voter),
            ask(whole, rng.choice(ERROR_RATES[1:], len(whole))),
            ask(fragments, rng.choice(ERROR_RATES, len(whole), p=_FREQUENCIES)),
        ]
    )
