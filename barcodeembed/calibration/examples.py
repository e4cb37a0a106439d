"""What a reference knows of itself: its own barcodes as queries, with parts of it hidden.

Of a sample of references each is looked up among the others as it is (its species is known), with
its own species hidden (a species new to the reference), with its genus hidden, and so on up. What
its neighbours then say, and whether it is right, is an example to learn from. Where a reference is
too small to give examples of one kind, mutated copies of its barcodes stand in for it, told apart
by the customary identity limits (97, 95, 90, 85 and 75%).
Shapes: S sampled barcodes, E examples, L lineages, N vectors, K neighbours, R ranks, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from barcodeembed.calibration.sample import HIDDEN, Sample
from barcodeembed.scoring.features import Neighbours, weigh
from barcodeembed.scoring.identity import Identities
from barcodeembed.scoring.vote import Members, members_of
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.search import DECIMALS

#: An intermediate rank that many lineages lack is not hidden by itself.
_NOT_HIDDEN = ("subfamily",)

_BLOCK = 64
_LONGEST_PIECE = 0.9

#: Neighbours that are looked through before all of the reference is, where much is hidden.
_CLOSEST = 2_048
_SPARE = 16


@dataclass(frozen=True, slots=True)
class Examples:
    """Queries with their answers: ``features`` (E, R, F), and by rank, bool (E, R), whether the
    taxon is ``in_reference`` to the reference, the name that wins is ``correct``, and there is a true name.

    ``hidden`` (E,) is the rank whose taxon was hidden, -1 for none; ``barcodes`` (E,) tells
    examples of one barcode.
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
    """How neighbours are found and vote: as `Classifier` does it.

    ``align`` gives the identities of queries' bases to rows of the reference, (E, K) or (E, 1);
    None where the reference keeps no sequences.
    """

    vectors: np.ndarray
    members: Members
    taxa: Taxa
    neighbours: int
    temperature: float
    identity_weight: float
    median_length: float
    align: Callable[[Sequence[str], np.ndarray], Identities] | None

    def weigh(
        self, bases: Sequence[str], similarities: np.ndarray, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return winners, int (E, R), and evidence (E, R, F) of queries and their neighbours."""
        aligned = None
        if self.align:
            aligned = self.align(bases, rows if self.identity_weight else rows[:, :1])
        return weigh(
            Neighbours.ranked(similarities, rows, aligned, self.identity_weight),
            self.members,
            self.taxa.codes,
            self.temperature,
            np.array([len(b) for b in bases]),
            self.median_length,
        )


def make_examples(sample: Sample, bases: Sequence[str], voter: Voter) -> Examples:
    """Look every barcode of a sample up, with nothing but itself hidden and with more and more.

    ``bases`` are what the vectors of the sample were made of.
    """
    looked = list(_hide_and_look(sample, voter))
    R = len(voter.taxa.ranks)
    if not looked:
        none = np.zeros((0, R), bool)
        return Examples(
            voter.weigh([], *(np.zeros((0, 1), t) for t in (float, int)))[1],
            none,
            none,
            none,
            *(np.zeros(0, np.int64) for _ in range(2)),
        )
    number, hidden, similarities, rows = (np.array(part) for part in zip(*looked, strict=True))
    own = voter.taxa.codes[sample.lineages[number]]
    named = own >= 0
    below = (hidden >= 0)[:, None] & (np.arange(R) >= hidden[:, None])
    winners, features = voter.weigh([bases[i] for i in number], similarities, rows)
    return Examples(features, named & ~below, named & (winners == own), named, hidden, number)


def random_fragment(bases: str, median_length: float, least: int, rng: np.random.Generator) -> str:
    """Cut a random piece of ``least`` bases to nearly the usual length, rather a short one."""
    most = min(len(bases), _LONGEST_PIECE * median_length)
    length = int(np.exp(rng.uniform(*np.log(sorted((min(least, most), most))))))
    start = rng.integers(0, len(bases) - length, endpoint=True)
    return bases[start : start + length]


def add_sequencing_errors(bases: str, rate: float, rng: np.random.Generator) -> str:
    """Return the bases with errors at this rate: eight in ten substitutions, an indel each way."""
    read = []
    for base, draw in zip(bases, rng.random(len(bases)) / rate, strict=True):
        if draw >= 1 or base not in "ACGT":
            read.append(base)
        elif draw < 0.1:  # put in
            read.append(base + "ACGT"[rng.integers(4)])
        elif draw >= 0.2:  # else left out
            read.append("ACGT"[("ACGT".index(base) + rng.integers(1, 4)) % 4])
    return "".join(read)


def _hide_and_look(
    sample: Sample, voter: Voter
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """Yield (barcode, hidden rank, similarities (K,), rows (K,)), the most similar first.

    A barcode that a hidden taxon shares with another goes with it.
    """
    vectors, members, taxa = voter.vectors, voter.members, voter.taxa
    sizes = np.bincount(members.lineages, minlength=len(taxa.lineages))
    wanted = min(voter.neighbours, len(vectors) - 1)
    if not wanted:
        return
    left = sample.left
    owners_M = np.repeat(np.arange(len(vectors)), np.diff(members.starts))
    for start in range(0, len(sample), _BLOCK):
        block = range(start, min(start + _BLOCK, len(sample)))
        similarities = sample.vectors[block.start : block.stop] @ vectors.T
        for i, found in zip(block, similarities, strict=True):
            found[sample.own[i]] = left[i]
            closest = _first(found, _CLOSEST)
            closest_members = members_of(closest, members)
            gone = left[i] == HIDDEN
            for rank, hidden_L in _levels(taxa, sizes, sample.lineages[i], gone):
                place_M, lineage_M = closest_members
                rows = np.delete(closest, place_M[hidden_L[lineage_M]])
                if len(rows) < wanted + _SPARE:  # then among all
                    seen = found.copy()
                    seen[owners_M[hidden_L[members.lineages]]] = HIDDEN
                    rows = _first(seen, wanted + _SPARE)
                    rows = rows[seen[rows] > HIDDEN]
                rows = rows[found[rows] > HIDDEN][: wanted + _SPARE]
                exact = np.round(
                    np.einsum("d,kd->k", sample.vectors[i], vectors[rows], dtype=np.float64),
                    DECIMALS,
                )
                exact = np.where(rows == sample.own[i], round(float(left[i]), DECIMALS), exact)
                order = np.lexsort((rows, -exact))[:wanted]
                if len(order) == wanted:  # all examples have as many neighbours
                    yield i, rank, exact[order], rows[order]


def _levels(
    taxa: Taxa, sizes_L: np.ndarray, own: int, gone: bool
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the ranks whose taxon is hidden from a barcode, -1 first, and what is, bool (L,).

    Only what leaves some reference of the taxon above counts: its name is then known as far as
    that. ``gone`` says that the barcode's own vector is nothing without it.
    """
    named = [r for r in range(len(taxa.ranks)) if taxa.codes[own, r] >= 0]
    hidden_L = np.zeros(len(taxa.lineages), bool)
    left_L = sizes_L.copy()
    left_L[own] -= gone
    if left_L[taxa.codes[:, named[-1]] == taxa.codes[own, named[-1]]].any():
        yield -1, hidden_L
    for r, parent in zip(reversed(named), [*reversed(named[:-1]), None], strict=True):
        hidden_L = hidden_L | (taxa.codes[:, r] == taxa.codes[own, r])
        beside_L = np.ones(len(hidden_L), bool)
        if parent is not None:
            beside_L = taxa.codes[:, parent] == taxa.codes[own, parent]
            # A relative whose name at this rank is unknown may be of the same taxon.
            hidden_L |= beside_L & (taxa.codes[:, r] < 0)
        if taxa.ranks[r] not in _NOT_HIDDEN and left_L[beside_L & ~hidden_L].any():
            yield r, hidden_L


def _first(similarities: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the greatest, in order; as many as there are or ``count``."""
    if count < len(similarities):
        places = np.argpartition(-similarities, count)[:count]
    else:
        places = np.arange(len(similarities))
    return places[np.lexsort((places, -similarities[places]))]
