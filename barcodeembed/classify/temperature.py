"""The vote's temperature, chosen on the reference itself.

BarcodeMAE+ votes with a temperature of 0.02, which suits its own vectors. How far apart two
taxa lie differs between models by orders of magnitude, and a temperature that is too warm lets
ten far relatives outvote the one near one. So a sample of references is named by the others, and
the temperature that names most of them rightly is kept. (Their likelihood would choose warmer: it
rewards a vote that hedges, and what a user reads first is the name.)
"""

from __future__ import annotations

import numpy as np

from barcodeembed.classify.sample import Sample
from barcodeembed.classify.vote import TEMPERATURE, Members, vote
from barcodeembed.index.search import DECIMALS, nearest
from barcodeembed.taxonomy.taxa import Taxa

_CANDIDATES = (0.02, 0.05, 0.1, 0.01, 0.005, 0.002, 0.001, 0.0005)


def choose_temperature(
    vectors: np.ndarray, members: Members, taxa: Taxa, sample: Sample, neighbours: int
) -> float:
    """Return the candidate under which the greatest share of true names wins the vote.

    ``vectors`` float32 (N, D) are named by ``members``; each barcode of the ``sample`` is named
    by the ``neighbours`` nearest to it, itself left out. All ranks count alike. 0.02 stands where
    no other does better.
    """
    if len(vectors) < 2 or not len(sample):
        return TEMPERATURE
    similarities, found = _without_itself(vectors, sample, neighbours)
    truth = taxa.codes[sample.lineages]
    right = []
    for temperature in _CANDIDATES:
        winners, _ = vote(similarities, found, members, taxa.codes, temperature)
        right.append(int((winners == truth)[truth >= 0].sum()))
    return _CANDIDATES[int(np.argmax(right))]


def _without_itself(
    vectors: np.ndarray, sample: Sample, neighbours: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return similarities and rows, (S, K) each, nearest first, of what each barcode finds."""
    similarities, found = nearest(vectors, sample.vectors, neighbours + 1)
    others = found != sample.own[:, None]
    others[others.all(1), -1] = False  # its own is not among them: leave out the last instead
    similarities, found = (
        np.concatenate([values[others].reshape(len(sample), -1), own[:, None]], 1)
        for values, own in ((similarities, np.round(sample.left, DECIMALS)), (found, sample.own))
    )
    order = np.lexsort((found, -similarities))[:, :-1]
    return np.take_along_axis(similarities, order, 1), np.take_along_axis(found, order, 1)
