"""Measure how fast barcodes are embedded, and compare with the speed of a matrix product.

    python benchmarks/embedding.py [--threads 2] [--presets small,base] [--seconds 10]
    python benchmarks/embedding.py --barcodes FILE      # the shipped model

The time includes tokenizing, batching, the encoder and pooling (``Embedder.encode``). Presets get
barcodes of 658 random bases. The shipped model needs real barcodes, because it finds their position
in the marker; it gets the first 2,048 of the file. The bound is the speed of a square matrix
product with the same precision and threads, measured in the same run, divided by the multiply-adds
for one barcode.
"""

from __future__ import annotations

import argparse
from itertools import islice

import numpy as np
import torch
from timing import TYPES, in_turn, matrix_product

from barcodeembed.embedding.embedder import Embedder
from barcodeembed.model.bundle import ModelBundle, load_model
from barcodeembed.model.config import PRESETS
from barcodeembed.model.devices import set_threads
from barcodeembed.model.encoder import Encoder
from barcodeembed.sequences.cleaning import clean
from barcodeembed.sequences.reading import read_records
from barcodeembed.shipped import shipped_model

_LENGTH = 658


def barcodes(count: int) -> list[str]:
    rng = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGT", np.uint8)
    return [letters[row].tobytes().decode() for row in rng.integers(0, 4, (count, _LENGTH))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--presets", default="tiny,small,base")
    parser.add_argument("--barcodes", help="file of real barcodes, for the shipped model")
    parser.add_argument("--seconds", type=float, default=10, help="minimum time for each figure")
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
        for precision in TYPES:
            product, multiply_adds = matrix_product(precision)
            embedder = Embedder(model, device="cpu", precision=precision)
            # About one second of work, in complete micro-batches.
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
