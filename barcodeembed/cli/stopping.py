"""A pretraining run at the command line: a progress bar, and a stop that loses nothing."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

from barcodeembed.bundles.signals import STOPS
from barcodeembed.cli.boundary import Terminated
from barcodeembed.cli.console import console
from barcodeembed.training.loop import Progress, Trainer
from barcodeembed.training.observer import Observer


class CommandLineRun(Observer):
    """Shows a run on standard error, and stops it after ``max_minutes`` or on a signal.

    The signals are Ctrl-C, SIGTERM and SIGHUP. Such a stop waits for the step to end and for a
    checkpoint to be written. It is then raised as what it was. A second one takes effect at once.
    """

    def __init__(self, max_minutes: float | None) -> None:
        self._seconds = float("inf") if max_minutes is None else 60 * max_minutes
        self._deadline = float("inf")
        self._caught: list[int] = []
        self._update: Callable[..., None] = lambda *done, **note: None

    def say(self, message: str) -> None:
        console.say(message)

    def warn(self, message: str) -> None:
        console.warn(message)

    def progress(
        self, what: str, total: int | None = None
    ) -> AbstractContextManager[Callable[..., None]]:
        return console.progress(what, total)

    @contextmanager
    def training(self, trainer: Trainer) -> Iterator[None]:
        self._deadline = time.monotonic() + self._seconds
        steps = trainer.recipe.steps
        with self._signals_collected(), console.progress("pretraining", steps) as self._update:
            yield
        if self._caught and trainer.step < steps:
            console.say(f"checkpoint at step {trainer.step:,}; continue with --resume")
            raise _stop(self._caught[0])

    def report(self, progress: Progress) -> None:
        metrics = progress.metrics
        text = f"loss {metrics['loss']:.4f}  {metrics['sequences_per_second']:.0f} seq/s"
        if progress.held_out:
            text += f"  held-out loss {progress.held_out['loss']:.4f}"
        if console.live:
            self._update(progress.step, note=text)
        else:
            console.say(f"step {progress.step:,}/{progress.steps:,}  {text}")

    def should_stop(self) -> bool:
        return bool(self._caught) or time.monotonic() > self._deadline

    @contextmanager
    def _signals_collected(self) -> Iterator[None]:
        """Collect the signals, so that the loop can end after a step."""
        handlers = {number: signal.getsignal(number) for number in STOPS}
        before = {n: handler for n, handler in handlers.items() if handler is not signal.SIG_IGN}

        def catch(number: int, frame: FrameType | None) -> None:
            if self._caught:
                raise _stop(number)
            self._caught.append(number)

        for number in before:
            signal.signal(number, catch)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _stop(number: int) -> BaseException:
    """Return the exception of a signal."""
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(number)
