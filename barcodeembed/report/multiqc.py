"""Custom content for MultiQC: bar charts of the reads of each sample by status and by rank."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from barcodeembed.report.rows import Row
from barcodeembed.taxonomy.ranks import RANKS

# The colours of the HTML page.
_STATUSES = {
    "assigned": "#2a78d6",
    "ambiguous": "#eda100",
    "novel": "#cf3f7d",
    "unclassifiable": "#898781",
}
_UNPLACED = "not placed"


def multiqc(rows: Iterable[Row], samples: Sequence[str] = ()) -> Iterator[str]:
    """Yield one JSON object; MultiQC recognises files with a name that ends in ``_mqc.json``."""
    statuses: dict[str, Counter[str]] = {sample: Counter() for sample in samples}
    ranks: dict[str, Counter[str]] = {sample: Counter() for sample in samples}
    for row in rows:
        statuses.setdefault(row.sample, Counter())[row.status] += row.reads
        ranks.setdefault(row.sample, Counter())[row.rank or _UNPLACED] += row.reads
    placed = set().union(*ranks.values())
    shown = [rank for rank in reversed(RANKS) if rank in placed] + [_UNPLACED]
    yield (
        json.dumps(
            {
                "id": "barcodeembed",
                "section_name": "barcodeembed",
                "description": "Reads by the results of barcodeembed classify.",
                "plot_type": "bargraph",
                "pconfig": {
                    "id": "barcodeembed_reads",
                    "title": "barcodeembed: reads by status and by rank",
                    "ylab": "reads",
                    "data_labels": [
                        {"name": "status", "ylab": "reads"},
                        {"name": "rank of the placement", "ylab": "reads"},
                    ],
                },
                "categories": [
                    {
                        status: {"name": status, "color": color}
                        for status, color in _STATUSES.items()
                    },
                    {rank: {"name": rank} for rank in shown},
                ],
                "data": [_filled(statuses, list(_STATUSES)), _filled(ranks, shown)],
            },
            indent=1,
        )
        + "\n"
    )


def _filled(counts: dict[str, Counter[str]], names: list[str]) -> dict[str, dict[str, int]]:
    return {sample: {name: of[name] for name in names} for sample, of in counts.items()}
