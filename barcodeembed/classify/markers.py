"""Name reads of several markers: recognise the marker of each read, and use its references.

Each marker that ships has a model and prototypes of its own. A read is named as COI unless it
resembles another marker by its 8-mers (`MarkerOdds`) and shares enough k-mers with the prototypes
of that marker, on either strand. So what is of no marker is refused as a read that is not COI. The
prototypes of another marker are only opened for a read that resembles it.

A contig contains more than a barcode, so its 8-mers as a whole show nothing. It is of the first
marker whose `Locator` finds a barcode in it: COI, and otherwise the one with the best score.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from math import inf, nan
from typing import Any

from barcodeembed.classify.assignment import Assignment
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.quality import NON_TARGET
from barcodeembed.index.model import open_with_model
from barcodeembed.sequences.cleaning import normalise, reverse_complement
from barcodeembed.sequences.marker_odds import MarkerOdds, load_marker_odds
from barcodeembed.sequences.parts import Flagged, Part
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.sequences.shared_kmers import SharedKmers
from barcodeembed.shipped import shipped_index, shipped_odds
from barcodeembed.vocabulary import AUTO, COI, CONTAMINANT, MARKERS

#: A read is of a marker other than COI if its references have this fraction of the read's k-mers:
#: 92 % or more of the reads of new genera, and up to 1 % of other sequences, on each of the markers
#: (`benchmarks/mixed_markers.py`).
MIN_KNOWN = 0.25

#: A record is a contig from this many times the usual length of a barcode of the main marker.
_CONTIG = 2

#: Records of other markers that can wait for their turn, so that a rare marker needs little memory.
_MAX_WAITING = 10_000

UNCLASSIFIABLE = "unclassifiable"


class MarkerClassifier(Classifier):
    """Names barcodes of the markers that ship with barcodeembed.

    `MarkerClassifier.of_marker` makes one. It is a `Classifier` of its main marker. With ``auto``
    this is COI, and `of` returns the classifiers of the other markers.

    >>> from barcodeembed.classify.markers import MarkerClassifier
    >>> classifier = MarkerClassifier.of_marker("auto")
    >>> [assignment.marker for assignment in classifier.classify("ACGT")]
    [None]

    Attributes:
        marker: The main marker.
        counts: How many reads were of each marker so far; those of none are ``unclassifiable``.
    """

    further_columns = ("marker",)
    marker: str
    auto: bool
    counts: Counter[str]
    _load: dict[str, Any]
    _options: dict[str, Any]
    _others: dict[str, Classifier]

    @classmethod
    def of_marker(
        cls,
        marker: str = AUTO,
        model: Any = None,
        *,
        device: str = "auto",
        verify: bool = True,
        **options: Any,
    ) -> MarkerClassifier:
        """Open what ships for a marker: one of `MARKERS`, or ``auto`` for all of them.

        ``model`` replaces the model of the main marker. The other arguments are those of
        `Classifier.load`. Primers and a named amplicon are only used for the main marker.

        Raises BundleError if a bundle is missing or damaged, and IndexMismatch if the model did not
        make the prototypes.
        """
        main = COI if marker == AUTO else marker
        index, embedder = open_with_model(shipped_index(main), model, device=device, verify=verify)
        made = cls(index, embedder, **options)
        made.marker, made.auto = main, marker == AUTO
        made.counts = Counter()
        made._load = {"device": device, "verify": verify}
        made._options = options | {"amplicon": None, "primers": None}
        made._others = {}
        return made

    def of(self, marker: str | None) -> Classifier:
        """Return the classifier that names the reads of a marker. It is loaded when first needed.

        Raises BundleError if its bundles are missing or damaged.
        """
        if marker is None or marker == self.marker:
            return self
        if marker not in self._others:
            opened = open_with_model(shipped_index(marker), **self._load)
            self._others[marker] = Classifier(*opened, **self._options)
        return self._others[marker]

    def _stream(
        self, records: Iterator[SequenceRecord], batch_size: int, part: Part | Flagged
    ) -> Iterator[Assignment]:
        # What `--amplicon auto` needs first cannot be interrupted.
        limit = inf if self._find_amplicon else _MAX_WAITING
        sorter = _Sorter(records, self._recognise, limit, part)
        streams: dict[str, Iterator[Assignment]] = {}
        while (found := sorter.next_record()) is not None:
            marker, wanted = found
            if marker not in streams:
                waiting, flags = sorter.of(marker), sorter.flags[marker]
                streams[marker] = (
                    super()._stream(waiting, batch_size, flags)
                    if marker == self.marker
                    else self.of(marker)._stream(waiting, batch_size, flags)
                )
                # The first record is named even if it is not wanted, so that the error rate is
                # learned from the same records, whatever the part.
                named = next(streams[marker])
                sorter.begun.add(marker)
            elif wanted:
                named = next(streams[marker])
            if wanted:
                named = self._marked(named, marker)
                self.counts[named.marker or UNCLASSIFIABLE] += 1
                yield named

    def _recognise(self, record: SequenceRecord) -> str:
        """Return the marker whose references name a record."""
        if not self.auto:
            return self.marker
        bases = normalise(record.sequence)
        if len(bases) >= _CONTIG * self.locator.length:
            return self._recognise_contig(bases)
        marker = _marker_odds().guess(bases)
        if marker is not None and is_known(bases, self.of(marker).index.kmers):
            return marker
        return self.marker

    def _recognise_contig(self, bases: str) -> str:
        """Return the marker of which a long record has a barcode; the main one if it has none."""
        if self.locator.score(bases) >= 1:
            return self.marker
        scores = {name: self.of(name).locator.score(bases) for name in _marker_odds().names}
        best = max(scores, key=scores.__getitem__, default=self.marker)
        return best if scores.get(best, 0) >= 1 else self.marker

    def _marked(self, assignment: Assignment, marker: str) -> Assignment:
        """Return an assignment with its marker and with the ranks of the main marker."""
        a = assignment
        if a.status == UNCLASSIFIABLE:
            return replace(a, marker=marker if CONTAMINANT in a.flags else None)
        assert a.bases is not None
        if not self.auto and self.marker != COI and not is_known(a.bases, self.index.kmers):
            flags = (*a.flags, NON_TARGET)
            return Assignment(a.query_id, UNCLASSIFIABLE, a.length, flags)
        if marker == self.marker:
            return replace(a, marker=marker)
        own = self.of(marker).ranks
        rows = [own.index(rank) if rank in own else None for rank in self.ranks]
        names = tuple(None if i is None else a.names[i] for i in rows)
        confidences = tuple(None if i is None else a.confidences[i] for i in rows)
        in_reference = tuple(nan if i is None else a.in_reference[i] for i in rows)
        fitted = replace(
            a, marker=marker, names=names, confidences=confidences, in_reference=in_reference
        )
        if a.rank not in self.ranks:  # named at kingdom only, which the main marker lacks
            fitted = replace(fitted, rank=None, taxon=None, confidence=None)
        if a.novel_rank and a.novel_rank not in self.ranks:
            fitted = replace(fitted, novel_rank=self.ranks[0])
        return fitted


class _Sorter:
    """Reads records once, in order, and hands them out by marker."""

    def __init__(
        self,
        records: Iterator[SequenceRecord],
        marker_of: Any,
        limit: float,
        part: Part | Flagged,
    ) -> None:
        self._records, self._marker_of, self._limit = records, marker_of, limit
        self._part, self._number = part, 0
        self._order: deque[tuple[str, bool]] = deque()
        self._waiting: defaultdict[str, deque[SequenceRecord]] = defaultdict(deque)
        self._seen: set[str] = set()
        #: Markers whose first batch is complete. Their records that are not wanted are left out.
        self.begun: set[str] = set()
        #: Which of the records that are handed out must be named, for each marker.
        self.flags: defaultdict[str, Flagged] = defaultdict(Flagged)

    def next_record(self) -> tuple[str, bool] | None:
        """Return the marker of the next record and whether it is wanted; None after the last."""
        if not self._order and not self._read():
            return None
        return self._order.popleft()

    def of(self, marker: str) -> _Waiting:
        return _Waiting(self, marker)

    def take(self, marker: str) -> SequenceRecord | None:
        """Return the next record of a marker; None if there is none, or it is too far away."""
        own = self._waiting[marker]
        while not own and len(self._order) < self._limit and self._read():
            pass
        return own.popleft() if own else None

    def _read(self) -> bool:
        record = next(self._records, None)
        if record is None:
            return False
        wanted = self._part.has(self._number)
        self._number += 1
        marker = self._marker_of(record)
        self._order.append((marker, wanted))
        if wanted or marker not in self.begun:
            self._waiting[marker].append(record)
            self.flags[marker].flags.append(wanted or marker not in self._seen)
            self._seen.add(marker)
        return True


class _Waiting(Iterator[SequenceRecord]):
    """The records of one marker. It stops where too many of other markers wait, and goes on later.

    So the batches of a rare marker are smaller. Names do not depend on the size of batches.
    """

    def __init__(self, sorter: _Sorter, marker: str) -> None:
        self._sorter, self._marker = sorter, marker

    def __next__(self) -> SequenceRecord:
        record = self._sorter.take(self._marker)
        if record is None:
            raise StopIteration
        return record


def is_known(bases: str, kmers: SharedKmers) -> bool:
    """Return whether references have enough k-mers of a read, on either strand."""
    return any(kmers.known(strand) >= MIN_KNOWN for strand in (bases, reverse_complement(bases)))


@lru_cache
def _marker_odds() -> MarkerOdds:
    """Return the table that ships, of the markers of which prototypes ship."""
    odds = load_marker_odds(shipped_odds())
    kept = [name for name in odds.names if name in MARKERS]
    return MarkerOdds(tuple(kept), odds.table[[odds.names.index(name) for name in kept]])
