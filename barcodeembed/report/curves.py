"""Learning curves of ``pretrain`` as a page: one line for each run in a chart for each metric."""

from __future__ import annotations

from collections.abc import Iterator

from barcodeembed import __version__
from barcodeembed.report.page import assemble
from barcodeembed.report.training_logs import Runs

_SCRIPTS = ("page.base.js", "page.save.js", "curves.js")


def curves(runs: Runs, title: str | None = None) -> Iterator[str]:
    """Return the fragments of the page."""
    data = {"version": __version__, "runs": [{"name": n, "rows": rows} for n, rows in runs.items()]}
    return assemble("curves.html", _SCRIPTS, data, title or "barcodeembed training")
