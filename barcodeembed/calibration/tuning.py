"""Choose the parameters of the vote on the reference itself.

BarcodeMAE+ votes with a temperature of 0.02, which suits its vectors. The similarity of different
taxa varies between models by orders of magnitude. If the temperature is too high, ten distant
references outvote a close one. The best weight of the percent identity, relative to the similarity
of the vectors, varies, too. So a sample of references is named with the others, and the parameters
with the most correct names are used. (The likelihood would select a higher temperature, because it
rewards uncertain votes; but users look at the name first.)

Shapes: S sampled barcodes, K neighbours.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from barcodeembed.calibration.examples import Voter
from barcodeembed.calibration.sample import Sample
from barcodeembed.scoring.candidates import Candidates, Finder, Weights
from barcodeembed.scoring.vote import TEMPERATURE, vote
from barcodeembed.vectors.search import DECIMALS, nearest_others

#: Without k-mers: temperatures, and weights of the identity.
_TEMPERATURES = (0.02, 0.05, 0.1, 0.2, 0.01, 0.005, 0.002, 0.001, 0.0005)
_WEIGHTS = (0.0, 1.0, 2.0, 4.0, 8.0)

#: With k-mers there are more candidates, and their similarities mean less.
_KMER_TEMPERATURES = (0.05, 0.02, 0.1, 0.2, 0.01, 0.005)
_KMER_WEIGHTS = (16.0, 8.0, 32.0)

#: Shared k-mers differ more between species than identities do. A weight of 2 would give more
#: correct species, but fewer correct genera and families of new species.
_SHARED_WEIGHTS = (1.0, 0.5)


class Tuned(NamedTuple):
    """The best weights, and how many names of the sample are correct with them, at all ranks."""

    weights: Weights
    correct: int

    @classmethod
    def best(cls, correct: Mapping[Weights, int]) -> Tuned:
        """Return the weights with the most correct names; of equal ones the first."""
        best = max(correct, key=correct.__getitem__)
        return cls(best, correct[best])


def tune_vote(voter: Voter, sample: Sample, bases: Sequence[str]) -> Tuned:
    """Return how the neighbours of queries count, with the most correct names of a sample.

    ``bases`` are queries of the sample: its barcodes, or fragments of them. Each is named by what
    the ``voter`` finds, without itself. All ranks have the same weight. The candidates are aligned
    once, for all weights. Among equally good parameters the first are returned.
    """
    vectors, members, taxa, finder = voter.vectors, voter.members, voter.taxa, voter.finder
    if len(vectors) < 2 or not len(sample):
        return Tuned(Weights(TEMPERATURE), 0)
    near, found = _without_itself(vectors, sample, finder.count)
    groups = defaultdict(list)  # queries with the same number of candidates
    for i, query in enumerate(bases):
        scores = sample.kmer_scores(i, query, finder)
        candidates = finder.with_kmers(vectors, sample.vectors[i], near[i], found[i], scores)
        groups[len(candidates.rows)].append((i, *candidates))
    correct: Counter[Weights] = Counter()
    weights, temperatures = _choices(finder)
    for group in groups.values():
        numbers, *arrays = map(np.array, zip(*group, strict=True))
        of = Candidates(*arrays)
        aligned = finder.align([bases[i] for i in numbers], of.rows) if finder.align else None
        truth = taxa.codes[sample.lineages[numbers]]
        for weight in weights:
            neighbours = finder.ranked(of, aligned, weight)
            for temperature in temperatures:
                winners, _ = vote(
                    neighbours.scores, neighbours.rows, members, taxa.codes, temperature
                )
                named = int((winners == truth)[truth >= 0].sum())
                correct[Weights(temperature, weight)] += named
    return Tuned.best(correct)


def _choices(finder: Finder) -> tuple[Sequence[float], Sequence[float]]:
    """Return the weights and temperatures to choose from."""
    if finder.kmers is None:
        return _WEIGHTS if finder.align else (0.0,), _TEMPERATURES
    return _KMER_WEIGHTS if finder.align else _SHARED_WEIGHTS, _KMER_TEMPERATURES


def _without_itself(
    vectors: np.ndarray, sample: Sample, neighbours: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return similarities and rows of the closest references of each barcode, (S, K) each."""
    similarities, found = (
        np.concatenate([values, own[:, None]], 1)
        for values, own in zip(
            nearest_others(vectors, sample.vectors, sample.own, neighbours),
            (np.round(sample.left, DECIMALS), sample.own),
            strict=True,
        )
    )
    order = np.lexsort((found, -similarities))[:, :-1]
    return np.take_along_axis(similarities, order, 1), np.take_along_axis(found, order, 1)
