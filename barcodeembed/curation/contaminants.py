"""References of a known contaminant (human, bacteria, plant) that have another name."""

from __future__ import annotations

from collections.abc import Iterator

from barcodeembed.curation.findings import Finding
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.sequences.decoys import find_decoys, known_decoys
from barcodeembed.taxonomy.ranks import lowest
from barcodeembed.vocabulary import CONTAMINANT


def find_contaminants(index: ReferenceIndex) -> Iterator[Finding]:
    """Yield the records whose barcode is of a contaminant, one finding for each of their names.

    The index must contain sequences.
    """
    assert index.sequences is not None
    decoys = known_decoys()
    numbers = find_decoys(index.sequences, decoys)
    found = {vector: decoys[n] for vector, n in enumerate(numbers) if n is not None}
    records: dict[tuple[int, int], list[str]] = {}
    pairs = zip(index.record_vectors.tolist(), index.record_lineages.tolist(), strict=True)
    for name, (vector, lineage) in zip(index.record_ids, pairs, strict=True):
        if vector in found:
            records.setdefault((vector, lineage), []).append(name)
    for (vector, lineage), names in sorted(records.items()):
        decoy, taxa = found[vector], index.taxa.lineages[lineage]
        own = lowest(taxa)
        if own is not None and not decoy.fits(taxa):
            yield Finding(CONTAMINANT, tuple(names), *own, decoy.name, None, 0, 0, None, None)
