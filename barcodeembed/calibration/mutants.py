"""Mutated copies of barcodes: calibration examples if a reference is too small to hide taxa.

The copies are as different from their barcode as members of one taxon customarily are, or as
members of two taxa are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.calibration.examples import Examples, Voter

#: Divergence from the closest reference above which a taxon is customarily considered new.
CUSTOMARY_DIVERGENCE = {
    "species": 0.03,
    "genus": 0.05,
    "subfamily": 0.075,
    "family": 0.10,
    "order": 0.15,
    "class": 0.25,
    "phylum": 0.30,
    "kingdom": 0.35,
}

_COPIES = 32


@dataclass(frozen=True, slots=True)
class MutatedCopies:
    """A source of examples made from random barcodes.

    ``sequences`` are N barcodes and ``owners``, int (N,), their lineages. ``embed`` returns the
    unit vectors of sequences.
    """

    voter: Voter
    sequences: Sequence[str]
    owners: np.ndarray
    embed: Callable[[list[str]], np.ndarray]
    rng: np.random.Generator

    def examples(self, rank: int, in_reference: bool) -> Examples:
        """Return examples whose taxon at a rank is in the reference, or is not.

        ``rank`` is the number of a rank of the reference. A copy diverges from its barcode, which
        has a name at the rank, by less than the customary limit of the rank if the taxon is in the
        reference, otherwise by more than the limit and less than twice the limit.
        """
        taxa = self.voter.taxa
        limit = CUSTOMARY_DIVERGENCE[taxa.ranks[rank]]
        bounds = (0.0, limit) if in_reference else (limit, 2 * limit)
        divergences = self.rng.uniform(*bounds, _COPIES)
        named_rows = np.flatnonzero(taxa.codes[self.owners, rank] >= 0)
        sources = named_rows[self.rng.integers(0, len(named_rows), _COPIES)]
        copies = [
            mutate(self.sequences[int(i)], d, self.rng)
            for i, d in zip(sources, divergences, strict=True)
        ]
        neighbours = self.voter.finder.find(self.voter.vectors, copies, self.embed(copies))
        winners, features = self.voter.features(copies, np.zeros(_COPIES), neighbours)
        own = taxa.codes[self.owners[sources]]
        named = own >= 0
        here = named & (in_reference | (np.arange(own.shape[1]) < rank))
        return Examples(
            features,
            here,
            here & (winners == own),
            named,
            np.full(_COPIES, -1 if in_reference else rank),
            np.arange(_COPIES),
        )


def mutate(bases: str, divergence: float, rng: np.random.Generator) -> str:
    """Substitute random bases at this fraction of the sites."""
    letters = np.frombuffer(bases.encode(), np.uint8).copy()
    sites = rng.permutation(len(letters))[: round(divergence * len(letters))]
    acgt = np.frombuffer(b"ACGT", np.uint8)
    codes = np.searchsorted(acgt, letters[sites]) % 4
    letters[sites] = acgt[(codes + rng.integers(1, 4, len(sites))) % 4]
    return letters.tobytes().decode()
