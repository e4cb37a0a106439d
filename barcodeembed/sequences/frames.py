"""Find reading frames and stop codons of protein-coding barcodes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from barcodeembed.sequences.bases import encode_bases, overlapping_kmers

#: NCBI's translation table 5, the invertebrate mitochondrial code. It fits COI of most animals.
GENETIC_CODE = 5
_TABLE_5 = "KNKNTTTTSSSSMIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSSWCWCLFLF"


#: A marker is protein-coding if this fraction of a sample of barcodes has no stop codon.
_MIN_CODING = 0.9
_SAMPLE = 500


def is_coding(barcodes: Sequence[str], genetic_code: int = GENETIC_CODE) -> bool:
    """Return whether most of a sample of barcodes have a reading frame without stop codons."""
    rows = sample_rows(len(barcodes))
    coding = sum(not min(stops_by_frame(barcodes[row], genetic_code)) for row in rows)
    return coding >= _MIN_CODING * len(rows)


def sample_rows(count: int) -> list[int]:
    """Return the indices of an evenly spaced sample of ``count`` sequences."""
    return np.unique(np.linspace(0, count - 1, _SAMPLE).astype(int)).tolist()


def reading_frames(codes_BL: np.ndarray, genetic_code: int = GENETIC_CODE) -> np.ndarray:
    """Return the frame (0, 1 or 2) with the fewest stop codons for each sequence, int64 (B,).

    ``codes_BL`` are base codes, uint8 (B, L), ambiguous past the end.
    """
    stops, _ = stop_codons(codes_BL, genetic_code)
    counts = np.stack([stops[:, frame::3].sum(1) for frame in range(3)], axis=1)
    return counts.argmin(1)


def stops_by_frame(bases: str, genetic_code: int = GENETIC_CODE) -> list[int]:
    """Count the stop codons in each of the three frames, without the last codon of the frame.

    A codon with an ambiguous base is not a stop codon.

    >>> stops_by_frame("TAGTAACTAG")
    [2, 0, 0]
    """
    stops = stop_codons(encode_bases(bases)[None], genetic_code)[0][0]
    return [int(stops[frame::3][:-1].sum()) for frame in range(3)]


def stop_codons(
    codes_BL: np.ndarray, genetic_code: int = GENETIC_CODE
) -> tuple[np.ndarray, np.ndarray]:
    """Return where stop codons begin, and where codons without an ambiguous base do, bool (B, K).

    ``codes_BL`` are base codes, uint8 (B, L), ambiguous past the end; K is L - 2.
    """
    codons_BK = overlapping_kmers(codes_BL, 3)
    return _stops(genetic_code)[codons_BK], codons_BK < 64


def stop_risks(codes_BL: np.ndarray, genetic_code: int = GENETIC_CODE) -> np.ndarray:
    """Return how near each codon is to a stop codon, float (B, K).

    It is the expected number of stop codons, divided by the rate of substitutions, at a low rate:
    of the nine substitutions of a codon, a third of those that make a stop codon. ``codes_BL`` are
    base codes, uint8 (B, L), ambiguous past the end; K is L - 2. An ambiguous codon has no risk.
    """
    return _risks(genetic_code)[overlapping_kmers(codes_BL, 3)]


@lru_cache
def amino_acids(genetic_code: int = GENETIC_CODE) -> str:
    """Return the amino acid of each codon in the order of codon numbers, ``*`` for a stop.

    All tables but the default one are Biopython's.
    """
    if genetic_code == GENETIC_CODE:
        return _TABLE_5  # pretraining must not need Biopython
    from Bio.Data import CodonTable

    table = CodonTable.unambiguous_dna_by_id[genetic_code]
    codons = (a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT")
    return "".join(table.forward_table.get(codon, "*") for codon in codons)


@lru_cache
def _stops(genetic_code: int) -> np.ndarray:
    return np.array([acid == "*" for acid in amino_acids(genetic_code)] + [False])


@lru_cache
def _risks(genetic_code: int) -> np.ndarray:
    stops = _stops(genetic_code)[:64].reshape(4, 4, 4)
    changed = sum(stops.sum(axis, keepdims=True) - stops for axis in range(3))
    return np.append(np.ravel(changed) / 3, 0.0)
