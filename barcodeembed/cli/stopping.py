"""A pretraining run under a progress bar, stopped where asked and never in the middle of a step."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from barcodeembed.cli.boundary import Terminated
from barcodeembed.cli.console import console

if TYPE_CHECKING:
    from barcodeembed.training.loop import Progress, Trainer


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM, so that the loop can end after a step; a second one strikes."""
    caught: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def catch(number, frame) -> None:
        if caught:
            raise KeyboardInterrupt if number == signal.SIGINT else Terminated
        caught.append(number)

    for number in before:
        signal.signal(number, catch)
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def train(trainer: Trainer, max_minutes: float | None, **every: int) -> bool:
    """Run the loop under a progress bar; True once the run is complete.

    A stop that was asked for leaves a checkpoint first and is then raised as what it was.
    """
    deadline = time.monotonic() + 60 * max_minutes if max_minutes is not None else float("inf")
    with (
        _stop_requests() as caught,
        console.progress("pretraining", trainer.recipe.steps) as told,
    ):

        def report(progress: Progress) -> None:
            metrics = progress.metrics
            text = f"loss {metrics['loss']:.4f}  {metrics['sequences_per_second']:.0f} seq/s"
            if progress.held_out:
                text += f"  held-out loss {progress.held_out['loss']:.4f}"
            if console.live:
                told(progress.step, note=text)
            else:
                console.say(f"step {progress.step:,}/{progress.steps:,}  {text}")

        complete = trainer.run(
            report=report,
            should_stop=lambda: bool(caught) or time.monotonic() > deadline,
            **every,
        )
    if caught and not complete:
        console.say(f"checkpoint at step {trainer.step:,}; --resume goes on from it")
        raise KeyboardInterrupt if caught[0] == signal.SIGINT else Terminated
    return complete
