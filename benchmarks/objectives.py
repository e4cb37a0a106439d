"""Compare all pretraining objectives with the same budget.

    python benchmarks/objectives.py run [--condition place] [--only maelm/mlm] [--seeds 0,1]
                                        [--jobs 2] [--threads 1]
    python benchmarks/objectives.py table [--condition place] > table.md

``run`` pretrains a model with each objective on the same barcodes and for the same number of
steps, and scores it on the validation queries with one reference barcode of every species. The
models of the condition ``average`` have a token for each k-mer and average the tokens' features;
those of ``place`` merge k-mers and pool by position, as the model that ships does. All runs except
those called ``unanchored`` read barcodes at their position in the marker. Completed runs are
skipped, and interrupted runs are resumed. The figures of a run are written to
benchmarks/results/objectives/CONDITION/NAME-seedS.json. ``--data`` is the folder of the tables, by
default ``../shared/data/coi``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, median

RESULTS = Path(__file__).parent / "results" / "objectives"
CORPUS = ("reference", "pretrain_only", "supplement")
QUERIES = ("val_seen", "val_unseen_species", "val_unseen_genus")

#: The shape of the models of each condition.
SHAPES = {
    "average": ["--preset", "tiny"],
    "place": "--preset aligned --k 4 --width 120 --layers 2 --heads 4".split(),
}

#: 2,400 steps of 64 barcodes: 153,600 barcodes of about 640 bases, 25 million k-mers.
BUDGET = [
    "--learning-rate",
    "0.002",
    "--steps",
    "2400",
    "--batch-size",
    "64",
    "--precision",
    "fp32",
    "--report-every",
    "100",
    "--evaluate-every",
    "600",
    "--checkpoint-every",
    "200",
]

#: The name of each run and its options. The first group uses no names, the second group does.
LABEL_FREE = {
    "untrained": ["--learning-rate", "0", "--steps", "1"],
    "maelm": ["--objective", "maelm"],
    "maelm-deep": ["--objective", "maelm", "--set", "decoder_layers=2"],
    "maelm-masks": ["--objective", "maelm", "--set", "encoder_masks=yes"],
    "maelm-narrow": ["--objective", "maelm", "--set", "decoder_width=32"],
    "maelm-span": ["--objective", "maelm", "--set", "span=3", "--set", "codons=yes"],
    "maelm-shown": ["--objective", "maelm", "--set", "random=0.1", "--set", "kept=0.1"],
    "maelm-variable": ["--objective", "maelm", "--set", "sites=variable"],
    "mlm": ["--objective", "mlm"],
    "mlm-bert": ["--objective", "mlm", "--set", "random=0.1", "--set", "kept=0.1"],
    "mlm-singularity": ["--objective", "mlm", "--set", "singularity=1"],
    "evolve": ["--objective", "evolve"],
    "codes": ["--objective", "codes"],
    "pseudo": ["--objective", "pseudo"],
    "translate": ["--objective", "translate"],
    "clm": ["--objective", "clm"],
    "meap": ["--objective", "meap"],
    "clm-maelm": ["--schedule", "clm:0.3,maelm:0.7"],
    "clm-mlm": ["--schedule", "clm:0.3,mlm:0.7"],
    "clm-mlm-causal": ["--schedule", "clm:0.3,mlm:0.7", "--causal-blocks", "1"],
    "rtd": ["--objective", "rtd"],
    "rtd-deberta": ["--objective", "rtd", "--set", "sharing=deberta"],
    "courses": ["--objective", "courses"],
    "rts": ["--objective", "rts"],
    "crts": ["--objective", "crts"],
    "crts-errors": ["--objective", "crts", "--set", "errors=yes"],
    "slm": ["--objective", "slm"],
    "ngram": ["--objective", "ngram"],
    "ngram-generator": ["--objective", "ngram", "--set", "generator=yes"],
    "wced": ["--objective", "wced"],
    "contrastive": ["--objective", "contrastive"],
    "splade": ["--objective", "splade"],
    "fragments": ["--objective", "fragments", "--set", "bin_weight=0"],
    "contrastive-soft": ["--objective", "contrastive", "--set", "soften=0.3"],
    "maelm+contrastive": ["--objective", "maelm+contrastive:0.1"],
    "maelm+wced": ["--objective", "maelm+wced"],
}
LABELLED = {
    "taxonomy": ["--objective", "taxonomy"],
    "maelm+taxonomy": ["--objective", "maelm+taxonomy"],
    "naming": ["--objective", "naming"],
    "fragments-bin": ["--objective", "fragments", "--group-by", "bin:2"],
    "supcon": ["--objective", "supcon", "--group-by", "genus:4"],
    "distill": ["--objective", "distill", "--set", "teacher={teacher}"],
}
#: A student whose tokens have half as many bases as its teacher's.
SHORTER = {"distill-short": [*LABELLED["distill"], "--k", "5", "--merge", "2"]}
UNANCHORED = {
    f"{name}, unanchored": LABEL_FREE[name] for name in ("untrained", "maelm", "mlm", "clm")
}
ANCHORED = LABEL_FREE | LABELLED | SHORTER
RUNS = {name: ["--anchor", *flags] for name, flags in ANCHORED.items()} | UNANCHORED

#: Runs that cannot read merged k-mers, and ``maelm-span``: a merged token is a span already.
UNMERGED = {"ngram", "ngram-generator", "maelm-span"}
OF_CONDITION = {
    "average": [name for name in RUNS if name not in SHORTER],
    "place": [name for name in ANCHORED if name not in UNMERGED],
}

#: The teacher of ``distill`` is the run of this name with seed 0.
TEACHER = {"average": "maelm+taxonomy", "place": "taxonomy"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("action", choices=("run", "table"))
    parser.add_argument("--condition", choices=SHAPES, default="place")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/coi"))
    parser.add_argument("--out", type=Path, default=Path("objectives"), help="models and logs")
    parser.add_argument("--only", help="names of runs, separated by slashes")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="threads per job")
    asked = parser.parse_args()
    if asked.action == "table":
        print(table(RESULTS / asked.condition))
        return
    names = asked.only.split("/") if asked.only else OF_CONDITION[asked.condition]
    asked.out.mkdir(exist_ok=True)
    encode(asked)
    reference = one_of_each_species(asked.data / "reference.tsv.gz", asked.out / "species.tsv.gz")
    todo = [(name, int(seed)) for seed in asked.seeds.split(",") for name in names]
    with ThreadPoolExecutor(asked.jobs) as pool:
        for made in [pool.submit(run, *each, asked, reference) for each in todo]:
            made.result()


def encode(asked: argparse.Namespace) -> None:
    """Encode the corpus once; all runs use hard links to it."""
    if not (asked.out / "encoded.training" / "corpus").exists():
        corpus = [str(asked.data / f"{part}.tsv.gz") for part in CORPUS]
        command = [
            sys.executable,
            "-m",
            "barcodeembed",
            "pretrain",
            *corpus,
            "-o",
            str(asked.out / "encoded"),
            *SHAPES[asked.condition],
            *BUDGET,
            "--anchor",
            "--max-minutes",
            "0",
        ]
        subprocess.run(command, check=True)


def link_encoded(encoded: Path, training: Path) -> None:
    """Give a run the encoded corpus and its positions in the marker, as hard links."""
    if training.exists():
        return
    shutil.copytree(encoded / "corpus", training / "corpus", copy_function=os.link)
    for positions in encoded.glob("positions-*.npz"):
        os.link(positions, training / positions.name)


def run(name: str, seed: int, asked: argparse.Namespace, reference: Path) -> None:
    """Pretrain and score one run."""
    stem = f"{name.replace(', ', '-')}-seed{seed}"
    result = RESULTS / asked.condition / f"{stem}.json"
    if result.exists():
        return
    model = asked.out / asked.condition / stem
    teacher = model.with_name(f"{TEACHER[asked.condition]}-seed0")
    flags = [flag.format(teacher=teacher) for flag in RUNS[name]]
    link_encoded(asked.out / "encoded.training", Path(f"{model}.training"))
    made = {
        "run": name,
        "seed": seed,
        "flags": RUNS[name],
        "budget": [*SHAPES[asked.condition], *BUDGET],
    }
    corpus = [asked.data / f"{part}.tsv.gz" for part in CORPUS]
    flags = [*made["budget"], *flags, "--seed", str(seed)]
    train_and_score(model, corpus, flags, reference, asked, made, result)


def train_and_score(
    model: Path,
    corpus: list[Path],
    flags: list[str],
    reference: Path,
    asked: argparse.Namespace,
    made: dict,
    result: Path,
) -> None:
    """Pretrain a model and score it, each in a separate process; write ``made`` and the scores."""
    threads = ["--threads", str(asked.threads)]
    queries = [asked.data / f"{part}.tsv.gz" for part in QUERIES]
    scores = model.with_name(f"{model.name}.json")
    environment = os.environ | {"OMP_NUM_THREADS": str(asked.threads), "OMP_WAIT_POLICY": "PASSIVE"}
    pretrain = [sys.executable, "-m", "barcodeembed", "pretrain", *corpus, "-o", model, *flags]
    score = [sys.executable, Path(__file__).with_name("score.py"), model, reference, *queries]
    began = time.time()
    with open(model.with_name(f"{model.name}.log"), "a") as log:
        for command in ([*pretrain, *threads, "--resume"], [*score, *threads, "--json", scores]):
            subprocess.run(command, stdout=log, stderr=log, env=environment, check=True)
    metrics = [json.loads(line) for line in Path(f"{model}.training/metrics.jsonl").open()]
    # The median, so that a pause of the machine has no effect.
    speed = median(row["sequences_per_second"] for row in metrics)
    made |= {
        "threads": asked.threads,
        "jobs": asked.jobs,
        "training_seconds": round(metrics[-1]["step"] * 64 / speed),
        "sequences_per_second": round(speed, 1),
        "loss": {row["step"]: {key: row[key] for key in row if "loss" in key} for row in metrics},
        **json.loads(scores.read_text()),
    }
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(made, indent=1) + "\n")
    print(f"{result.stem}: {time.time() - began:.0f} s", flush=True)


def one_of_each_species(source: Path, path: Path) -> Path:
    """Write one barcode of every species, drawn with seed 0."""
    if path.exists():
        return path
    with gzip.open(source, "rt", encoding="utf-8") as stream:
        header, *lines = stream
    column = header.rstrip("\n").split("\t").index("species")
    random.Random(0).shuffle(lines)
    chosen = {line.split("\t")[column]: line for line in lines}
    chosen.pop("", None)
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines([header, *sorted(chosen.values())])
    return path


def table(results: Path) -> str:
    """Return Markdown tables with the mean and the range over the seeds of each run."""
    found: dict[str, list[dict]] = {}
    for path in sorted(results.glob("*.json")):
        result = json.loads(path.read_text())
        found.setdefault(result["run"], []).append(result)
    columns = [("seen", "species"), ("unseen species", "genus"), ("unseen genus", "family")]
    lines = []
    for title, group in (
        ("label-free", LABEL_FREE),
        ("unanchored", UNANCHORED),
        ("with labels", LABELLED | SHORTER),
    ):
        if found.keys().isdisjoint(group):
            continue
        lines += [
            f"| {title} | vectors | seeds | "
            + " | ".join(f"{c}: {r}" for c, r in columns)
            + " | AUROC, novel species | AUROC, novel genus | core-minutes |",
            "| --- " * (len(columns) + 6) + "|",
        ]
        for name in group:
            for kind in ("raw", "whitened"):
                if name in found:
                    lines.append(_row(name, kind, found[name], columns))
        lines.append("")
    return "\n".join(lines)


def _row(name: str, kind: str, runs: list[dict], columns: list[tuple[str, str]]) -> str:
    scores = [
        [run[kind]["accuracy"][c][r] for c, r in columns]
        + [run[kind]["novelty_auroc"][r] for r in ("species", "genus")]
        for run in runs
    ]
    cells = [spread(values) for values in zip(*scores, strict=True)]
    minutes = mean(run["training_seconds"] * run["threads"] for run in runs) / 60
    return "| " + " | ".join([name, kind, str(len(runs)), *cells, f"{minutes:.0f}"]) + " |"


def spread(values: Sequence[float]) -> str:
    """Return the mean of values, and their range if there are several."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
