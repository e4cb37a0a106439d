"""Draw the reliability curves of an index as SVG: the fraction of correct names by confidence.

    python benchmarks/reliability.py NAME.bix > docs/reliability.svg

The curves are those in calibration.json of the index, for examples that the models were not fitted
to. The area of a point is the fraction of the examples.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from barcodeembed.taxonomy.ranks import RANKS

_SIDE, _GAP, _TOP = 150, 34, 40


def panel(rank: str, model: dict, left: int) -> str:
    """Return the curve of a rank: the fraction of correct names (y) by confidence (x)."""
    points = [
        (left + x * _SIDE, _TOP + (1 - y) * _SIDE, max(1.5, 9 * fraction**0.5))
        for x, y, fraction in model["report"]["curve"]
    ]
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}"/>' for x, y, r in points)
    error = model["report"]["calibration_error"]
    return (
        f'<rect x="{left}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" class="frame"/>'
        f'<line x1="{left}" y1="{_TOP + _SIDE}" x2="{left + _SIDE}" y2="{_TOP}" class="even"/>'
        f'<text x="{left}" y="{_TOP - 10}">{rank}, error {error:.3f}</text>'
        f'<g class="dots">{dots}</g>'
        f'<text x="{left}" y="{_TOP + _SIDE + 14}" class="tick">0</text>'
        f'<text x="{left + _SIDE}" y="{_TOP + _SIDE + 14}" class="tick" text-anchor="end">1</text>'
    )


def draw(models: dict[str, dict]) -> str:
    """Return an SVG with the curves of all ranks, from the models in calibration.json."""
    width = _GAP + len(models) * (_SIDE + _GAP)
    height = _TOP + _SIDE + 44
    panels = "".join(
        panel(rank, model, _GAP + i * (_SIDE + _GAP))
        for i, (rank, model) in enumerate(models.items())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'aria-label="Fraction of correct names by confidence, for each rank">'
        "<style>text{font:12px sans-serif;fill:#444}.tick{font-size:10px}"
        ".frame{fill:#fff;stroke:#999}.even{stroke:#bbb;stroke-dasharray:4 3}"
        ".dots{fill:#1668a8;fill-opacity:.8}</style>"
        f'<rect width="{width}" height="{height}" fill="#fff"/>{panels}'
        f'<text x="{_GAP}" y="{height - 8}">'
        "horizontal: confidence; vertical: fraction of the names "
        "that are correct; on the dashed line they are equal</text></svg>\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", type=Path)
    arguments = parser.parse_args()
    ranks = json.loads((arguments.index / "calibration.json").read_text())["ranks"]
    print(draw({rank: ranks[rank] for rank in RANKS if rank in ranks}), end="")


if __name__ == "__main__":
    main()
