"""Recognise sequences of known contaminants by the k-mers that they share with sketches of them.

A sketch contains the hashes of k-mers of bases, which distinguish close relatives, or of amino
acids, which recognise a whole group of organisms. K-mers of amino acids that animals have, too, are
not in a sketch. A sequence is of the contaminant if a large enough fraction of its k-mers, on
either strand and in any frame, is in the sketch. Fragments need a larger fraction than whole
barcodes, because chance counts more there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from os import PathLike

import numpy as np

from barcodeembed.sequences.bases import AMBIGUOUS, encode_bases, overlapping_kmers
from barcodeembed.sequences.frames import amino_acids
from barcodeembed.shipped import shipped_decoys

#: Lengths of the k-mers of bases and of amino acids.
BASES_K, ACIDS_K = 12, 5

#: The standard code. The frame of a contaminant does not matter, but the code must be one.
_GENETIC_CODE = 11

#: Number of sequences that are searched together.
TOGETHER = 256

_UPPER_BITS = 18

_LETTERS = "ACDEFGHIKLMNPQRSTVWY"
_NONE = np.uint32(0xFFFFFFFF)
_MULTIPLIER, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)

_FIELDS = ("names", "taxa", "above", "of_acids", "floors", "slopes", "counts", "hashes")


@dataclass(frozen=True, slots=True)
class Decoy:
    """A contaminant: what it is called, the taxa that it belongs to, and its sketch.

    A reference with one of ``taxa`` in its lineage, or whose lowest name is one of ``above``, has a
    correct name. ``of_acids`` says that the k-mers are of amino acids. ``hashes`` are sorted,
    uint32. A sequence of n k-mers (of one frame) is of the contaminant if at least the fraction
    ``floor + slope / sqrt(n)`` of them is in the sketch.
    """

    name: str
    taxa: frozenset[str]
    above: frozenset[str]
    of_acids: bool
    floor: float
    slope: float
    hashes: np.ndarray
    #: Whether any hash has these upper bits: most k-mers of a sequence need no search.
    _begins: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        begins = np.zeros(1 << _UPPER_BITS, bool)
        begins[self.hashes >> (32 - _UPPER_BITS)] = True
        object.__setattr__(self, "_begins", begins)

    def fits(self, lineage: Sequence[str | None]) -> bool:
        """Return whether a lineage, highest rank first, does not contradict the contaminant."""
        names = [name for name in lineage if name]
        return not names or names[-1] in self.above or not self.taxa.isdisjoint(names)

    def shared(self, kmers: np.ndarray) -> np.ndarray:
        """Return the indices of the hashed k-mers that are in the sketch."""
        likely = np.flatnonzero(self._begins[kmers >> (32 - _UPPER_BITS)])
        hashes = kmers[likely]
        found = np.searchsorted(self.hashes, hashes)
        return likely[self.hashes[np.minimum(found, len(self.hashes) - 1)] == hashes]

    def matches(self, shared_S: np.ndarray, lengths_S: np.ndarray) -> np.ndarray:
        """Return which sequences are of the contaminant, bool (S,).

        ``shared_S`` are the numbers of k-mers of one strand that are in the sketch, ``lengths_S``
        those of bases.
        """
        span = 3 * ACIDS_K if self.of_acids else BASES_K
        counts_S = np.maximum(lengths_S - span + 1, 1) / (3 if self.of_acids else 1)
        limits_S = self.floor + self.slope / np.sqrt(counts_S)
        return (shared_S / counts_S >= limits_S) & (lengths_S >= 3 * ACIDS_K)


def find_decoys(sequences: Sequence[str], decoys: Sequence[Decoy]) -> list[int | None]:
    """Return for each sequence the index of the first contaminant that it is of, or None.

    `TOGETHER` are searched at a time, which takes less time than one by one.
    """
    return [
        number
        for begin in range(0, len(sequences), TOGETHER)
        for number in _find_together(
            [sequences[i] for i in range(begin, min(begin + TOGETHER, len(sequences)))], decoys
        )
    ]


def _find_together(sequences: list[str], decoys: Sequence[Decoy]) -> list[int | None]:
    lengths_S = np.array([len(bases) for bases in sequences], np.int64)
    codes = encode_bases("N".join(sequences))  # a k-mer of two sequences is ambiguous
    owners = np.repeat(np.arange(len(sequences)), lengths_S + 1)[:-1]
    strands = ((codes, owners), (_complement(codes), owners[::-1]))
    kmers = {
        of_acids: [(_hash_acids if of_acids else _hash_bases)(strand) for strand, _ in searched]
        # Those of bases are the same on both strands.
        for of_acids, searched in ((False, strands[:1]), (True, strands))
        if any(decoy.of_acids == of_acids for decoy in decoys)
    }
    first_S = np.full(len(sequences), len(decoys))
    for number, decoy in enumerate(decoys):
        for hashes, (_, owner) in zip(kmers[decoy.of_acids], strands, strict=False):
            shared_S = np.bincount(owner[decoy.shared(hashes)], minlength=len(sequences))
            matches_S = decoy.matches(shared_S, lengths_S)
            first_S[matches_S] = np.minimum(first_S[matches_S], number)
    return [None if first == len(decoys) else first for first in first_S.tolist()]


@lru_cache
def known_decoys() -> tuple[Decoy, ...]:
    """Return the decoys that ship with barcodeembed: COI of humans, of bacteria and of plants."""
    return load_decoys(shipped_decoys())


def sketch_bases(sequences: Iterable[str]) -> np.ndarray:
    """Return the sorted hashes of the k-mers of bases of sequences, uint32."""
    return _distinct(_hash_bases(encode_bases(bases)) for bases in sequences)


def sketch_acids(sequences: Iterable[str]) -> np.ndarray:
    """Return the sorted hashes of the k-mers of amino acids of sequences, in all frames, uint32."""
    return _distinct(_hash_acids(encode_bases(bases)) for bases in sequences)


def sketch_proteins(proteins: Iterable[str]) -> np.ndarray:
    """Return the sorted hashes of the k-mers of proteins, uint32."""
    numbered = (np.array([_LETTERS.find(acid) for acid in protein]) for protein in proteins)
    return _distinct(_hash_protein(acids, 1) for acids in numbered)


def leave_out(hashes: np.ndarray, sequences: Iterable[str], at_least: int) -> np.ndarray:
    """Return a sketch of amino acids without the k-mers of at least ``at_least`` sequences."""
    counts = np.zeros(len(hashes), np.int64)
    for bases in sequences:
        kmers = _hash_acids(encode_bases(bases))
        found = np.minimum(np.searchsorted(hashes, kmers), len(hashes) - 1)
        counts[np.unique(found[hashes[found] == kmers])] += 1
    return hashes[counts < at_least]


def _distinct(hashes: Iterable[np.ndarray]) -> np.ndarray:
    found = np.unique(np.concatenate([np.zeros(0, np.uint32), *hashes]))
    return found[found != _NONE]


def _complement(codes: np.ndarray) -> np.ndarray:
    """Return the codes of the other strand."""
    return np.where(codes == AMBIGUOUS, AMBIGUOUS, 3 - codes.astype(np.int8))[::-1].astype(np.uint8)


def _hash_bases(codes: np.ndarray) -> np.ndarray:
    """Return the hash of the k-mer at each base; a k-mer and its reverse complement share one."""
    forward = overlapping_kmers(codes, BASES_K)
    backward = overlapping_kmers(_complement(codes), BASES_K)[::-1]
    return _hash(np.minimum(forward, backward), forward < 4**BASES_K)


def _hash_acids(codes: np.ndarray) -> np.ndarray:
    """Return the hash of the k-mer of amino acids that begins at each base, in all three frames."""
    return _hash_protein(_acids()[overlapping_kmers(codes, 3)], 3)


def _hash_protein(acids: np.ndarray, step: int) -> np.ndarray:
    """Return the hash of the k-mer at each amino acid; the next one is ``step`` further on."""
    count = max(len(acids) - step * (ACIDS_K - 1), 0)
    numbers, known = np.zeros(count, np.int64), np.ones(count, bool)
    for i in range(ACIDS_K):
        each = acids[step * i : step * i + count]
        numbers = numbers * len(_LETTERS) + each
        known &= each >= 0
    return _hash(numbers, known)


def _hash(numbers: np.ndarray, known: np.ndarray) -> np.ndarray:
    hashes = (numbers.astype(np.uint64) * _MULTIPLIER >> _SHIFT).astype(np.uint32)
    return np.where(known, hashes, _NONE)


@lru_cache
def _acids() -> np.ndarray:
    """Return the number of the amino acid of each codon; -1 for stop and ambiguous codons."""
    return np.array([_LETTERS.find(acid) for acid in (*amino_acids(_GENETIC_CODE), "*")])


def save_decoys(decoys: Sequence[Decoy], path: str | PathLike[str]) -> None:
    """Write decoys to a NumPy archive, without pickles."""
    columns = {
        "names": np.array([d.name for d in decoys]),
        "taxa": np.array([";".join(sorted(d.taxa)) for d in decoys]),
        "above": np.array([";".join(sorted(d.above)) for d in decoys]),
        "of_acids": np.array([d.of_acids for d in decoys]),
        "floors": np.array([d.floor for d in decoys]),
        "slopes": np.array([d.slope for d in decoys]),
        "counts": np.array([len(d.hashes) for d in decoys]),
        "hashes": np.concatenate([np.zeros(0, np.uint32), *(d.hashes for d in decoys)]),
    }
    np.savez_compressed(path, **columns)  # type: ignore[arg-type]


def load_decoys(path: str | PathLike[str]) -> tuple[Decoy, ...]:
    """Read the decoys that `save_decoys` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        columns = [stored[name] for name in _FIELDS]
    *fields, counts, hashes = columns
    sketches = np.split(hashes, counts.cumsum()[:-1])
    return tuple(
        Decoy(
            str(name), _names(taxa), _names(above), bool(acids), float(floor), float(slope), sketch
        )
        for name, taxa, above, acids, floor, slope, sketch in zip(*fields, sketches, strict=True)
    )


def _names(joined: str) -> frozenset[str]:
    return frozenset(name for name in str(joined).split(";") if name)
