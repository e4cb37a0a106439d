"""Calibration examples: barcodes of the reference as queries, with a part of it hidden.

Each barcode of a sample is searched in the rest of the reference as it is (its species is in the
reference), with its own species hidden (a new species), with its genus hidden, and so on for the
higher ranks. The features of the vote, and whether the winning name is correct, are one example. If
a reference is too small for examples of one kind, mutated copies of its barcodes are used instead,
with the customary identity limits (97, 95, 90, 85 and 75 %) as limits of the ranks.

Shapes: S sampled barcodes, E examples, L lineages, N vectors, K neighbours, R ranks, F features.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from barcodeembed.calibration.sample import HIDDEN, Sample
from barcodeembed.scoring.candidates import WHOLE, Candidates, Finder, count_read
from barcodeembed.scoring.features import FEATURES, Neighbours, vote_features
from barcodeembed.scoring.vote import Members, members_of
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.search import DECIMALS, exact

#: Ranks that are not hidden, because many lineages lack them.
_NOT_HIDDEN = ("subfamily",)

#: Number of barcodes that are compared with all vectors at a time, and of similarities of these.
_BLOCK = 64
_MOST_SIMILARITIES = 1 << 28

#: Number of closest references that are searched first. The whole reference is searched only if too
#: many of these are hidden.
_CLOSEST = 2_048
_SPARE = 16


@dataclass(frozen=True, slots=True)
class Examples:
    """Queries with known answers.

    Attributes:
        features: The features of the vote at each rank, (E, R, F).
        in_reference: Whether the taxon of the query is in the reference, bool (E, R).
        correct: Whether the winning name is correct, bool (E, R).
        named: Whether the query has a name at the rank, bool (E, R).
        hidden: The number of the rank whose taxon is hidden, -1 for none, (E,).
        barcodes: The number of the barcode in the sample, (E,).
    """

    features: np.ndarray
    in_reference: np.ndarray
    correct: np.ndarray
    named: np.ndarray
    hidden: np.ndarray
    barcodes: np.ndarray

    def __len__(self) -> int:
        return len(self.hidden)

    @classmethod
    def join(cls, parts: Sequence[Examples]) -> Examples:
        return cls(
            *(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls))
        )


@dataclass(frozen=True, slots=True)
class Voter:
    """Search and vote as `Classifier` does.

    ``vectors`` (N, D) are those of the reference, and ``finder`` finds neighbours among them.
    """

    vectors: np.ndarray
    members: Members
    taxa: Taxa
    finder: Finder

    def features(
        self, bases: Sequence[str], errors: np.ndarray, neighbours: Neighbours
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return winners, int (E, R), and features (E, R, F) of queries and their neighbours.

        ``errors`` (E,) are the error rates of the queries.
        """
        return vote_features(
            neighbours,
            self.members,
            self.taxa.codes,
            self.finder.temperatures(bases, self.taxa.above_genus),
            np.array([count_read(b) for b in bases]),
            errors,
            self.finder.complete_length,
        )


def make_examples(
    sample: Sample, bases: Sequence[str], errors: np.ndarray, voter: Voter
) -> Examples:
    """Search each barcode of a sample, first with only itself hidden, then with each rank hidden.

    ``bases`` are the sequences of the vectors of the sample, and ``errors`` (S,) the fractions of
    their bases that are expected to be wrong.
    """
    found = list(hide_and_search(sample, bases, voter))
    R = len(voter.taxa.ranks)
    if not found:
        none = np.zeros((0, R), bool)
        return Examples(
            np.zeros((0, R, len(FEATURES))),
            none,
            none,
            none,
            *(np.zeros(0, np.int64) for _ in range(2)),
        )
    numbers, hidden_ranks, candidates = zip(*found, strict=True)
    number, hidden = np.array(numbers), np.array(hidden_ranks)
    own = voter.taxa.codes[sample.lineages[number]]
    named = own >= 0
    below = (hidden >= 0)[:, None] & (np.arange(R) >= hidden[:, None])
    asked = [bases[i] for i in numbers]
    neighbours = voter.finder.rank(asked, candidates)
    winners, features = voter.features(asked, errors[number], neighbours)
    return Examples(features, named & ~below, named & (winners == own), named, hidden, number)


def random_fragment(
    bases: str, complete_length: float, min_length: int, rng: np.random.Generator
) -> str:
    """Return a random fragment, from ``min_length`` bases to nearly a complete barcode.

    The logarithm of the length is uniformly distributed, so short fragments are more frequent.
    """
    longest = min(len(bases), WHOLE * complete_length)
    length = int(np.exp(rng.uniform(*np.log(sorted((min(min_length, longest), longest))))))
    start = rng.integers(0, len(bases) - length, endpoint=True)
    return bases[start : start + length]


def add_sequencing_errors(
    bases: str, rate: float, rng: np.random.Generator, indels: float = 0.2
) -> str:
    """Return the bases with random errors: substitutions, and a fraction of ``indels``.

    Half of the indels are insertions, half deletions.
    """
    read = []
    for base, draw in zip(bases, rng.random(len(bases)) / rate, strict=True):
        if draw >= 1 or base not in "ACGT":
            read.append(base)
        elif draw < indels / 2:  # insertion
            read.append(base + "ACGT"[rng.integers(4)])
        elif draw >= indels:  # otherwise a deletion
            read.append("ACGT"[("ACGT".index(base) + rng.integers(1, 4)) % 4])
    return "".join(read)


def hide_and_search(
    sample: Sample, bases: Sequence[str], voter: Voter
) -> Iterator[tuple[int, int, Candidates]]:
    """Yield (barcode, hidden rank, candidates); the rank is -1 where only the barcode is hidden.

    A barcode that a hidden taxon shares with another taxon is hidden, too.
    """
    vectors, members, taxa = voter.vectors, voter.members, voter.taxa
    sizes = np.bincount(members.lineages, minlength=len(taxa.lineages))
    needed = min(voter.finder.candidates, len(vectors) - 1)
    if not needed:
        return
    left = sample.left
    owners_M = np.repeat(np.arange(len(vectors)), np.diff(members.starts))
    at_once = max(1, min(_BLOCK, _MOST_SIMILARITIES // len(vectors)))
    for start in range(0, len(sample), at_once):
        block = range(start, min(start + at_once, len(sample)))
        similarities = sample.vectors[block.start : block.stop] @ vectors.T
        for i, found in zip(block, similarities, strict=True):
            found[sample.own[i]] = left[i]
            closest = _first(found, _CLOSEST)
            closest_members = members_of(closest, members)
            finder, asked = voter.finder, sample.vectors[i]
            scores = sample.kmer_scores(i, bases[i], finder)
            gone = left[i] == HIDDEN
            for rank, hidden_L in _levels(taxa, sizes, sample.lineages[i], gone):
                if rank >= 0 and sample.mixed[i, rank]:
                    continue
                place_M, lineage_M = closest_members
                rows = np.delete(closest, place_M[hidden_L[lineage_M]])
                if len(rows) < needed + _SPARE:  # search the whole reference
                    seen = found.copy()
                    seen[owners_M[hidden_L[members.lineages]]] = HIDDEN
                    rows = _first(seen, needed + _SPARE)
                    rows = rows[seen[rows] > HIDDEN]
                rows = rows[found[rows] > HIDDEN][: needed + _SPARE]
                near = exact(asked, vectors[rows])
                near = np.where(rows == sample.own[i], round(float(left[i]), DECIMALS), near)
                order = np.lexsort((rows, -near))[:needed]
                if len(order) < needed:  # all examples have the same number of neighbours
                    continue
                if scores is not None:
                    scores[owners_M[hidden_L[members.lineages]]] = 0.0
                yield (
                    i,
                    rank,
                    finder.with_kmers(vectors, asked, near[order], rows[order], scores),
                )


def _levels(
    taxa: Taxa, sizes_L: np.ndarray, own: int, gone: bool
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the ranks to hide from a barcode, -1 (none) first, and the hidden lineages, bool (L,).

    A rank is left out if hiding it leaves no reference of the parent taxon. ``gone`` is true if
    nothing is left of the barcode's own reference vector without the barcode.
    """
    named = [r for r in range(len(taxa.ranks)) if taxa.codes[own, r] >= 0]
    hidden_L = np.zeros(len(taxa.lineages), bool)
    left_L = sizes_L.copy()
    left_L[own] -= gone
    if left_L[taxa.codes[:, named[-1]] == taxa.codes[own, named[-1]]].any():
        yield -1, hidden_L
    for r, parent in zip(reversed(named), [*reversed(named[:-1]), None], strict=True):
        hidden_L = hidden_L | (taxa.codes[:, r] == taxa.codes[own, r])
        siblings_L = np.ones(len(hidden_L), bool)
        if parent is not None:
            siblings_L = taxa.codes[:, parent] == taxa.codes[own, parent]
            # A sibling whose name at this rank is unknown can be of the same taxon.
            hidden_L |= siblings_L & (taxa.codes[:, r] < 0)
        if taxa.ranks[r] not in _NOT_HIDDEN and left_L[siblings_L & ~hidden_L].any():
            yield r, hidden_L


def _first(similarities: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of the (at most) ``count`` highest similarities, highest first."""
    if count < len(similarities):
        order = np.argpartition(-similarities, count)[:count]
    else:
        order = np.arange(len(similarities))
    return order[np.lexsort((order, -similarities[order]))]
