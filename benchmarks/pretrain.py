"""Measure how fast models are pretrained, and compare with the speed of a matrix product.

    python benchmarks/pretrain.py [--device cpu] [--presets small,base] [--objectives maelm,mlm]

A row is a preset, an objective and a precision. The columns are: barcodes and tokens per second in
complete optimizer steps; the multiply-adds per second of their matrix products (forward and
backward), as a fraction of those of a square matrix product of the same precision; the peak memory
of two steps; and the barcodes per second that the data pipeline alone prepares on one core. The
barcodes are random and have 600 to 700 bases. Each row is measured in a separate process, so that
its memory can be measured.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
from pathlib import Path

import numpy as np
import torch
from timing import in_turn, matrix_product

from barcodeembed.corpus.corpus import encode_corpus, open_corpus
from barcodeembed.model.config import PRESETS
from barcodeembed.objectives.plan import Phase, parse_objective, resolve_settings
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.training.loop import Trainer
from barcodeembed.training.recipe import Recipe
from barcodeembed.training.work import flops_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--presets", default="small,base")
    parser.add_argument("--objectives", default="maelm")
    parser.add_argument("--precisions", default="fp32,bf16")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=20, help="minimum time for each row")
    asked = parser.parse_args()
    print(
        f"torch {torch.__version__}, {asked.device}, {asked.threads} threads, "
        f"batches of {asked.batch_size}\n"
    )
    print(
        "| preset | objective | precision | barcodes/s | tokens/s | G multiply-adds/s "
        "| matrix product, G/s | ratio | peak memory, GB | pipeline alone, barcodes/s |"
    )
    print("| --- " * 10 + "|")
    with tempfile.TemporaryDirectory(prefix="barcodeembed-") as folder:
        encode_corpus(barcodes(4_096), Path(folder) / "corpus")
        for preset in asked.presets.split(","):
            for objective in asked.objectives.split(","):
                for precision in asked.precisions.split(","):
                    row = (preset, objective, precision, asked, Path(folder))
                    process = multiprocessing.get_context("spawn").Process(target=measure, args=row)
                    process.start()
                    process.join()


def measure(
    preset: str, objective: str, precision: str, asked: argparse.Namespace, folder: Path
) -> None:
    """Measure one row and print it."""
    torch.set_num_threads(asked.threads)
    defaults = PRESETS[preset]
    plan = (Phase(1.0, parse_objective(objective)),)
    recipe = Recipe(
        model=defaults.model,
        plan=plan,
        settings=resolve_settings(plan, defaults.settings),
        steps=1_000,
        batch_size=asked.batch_size,
        precision=precision,
        compile=asked.compile,
    )
    trainer = Trainer(recipe, open_corpus(folder / "corpus"), folder, torch.device(asked.device))
    trainer.pretraining.train()
    batch = trainer.prepare(0)
    tokens = trainer.batches.batch(0, 0).tokens_BT.size
    for _ in range(2):  # from the second step on there is the optimizer's state
        trainer.learn(trainer.pretraining, batch)
    memory = peak_memory(asked.device)  # before anything else needs memory
    work = flops_of(trainer.pretraining, 0, batch) / 2
    product, multiply_adds = matrix_product(precision, asked.device)
    taken, taken_by_product, prepared = in_turn(
        [lambda: trainer.learn(trainer.pretraining, batch), product, lambda: trainer.prepare(1)],
        asked.seconds,
        rounds=3,
    )
    rate = multiply_adds / taken_by_product
    print(
        f"| {preset} | {objective} | {precision} | {asked.batch_size / taken:,.0f} "
        f"| {tokens / taken:,.0f} | {work / taken / 1e9:,.1f} | {rate / 1e9:,.1f} "
        f"| {work / taken / rate:.2f} | {memory / 1e9:.1f} "
        f"| {asked.batch_size / prepared:,.0f} |",
        flush=True,
    )


def peak_memory(device: str) -> int:
    """Return the most memory, in bytes, that this process had until now."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def barcodes(count: int):
    """Yield labelled random barcodes, four per species and eight per genus."""
    rng = np.random.default_rng(0)
    for number in range(count):
        bases = "".join(rng.choice(list("ACGT"), rng.integers(600, 700)))
        names = {
            "order": number // 64,
            "family": number // 32,
            "genus": number // 8,
            "species": number // 4,
        }
        lineage = tuple(f"{rank}{names[rank]}" if rank in names else None for rank in RANKS)
        yield SequenceRecord(str(number), bases), lineage


if __name__ == "__main__":
    main()
