"""Text for Krona (``ktImportText``): reads, and names from the highest rank down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from barcodeembed.report.lineages import by_names, tally
from barcodeembed.report.rows import Row


def krona(rows: Iterable[Row]) -> Iterator[str]:
    """Yield a line for each taxon; reads without a taxon are ``unclassified``.

    Reads of a higher taxon have a line of their own. Ranks without a name are skipped.
    """
    counts, without = tally(rows)
    for taxon in sorted(counts, key=by_names):
        yield "\t".join([str(counts[taxon]), *filter(None, taxon)]) + "\n"
    if without:
        yield f"{without}\tunclassified\n"
