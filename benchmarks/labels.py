"""With few labels, does pretraining pay? Fine-tune models on the names of some of the species.

    python benchmarks/labels.py run [--starts untrained/maelm] [--percent 1,10,100] [--seeds 0,1]
    python benchmarks/labels.py table > table.md

``run`` needs the models of ``python benchmarks/objectives.py run --condition place`` in ``--out``.
Each is trained further with the objective ``taxonomy``, on the barcodes of 1, 10 or 100 % of the
species of the reference. ``untrained`` has random weights, so this is training from scratch. The
scores are those of the condition ``place``: the names of all references are used to name queries,
but only the names of the chosen species are used for training. Completed runs are skipped, and
interrupted runs are resumed. The figures of a run are written to
benchmarks/results/objectives/labels/START-PERCENT-seedS.json.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import subprocess
import sys
from pathlib import Path

from objectives import RESULTS, link_encoded, one_of_each_species, spread, train_and_score

STARTS = ("untrained", "maelm", "mlm", "contrastive", "maelm+contrastive")
PERCENT = (1, 10, 100)

#: 300 steps of 64 barcodes, an eighth of the steps of the models of ``place``.
BUDGET = (
    "--preset aligned --objective taxonomy --steps 300 --batch-size 64 --precision fp32 "
    "--learning-rate 0.001 --report-every 100 --evaluate-every 300 --checkpoint-every 200"
).split()

COLUMNS = (("seen", "species"), ("unseen species", "genus"), ("unseen genus", "family"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("action", choices=("run", "table"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data/coi"))
    parser.add_argument("--out", type=Path, default=Path("objectives"), help="models and logs")
    parser.add_argument("--starts", default="/".join(STARTS))
    parser.add_argument("--percent", default=",".join(map(str, PERCENT)))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    asked.jobs = 1
    if asked.action == "table":
        print(table(RESULTS))
        return
    reference = one_of_each_species(asked.data / "reference.tsv.gz", asked.out / "species.tsv.gz")
    for seed in map(int, asked.seeds.split(",")):
        for percent in map(int, asked.percent.split(",")):
            for start in asked.starts.split("/"):
                run(start, percent, seed, asked, reference)


def run(start: str, percent: int, seed: int, asked: argparse.Namespace, reference: Path) -> None:
    """Fine-tune and score one model."""
    stem = f"{start}-{percent}-seed{seed}"
    result = RESULTS / "labels" / f"{stem}.json"
    if result.exists():
        return
    init = asked.out / "place" / f"{start}-seed{seed}"
    labelled = write_labelled(asked.data / "reference.tsv.gz", percent, asked.out)
    encoded = encode(labelled, init, asked)
    model = asked.out / "labels" / stem
    link_encoded(encoded, Path(f"{model}.training"))
    made = {"start": start, "percent": percent, "seed": seed, "budget": BUDGET}
    flags = ["--init", init, *BUDGET, "--seed", str(seed)]
    train_and_score(model, [labelled], flags, reference, asked, made, result)


def write_labelled(source: Path, percent: int, folder: Path) -> Path:
    """Write the rows of a random part of the species. The species of a smaller part are in it."""
    path = folder / f"labelled-{percent}.tsv.gz"
    if path.exists():
        return path
    with gzip.open(source, "rt", encoding="utf-8") as stream:
        header, *lines = stream
    column = header.rstrip("\n").split("\t").index("species")
    of_species: dict[str, list[str]] = {}
    for line in lines:
        of_species.setdefault(line.split("\t")[column], []).append(line)
    of_species.pop("", None)
    species = sorted(of_species)
    random.Random(0).shuffle(species)
    chosen = species[: round(len(species) * percent / 100)]
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.write(header)
        for name in chosen:
            stream.writelines(of_species[name])
    return path


def encode(labelled: Path, init: Path, asked: argparse.Namespace) -> Path:
    """Encode the labelled barcodes once; all runs use hard links to the result."""
    encoded = asked.out / labelled.name.removesuffix(".tsv.gz")
    if not (training := Path(f"{encoded}.training")).exists():
        pretrain = [sys.executable, "-m", "barcodeembed", "pretrain", labelled, "-o", encoded]
        subprocess.run([*pretrain, "--init", init, *BUDGET, "--max-minutes", "0"], check=True)
    return training


def table(results: Path) -> str:
    """Return a Markdown table: a row for each start, without and with labels; raw vectors."""
    titles = [f"{split}: {rank}" for split, rank in COLUMNS]
    lines = [
        "| labels | trained from | seeds | " + " | ".join(titles) + " |",
        "| --- " * (len(titles) + 3) + "|",
    ]
    for percent in (0, *PERCENT):
        for start in STARTS:
            pattern = f"labels/{start}-{percent}-seed*" if percent else f"place/{start}-seed*"
            runs = [
                json.loads(path.read_text()) for path in sorted(results.glob(f"{pattern}.json"))
            ]
            if runs:
                lines.append(_row(percent, start, runs))
    return "\n".join(lines)


def _row(percent: int, start: str, runs: list[dict]) -> str:
    labels = f"{percent} % of the species" if percent else "none"
    cells = [spread([run["raw"]["accuracy"][s][r] for run in runs]) for s, r in COLUMNS]
    return "| " + " | ".join([labels, start, str(len(runs)), *cells]) + " |"


if __name__ == "__main__":
    main()
