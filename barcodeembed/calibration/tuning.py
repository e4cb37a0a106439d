"""Choose the parameters of the vote on the reference itself.

BarcodeMAE+ votes with a temperature of 0.02, which suits its vectors. The similarity of different
taxa varies between models by orders of magnitude. If the temperature is too high, ten distant
references outvote a close one. The best weight of the percent identity, relative to the similarity
of the vectors, varies, too. So a sample of references is named with the others, and the parameters
with the most correct names are used. (The likelihood would select a higher temperature, because it
rewards uncertain votes; but users look at the name first.)

For a marker without positions, if there are sequences to align, the barcodes are named with their
species hidden, too, with their genus hidden, and so on, as the calibration does. Then the ranks
above the genus can have a higher temperature: the family of a new genus is that of most neighbours,
rather than of the closest one.

Shapes: S sampled barcodes, K neighbours, R ranks.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from barcodeembed.calibration.examples import Voter, hide_and_search
from barcodeembed.calibration.fit import mixture_weights
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

#: Without positions of the marker: weights of the identity, temperatures relative to them, and how
#: many times as high the temperature of the ranks above the genus is. More weights are not better
#: for barcodes that are not in the sample.
_OPEN_WEIGHTS = (64.0, 16.0)
_OPEN_TEMPERATURES = (0.006, 0.004, 0.008, 0.01, 0.002, 0.014, 0.02)
_UPPER = (1.0, 3.0, 10.0)

#: Barcodes that are named with every rank hidden.
_OPEN_SAMPLE = 1_000


class Tuned(NamedTuple):
    """The best weights, and how many names of the sample are correct with them, at all ranks."""

    weights: Weights
    correct: float

    @classmethod
    def best(cls, correct: Mapping[Weights, float]) -> Tuned:
        """Return the weights with the most correct names; of equal ones the first."""
        best = max(correct, key=correct.__getitem__)
        return cls(best, correct[best])


class _Query(NamedTuple):
    """Barcode ``i`` of the sample with a rank hidden (-1: none), and what is found for it.

    ``weight`` is how much a correct name counts.
    """

    i: int
    hidden: int
    candidates: Candidates
    weight: float = 1


def tune_vote(voter: Voter, sample: Sample, bases: Sequence[str]) -> Tuned:
    """Return how the neighbours of queries count, with the most correct names of a sample.

    ``bases`` are queries of the sample: its barcodes, or fragments of them. Each is named by what
    the ``voter`` finds, without itself. All ranks have the same weight. Among equally good
    parameters the first are returned.
    """
    if len(voter.vectors) < 2 or not len(sample):
        return Tuned(Weights(TEMPERATURE), 0)
    found = _closed(voter, sample, bases)
    return _tune(voter, sample, bases, found, _choices(voter.finder, open_world=False))


def tune_open_vote(voter: Voter, sample: Sample, bases: Sequence[str]) -> Tuned:
    """Return the same as `tune_vote`, from queries with each rank hidden in turn.

    ``correct`` is the sum over the ranks of the fraction of correct names in the mixture of queries
    that probabilities refer to (`barcodeembed.calibration.fit`).
    """
    step = -(-len(sample) // _OPEN_SAMPLE) or 1
    part = sample.take(np.arange(0, len(sample), step))
    queries = bases[::step]
    hidden = list(hide_and_search(part, queries, voter))
    if not hidden:
        return Tuned(Weights(TEMPERATURE), 0)
    weights = mixture_weights(np.array([rank for _, rank, _ in hidden])).tolist()
    found = [_Query(*each, weight) for each, weight in zip(hidden, weights, strict=True)]
    return _tune(voter, part, queries, found, _choices(voter.finder, open_world=True))


def _tune(
    voter: Voter,
    sample: Sample,
    bases: Sequence[str],
    found: Iterable[_Query],
    choices: Mapping[float, Sequence[Weights]],
) -> Tuned:
    """Return the best of the ``choices``, which are given by the weight of the identity.

    The candidates are aligned once, for all choices.
    """
    taxa, finder = voter.taxa, voter.finder
    groups = defaultdict(list)  # queries with the same number of candidates
    for query in found:
        groups[len(query.candidates.rows)].append(query)
    correct: Counter[Weights] = Counter()
    for group in groups.values():
        numbers, hidden = (np.array([query[n] for query in group]) for n in (0, 1))
        counts = np.array([query.weight for query in group])[:, None]
        of = Candidates(*map(np.array, zip(*(query.candidates for query in group), strict=True)))
        aligned = finder.align([bases[i] for i in numbers], of.rows) if finder.align else None
        truth = taxa.codes[sample.lineages[numbers]]
        # A name at a hidden rank cannot be correct.
        asked = (truth >= 0) & (
            (hidden < 0)[:, None] | (np.arange(truth.shape[1]) < hidden[:, None])
        )
        for identity, weights in choices.items():
            neighbours = finder.ranked(of, aligned, identity)
            for choice in weights:
                winners, _ = vote(
                    neighbours.scores,
                    neighbours.rows,
                    voter.members,
                    taxa.codes,
                    choice.temperatures(taxa.above_genus),
                )
                correct[choice] += (((winners == truth) & asked) * counts).sum().item()
    return Tuned.best(correct)


def _choices(finder: Finder, *, open_world: bool) -> dict[float, list[Weights]]:
    """Return the choices, by the weight of the identity."""
    if open_world:
        return {w: _open_choices(w) for w in _OPEN_WEIGHTS}
    weights: Sequence[float] = _WEIGHTS if finder.align else (0.0,)
    temperatures: Sequence[float] = _TEMPERATURES
    if finder.kmers is not None:
        weights = _KMER_WEIGHTS if finder.align else _SHARED_WEIGHTS
        temperatures = _KMER_TEMPERATURES
    return {w: [Weights(t, w) for t in temperatures] for w in weights}


def _open_choices(identity: float) -> list[Weights]:
    return [
        Weights(round(t * identity, 6), identity, round(t * more * identity, 6))
        for more, t in product(_UPPER, _OPEN_TEMPERATURES)
    ]


def _closed(voter: Voter, sample: Sample, bases: Sequence[str]) -> Iterator[_Query]:
    """Yield what is found for each query without its barcode."""
    vectors, finder = voter.vectors, voter.finder
    near, found = _without_itself(vectors, sample, finder.candidates)
    for i, query in enumerate(bases):
        scores = sample.kmer_scores(i, query, finder)
        yield _Query(
            i, -1, finder.with_kmers(vectors, sample.vectors[i], near[i], found[i], scores)
        )


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
