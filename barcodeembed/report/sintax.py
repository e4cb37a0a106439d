"""SINTAX lines, in the format of ``vsearch --sintax --sintax_cutoff --tabbedout``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from barcodeembed.report.lineages import lettered
from barcodeembed.report.rows import Row
from barcodeembed.taxonomy.ranks import Lineage

# SINTAX separates names by commas and headers by semicolons, and has no spaces in names.
_DIVIDES = re.compile(r"[\s,;]")


def sintax(rows: Iterable[Row]) -> Iterator[str]:
    """Yield lines: id, the names in the table with their confidence, strand, the placement.

    Units of novel queries are left out, because they have no confidence.
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
