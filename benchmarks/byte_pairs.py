"""Byte-pair encoding of barcodes: frequent stretches of bases become tokens.

The most frequent pair of neighbouring symbols becomes a new symbol, again and again (Sennrich et
al., arXiv 1508.07909; for genomes DNABERT-2, Zhou et al., arXiv 2306.15006). The first symbols are
the four bases. An ambiguous base is a symbol of its own, which is never joined.

Shapes: L symbols of all barcodes, one barcode after another.
"""

from __future__ import annotations

import numpy as np

from barcodeembed.sequences.bases import AMBIGUOUS

#: The number of the first symbol that is a pair.
FIRST_PAIR = AMBIGUOUS + 1

_END = -1

Pair = tuple[int, int]


def learn_pairs(codes: np.ndarray, lengths_B: np.ndarray, count: int) -> list[Pair]:
    """Return up to ``count`` pairs, in the order in which they are joined.

    ``codes`` are the base codes of barcodes of these lengths.
    """
    symbols_L = _with_ends(codes, lengths_B)
    size, pairs = FIRST_PAIR + count, []
    while len(pairs) < count:
        left, right = symbols_L[:-1], symbols_L[1:]
        joins = (left != AMBIGUOUS) & (right != AMBIGUOUS) & (left != _END) & (right != _END)
        frequencies = np.bincount(left[joins].astype(np.int64) * size + right[joins])
        if frequencies.max(initial=0) < 2:
            break
        first, second = divmod(int(frequencies.argmax()), size)
        pairs.append((first, second))
        symbols_L = _join(symbols_L, (first, second), FIRST_PAIR + len(pairs) - 1)
    return pairs


def encode_pairs(
    codes: np.ndarray, lengths_B: np.ndarray, pairs: list[Pair]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the symbols of barcodes, int32, and the number of symbols of each, int64 (B,)."""
    symbols_L = _with_ends(codes, lengths_B)
    for number, pair in enumerate(pairs, FIRST_PAIR):
        symbols_L = _join(symbols_L, pair, number)
    ends = np.flatnonzero(symbols_L == _END)
    return symbols_L[symbols_L != _END], np.diff(ends, prepend=-1) - 1


def spell(symbol: int, pairs: list[Pair]) -> str:
    """Return the bases of a symbol."""
    if symbol < FIRST_PAIR:
        return "ACGTN"[symbol]
    first, second = pairs[symbol - FIRST_PAIR]
    return spell(first, pairs) + spell(second, pairs)


def _with_ends(codes: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
    """Return the codes, int32, with an end after each barcode."""
    return np.insert(codes.astype(np.int32), np.cumsum(lengths_B), _END)


def _join(symbols_L: np.ndarray, pair: Pair, number: int) -> np.ndarray:
    """Replace each pair by a symbol, from left to right."""
    at = np.flatnonzero((symbols_L[:-1] == pair[0]) & (symbols_L[1:] == pair[1]))
    if pair[0] == pair[1] and len(at):
        # In a run of one symbol, every second pair overlaps the one before.
        begins = np.diff(at, prepend=-2) > 1
        first = np.maximum.accumulate(np.where(begins, np.arange(len(at)), 0))
        at = at[(np.arange(len(at)) - first) % 2 == 0]
    joined_L = symbols_L.copy()
    joined_L[at] = number
    return np.delete(joined_L, at + 1)
