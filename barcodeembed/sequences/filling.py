"""Fill in single bases that were not read, with those that fit the marker best.

The filled read is never named. Its vector shows what the unread bases cost: a k-mer with an N is
unknown to the model, so a few of them make a read less similar to every reference, also to its own
species. The similarity of a read to its filled copy is an estimate of that loss.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from barcodeembed.sequences.anchor import Anchor, K, encode_rows
from barcodeembed.sequences.anchor_location import GAP
from barcodeembed.sequences.bases import AMBIGUOUS, overlapping_kmers
from barcodeembed.sequences.primers import IUPAC

#: The letter of each base code, and whether an ambiguity code can be each of the four bases.
_LETTERS = np.frombuffer(b"ACGTN", np.uint8)
_CAN_BE = np.ones((256, 4), bool)
for _letter, _bits in IUPAC.items():
    _CAN_BE[ord(_letter)] = [_bits >> base & 1 for base in range(4)]

_BATCH_SIZE = 128


def fill_scattered(sequences: Sequence[str], anchor: Anchor) -> list[str]:
    """Return sequences with a base in place of each ambiguous letter, but not in runs of N.

    The base is the one with the most votes of the 5-mers that contain it, for their positions in
    the marker. A letter for which no base has votes stays, and so do runs of 5 or more N.
    """
    filled: list[str] = []
    for start in range(0, len(sequences), _BATCH_SIZE):
        filled += _fill(sequences[start : start + _BATCH_SIZE], anchor)
    return filled


def _fill(sequences: Sequence[str], anchor: Anchor) -> list[str]:
    rows, lengths = encode_rows(sequences)
    positions = anchor.align(rows, lengths).expand(rows.shape[1])
    wanted = (rows == AMBIGUOUS) & (np.arange(rows.shape[1]) < lengths[:, None])
    for row, bases in enumerate(sequences):
        for run in GAP.finditer(bases):
            wanted[row, slice(*run.span())] = False
    row_M, at_M = np.nonzero(wanted)
    letters = np.frombuffer("".join(sequences).encode("latin-1"), np.uint8)
    letters_M = letters[(lengths.cumsum() - lengths)[row_M] + at_M]
    votes_M4 = np.where(_CAN_BE[letters_M], _votes(rows, positions, row_M, at_M, anchor), -1.0)
    bases_M = np.where(votes_M4.max(1) > 0, votes_M4.argmax(1), AMBIGUOUS)
    made = [np.frombuffer(bases.encode("latin-1"), np.uint8).copy() for bases in sequences]
    for row, at, base in zip(row_M.tolist(), at_M.tolist(), bases_M.tolist(), strict=True):
        if base != AMBIGUOUS:
            made[row][at] = _LETTERS[base]
    return [letters.tobytes().decode("latin-1") for letters in made]


def _votes(
    rows: np.ndarray, positions: np.ndarray, row_M: np.ndarray, at_M: np.ndarray, anchor: Anchor
) -> np.ndarray:
    """Return the votes of each base for each place, float (M, 4)."""
    margin = ((0, 0), (K - 1, K - 1))
    padded = np.pad(rows, margin, constant_values=AMBIGUOUS)
    window_MW = at_M[:, None] + np.arange(2 * K - 1)  # the place is in the middle
    codes_M4W = np.repeat(padded[row_M[:, None], window_MW][:, None], 4, axis=1)
    codes_M4W[:, :, K - 1] = np.arange(4)
    kmers_M4K = overlapping_kmers(codes_M4W, K)
    expected_MK = np.pad(positions, margin)[row_M[:, None], window_MW[:, :K]]
    agree = anchor.positions[kmers_M4K] == expected_MK[:, None, :, None]
    return np.where(agree, anchor.weights[kmers_M4K], 0).sum((2, 3))
