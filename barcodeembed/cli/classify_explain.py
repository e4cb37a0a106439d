"""``classify --explain ID``: the answer for one query in words, instead of the table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from barcodeembed.classify.pipeline import Classifier
    from barcodeembed.classify.samples import Sample


def check_explain(query_id: str | None, others: dict[str, object]) -> None:
    """Raise a usage error if there are options for a table that is not written."""
    given = [option for option, value in others.items() if value]
    if query_id is not None and given:
        raise typer.BadParameter(f"cannot be used with {given[0]}", param_hint="--explain")


def explain_query(
    classifier: Classifier,
    samples: Sequence[Sample],
    query_id: str,
    output: Path | str,
    *,
    encoding: str,
    batch_size: int,
) -> None:
    """Write the explanation of the first record with this id. Raises InputError without one."""
    from itertools import chain

    from barcodeembed.bundles.files import open_output
    from barcodeembed.classify.explain import explain, records_to_explain
    from barcodeembed.errors import InputError
    from barcodeembed.sequences.reading import read_records

    for sample in samples:
        files = (read_records(file, encoding=encoding) for file in sample.files)
        records = records_to_explain(chain.from_iterable(files), query_id)
        if records is not None:
            found = classifier.classify(records, batch_size=batch_size)
            answer = next(a for a in found if a.query_id == query_id)
            with open_output(output) as stream:
                stream.write(explain(answer, classifier))
            return
    raise InputError(f"--explain: there is no record {query_id}")
