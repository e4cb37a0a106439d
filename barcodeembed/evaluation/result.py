"""What an evaluation returns: figures, as JSON, as Markdown and as a pandas table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from barcodeembed.evaluation.markdown import markdown
from barcodeembed.evaluation.queries import CATEGORIES

if TYPE_CHECKING:
    import pandas as pd

#: Version of the keys of the JSON. docs/evaluate.md documents them.
SCHEMA_VERSION = 2

#: The accuracies in the representation, as (category, rank).
_HEADLINES = (("seen", "species"), ("unseen species", "genus"), ("unseen genus", "family"))


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation:
    """The figures of one evaluation; ``figures`` has the keys that docs/evaluate.md documents."""

    figures: dict[str, Any]

    def to_json(self) -> str:
        """Return the figures as the JSON text that ``evaluate --json`` writes."""
        return json.dumps(self.figures, indent=2, sort_keys=True) + "\n"

    def to_markdown(self) -> str:
        """Return the Markdown tables that ``evaluate`` prints."""
        return markdown(self.figures)

    def to_frame(self) -> pd.DataFrame:
        """Return all accuracies and AMI as a pandas table with one row per figure.

        Columns: ``method``; ``queries``, a category or split; ``rank``; ``measure``, accuracy or
        ami; ``value``.
        """
        import pandas as pd

        columns = ["method", "queries", "rank", "measure", "value"]
        return pd.DataFrame(list(self._rows()), columns=columns)

    def _rows(self) -> Iterator[tuple[str, str, str, str, float | None]]:
        for method in self.figures.get("methods", ()):
            for category in CATEGORIES:
                for rank, value in method["accuracy"][category].items():
                    yield method["method"], category, rank, "accuracy", value
        for score in self.figures.get("protocols", ()):
            keys = ("method", "split", "rank", "measure", "value")
            yield tuple(score[key] for key in keys)

    def __repr__(self) -> str:
        parts = []
        if "methods" in self.figures:
            accuracy = next(
                method["accuracy"]
                for method in self.figures["methods"]
                if method["method"] == "classify"
            )
            headlines = [
                f"{category} {value:.3f} ({rank})"
                for category, rank in _HEADLINES
                if (value := accuracy[category].get(rank)) is not None
            ]
            shown = ", ".join(headlines) or "NA"
            total = sum(self.figures["queries"].values())
            parts.append(f"{total:,} queries, accuracy of classify: {shown}")
        if "protocols" in self.figures:
            names = dict.fromkeys(score["protocol"] for score in self.figures["protocols"])
            parts.append(f"{len(self.figures['protocols'])} figures of {', '.join(names)}")
        return f"<Evaluation: {'; '.join(parts)}>"

    def _repr_markdown_(self) -> str:
        """Show the tables in a notebook."""
        return self.to_markdown()
