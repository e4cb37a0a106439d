"""Simulated barcodes that have the positions of an anchor, such as that of the model that ships."""

from __future__ import annotations

import numpy as np

from barcodeembed.sequences.anchor import Anchor

#: The simulated barcodes begin at the first base of the marker and have this length.
LENGTH = 658


def make_barcode(anchor: Anchor, rng: np.random.Generator, length: int = LENGTH) -> str:
    """Return bases whose 5-mers vote for their positions, as those of a barcode do.

    The probability of a sequence is proportional to the exponential of its votes.
    """
    odds = np.zeros((4**5 + 1, anchor.length))
    np.put_along_axis(odds, anchor.positions.astype(np.int64), anchor.weights, 1)
    odds = odds[:-1].reshape(256, 4, -1)  # of the base after four bases
    after = np.arange(1024).reshape(256, 4) % 256
    future = np.zeros((length - 3, 256))
    for at in range(length - 5, -1, -1):
        future[at] = np.logaddexp.reduce(odds[:, :, at] + future[at + 1][after], axis=1)
    state = int((future[0] + rng.gumbel(size=256)).argmax())
    bases = "".join("ACGT"[state >> 2 * i & 3] for i in (3, 2, 1, 0))
    for at in range(length - 4):
        scores = odds[state, :, at] + future[at + 1][after[state]]
        base = int((scores + rng.gumbel(size=4)).argmax())
        state, bases = int(after[state, base]), bases + "ACGT"[base]
    return bases
