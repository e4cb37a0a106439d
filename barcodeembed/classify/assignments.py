"""The results of classifying many queries: a stream, or a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from barcodeembed.classify.assignment import Assignment
from barcodeembed.classify.rows import values
from barcodeembed.errors import InputError
from barcodeembed.vocabulary import columns

if TYPE_CHECKING:
    import pandas as pd

#: Columns of the table that hold numbers; those of confidence are added.
_NUMBERS = {
    "length": "int64",
    "overlap": "Int64",
    "similarity": "float64",
    "identity": "float64",
    "n_tied_taxa": "Int64",
    "start": "Int64",
    "end": "Int64",
}


class Assignments:
    """What `Classifier.classify` returns: one `Assignment` per query, in order.

    Queries are classified while you iterate, in batches, and the results are not kept. So a file
    of any size needs little memory. `to_frame` collects the results in a table. Each new iteration
    classifies again. If the queries came from an iterator, they can only be classified once.
    ``more`` are further fields of `Assignment` that are columns of the table.

    >>> import barcodeembed as be
    >>> assignments = be.Classifier.load().classify(["ACGT", "GGTA"])
    >>> assignments
    <Assignments of 2 sequences: iterate, or call to_frame()>
    >>> [assignment.status for assignment in assignments]
    ['unclassifiable', 'unclassifiable']
    >>> assignments.to_frame()[["query_id", "status", "length", "flags"]]
         query_id          status  length  flags
    0  sequence_1  unclassifiable       4  short
    1  sequence_2  unclassifiable       4  short
    """

    def __init__(
        self,
        classify: Callable[[], Iterator[Assignment]],
        ranks: Sequence[str],
        *,
        name: str,
        once: bool = False,
        more: Sequence[str] = (),
    ) -> None:
        self._classify = classify
        self._more = tuple(more)
        self._name, self._once = name, once
        self._started = False
        self.ranks = tuple(ranks)

    def __iter__(self) -> Iterator[Assignment]:
        """Classify the queries. Raises InputError if they cannot be read again."""
        if self._started and self._once:
            raise InputError(
                "these queries came from an iterator and were already read; give a list or a path "
                "to read them again"
            )
        self._started = True
        return self._classify()

    def __repr__(self) -> str:
        return f"<Assignments of {self._name}: iterate, or call to_frame()>"

    def to_frame(self) -> pd.DataFrame:
        """Classify the queries and return a table with one row per query.

        The columns are those that ``barcodeembed classify`` writes, with their names and order.
        ``similarity`` and confidences are fractions, ``identity`` is in percent, ``length`` in
        bases and ``overlap`` in columns of the alignment. Missing values are NaN (in a CSV file:
        empty). Raises InputError if the queries cannot be read.
        """
        import pandas as pd

        names = [*columns(self.ranks), *self._more]
        rows = [[*values(a, self.ranks), *(getattr(a, name) for name in self._more)] for a in self]
        table = pd.DataFrame(rows, columns=names)
        confidences = [name for name in names if name.endswith("confidence")]
        return table.astype(_NUMBERS | dict.fromkeys(confidences, "float64"))
