"""SINTAX lines, as ``vsearch --sintax --sintax_cutoff --tabbedout`` writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from barcodeembed.report.lineages import lettered
from barcodeembed.report.rows import Row
from barcodeembed.taxonomy.ranks import Lineage

# SINTAX parts names at commas and headers at semicolons, and has no spaces in names.
_DIVIDES = re.compile(r"[\s,;]")


def sintax(rows: Iterable[Row]) -> Iterator[str]:
    """Yield: id, the names that the table shows with their confidence, strand, the placement.

    Operational units are left out: no confidence says how sure they are.
    """
    for row in rows:
        confidences = dict(lettered(row.confidences))
        shown = ",".join(
            f"{letter}:{name}({confidences.get(letter) or 0:.2f})"
            for letter, name in _named(row.names)
        )
        placed = ",".join(f"{letter}:{name}" for letter, name in _named(row.placement))
        yield f"{row.query_id}\t{shown}\t{row.strand or ''}\t{placed}\n"


def _named(taxon: Lineage) -> list[tuple[str, str]]:
    return [(letter, _DIVIDES.sub("_", name)) for letter, name in lettered(taxon) if name]
