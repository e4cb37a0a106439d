"""Check pretraining on a GPU against the CPU, and measure its speed there.

    python benchmarks/gpu.py smoke [--device cuda] [--out gpu.json]

``smoke`` makes five checks on simulated barcodes:

- ``objectives``: every objective takes one step on the device and on the CPU, from the same weights
  and on the same batch. Losses and norms of the gradients must agree.
- ``resume``: a run that is stopped, saved and resumed must have the losses of an uninterrupted one.
- ``embed``: vectors must be those of the CPU.
- ``speed``: a table of barcodes per second, in steps alone and in the whole loop with the
  preparation of batches, TFLOP/s of the matrix products, their fraction of the highest speed by the
  data sheet, and the peak memory.
- ``compile``: compiled blocks must have the losses of uncompiled ones, and stay compiled.

It needs torch, numpy and safetensors, but neither faiss nor Biopython, pyfastx or edlib, and the
package need not be installed. The exit code is 1 if a check fails.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from barcodeembed.corpus.corpus import Corpus, encode_corpus, open_corpus  # noqa: E402
from barcodeembed.corpus.marker_positions import anchor_of, located  # noqa: E402
from barcodeembed.embedding.embedder import Embedder  # noqa: E402
from barcodeembed.model.bundle import load_model, save_model  # noqa: E402
from barcodeembed.model.config import PRESETS  # noqa: E402
from barcodeembed.model.encoder import Encoder  # noqa: E402
from barcodeembed.objectives import OBJECTIVES  # noqa: E402
from barcodeembed.objectives.plan import parse_schedule, resolve_settings  # noqa: E402
from barcodeembed.sequences.records import SequenceRecord  # noqa: E402
from barcodeembed.taxonomy.ranks import RANKS  # noqa: E402
from barcodeembed.training.loop import METRICS, Trainer  # noqa: E402
from barcodeembed.training.recipe import Recipe  # noqa: E402
from barcodeembed.training.work import flops_of, peak_of  # noqa: E402
from barcodeembed.vectors.normalise import normalise  # noqa: E402

CPU = torch.device("cpu")
Cases = dict[str, Callable[[], dict]]

#: The models of the table of speed.
MODELS = {name: PRESETS[name].model for name in ("tiny", "small", "base", "aligned")} | {
    "384x6": replace(PRESETS["small"].model, width=384, heads=6, layers=6, feed_forward_width=1536)
}

#: Model, objective, precision, barcodes per step, compiled or not.
SPEED = (
    "small:maelm:fp32:512:no,small:maelm:bf16:512:no,384x6:maelm:bf16:512:no,"
    "384x6:mlm:bf16:512:no,384x6:clm:bf16:512:no,base:maelm:bf16:256:no,"
    "aligned:taxonomy:bf16:1024:no,384x6:maelm:bf16:512:yes,base:maelm:bf16:256:yes,"
    "aligned:taxonomy:bf16:1024:yes"
)

#: Relative differences that are accepted: of losses, and of the norms of gradients in fp32.
LOSS, GRADIENT = {"fp32": 1e-3, "bf16": 1e-2}, 1e-2

#: How much less than 1 the similarity of vectors can be.
SIMILARITY = {"fp32": 1e-5, "bf16": 1e-2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("smoke",))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--checks", default=",".join(CHECKS))
    parser.add_argument("--barcodes", type=int, default=4_096, help="simulated barcodes")
    parser.add_argument("--speed", default=SPEED, help="MODEL:OBJECTIVE:PRECISION:BATCH:COMPILED,…")
    parser.add_argument("--seconds", type=float, default=2, help="for each row of the speed table")
    parser.add_argument("--out", type=Path, help="a JSON file of all results")
    asked = parser.parse_args()
    device = torch.device(asked.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"torch {torch.__version__}, {name}", flush=True)
    rows = []
    with tempfile.TemporaryDirectory(prefix="barcodeembed-") as folder:
        bench = make_bench(asked, device, Path(folder))
        for check in asked.checks.split(","):
            for case, work in CHECKS[check](bench).items():
                rows.append({"check": check, "case": case} | attempt(work))
                print_row(rows[-1])
                if asked.out:
                    found = {"torch": torch.__version__, "device": name, "rows": rows}
                    asked.out.write_text(json.dumps(found, indent=1) + "\n")
    failed = sum(not row["ok"] for row in rows)
    print(f"{failed} of {len(rows)} failed" if failed else "all is well")
    sys.exit(failed > 0)


def attempt(work: Callable[[], dict]) -> dict:
    """Return what a case measured. One that fails does not end the others."""
    began = time.perf_counter()
    try:
        row = work()
    except Exception as error:
        traceback.print_exc()
        row = {"ok": False, "error": f"{type(error).__name__}: {error}"[:500]}
    return row | {"seconds": round(time.perf_counter() - began, 1)}


def print_row(row: dict) -> None:
    shown = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items() if k != "ok"}
    cells = "  ".join(f"{name} {value}" for name, value in shown.items())
    print(f"{'ok    ' if row['ok'] else 'FAILED'}  {cells}", flush=True)


@dataclass(frozen=True)
class Bench:
    """What all checks use."""

    asked: argparse.Namespace
    device: torch.device
    folder: Path
    corpus: Corpus

    def trainer(
        self, name: str, plan_text: str, device: torch.device, settings: tuple = (), **changes
    ) -> Trainer:
        """Return a trainer with a new directory, which always begins with the same weights."""
        plan = parse_schedule(plan_text)
        model = changes.pop("model", replace(PRESETS["tiny"].model, max_tokens=180))
        recipe = Recipe(
            model=model,
            plan=plan,
            settings=resolve_settings(plan, {"decoder_layers": 1}, list(settings)),
            **{"steps": 12, "batch_size": 16, "learning_rate": 1e-3} | changes,
        )
        path = self.folder / name
        path.mkdir(exist_ok=True)
        if model.anchored:
            return anchored_trainer(recipe, self.corpus, path, device)
        return Trainer(recipe, self.corpus, path, device)


def make_bench(asked: argparse.Namespace, device: torch.device, folder: Path) -> Bench:
    encode_corpus(barcodes(asked.barcodes), folder / "corpus")
    torch.manual_seed(0)
    teacher = Encoder(replace(PRESETS["tiny"].model, width=96, heads=3))
    save_model(folder / "teacher", teacher, {})
    save_model(folder / "small", Encoder(PRESETS["small"].model), {})
    return Bench(asked, device, folder, open_corpus(folder / "corpus"))


def barcodes(count: int):
    """Yield relatives of one random barcode: four per species, eight per genus, half with names."""
    rng = np.random.default_rng(0)
    genus = species = first = rng.integers(0, 4, 660)
    for number in range(count):
        if number % 8 == 0:
            genus = changed(first, 0.15, rng)
        if number % 4 == 0:
            species = changed(genus, 0.05, rng)
        bases = changed(species, 0.01, rng)[rng.integers(0, 40) :]
        sizes = {"order": 64, "family": 32, "genus": 8, "species": 4}
        names = {rank: f"{rank}{number // size}" for rank, size in sizes.items() if number % 2}
        record = SequenceRecord(str(number), "".join("ACGT"[base] for base in bases))
        yield record, tuple(names.get(rank) for rank in RANKS)


def changed(bases: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Return bases of which some are substituted."""
    return (bases + rng.integers(1, 4, len(bases)) * (rng.random(len(bases)) < rate)) % 4


def anchored_trainer(recipe: Recipe, corpus: Corpus, path: Path, device: torch.device) -> Trainer:
    anchor, _ = anchor_of(corpus)
    torch.manual_seed(recipe.seed)
    max_tokens = -(-anchor.length // recipe.model.token_bases)
    model = replace(recipe.model, positions="learned", max_tokens=max_tokens)
    encoder = Encoder(model)
    encoder.set_anchor(anchor)
    placed = located(corpus, anchor, path.parent / "positions")
    return Trainer(replace(recipe, model=model), placed, path, device, encoder=encoder)


def check_objectives(bench: Bench) -> Cases:
    """Compare one step of every objective with that of the CPU."""
    aligned = replace(PRESETS["aligned"].model, width=80, heads=2, feed_forward_width=160, layers=2)
    anchored = replace(PRESETS["tiny"].model, anchored=True)
    cases = {name: (f"{name}:1", {}) for name in OBJECTIVES}
    cases["distill"] = ("distill:1", {"settings": (f"teacher={bench.folder / 'teacher'}",)})
    cases |= {
        "sum": ("maelm+contrastive:1", {}),
        "encoder masks": ("maelm:1", {"settings": ("encoder_masks=yes",)}),
        "many classes": ("taxonomy:1", {"settings": ("max_classes=4",)}),
        "anchored": ("maelm:1", {"model": anchored}),
        "aligned": ("taxonomy:1", {"model": aligned}),
    }
    return {
        name: partial(compare_step, bench, plan, changes) for name, (plan, changes) in cases.items()
    }


def compare_step(bench: Bench, plan: str, changes: dict) -> dict:
    mine = one_step(bench.trainer("cpu", plan, CPU, **changes))
    theirs = one_step(bench.trainer("device", plan, bench.device, **changes))
    rounded = one_step(bench.trainer("device", plan, bench.device, precision="bf16", **changes))
    gaps = {
        "loss": largest_gap([mine["loss"]], [theirs["loss"]]),
        "gradient": largest_gap([mine["gradient_norm"]], [theirs["gradient_norm"]]),
        "loss_bf16": largest_gap([mine["loss"]], [rounded["loss"]]),
    }
    limits = (LOSS["fp32"], GRADIENT, LOSS["bf16"])
    ok = all(gap <= limit for gap, limit in zip(gaps.values(), limits, strict=True))
    return {"ok": ok, "cpu_loss": mine["loss"], **gaps}


def one_step(trainer: Trainer) -> dict[str, float]:
    """Take the first step, and return its metrics."""
    trainer.pretraining.train()
    metrics = trainer.learn(trainer.pretraining, trainer.prepare(0))
    return {name: value.item() for name, value in metrics.items()}


def largest_gap(one: list[float], other: list[float]) -> float:
    """Return the largest relative difference of two lists; nan or inf is never accepted."""
    if len(one) != len(other):
        return float("inf")
    return float(np.max([abs(a - b) / abs(a) for a, b in zip(one, other, strict=True)]))


def check_resume(bench: Bench) -> Cases:
    """Compare runs that were resumed with uninterrupted ones."""
    return {precision: partial(compare_resumed, bench, precision) for precision in LOSS}


def compare_resumed(bench: Bench, precision: str) -> dict:
    model = replace(PRESETS["tiny"].model, dropout=0.1)
    whole, first, again = (
        bench.trainer(
            f"{name}-{precision}", "maelm:1", bench.device, model=model, precision=precision
        )
        for name in ("whole", "resumed", "resumed")
    )
    whole.run(report_every=1)
    first.run(until=6, report_every=1)
    resumed = again.resume()
    again.run(report_every=1)
    gap = largest_gap(losses_of(whole), losses_of(again))
    pairs = zip(whole.encoder.parameters(), again.encoder.parameters(), strict=True)
    weights = max((a - b).detach().abs().max().item() for a, b in pairs)
    return {"ok": resumed and gap <= LOSS[precision], "loss": gap, "weights": weights}


def losses_of(trainer: Trainer) -> list[float]:
    lines = (trainer.directory / METRICS).read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def check_compile(bench: Bench) -> Cases:
    """Compare the losses of compiled blocks with those of uncompiled ones."""
    return {precision: partial(compare_compiled, bench, precision) for precision in LOSS}


def compare_compiled(bench: Bench, precision: str) -> dict:
    eager, compiled = (
        bench.trainer(
            f"{name}-{precision}",
            "maelm:1",
            bench.device,
            compile=name == "compiled",
            precision=precision,
        )
        for name in ("eager", "compiled")
    )
    eager.run(report_every=1)
    # Without this, torch would leave blocks uncompiled in silence.
    with torch._dynamo.config.patch(fail_on_recompile_limit_hit=True):
        compiled.run(report_every=1)
    gap = largest_gap(losses_of(eager), losses_of(compiled))
    return {"ok": gap <= LOSS[precision], "loss": gap}


def check_embed(bench: Bench) -> Cases:
    """Compare vectors with those of the CPU in fp32, and measure the speed."""
    return {precision: partial(compare_vectors, bench, precision) for precision in LOSS}


def compare_vectors(bench: Bench, precision: str) -> dict:
    count = min(len(bench.corpus.lengths), 2_048)
    rows, lengths = bench.corpus.bases_of(np.arange(count)), bench.corpus.lengths
    texts = ["".join("ACGTN"[b] for b in row[:n]) for row, n in zip(rows, lengths, strict=False)]
    model = load_model(bench.folder / "small")
    few = texts[:64]
    expected = normalise(Embedder(model, device="cpu").encode(few))
    embedder = Embedder(model, device=bench.device.type, precision=precision)
    similarity = float((normalise(embedder.encode(few)) * expected).sum(1).min())
    began = time.perf_counter()
    embedder.encode(texts)
    speed = count / (time.perf_counter() - began)
    ok = similarity > 1 - SIMILARITY[precision]
    return {"ok": ok, "similarity": similarity, "barcodes_per_second": speed}


def check_speed(bench: Bench) -> Cases:
    """Measure each row of the table of speed."""
    return {
        text: partial(measure, bench, *text.split(":")) for text in bench.asked.speed.split(",")
    }


def measure(
    bench: Bench, model: str, objective: str, precision: str, size: str, compiled: str
) -> dict:
    """Measure steps alone, the whole loop, and the memory that they need."""
    trainer = bench.trainer(
        f"speed-{model}-{objective}-{precision}-{compiled}",
        f"{objective}:1",
        bench.device,
        model=MODELS[model],
        steps=10**6,
        batch_size=int(size),
        precision=precision,
        compile=compiled == "yes",
    )
    trainer.pretraining.train()
    parts = [trainer.prepare(step) for step in range(4)]
    on_gpu = bench.device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    steps_per_second = rate(
        lambda number: trainer.learn(trainer.pretraining, parts[number % 4]),
        torch.cuda.synchronize if on_gpu else lambda: None,
        bench.asked.seconds,
    )
    memory = torch.cuda.max_memory_allocated() / 1e9 if on_gpu else None
    flops = sum(flops_of(trainer.pretraining, 0, part) for part in parts) / 4 * steps_per_second
    peak = peak_of(bench.device, precision)
    return {
        "ok": True,
        "barcodes_per_second": trainer.batches.size * steps_per_second,
        "in_the_loop": loop_speed(trainer, max(2, round(steps_per_second * bench.asked.seconds))),
        "tflop_per_second": flops / 1e12,
        "utilisation": flops / peak if peak else None,
        "memory_gb": memory,
    }


def rate(work: Callable[[int], object], wait: Callable[[], object], seconds: float) -> float:
    """Return how often per second some work is done, after eight times to warm up."""
    for number in range(8):
        work(number)
    wait()
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds or not done:
        for number in range(4):
            work(number)
        done += 4
        wait()
    return done / (time.perf_counter() - began)


def loop_speed(trainer: Trainer, steps: int) -> float:
    """Return the barcodes per second of the loop, from its second report."""
    trainer.save = lambda: None
    trainer.run(until=2 * steps, report_every=steps, evaluate_every=10**9)
    lines = (trainer.directory / METRICS).read_text().splitlines()
    return json.loads(lines[-1])["sequences_per_second"]


#: The cases of a check. Each returns what it measured, and whether that is ``ok``.
CHECKS = {
    "objectives": check_objectives,
    "resume": check_resume,
    "embed": check_embed,
    "speed": check_speed,
    "compile": check_compile,
}

if __name__ == "__main__":
    main()
