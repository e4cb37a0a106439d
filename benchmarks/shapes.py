"""Compare shapes of the model by what they cost and what they learn.

    python benchmarks/shapes.py run [--only "base/alibi"] [--seed 0]
    python benchmarks/shapes.py table > table.md

Each shape differs in one thing from the preset ``tiny``, except ``mosaic``, which has the gated
activation and the positions of MosaicBERT (Portes et al., arXiv 2312.17482). How models are trained
and scored is in short_runs.py. A shape is on the Pareto front if no other has a lower held-out loss
for the same or less work, or the same loss for less. The figures of a run are written to
benchmarks/results/objectives/shapes/NAME-seedS.json.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import mean
from typing import Any

import numpy as np
from objectives import RESULTS, spread
from short_runs import Barcodes, cells, main, titles, train_and_score
from token_kinds import TOKENIZATIONS, make_config

from barcodeembed.sequences.bases import encode_bases

#: Pre-norm, GELU, rotary positions, width 64, 2 layers, 2 heads.
SHAPES: dict[str, dict[str, Any]] = {
    "base": {},
    "post-norm": {"norm": "post"},
    "geglu": {"feed_forward": "geglu"},
    "learned": {"positions": "learned"},
    "alibi": {"positions": "alibi"},
    "disentangled": {"positions": "disentangled"},
    "mosaic": {"positions": "alibi", "feed_forward": "geglu"},
    "1 layer": {"layers": 1},
    "4 layers": {"layers": 4},
    "width 32": {"width": 32, "feed_forward_width": 128},
    "width 128": {"width": 128, "feed_forward_width": 512},
}

#: The tokens of a barcode of 640 bases.
_TOKENS = 160


def run(name: str, seed: int, barcodes: Barcodes) -> dict:
    """Train and score one model."""
    lengths_B = np.array([len(bases) for bases in barcodes.bases])
    cut = TOKENIZATIONS["4-mers"](encode_bases("".join(barcodes.bases)), lengths_B)
    config = replace(make_config(cut), **SHAPES[name])
    return {
        "multiply_adds": config.multiply_adds(_TOKENS),
        **train_and_score(cut, config, seed, barcodes),
    }


def pareto_front(points: dict[str, tuple[float, float]]) -> set[str]:
    """Return the names of the points (work, loss) that no other one is better than."""
    return {
        name
        for name, (work, loss) in points.items()
        if not any(w <= work and x <= loss and (w, x) != (work, loss) for w, x in points.values())
    }


def table(runs: dict[str, list[dict]]) -> str:
    """Return a Markdown table: the shapes in the order of their work."""
    points = {
        name: (found[0]["multiply_adds"], mean(one["held_out_loss"] for one in found))
        for name, found in runs.items()
    }
    front = pareto_front(points)
    head = [
        "shape",
        "multiply-adds",
        "weights",
        "core-minutes",
        "held-out loss",
        "front",
        *titles(),
    ]
    lines = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for name in sorted(points, key=points.__getitem__):
        found = runs[name]
        work = f"{points[name][0] / 1e6:.0f} M | {found[0]['weights'] / 1e6:.2f} M"
        minutes = f"{mean(one['core_minutes'] for one in found):.1f}"
        loss = spread([one["held_out_loss"] for one in found])
        row = [name, work, minutes, loss, "yes" if name in front else "", *cells("raw", found)]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main(__doc__.split("\n")[0], RESULTS / "shapes", SHAPES, run, table)
