"""A feature table in BIOM 1.0 format (JSON, biom-format.org)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from barcodeembed import __version__
from barcodeembed.report.features import features
from barcodeembed.report.rows import Row

_TYPES = {"taxon": "Taxon table", "query": "OTU table", "sequence": "OTU table"}


def biom(
    rows: Iterable[Row], samples: Sequence[str] = (), by: str = "taxon", *, date: datetime
) -> Iterator[str]:
    """Yield one JSON object: sparse counts, with ``taxonomy`` as metadata of each feature.

    The format requires the ``date`` at which the table was made. It has no time zone; give UTC.
    """
    counted = features(rows, samples, by)
    columns = {sample: number for number, sample in enumerate(counted.samples)}
    numbers = {feature: number for number, feature in enumerate(counted.taxonomy)}
    yield (
        json.dumps(
            {
                "id": None,
                "format": "Biological Observation Matrix 1.0.0",
                "format_url": "http://biom-format.org",
                "type": _TYPES[by],
                "generated_by": f"barcodeembed {__version__}",
                "date": f"{date:%Y-%m-%dT%H:%M:%S}",
                "rows": [
                    {
                        "id": feature,
                        "metadata": {"taxonomy": names, **counted.details.get(feature, {})},
                    }
                    for feature, names in counted.taxonomy.items()
                ],
                "columns": [{"id": sample, "metadata": None} for sample in counted.samples],
                "matrix_type": "sparse",
                "matrix_element_type": "int",
                "shape": [len(numbers), len(columns)],
                "data": sorted(
                    [numbers[feature], columns[sample], reads]
                    for (feature, sample), reads in counted.reads.items()
                    if reads
                ),
            }
        )
        + "\n"
    )
