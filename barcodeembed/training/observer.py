"""What a pretraining run reports to. The core prints nothing: the command line listens here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from barcodeembed.training.loop import Progress, Trainer


class Observer:
    """Listens to a run in silence and never stops it. Override what you want to hear."""

    def say(self, message: str) -> None:
        """Receive one line of information."""

    def warn(self, message: str) -> None:
        """Receive one line about something that the user should look at."""

    def progress(
        self, what: str, total: int | None = None
    ) -> AbstractContextManager[Callable[..., None]]:
        """Give a function that is called with ``(done)`` or ``(done, total)`` during a job."""
        return nullcontext(lambda *done, **note: None)

    @contextmanager
    def training(self, trainer: Trainer) -> Iterator[None]:
        """Surround the optimizer steps."""
        yield

    def report(self, progress: Progress) -> None:
        """Receive the average metrics of the last steps."""

    def should_stop(self) -> bool:
        """Return True to end the run after this step. A checkpoint is then written."""
        return False
