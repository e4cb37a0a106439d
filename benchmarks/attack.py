"""How many synonymous changes make a model confuse the genus of a barcode?

    python benchmarks/attack.py REFERENCE QUERIES MODEL... [--changes 30] [--queries 50]

A change replaces the third base of a codon, so that the protein stays the same. Such changes are
the synonyms of a barcode, and closely related species differ by them. The genus of a query is that
of the most similar reference. The attack changes one codon after another, always the one with
which the query should become less similar to its own genus, compared with the others, until the
genus flips. The gradient of the model shows this codon (HotFlip, Ebrahimi et al., arXiv
1712.06751; with synonyms, Alshahrani et al., arXiv 2402.03477). For comparison, the codons are
also changed in random order. A model that names barcodes by their evolution needs more changes
than one that is easily misled.

Shapes: N references, D width of a vector, M variants of a barcode.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from barcodeembed.embedding.embedder import Embedder
from barcodeembed.embedding.tokens import tokenize
from barcodeembed.embedding.vector_maker import encode_all
from barcodeembed.model.encoder import Encoder
from barcodeembed.sequences.cleaning import clean
from barcodeembed.sequences.frames import amino_acids, stops_by_frame
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.taxonomy.references import chain_labelled

_GENUS = RANKS.index("genus")


@dataclass(frozen=True)
class References:
    """The vectors of the references, of unit length, and their genera."""

    vectors_ND: Tensor
    genera_N: np.ndarray

    def margin(self, vector_D: Tensor, genus: str) -> Tensor:
        """Return by how much the most similar reference of a genus exceeds all others."""
        scores_N = self.vectors_ND @ F.normalize(vector_D.float(), dim=-1)
        own_N = torch.from_numpy(self.genera_N == genus)
        return scores_N[own_N].max() - scores_N[~own_N].max()


def synonyms(bases: str) -> Iterator[tuple[int, str]]:
    """Yield the synonymous changes: a position, and its new base.

    The reading frame is the one with the fewest stop codons.

    >>> list(synonyms("ATGTGA"))
    [(2, 'A'), (5, 'G')]
    """
    acids, stops = amino_acids(), stops_by_frame(bases)
    for first in range(stops.index(min(stops)), len(bases) - 2, 3):
        codon = bases[first : first + 3]
        if set(codon) <= set("ACGT"):
            for third in "ACGT":
                if third != codon[2] and acids[_number(codon[:2] + third)] == acids[_number(codon)]:
                    yield first + 2, third


def _number(codon: str) -> int:
    return sum("ACGT".index(base) * 4 ** (2 - place) for place, base in enumerate(codon))


def changed(bases: str, place: int, base: str) -> str:
    return bases[:place] + base + bases[place + 1 :]


def embed(encoder: Encoder, bases: str) -> tuple[Tensor, Tensor, np.ndarray, np.ndarray]:
    """Return the vector of a barcode (D,), its embedded k-mers, its k-mers and their positions."""
    (tokens,), (positions,) = tokenize([bases], encoder.config, encoder.anchor)
    embedded: list[Tensor] = []

    def keep(module: object, inputs: object, output: Tensor) -> None:
        output.retain_grad()
        embedded.append(output)

    hook = encoder.tokens.register_forward_hook(keep)
    try:
        (vector_D,) = encoder.embed(
            torch.from_numpy(tokens)[None], torch.from_numpy(positions)[None], padded=False
        )
    finally:
        hook.remove()
    return vector_D, embedded[0], tokens, positions


def attack(
    encoder: Encoder, references: References, bases: str, genus: str, most: int
) -> int | None:
    """Return the number of changes that flip the genus; None if ``most`` are not enough."""
    touched: set[int] = set()
    for count in range(most + 1):
        vector_D, embedded, tokens, positions = embed(encoder, bases)
        margin = references.margin(vector_D, genus)
        if margin < 0:
            return count
        options = [each for each in synonyms(bases) if each[0] not in touched]
        if not options:
            return None
        (gradient,) = torch.autograd.grad(margin, embedded)
        variants = [changed(bases, *each) for each in options]
        gains_M = estimates(encoder, gradient[0], tokens, positions, variants)
        best = int(np.argmin(gains_M))
        touched.add(options[best][0])
        bases = variants[best]
    return None


@torch.no_grad()
def estimates(
    encoder: Encoder,
    gradient_KW: Tensor,
    tokens: np.ndarray,
    positions: np.ndarray,
    variants: list[str],
) -> np.ndarray:
    """Return how much each variant changes the margin, to first order, (M,).

    A variant that is cut into other tokens counts as no change.
    """
    gains_M = np.zeros(len(variants))
    for row, (kmers, places) in enumerate(
        zip(*tokenize(variants, encoder.config, encoder.anchor), strict=True)
    ):
        if np.array_equal(places, positions):
            at = np.flatnonzero(kmers != tokens)
            old, new = (encoder.tokens.weight[torch.from_numpy(t[at])] for t in (tokens, kmers))
            gains_M[row] = float((gradient_KW[at] * (new - old)).sum())
    return gains_M


@torch.no_grad()
def at_random(
    encoder: Encoder,
    references: References,
    bases: str,
    genus: str,
    most: int,
    rng: np.random.Generator,
) -> int | None:
    """Return the number of random synonymous changes that flip the genus, as `attack` does."""
    options = list(synonyms(bases))
    touched: set[int] = set()
    for place, base in (options[i] for i in rng.permutation(len(options))):
        if place not in touched:
            touched.add(place)
            bases = changed(bases, place, base)
            vector_D = embed_alone(encoder, bases)
            if references.margin(vector_D, genus) < 0:
                return len(touched)
            if len(touched) == most:
                return None
    return None


def embed_alone(encoder: Encoder, bases: str) -> Tensor:
    tokens, positions = tokenize([bases], encoder.config, encoder.anchor)
    return encoder.embed(
        torch.from_numpy(tokens[0])[None], torch.from_numpy(positions[0])[None], padded=False
    )[0]


def row(name: str, kind: str, counts: list[int | None], most: int) -> str:
    """Return a row of the table: fractions that flipped within some numbers of changes."""
    within = [
        sum(c is not None and c <= most // n for c in counts) / len(counts) for n in (6, 3, 1)
    ]
    middle = median(most + 1 if count is None else count for count in counts)
    cells = [f"{fraction:.2f}" for fraction in within]
    return "| " + " | ".join([name, kind, str(len(counts)), *cells, f"{middle:g}"]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("reference", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--changes", type=int, default=30, help="the maximum number of changes")
    parser.add_argument("--count", type=int, default=50, help="the number of queries")
    asked = parser.parse_args()
    most = asked.changes
    titles = [f"within {most // n}" for n in (6, 3, 1)]
    print("| model | changes | queries | " + " | ".join(titles) + " | median |")
    print("| --- " * 7 + "|")
    for path in asked.models:
        embedder = Embedder.load(path)
        references, queries = _read(embedder, asked.reference, asked.queries)
        encoder = embedder.model.encoder.eval()
        right = [
            (bases, genus)
            for bases, genus in queries
            if genus in references.genera_N
            and references.margin(embed_alone(encoder, bases), genus) > 0
        ][: asked.count]
        rng = np.random.default_rng(0)
        for kind, counts in (
            ("attack", [attack(encoder, references, *each, most) for each in right]),
            ("random", [at_random(encoder, references, *each, most, rng) for each in right]),
        ):
            print(row(path.name, kind, counts, most), flush=True)


def _read(
    embedder: Embedder, reference: Path, queries: Path
) -> tuple[References, list[tuple[str, str]]]:
    """Return the embedded references, and the bases and genera of the queries."""
    pairs = [
        [
            (clean(record, max_bases=embedder.max_bases).bases, str(lineage[_GENUS]))
            for record, lineage in chain_labelled([path])
            if lineage[_GENUS]
        ]
        for path in (reference, queries)
    ]
    vectors = encode_all(embedder, [bases for bases, _ in pairs[0]], lambda done, total: None)
    vectors_ND = F.normalize(torch.from_numpy(np.asarray(vectors, np.float32)), dim=-1)
    return References(vectors_ND, np.array([genus for _, genus in pairs[0]])), pairs[1]


if __name__ == "__main__":
    main()
