"""Measure how often reads that are not of the marker get a name, and barcodes are refused.

    python benchmarks/non_target.py BARCODES... [-i INDEX] [-m MODEL] [--others FASTA...]
                                    [--sample 1000]

Prints two Markdown tables. The first is of simulated reads of 658, 313 and 130 bases that are not
of the marker, and of fragments of the sequences in `--others`: the fraction that is refused, the
fraction that gets a name at family or below, and the quantile 0.995 of the support for their
position and of their similarity to the closest reference. `MIN_SUPPORT` and `_MIN_SIMILARITY` in
`barcodeembed/classify/quality.py` must be above these. The second is of fragments of BARCODES
(tables) with sequencing errors: the fraction that is refused, and the quantile 0.003 of the
support. Only the part of a barcode within the positions of the model counts.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import damage
import numpy as np
import quality

from barcodeembed.calibration.examples import add_sequencing_errors
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.quality import support
from barcodeembed.sequences.anchor import Anchor
from barcodeembed.sequences.bases import encode_bases
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.orientation import strand
from barcodeembed.sequences.reading import read_records

LENGTHS = (658, 313, 130)
BARCODE_LENGTHS = (2_000, 313, 200, 130)
ERRORS = (0.0, 0.03, 0.05)
REFUSALS = {"non_target", "contaminant"}

_STOPS = ("TAA", "TAG", "TGA")
_CODONS = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT" if a + b + c not in _STOPS]

Maker = Callable[[int, np.random.Generator], str]


def random_bases(at: float) -> Maker:
    """Return a maker of random bases with a fraction of A and T."""
    weights = [at / 2, (1 - at) / 2, (1 - at) / 2, at / 2]
    return lambda length, rng: "".join(rng.choice(list("ACGT"), length, p=weights))


def random_protein(length: int, rng: np.random.Generator) -> str:
    """Return an open reading frame of random codons."""
    return "".join(rng.choice(_CODONS, length // 3 + 1))[:length]


def changed(barcodes: list[str], change: Callable[[str, np.random.Generator], str]) -> Maker:
    """Return a maker of fragments of changed barcodes."""

    def make(length: int, rng: np.random.Generator) -> str:
        whole = change(barcodes[rng.integers(len(barcodes))], rng)
        return damage.cut(whole, length, rng)

    return make


def makers(barcodes: list[str], others: list[Path]) -> dict[str, Maker]:
    """Return what makes reads of each kind."""
    kinds: dict[str, Maker] = {
        "random, 50 % AT": random_bases(0.5),
        "random, 75 % AT": random_bases(0.75),
        "random codons": random_protein,
        "shuffled bases": changed(barcodes, quality.shuffle),
        "shuffled codons": changed(barcodes, quality.shuffle_codons),
        "reversed, not complemented": changed(barcodes, quality.reverse),
    }
    for path in others:
        sequences = [record.sequence.upper() for record in read_records(str(path))]
        kinds[path.name.split(".")[0]] = changed(sequences, lambda bases, rng: bases)
    return kinds


def inside(anchor: Anchor, bases: str) -> str:
    """Return the part of a barcode that has positions, or nothing if it cannot be located."""
    if support(anchor, bases) < 20.0:
        return ""
    first = int(anchor.locate(encode_bases(bases)[None], np.array([len(bases)]))[0])
    return bases[max(-first, 0) : max(anchor.length - first, 0)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("barcodes", nargs="+", type=Path)
    parser.add_argument("-i", "--index", type=Path)
    parser.add_argument("-m", "--model", type=Path)
    parser.add_argument("--others", nargs="*", type=Path, default=[], metavar="FASTA")
    parser.add_argument("--sample", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    classifier = Classifier.load(asked.index, asked.model)
    anchor = classifier.quality.anchor
    if anchor is None:
        parser.error("the model has no positions, or they are of another marker than the index")
    barcodes = [bases for path in asked.barcodes for bases, _ in quality._read(path)]
    rng = np.random.default_rng(asked.seed)
    family = classifier.ranks.index("family")

    def supports(reads: list[str]) -> list[float]:
        oriented = (
            read if strand(read, classifier.index.orientation) == "+" else reverse_complement(read)
            for read in reads
        )
        return [support(anchor, read) for read in oriented]

    def refused(reads: list[str]) -> tuple[float, float]:
        found = list(classifier.classify(reads))
        named = np.mean([any(a.names[family:]) for a in found])
        return float(np.mean([bool(REFUSALS & {*a.flags}) for a in found])), float(named)

    print("| not of the marker | bases | refused | named | support | similarity |")
    print("| --- | --- | --- | --- | --- | --- |")
    for kind, make in makers(barcodes, asked.others).items():
        for length in LENGTHS:
            reads = [make(length, rng) for _ in range(asked.sample)]
            similarities = (classifier.vectors(reads) @ classifier.index.vectors.T).max(1)
            high = np.nanquantile(similarities, 0.995)
            fractions = " | ".join(f"{value:.3f}" for value in refused(reads))
            votes = np.quantile(supports(reads), 0.995)
            print(f"| {kind} | {length} | {fractions} | {votes:.1f} | {high:.2f} |", flush=True)
    located = [part for bases in barcodes if len(part := inside(anchor, bases)) >= 130]
    print("\n| barcodes, bases | errors | refused | support |\n| --- | --- | --- | --- |")
    for length in BARCODE_LENGTHS:
        for rate in ERRORS:
            drawn = rng.choice(len(located), min(asked.sample, len(located)), replace=False)
            reads = [damage.cut(located[i], length, rng) for i in drawn]
            if rate:
                reads = [add_sequencing_errors(read, rate, rng) for read in reads]
            low = np.quantile(supports(reads), 0.003)
            called = "whole" if length == max(BARCODE_LENGTHS) else f"{length}"
            print(f"| {called} | {rate:.0%} | {refused(reads)[0]:.4f} | {low:.1f} |", flush=True)


if __name__ == "__main__":
    main()
