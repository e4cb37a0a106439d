"""Add the kingdom to an index of prototypes whose references had none.

    python benchmarks/kingdoms.py barcodeembed/shipped/coi.bix

The kingdom is that of the phylum (`barcodeembed.taxonomy.kingdoms`). Nothing is calibrated again,
and no other name, confidence or status changes: the probability that the kingdom is correct is at
least that of the phylum, which is what it becomes, and a read of the marker is never new at
kingdom.
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path

from barcodeembed.bundles.manifest import MANIFEST, read_json, write_json, write_manifest
from barcodeembed.bundles.tables import read_table, write_table
from barcodeembed.taxonomy.kingdoms import kingdom_of
from barcodeembed.vocabulary import NA

#: The logit of a probability of 1.
_CERTAIN = 500.0


def add_kingdoms(bundle: Path) -> int:
    """Fill in the kingdoms of a bundle; return how many lineages got one."""
    header, rows = read_table(bundle / "lineages.tsv.gz")
    lineages = [tuple(None if name == NA else name for name in row) for row in rows]
    assert not any(taxa[0] for taxa in lineages), "the index has kingdoms"
    with_kingdom = [
        [kingdom_of(taxa) or NA, *row[1:]] for taxa, row in zip(lineages, rows, strict=True)
    ]
    write_table(bundle / "lineages.tsv.gz", header, with_kingdom)
    calibration = read_json(bundle / "calibration.json")
    calibration["ranks"]["kingdom"] = _of_phylum(calibration["ranks"]["phylum"])
    write_json(bundle / "calibration.json", calibration)
    manifest = json.loads((bundle / MANIFEST).read_text())
    (bundle / MANIFEST).unlink()
    kept = {
        k: v for k, v in manifest.items() if k not in ("kind", "format_version", "made_by", "files")
    }
    write_manifest(bundle, manifest["kind"], manifest["format_version"], **kept)
    return sum(row[0] != NA for row in with_kingdom)


def _of_phylum(phylum: dict) -> dict:
    """Return the models of the kingdom: in the reference, and as correct as the phylum."""
    kingdom = copy.deepcopy(phylum)
    for model, bias in (("in_reference", _CERTAIN), ("correct", -_CERTAIN)):
        for logistic in kingdom[model].values():
            for name in ("products", "centres", "spreads"):
                logistic.pop(name, None)
            for name, value in logistic.items():
                logistic[name] = [0.0] * len(value) if isinstance(value, list) else 0.0
            logistic["bias"] = bias
    return kingdom


if __name__ == "__main__":
    print(f"{add_kingdoms(Path(sys.argv[1])):,} lineages")
