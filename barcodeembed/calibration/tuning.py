"""How the nearest references vote, chosen on the reference itself.

BarcodeMAE+ votes with a temperature of 0.02, which suits its own vectors. How far apart two
taxa lie differs between models by orders of magnitude, and a temperature that is too warm lets
ten far relatives outvote the one near one. How much the identity of aligned bases should count
beside the similarity of vectors differs too. So a sample of references is named by the others, and
what names most of them rightly is kept. (Their likelihood would choose a warmer vote: it rewards
one that hedges, and what a user reads first is the name.)
Shapes: S sampled barcodes, K neighbours.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from barcodeembed.calibration.sample import Sample
from barcodeembed.scoring.vote import TEMPERATURE, Members, rescore, vote
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.search import DECIMALS, nearest_others

_TEMPERATURES = (0.02, 0.05, 0.1, 0.2, 0.01, 0.005, 0.002, 0.001, 0.0005)
_WEIGHTS = (0.0, 1.0, 2.0, 4.0, 8.0)


def tune_vote(
    vectors: np.ndarray,
    members: Members,
    taxa: Taxa,
    sample: Sample,
    neighbours: int,
    identities: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tuple[float, float]:
    """Return the temperature and the weight of identity that name most of a sample rightly.

    ``vectors`` float32 (N, D) are named by ``members``; each barcode of the ``sample`` is named
    by the ``neighbours`` nearest to it, itself left out. ``identities`` gives percent identities
    of the sample's barcodes and of their neighbours, (S, K) rows each; without it none counts.
    All ranks count alike. The first of the candidates stands where no other does better.
    """
    if len(vectors) < 2 or not len(sample):
        return TEMPERATURE, 0.0
    similarities, found = _without_itself(vectors, sample, neighbours)
    shares = identities(found) if identities else np.zeros(found.shape)
    truth = taxa.codes[sample.lineages]
    right = {}
    for weight in _WEIGHTS if identities else (0.0,):
        scores, order = rescore(similarities, found, shares, weight)
        rows = np.take_along_axis(found, order, 1)
        for temperature in _TEMPERATURES:
            winners, _ = vote(scores, rows, members, taxa.codes, temperature)
            right[temperature, weight] = int((winners == truth)[truth >= 0].sum())
    return max(right, key=right.__getitem__)


def _without_itself(
    vectors: np.ndarray, sample: Sample, neighbours: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return similarities and rows, (S, K) each, nearest first, of what each barcode finds."""
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
