"""The vote's temperature, chosen on the reference itself.

BarcodeMAE+ votes with a temperature of 0.02, which suits its own vectors. How far apart two
taxa lie differs between models by orders of magnitude, and a temperature that is too warm lets
ten far relatives outvote the one near one. So a sample of references is named by the others, and
the temperature that names most of them rightly is kept. (Their likelihood would choose warmer: it
rewards a vote that hedges, and what a user reads first is the name.)
"""

from __future__ import annotations

import numpy as np

from barcodeembed.classify.vote import TEMPERATURE, Members, vote
from barcodeembed.index.search import nearest
from barcodeembed.taxonomy.taxa import Taxa

_CANDIDATES = (0.02, 0.05, 0.1, 0.01, 0.005, 0.002, 0.001, 0.0005)


def choose_temperature(
    vectors: np.ndarray, members: Members, taxa: Taxa, rows: np.ndarray, neighbours: int
) -> float:
    """Return the candidate under which the greatest share of true names wins the vote.

    ``rows`` are vectors of one lineage each; each is named by its ``neighbours`` nearest others.
    All ranks count alike. 0.02 stands where no other does better.
    """
    if len(vectors) < 2 or not len(rows):
        return TEMPERATURE
    similarities, found = nearest(vectors, vectors[rows], neighbours + 1)
    others = found != rows[:, None]
    others[others.all(1), -1] = False  # itself lost among equals: leave out the last instead
    similarities, found = (
        values[others].reshape(len(rows), -1) for values in (similarities, found)
    )
    truth = taxa.codes[members.lineages[members.starts[rows]]]
    right = []
    for temperature in _CANDIDATES:
        winners, _ = vote(similarities, found, members, taxa.codes, temperature)
        right.append(int((winners == truth)[truth >= 0].sum()))
    return _CANDIDATES[int(np.argmax(right))]
