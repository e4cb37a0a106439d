"""How fast barcodes are embedded, beside what the machine's matrix product allows.

    python benchmarks/embedding.py [--threads 2] [--presets small,base] [--seconds 10]

Every figure is of 658-base barcodes through ``Embedder.embed``: tokenizing, batching, encoder
and pooling. The bound is the rate of a square matrix product of the same precision on the same
threads, measured in the same run, divided by the multiply-adds that one barcode needs.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from timing import TYPES, in_turn, matrix_product

from barcodeembed.devices import set_threads
from barcodeembed.embedding import Embedder
from barcodeembed.model.bundle import ModelBundle
from barcodeembed.model.config import PRESETS
from barcodeembed.model.encoder import Encoder

_LENGTH = 658


def barcodes(count: int) -> list[str]:
    rng = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGT", np.uint8)
    return [letters[row].tobytes().decode() for row in rng.integers(0, 4, (count, _LENGTH))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--presets", default="tiny,small,base")
    parser.add_argument("--seconds", type=float, default=10, help="budget of each figure")
    arguments = parser.parse_args()
    set_threads(arguments.threads)
    print(f"torch {torch.__version__}, {arguments.threads} threads, "
          f"{torch.backends.cpu.get_cpu_capability()}, {_LENGTH}-base barcodes\n")
    print("| preset | precision | barcodes/s | G multiply-adds/s | matrix product, G/s "
          "| barcodes/s it allows | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in arguments.presets.split(","):
        config = PRESETS[name].model
        torch.manual_seed(0)
        model = ModelBundle(Encoder(config), name, {})
        work = config.multiply_adds(config.tokenizer.count_tokens(_LENGTH))
        for precision in TYPES:
            product, multiply_adds = matrix_product(precision)
            embedder = Embedder(model, device="cpu", precision=precision)
            # About a second's work, and whole micro-batches.
            sequences = barcodes(max(36, int(5e10 / work)))
            taken, taken_by_product = in_turn(
                [lambda e=embedder, s=sequences: e.embed(s), product], arguments.seconds
            )
            speed, rate = len(sequences) / taken, multiply_adds / taken_by_product
            print(f"| {name} | {precision} | {speed:,.0f} | {speed * work / 1e9:,.1f} "
                  f"| {rate / 1e9:,.1f} | {rate / work:,.0f} | {speed * work / rate:.2f} |",
                  flush=True)


if __name__ == "__main__":
    main()
