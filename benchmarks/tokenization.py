"""Compare ways of cutting barcodes into tokens: k-mers, overlapping k-mers, byte pairs, bases.

    python benchmarks/tokenization.py run [--only "4-mers/256 byte pairs"] [--seed 0]
    python benchmarks/tokenization.py table > table.md

All models have the shape of the preset ``tiny``. How barcodes are cut is in token_kinds.py, and
how models are trained and scored in short_runs.py. The figures of a run are written to
benchmarks/results/objectives/tokenization/NAME-seedS.json.
"""

from __future__ import annotations

from statistics import mean

import numpy as np
from objectives import RESULTS
from short_runs import Barcodes, cells, main, titles, train_and_score
from token_kinds import TOKENIZATIONS, make_config

from barcodeembed.model.tokenizer import SPECIAL_TOKENS
from barcodeembed.sequences.bases import encode_bases


def run(name: str, seed: int, barcodes: Barcodes) -> dict:
    """Train and score one model."""
    lengths_B = np.array([len(bases) for bases in barcodes.bases])
    cut = TOKENIZATIONS[name](encode_bases("".join(barcodes.bases)), lengths_B)
    config = make_config(cut)
    return {
        "vocabulary": config.tokenizer.vocabulary_size - SPECIAL_TOKENS,
        "tokens": round(float(np.mean(cut.lengths_B // cut.k)), 1),
        **train_and_score(cut, config, seed, barcodes),
    }


def table(runs: dict[str, list[dict]]) -> str:
    """Return a Markdown table with the scores of each tokenization before and after training."""
    head = ["tokens", "vocabulary", "per barcode", "weights", "core-minutes", "vectors", *titles()]
    lines = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for name in TOKENIZATIONS:
        for kind in ("raw", "whitened") if name in runs else ():
            first, *_ = found = runs[name]
            size = [f"{first['vocabulary']:,}", f"{first['tokens']:.0f}"]
            size += [f"{first['weights'] / 1e6:.2f} M"]
            minutes = f"{mean(one['core_minutes'] for one in found):.1f}"
            lines.append(
                "| " + " | ".join([name, *size, minutes, kind, *cells(kind, found)]) + " |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main(__doc__.split("\n")[0], RESULTS / "tokenization", TOKENIZATIONS, run, table)
