"""Test the claim behind MAE-LM: an encoder that reads no masks makes better frozen vectors.

    python benchmarks/claim.py pack MODEL TABLES PACK
    python benchmarks/claim.py run PACK OUT --steps 20000 --minutes 8.4
    python benchmarks/claim.py table OUT PACK > table.md

``pack`` takes the encoded corpus of an anchored model from MODEL.training and the tables of
reference and queries. ``run`` trains all arms on the same batches, for the same number of steps,
several runs at a time on one device. It first measures how fast each arm is, and reduces the steps
of all arms by one factor if they do not fit into the minutes. This is decided before the first
run begins. A run is scored when it is complete, and its scores are written to OUT at once.
``table`` gives the scores and the differences between arms with their intervals, and the decision
by the rule in docs/objectives.md.

``run`` needs neither FAISS nor Biopython, pyfastx and edlib.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from claim_arms import ARMS, CONDITIONS, make_trainer, measure_speed, train
from claim_data import open_pack, open_tokens, pack, tokenise, unpack
from claim_scores import score

RESULTS = "results.jsonl"

#: Seconds that one run needs apart from its steps, to start and to be scored.
_OVERHEAD = 12

#: The fraction of the time that is planned for. At the end fewer runs share the device.
_PLANNED = 0.93


@dataclass(frozen=True, slots=True)
class Job:
    """One run."""

    condition: str
    arm: str
    seed: int
    steps: int

    def __str__(self) -> str:
        return f"{self.condition}, {self.arm}, seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Site:
    """Where and until when runs are made. ``deadline`` is in seconds since the epoch."""

    pack: Path
    work: Path
    out: Path
    device: str
    deadline: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    actions = parser.add_subparsers(dest="action", required=True)
    packing = actions.add_parser("pack")
    packing.add_argument("model", type=Path)
    packing.add_argument("tables", type=Path)
    packing.add_argument("pack", type=Path)
    packing.add_argument("--sample", type=int, help="rows of the reference to take, for a trial")
    running = actions.add_parser("run")
    running.add_argument("pack", type=Path)
    running.add_argument("out", type=Path)
    running.add_argument(
        "--steps", type=int, default=20_000, help="at most; of the first condition"
    )
    running.add_argument("--minutes", type=float, default=8.4, help="in total")
    running.add_argument("--seeds", type=int, default=2)
    running.add_argument("--conditions", default="paper,aligned")
    running.add_argument("--processes", type=int, default=3, help="runs at a time")
    running.add_argument("--measured", type=int, default=160, help="steps to measure the speed")
    running.add_argument("--device", default="cuda")
    tabling = actions.add_parser("table")
    tabling.add_argument("out", type=Path)
    tabling.add_argument("pack", type=Path)
    asked = parser.parse_args()
    if asked.action == "pack":
        pack(asked.model, asked.tables, asked.pack, asked.sample)
    elif asked.action == "table":
        from claim_table import make_table  # needs scikit-learn

        print(make_table(asked.out / RESULTS, asked.pack))
    else:
        run(asked)


def run(asked: argparse.Namespace) -> None:
    """Measure the speed of all arms, then make all runs."""
    began = time.time()
    asked.out.mkdir(parents=True, exist_ok=True)
    conditions = asked.conditions.split(",")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        prepare(asked.pack, work, conditions)
        say(began, "tokens are ready")
        site = Site(asked.pack, work, asked.out, asked.device, began + asked.minutes * 60)
        context = multiprocessing.get_context("spawn")
        number = context.Value("i", 0)
        with ProcessPoolExecutor(
            asked.processes, context, _own_cores, (number, asked.processes)
        ) as pool:
            speeds = measure(pool, site, conditions, asked.measured)
            left = site.deadline - time.time()
            jobs = plan(conditions, speeds, asked.steps, asked.seeds, asked.processes, left)
            say(began, f"{len(jobs)} runs: {describe(jobs)}")
            running = {pool.submit(make_run, site, job): job for job in jobs}
            for done in as_completed(running):
                error = done.exception()
                say(began, f"{running[done]}: failed: {error!r}" if error else done.result())


def prepare(folder: Path, work: Path, conditions: Sequence[str]) -> None:
    """Unpack the barcodes, and cut them into the tokens of each condition."""
    unpack(folder, work)
    processes = max(1, len(os.sched_getaffinity(0)) - 1)
    for condition in conditions:
        tokenise(folder, work, condition, CONDITIONS[condition].model, processes)


def measure(
    pool: ProcessPoolExecutor, site: Site, conditions: Sequence[str], steps: int
) -> dict[tuple[str, str], float]:
    """Return barcodes per second of each arm while other runs share the device.

    An arm that fails is left out, so that it does not end the others.
    """
    asked = [(condition, arm) for condition in conditions for arm in ARMS if arm != "untrained"]
    running = {each: pool.submit(_speed, site, *each, steps) for each in asked}
    speeds = {}
    for (condition, arm), found in running.items():
        if error := found.exception():
            print(f"{condition}, {arm}: left out: {error!r}", flush=True)
        else:
            speeds[condition, arm] = found.result()
            print(f"{condition}, {arm}: {found.result():,.0f} barcodes/s", flush=True)
    return speeds


def plan(
    conditions: Sequence[str],
    speeds: dict[tuple[str, str], float],
    steps: int,
    seeds: int,
    processes: int,
    seconds: float,
) -> list[Job]:
    """Return all runs. All arms of a condition have the same steps, as many as fit the time.

    ``speeds`` are those of one of so many ``processes`` that share the device.
    """
    needed = sum(
        seeds * steps * CONDITIONS[condition].steps * CONDITIONS[condition].batch_size / speed
        for (condition, _), speed in speeds.items()
    )
    overhead = len(conditions) * len(ARMS) * seeds * _OVERHEAD
    factor = min(1.0, max(0.0, _PLANNED * seconds * processes - overhead) / needed)
    return [
        Job(condition, arm, seed, max(20, int(factor * steps * CONDITIONS[condition].steps)))
        for condition in conditions
        for seed in range(seeds)
        for arm in ARMS
        if arm == "untrained" or (condition, arm) in speeds
    ]


def describe(jobs: list[Job]) -> str:
    """Say how many steps the runs of each condition have."""
    steps = {job.condition: job.steps for job in jobs}
    return ", ".join(
        f"{condition} {count} steps of {CONDITIONS[condition].batch_size}"
        for condition, count in steps.items()
    )


def make_run(site: Site, job: Job) -> str:
    """Train and score one run, and write its scores. Returns a line about it."""
    if time.time() > site.deadline:
        return f"{job}: not begun, no time was left"
    barcodes = open_pack(site.pack, site.work)
    trainer = _trainer(site, job)
    if job.arm == "untrained":
        encoder, found = trainer.encoder.eval(), {"complete": True, "seconds": 0.0, "curve": []}
    else:
        trained = train(trainer, lambda: time.time() > site.deadline)
        encoder = trained.encoder
        found = {
            "complete": trained.complete,
            "seconds": round(trained.seconds, 1),
            "curve": trained.curve,
        }
    del trainer
    scores = score(encoder, barcodes, open_tokens(site.work, job.condition))
    found |= {
        "condition": job.condition,
        "arm": job.arm,
        "seed": job.seed,
        "steps": job.steps,
        "barcodes": job.steps * CONDITIONS[job.condition].batch_size,
        "weights": sum(p.numel() for p in encoder.parameters()),
    }
    write(site.out, found, scores)
    if site.device == "cuda":
        torch.cuda.empty_cache()
    accuracy = ", ".join(f"{split} {value:.3f}" for split, value in scores["accuracy"].items())
    complete = "" if found["complete"] else " (stopped)"
    return f"{job}{complete}: {found['seconds']:.0f} s; {accuracy}"


def write(out: Path, found: dict[str, Any], scores: dict[str, Any]) -> None:
    """Append the scores of a run to the results, and its vectors to those of the same seed."""
    vectors = scores.pop("vectors")
    path = out / f"vectors-{found['condition']}-{found['seed']}.f16"
    with open(out / RESULTS, "a", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with open(path, "ab") as binary:
            at = {"file": path.name, "offset": binary.tell(), "shape": vectors.shape}
            binary.write(vectors.tobytes())
        stream.write(json.dumps(found | scores | {"vectors": at}) + "\n")


def say(began: float, line: str) -> None:
    print(f"[{time.time() - began:4.0f} s] {line}", flush=True)


def _trainer(site: Site, job: Job) -> Any:
    place = Path(tempfile.mkdtemp(dir=site.work))
    barcodes = open_pack(site.pack, site.work)
    return make_trainer(job.condition, job.arm, job.seed, job.steps, barcodes, place, site.device)


def _speed(site: Site, condition: str, arm: str, steps: int) -> float:
    return measure_speed(_trainer(site, Job(condition, arm, 0, steps)), steps)


def _own_cores(number: Any, processes: int) -> None:
    """Give each process its part of the cores, for itself and those that prepare its batches."""
    with number.get_lock():
        mine = number.value
        number.value += 1
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) >= processes:
        os.sched_setaffinity(0, cores[mine % processes :: processes])
    torch.set_num_threads(1)


if __name__ == "__main__":
    main()
