"""Find primers in many sequences at once, with mismatches, insertions and deletions.

The algorithm is that of Myers (1999, doi:10.1145/316542.316550) for approximate matching, in the
form of Hyyrö: a column of the alignment matrix is two machine words, and a step needs a dozen
operations on words. Here a step works on all pairs of a sequence and a primer at once.

Shapes: B sequences, L bases, P primers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from barcodeembed.sequences.primers import IUPAC

#: Errors allowed in a primer, as a fraction of its bases: 2 of 20, 3 of 26.
MAX_ERRORS = 0.12

#: Sequences processed at a time, so that the words of a step stay in the processor's cache.
_BATCH_SIZE = 256

_LETTERS = np.zeros(256, np.uint8)
for _letter, _bits in IUPAC.items():
    _LETTERS[ord(_letter)] = _bits


def encode_bases(texts: Sequence[str]) -> np.ndarray:
    """Return the bases that each letter stands for, as bits, uint8 (B, L); 0 past the end."""
    codes_BL = np.zeros((len(texts), max([1, *map(len, texts)])), np.uint8)
    for row, text in zip(codes_BL, texts, strict=True):
        row[: len(text)] = _LETTERS[np.frombuffer(text.encode("latin-1", "replace"), np.uint8)]
    return codes_BL


class PrimerFinder:
    """Finds some primers, all from 5' to 3', in sequences.

    An ambiguous letter of a sequence matches a letter of a primer only if the primer's letter
    includes all its bases, so N matches N alone.
    """

    def __init__(self, primers: Sequence[str]) -> None:
        self.primers = tuple(primers)
        self._lengths_P = np.array([len(primer) for primer in primers], np.int64)
        #: Maximum number of errors of each primer.
        self.allowed_P = (self._lengths_P * MAX_ERRORS).astype(np.int8)
        self._word = np.uint32 if self._lengths_P.max(initial=0) <= 32 else np.uint64
        letters = np.arange(16)
        # Bit i of matches[letter, p]: base i of the primer p includes the letter.
        self._matches = np.zeros((16, len(primers)), self._word)
        for p, primer in enumerate(primers):
            for i, base in enumerate(primer):
                included = (letters > 0) & (letters & ~IUPAC[base] == 0)
                self._matches[included, p] |= self._word(1 << i)

    def find(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return each primer's fewest errors in each text, int8 (B, P), and its end, int64 (B, P).

        The end is the number of bases from the text's first to the primer's last. An error is a
        substitution, insertion or deletion. A primer that begins before the text has its missing
        bases deleted. Of two neighbouring ends that are equally good, the second is taken, because
        a wrong last base may as well be missing.
        """
        parts = [self._find(texts[i : i + _BATCH_SIZE]) for i in range(0, len(texts), _BATCH_SIZE)]
        if not parts:
            return np.zeros((0, len(self.primers)), np.int8), np.zeros((0, len(self.primers)), int)
        fewest, ends = zip(*parts, strict=True)
        return np.concatenate(fewest), np.concatenate(ends)

    def _find(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        errors_LBP = self._errors(encode_bases(texts))
        L = len(errors_LBP)
        fewest_BP, first_BP = errors_LBP.min(0), errors_LBP.argmin(0)
        next_BP = np.minimum(first_BP + 1, L - 1)
        errors_after_BP = np.take_along_axis(errors_LBP, next_BP[None], 0)[0]
        return fewest_BP, np.where(errors_after_BP == fewest_BP, next_BP, first_BP) + 1

    def _errors(self, codes_BL: np.ndarray) -> np.ndarray:
        """Return the fewest errors of a primer that ends at each base, int8 (L, B, P)."""
        B, L = codes_BL.shape
        word, one = self._word, self._word(1)
        last_P = (self._lengths_P - 1).astype(word)
        plus = np.full((B, len(self.primers)), ~word(0))
        minus = np.zeros_like(plus)
        score = np.broadcast_to(self._lengths_P.astype(np.int8), plus.shape).copy()
        scores_LBP = np.empty((L, *plus.shape), np.int8)
        for t in range(L):
            equal = self._matches[codes_BL[:, t]]
            vertical = equal | minus
            horizontal = (((equal & plus) + plus) ^ plus) | equal
            up = minus | ~(horizontal | plus)
            down = plus & horizontal
            score += ((up >> last_P) & one).astype(np.int8)
            score -= ((down >> last_P) & one).astype(np.int8)
            scores_LBP[t] = score
            up <<= one
            down <<= one
            plus = down | ~(vertical | up)
            minus = up & vertical
        return scores_LBP
