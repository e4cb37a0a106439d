"""How fast barcodes are embedded, beside what the machine's matrix product allows.

    python benchmarks/embedding.py [--threads 2] [--presets small,base] [--seconds 10]
    python benchmarks/embedding.py --barcodes FILE      # of the model that ships

Every figure is of barcodes through ``Embedder.embed``: tokenizing, batching, encoder and pooling.
Those of presets have 658 random bases; the model that ships must be given real ones, as it looks
for their place in the marker, and takes the first 2,048 of the file. The bound is the rate of a
square matrix product of the same precision on the same threads, measured in the same run, divided
by the multiply-adds that one barcode needs.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import islice

import numpy as np
import torch

from barcodeembed.embedding.embedder import Embedder
from barcodeembed.model.bundle import ModelBundle, load_model
from barcodeembed.model.config import PRESETS
from barcodeembed.model.devices import set_threads
from barcodeembed.model.encoder import Encoder
from barcodeembed.sequences.cleaning import clean
from barcodeembed.sequences.reading import read_records
from barcodeembed.shipped import shipped_model

_LENGTH = 658
_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def seconds_of(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turn(works: list[Callable[[], object]], budget: float) -> list[float]:
    """Return the median seconds of each work, done in turn: a machine's drift meets all alike."""
    for work in works:
        work()
    rounds: list[list[float]] = []
    began = time.perf_counter()
    while len(rounds) < 5 or time.perf_counter() - began < budget:
        rounds.append([seconds_of(work) for work in works])
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


def matrix_product(precision: str) -> tuple[Callable[[], object], int]:
    """Return a square matrix product and its multiply-adds."""
    size = 2_048
    a, b = (torch.randn(size, size, dtype=_TYPES[precision]) for _ in range(2))
    return lambda: a @ b, size**3


def barcodes(count: int) -> list[str]:
    rng = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGT", np.uint8)
    return [letters[row].tobytes().decode() for row in rng.integers(0, 4, (count, _LENGTH))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--presets", default="tiny,small,base")
    parser.add_argument("--barcodes", help="file of real barcodes, for the model that ships")
    parser.add_argument("--seconds", type=float, default=10, help="budget of each figure")
    arguments = parser.parse_args()
    set_threads(arguments.threads)
    print(
        f"torch {torch.__version__}, {arguments.threads} threads, "
        f"{torch.backends.cpu.get_cpu_capability()}, "
        f"{arguments.barcodes or f'{_LENGTH} random bases'}\n"
    )
    print(
        "| preset | precision | barcodes/s | G multiply-adds/s | matrix product, G/s "
        "| barcodes/s it allows | ratio |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    real = arguments.barcodes and [
        clean(record, max_bases=20_000).bases
        for record in islice(read_records(arguments.barcodes), 2_048)
    ]
    for name in ["shipped"] if real else arguments.presets.split(","):
        torch.manual_seed(0)
        model = (
            load_model(shipped_model())
            if real
            else ModelBundle(Encoder(PRESETS[name].model), name, {})
        )
        config = model.config
        work = config.multiply_adds(_LENGTH // config.token_bases)
        for precision in _TYPES:
            product, multiply_adds = matrix_product(precision)
            embedder = Embedder(model, device="cpu", precision=precision)
            # About a second's work, and whole micro-batches.
            sequences = real or barcodes(max(36, int(5e10 / work)))
            taken, taken_by_product = in_turn(
                [lambda e=embedder, s=sequences: e.encode(s), product], arguments.seconds
            )
            speed, rate = len(sequences) / taken, multiply_adds / taken_by_product
            print(
                f"| {name} | {precision} | {speed:,.0f} | {speed * work / 1e9:,.1f} "
                f"| {rate / 1e9:,.1f} | {rate / work:,.0f} | {speed * work / rate:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
