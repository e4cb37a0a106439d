"""The table of `claim.py`: scores, differences with their intervals, and the decision.

Shapes: S seeds, N queries, G species, R replicates of the bootstrap.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from claim_arms import ARMS
from claim_data import clustered_queries, query_labels
from claim_scores import unpack_bits
from objectives import spread

from barcodeembed.evaluation.markdown import table
from barcodeembed.evaluation.protocols.clusters import adjusted_mutual_information, cluster_into

#: The rule of docs/objectives.md, in fractions of the genera of unseen species.
CONFIRMED_FROM, REFUTED_BELOW = 0.03, 0.01

RIVALS = ("mlm", "maelm, masks in the encoder", "clm", "untrained")

_REPLICATES = 10_000

#: The splits in the tables, the main one first, and what they are called there.
_SHOWN = {
    "unseen_species": "unseen species: genus",
    "seen": "seen: species",
    "unseen_genus": "unseen genus: family",
}

_COLUMNS = (
    "seeds",
    "barcodes",
    "held-out loss at 50 / 80 / 100 %",
    *_SHOWN.values(),
    "probe: genus of unseen species",
    "BIN AMI",
    "R2 of k-mer bag",
    "token rank: no masks / visible / masks",
)


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference in accuracy of two arms, with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


def paired_bootstrap(
    one_SN: np.ndarray, other_SN: np.ndarray, species_N: np.ndarray, seed: int = 0
) -> Difference:
    """Compare the correct names of two arms. Rows are the same seeds, columns the same queries.

    Species are drawn with replacement, with all their queries, because barcodes of one species
    are nearly copies of each other. Seeds are drawn with replacement too.
    """
    gain_SN = one_SN.astype(float) - other_SN.astype(float)
    groups, of_N = np.unique(species_N, return_inverse=True)
    gain_SG = np.stack([np.bincount(of_N, gain_N, len(groups)) for gain_N in gain_SN])
    size_G = np.bincount(of_N, minlength=len(groups))
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(_REPLICATES):
        times_G = np.bincount(rng.integers(0, len(groups), len(groups)), minlength=len(groups))
        seeds = rng.integers(0, len(gain_SG), len(gain_SG))
        drawn.append((gain_SG[seeds] @ times_G).mean() / (size_G @ times_G))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Difference(float(gain_SN.mean()), float(low), float(high))


def decide(ahead_of: dict[str, Difference]) -> str:
    """Apply the rule of docs/objectives.md to the differences of maelm from the other arms."""
    controls = [ahead_of[arm] for arm in ("maelm, masks in the encoder", "untrained")]
    mlm = ahead_of["mlm"]
    if mlm.value < REFUTED_BELOW:
        return "refuted"
    if mlm.value >= CONFIRMED_FROM and all(each.low > 0 for each in (mlm, *controls)):
        return "confirmed"
    return "undecided"


def make_table(results: Path, pack: Path) -> str:
    """Return Markdown of all complete runs."""
    lines = results.read_text(encoding="utf-8").splitlines()
    runs = [run for run in map(json.loads, lines) if run["complete"]]
    parts: list[str] = []
    for condition in dict.fromkeys(run["condition"] for run in runs):
        of = [run for run in runs if run["condition"] == condition]
        arms = {arm: [run for run in of if run["arm"] == arm] for arm in ARMS}
        arms = {arm: sorted(made, key=_seed) for arm, made in arms.items() if made}
        parts += _score_rows(condition, arms, results.parent, pack)
        parts += _difference_rows(arms, pack)
    return "\n".join(parts)


def _score_rows(
    condition: str, arms: dict[str, list[dict[str, Any]]], folder: Path, pack: Path
) -> list[str]:
    bins = query_labels(pack, "unseen_species", "bin")[clustered_queries(pack)]
    rows = []
    for arm, runs in arms.items():
        rows.append(
            [
                arm,
                str(len(runs)),
                f"{runs[0]['barcodes'] / 1e6:.2f} M" if runs[0]["curve"] else "0",
                " / ".join(_loss(runs, part) for part in (0.5, 0.8, 1.0)),
                *(spread([run["accuracy"][split] for run in runs]) for split in _SHOWN),
                spread([run["probe"]["unseen_species"] for run in runs]),
                _agreements(runs, folder, bins),
                spread([run["bag_r2"] for run in runs]),
                " / ".join(
                    f"{mean(run['token_rank'][of] for run in runs):.0f}"
                    for of in ("whole", "visible", "masks")
                ),
            ]
        )
    return [*table([condition, *_COLUMNS], rows), ""]


def _difference_rows(arms: dict[str, list[dict[str, Any]]], pack: Path) -> list[str]:
    """Return the differences of maelm from the other arms, over the seeds that both have."""
    if "maelm" not in arms:
        return []
    rows, of_genus = [], {}
    for rival in (arm for arm in RIVALS if arm in arms):
        found = {split: _difference(arms["maelm"], arms[rival], split, pack) for split in _SHOWN}
        of_genus[rival] = found["unseen_species"]
        rows.append([f"maelm - {rival}", *map(str, found.values())])
    lines = [*table(["difference (95 % interval)", *_SHOWN.values()], rows), ""]
    if len(of_genus) == len(RIVALS):
        lines += [f"By the rule: **{decide(of_genus)}**.", ""]
    return lines


def _difference(
    ours: list[dict[str, Any]], theirs: list[dict[str, Any]], split: str, pack: Path
) -> Difference:
    species_N = query_labels(pack, split, "species")
    other = {run["seed"]: run for run in theirs}
    pairs = [(run, other[run["seed"]]) for run in ours if run["seed"] in other]
    one_SN, other_SN = (
        np.stack([unpack_bits(run["hits"][split], len(species_N)) for run in side])
        for side in zip(*pairs, strict=True)
    )
    return paired_bootstrap(one_SN, other_SN, species_N)


def _agreements(runs: list[dict[str, Any]], folder: Path, bins_N: np.ndarray) -> str:
    if not all((folder / run["vectors"]["file"]).exists() for run in runs):
        return "-"
    return spread([bin_agreement(vectors_of(run, folder), bins_N) for run in runs])


def bin_agreement(vectors_ND: np.ndarray, bins_N: np.ndarray) -> float:
    """Return the adjusted mutual information of BINs and as many clusters by Ward's method."""
    found = cluster_into(vectors_ND, len(np.unique(bins_N)))
    return adjusted_mutual_information(bins_N, found)


def vectors_of(run: dict[str, Any], folder: Path) -> np.ndarray:
    """Return the vectors of a run that were kept for clustering, unit length, float32 (N, D)."""
    at = run["vectors"]
    count = int(np.prod(at["shape"]))
    found = np.fromfile(folder / at["file"], np.float16, count, offset=at["offset"])
    vectors_ND = found.reshape(at["shape"]).astype(np.float32)
    return vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)


def _loss(runs: list[dict[str, Any]], part: float) -> str:
    """Return the average held-out loss when this part of the steps was done."""
    curves = [[row for row in run["curve"] if row[2] is not None] for run in runs]
    if not all(curves):
        return "-"
    losses = [
        min(curve, key=lambda row: abs(row[0] - part * run["steps"]))[2]
        for curve, run in zip(curves, runs, strict=True)
    ]
    return f"{mean(losses):.3f}"


def _seed(run: dict[str, Any]) -> int:
    return run["seed"]
