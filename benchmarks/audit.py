"""Measure how many mislabelled records `index audit` finds, and how many correct names it reports.

    python benchmarks/audit.py [--data ../shared/data/coi/mini] [--sample N] [--fraction 0.01]
                               [--seeds 5] [--model MODEL]

DATA contains reference.tsv.gz. With --sample, complete genera are drawn until they have N records.
The reference is indexed once. For each seed and rank, the lineages of pairs of records are swapped
until 1 % of the records have an incorrect lineage: pairs of two families, of two genera of one
family, or of two species of one genus. Then the audit is run. Findings before the swaps can be real
errors of the reference: precision is given with these as false positives, and without them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from barcodeembed.curation.mislabelled import Suspect, find_suspects, neighbourhoods
from barcodeembed.embedding.embedder import Embedder
from barcodeembed.index.build import build_index
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.taxonomy.references import LabelledRecord, read_labelled

RANKS = ("family", "genus", "species")


def sample_genera(labelled: list[LabelledRecord], size: int) -> list[LabelledRecord]:
    """Draw complete genera until they have ``size`` records."""
    by_genus: dict[str, list[LabelledRecord]] = {}
    for record, taxa in labelled:
        by_genus.setdefault(taxa[-2] or "", []).append((record, taxa))
    genera = sorted(by_genus)
    drawn: list[LabelledRecord] = []
    for i in np.random.default_rng(0).permutation(len(genera)):
        drawn += by_genus[genera[i]]
        if len(drawn) >= size:
            break
    return drawn


def swap(codes_NR: np.ndarray, rank: int, count: int, seed: int) -> dict[int, int]:
    """Return pairs of records that differ at a rank and agree at the next higher rank.

    Records of two families are paired at random, because most errors of a laboratory are random.
    """
    rng = np.random.default_rng(seed)
    partners: dict[int, int] = {}
    for one in rng.permutation(len(codes_NR)).tolist():
        if len(partners) >= count:
            break
        same = np.ones(len(codes_NR), bool)
        if rank > RANKS.index("family"):
            same = codes_NR[:, rank - 1] == codes_NR[one, rank - 1]
        named = (codes_NR[:, : rank + 1] >= 0).all(1)
        fit = np.flatnonzero(same & named & (codes_NR[:, rank] != codes_NR[one, rank]))
        fit = [i for i in rng.permutation(fit)[:50].tolist() if i not in partners]
        if one not in partners and named[one] and fit:
            partners[one], partners[fit[0]] = fit[0], one
    return partners


class Audit:
    """Audits one index with different lineages; the neighbours are searched only once."""

    def __init__(self, index: ReferenceIndex) -> None:
        self.index = index
        self.neighbours = neighbourhoods(
            index.vectors, index.record_vectors, 10, lambda done, total: None
        )

    def suspects(self, lineages: np.ndarray) -> dict[int, Suspect]:
        found = find_suspects(*self.neighbours, lineages, self.index.taxa)
        return {suspect.member: suspect for suspect in found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/coi/mini"))
    parser.add_argument("--sample", type=int, metavar="N")
    parser.add_argument("--fraction", type=float, default=0.01)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--model", type=Path)
    asked = parser.parse_args()
    labelled = list(read_labelled(asked.data / "reference.tsv.gz"))
    if asked.sample:
        labelled = sample_genera(labelled, asked.sample)
    index = build_index(labelled, Embedder.load(asked.model))
    audit = Audit(index)
    lineages = index.record_lineages
    ranks = index.taxa.ranks
    before = audit.suspects(lineages)
    by_rank = {r: sum(s.rank == i for s in before.values()) for i, r in enumerate(ranks)}
    print(
        f"{len(lineages):,} records; findings before swapping: {len(before):,} "
        f"({len(before) / len(lineages):.2%}): "
        + ", ".join(f"{n} {rank}" for rank, n in by_rank.items() if n)
    )
    print(
        "\n| swapped between | swapped | found | correct name | precision | without findings "
        "before swapping |\n| --- | --- | --- | --- | --- | --- |"
    )
    codes = index.taxa.codes[lineages]
    low = [ranks.index(rank) for rank in RANKS]
    for at, rank in enumerate(RANKS):
        planted = found = named = false = new = 0
        for seed in range(asked.seeds):
            partners = swap(codes[:, low], at, round(asked.fraction * len(codes)), seed)
            changed = lineages.copy()
            changed[list(partners)] = lineages[list(partners.values())]
            suspects = audit.suspects(changed)
            hits = [s for m, s in suspects.items() if m in partners]
            wrong = suspects.keys() - partners.keys()
            planted += len(partners)
            found += len(hits)
            named += sum(codes[s.member, s.rank] == s.taxon for s in hits)
            false += len(wrong)
            new += len(wrong - before.keys())
        print(
            f"| {rank} | {planted:,} | {found / planted:.3f} | {named / max(found, 1):.3f} | "
            f"{found / max(found + false, 1):.3f} | {found / max(found + new, 1):.3f} |"
        )


if __name__ == "__main__":
    main()
