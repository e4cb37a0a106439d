"""From queries to assignments: clean, orient, embed, search, and name (`naming`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, islice, repeat
from os import PathLike
from typing import Any

import numpy as np

from barcodeembed.classify.amplicons import SAMPLE, FoundAmplicon, choose_trimmer, find_amplicon
from barcodeembed.classify.assignment import Assignment
from barcodeembed.classify.assignments import Assignments
from barcodeembed.classify.chimeras import find_chimeras
from barcodeembed.classify.crossovers import find_crossovers
from barcodeembed.classify.naming import Namer
from barcodeembed.classify.quality import Quality, anchor_for, code_for
from barcodeembed.classify.queries import Query, make_queries
from barcodeembed.classify.read_errors import GIVEN, ReadErrors
from barcodeembed.classify.read_errors import SAMPLE as ERROR_SAMPLE
from barcodeembed.classify.repeats import Found, Repeats
from barcodeembed.classify.thresholds import confidence_thresholds
from barcodeembed.classify.unread import embed_reads
from barcodeembed.classify.workers import Result, Workers, can_fork
from barcodeembed.embedding.inputs import Sequences, called, records_of
from barcodeembed.embedding.vector_maker import VectorMaker
from barcodeembed.errors import BarcodeEmbedError
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.index.compatibility import check_embedder
from barcodeembed.index.finder import make_finder
from barcodeembed.index.model import load_embedder, open_with_model
from barcodeembed.scoring.candidates import Weights
from barcodeembed.scoring.features import Neighbours
from barcodeembed.sequences.anchor_location import AnchorLocator
from barcodeembed.sequences.decoys import find_decoys, known_decoys
from barcodeembed.sequences.frames import GENETIC_CODE
from barcodeembed.sequences.kmer_location import KmerLocator
from barcodeembed.sequences.parts import ALL, Flagged, Part
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.sequences.stretches import Locator
from barcodeembed.sequences.trimming import Trimmer
from barcodeembed.vectors.search import nearest
from barcodeembed.vocabulary import AUTO, BATCH_SIZE, MIN_BASES, NEIGHBOURS

#: Fewer reads are searched for in one process, because others take time to start.
_MANY_READS = 300

#: Queries that are searched for, in the order of the input, and functions that wait for results.
_Begun = tuple[list[Query | Assignment], list[Result]]


class Classifier:
    """Names DNA barcodes by their closest references in an index.

    `Classifier.load` makes one from an index; `classify` names queries.

    >>> import barcodeembed as be
    >>> classifier = be.Classifier.load()
    >>> classifier.ranks[-2:]
    ('genus', 'species')

    The method: the nearest references by cosine similarity vote, weighted by similarity and, if the
    index has sequences, percent identity. Queries that are not of the marker are recognised before
    that; they are unclassifiable. The index's calibration turns the result into the
    probability that a name is correct, and the probability that the taxon is in the reference.

    Args:
        index: The references.
        embedder: The embedder that made the index.
        neighbours: Number of closest references that vote.
        temperature: Temperature of the vote's softmax weights. By default the one that was chosen
            when the index was built. Confidence is calibrated only for the default, with 10
            neighbours.
        min_confidence: Confidence threshold of all ranks, from 0 to 1. By default 0.75.
        max_error: Instead, the expected fraction of incorrect names at each rank, at least 0.001.
        genetic_code: NCBI's number of the genetic code that stop codons are read with, ``auto`` to
            choose it by the taxon, or None to skip. It only affects flags that change no name.
        read_errors: Fraction of the bases of the reads that are wrong. By default that of the
            index, or else it is taken from the qualities of FASTQ records, or else estimated from
            the first 1,000 reads.
        check_chimeras: Whether to search with parts of each query, to flag chimeras. It needs
            two more searches of each query.
        exact: Whether to compare queries with all vectors of the index, also if it is quantised.
        amplicon: Name of the reads' amplicon, such as ``leray``: its primers are cut off. ``auto``
            finds it in the first 1,000 reads, ``none`` cuts nothing. By default the amplicon of the
            index, or else the usual primers, where they are found.
        primers: Instead, the two primers: ``FORWARD,REVERSE``, both from 5' to 3'.

    Raises IndexMismatch if another embedder made the index, InputError for an unknown amplicon, and
    ValueError for a ``max_error`` below 0.001.
    """

    #: Fields of `Assignment` that are columns of `Assignments.to_frame`, after the usual ones.
    further_columns: tuple[str, ...] = ()

    def __init__(
        self,
        index: ReferenceIndex,
        embedder: VectorMaker,
        *,
        neighbours: int = NEIGHBOURS,
        temperature: float | None = None,
        min_confidence: float | None = None,
        max_error: float | None = None,
        read_errors: float | None = None,
        genetic_code: int | str | None = GENETIC_CODE,
        check_chimeras: bool = False,
        exact: bool = False,
        amplicon: str | None = None,
        primers: str | None = None,
    ) -> None:
        check_embedder(index, embedder)
        self.index, self.embedder = index, embedder
        self.neighbours = neighbours
        chosen = index.settings
        whole, fragments = chosen.weights
        if temperature is not None:
            whole = Weights(temperature, whole.identity)
            fragments = Weights(temperature, fragments.identity)
        self.finder = make_finder(
            index.sequences,
            index.kmers,
            neighbours,
            max(chosen.candidates or NEIGHBOURS, neighbours),
            whole,
            fragments,
            index.calibration.complete_length,
            kmers_for_all=chosen.kmers_for_all,
            search=nearest if exact else index.nearest,
        )
        self.confidence_threshold = confidence_thresholds(index, min_confidence, max_error)
        self.members = index.members
        self._first_records = index.first_records
        anchor = anchor_for(getattr(embedder, "anchor", None), index.sequences)
        self.quality = Quality(code_for(genetic_code, index.sequences, chosen.non_coding), anchor)
        self._namer = Namer(index, self.finder, self.quality, self.confidence_threshold)
        barcodes = (index.orientation, int(index.calibration.median_length), chosen.max_bases)
        self.locator: Locator = (
            KmerLocator(index.kmers, *barcodes)
            if anchor is None
            else AnchorLocator(anchor, *barcodes)
        )
        self.check_chimeras = check_chimeras
        self._repeats: Repeats[Result] = Repeats()
        #: Number of processes that search, on Linux and without a GPU, if there are many reads.
        self.processes = 1
        self.trimmer = choose_trimmer(index.settings, self.quality.anchor, amplicon, primers)
        self._find_amplicon = amplicon == AUTO
        #: What ``amplicon="auto"`` found in the reads that were classified last.
        self.found_amplicon: FoundAmplicon | None = None
        rate = index.settings.read_errors or None if read_errors is None else read_errors
        self._given_errors = ReadErrors() if rate is None else ReadErrors(rate, GIVEN)
        #: The error rate of the reads that were classified last.
        self.read_errors: ReadErrors | None = None

    @classmethod
    def load(
        cls,
        index: ReferenceIndex | str | PathLike[str] | None = None,
        model: VectorMaker | str | PathLike[str] | None = None,
        *,
        device: str = "auto",
        verify: bool = True,
        **options: Any,
    ) -> Classifier:
        """Make a classifier from an index and the model that made it.

        Args:
            index: An open index or the path of one; by default the COI prototypes that ship with
                barcodeembed.
            model: An embedder or the path of a model bundle. By default the copy in the index, or
                the model that ships if the index was made with it.
            device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
            verify: Whether to check the checksums of the files.
            options: The options of `Classifier`.

        Raises BundleError if a bundle is missing or damaged, and IndexMismatch if the model did not
        make the index, or is not known.
        """
        if not isinstance(index, ReferenceIndex):
            if model is None or isinstance(model, str | PathLike):
                opened, embedder = open_with_model(index, model, device=device, verify=verify)
                return cls(opened, embedder, **options)
            from barcodeembed.shipped import shipped_index

            index = ReferenceIndex.open(index or shipped_index(), verify=verify)
        if model is None or isinstance(model, str | PathLike):
            model = load_embedder(index, model, device=device, verify=verify)
        return cls(index, model, **options)

    def __repr__(self) -> str:
        return f"<Classifier: {self.index!r}, {self.embedder!r}>"

    @property
    def ranks(self) -> tuple[str, ...]:
        """The ranks of the reference, highest first."""
        return tuple(self.index.taxa.ranks)

    def of(self, marker: str | None) -> Classifier:
        """Return the classifier that names queries of a marker: this one, for all markers."""
        return self

    def classify(
        self, queries: Sequences, *, batch_size: int = BATCH_SIZE, part: Part = ALL
    ) -> Assignments:
        """Classify queries; return one `Assignment` per query, in order.

        ``queries`` can be one sequence as text, a list of sequences, records, or the path of a
        sequence file. They are cleaned, and reverse-complemented where they are of the other
        strand. The result is iterable, and ``.to_frame()`` makes a table of it. Queries are
        classified when the result is used, ``batch_size`` at a time. With a ``part``, only its
        queries are classified, as they are among all. Raises InputError for an unreadable file and
        for letters that cannot be part of DNA.

        >>> import barcodeembed as be
        >>> classifier = be.Classifier.load()
        >>> classifier.classify("reads.fasta").to_frame()  # doctest: +SKIP
        """
        if isinstance(queries, Iterator):
            records = records_of(queries)
            return self._assignments(
                lambda: self._stream(records, batch_size, part), queries, once=True
            )
        records_of(queries)  # an error is raised here, not when the result is used
        return self._assignments(
            lambda: self._stream(records_of(queries), batch_size, part), queries
        )

    def _assignments(self, start: Any, queries: Sequences, *, once: bool = False) -> Assignments:
        return Assignments(
            start, self.ranks, name=called(queries), once=once, more=self.further_columns
        )

    def _stream(
        self, records: Iterator[SequenceRecord], batch_size: int, part: Part | Flagged
    ) -> Iterator[Assignment]:
        trimmer = self.trimmer
        if self._find_amplicon:
            sample = list(islice(records, SAMPLE))
            records = chain(sample, records)
            trimmer = self._found_trimmer(sample)
        # Only the reading frame of a coding marker shows which gaps are errors.
        anchor = self.quality.anchor if self.quality.genetic_code is not None else None
        sizes = chain([ERROR_SAMPLE if anchor else batch_size], repeat(batch_size))
        errors = self.read_errors = self._given_errors
        #: Batches that are searched for, while the next ones are read.
        waiting: deque[_Begun] = deque()
        workers = None
        try:
            for number, size in enumerate(sizes):
                try:
                    batch = list(islice(records, size))
                except BarcodeEmbedError:  # what was read before has its rows before the error
                    yield from self._answers(waiting, errors)
                    raise
                if not batch:
                    yield from self._answers(waiting, errors)
                    return
                made = make_queries(batch, trimmer, self.locator, self.index.settings)
                if number == 0:  # the first reads show the error rate of all
                    errors = self.read_errors = errors.learn(_queries_of(made), anchor)
                    made = list(part.of(made))
                    records = part.after(len(batch)).of(records)
                    workers = self._workers_for(len(batch))
                start = workers.start if workers else self._search_now
                for begin in range(0, len(made), batch_size):
                    some = made[begin : begin + batch_size]
                    bases = [query.bases for query in _queries_of(some)]
                    waiting.append((some, self._repeats.of(bases, start)))
                    yield from self._answers(waiting, errors, workers.count if workers else 0)
        finally:
            if workers:
                workers.stop()
            if waiting:  # an error, or the caller wants no more: some are not searched for
                self._repeats.forget()

    def _workers_for(self, reads: int) -> Workers | None:
        """Return processes that search, or None if this one is enough for so many first reads."""
        device = getattr(self.embedder, "device", None)
        if self.processes < 2 or reads < _MANY_READS or not can_fork():
            return None
        return Workers(self._search, self.processes) if device and device.type == "cpu" else None

    def _search_now(self, bases: list[str]) -> list[Result]:
        """Search for queries in this process. Return a function for each that has its result."""
        return [partial(_same, found) for found in self._search(bases).split()]

    def _answers(
        self, waiting: deque[_Begun], errors: ReadErrors, most: int = 0
    ) -> Iterator[Assignment]:
        """Yield the answers of the first batches, in order, until ``most`` are ``waiting``."""
        while len(waiting) > most:
            made, results = waiting[0]
            named = self._namer.name(_queries_of(made), [result() for result in results], errors)
            yield from (next(named) if isinstance(query, Query) else query for query in made)
            waiting.popleft()

    def _found_trimmer(self, sample: list[SequenceRecord]) -> Trimmer:
        index = self.index
        found = self.found_amplicon = find_amplicon(
            sample, self.trimmer, index.settings, index.orientation, self.quality.anchor
        )
        return Trimmer([found.pair], given=True) if found.pair else self.trimmer

    def reference_id(self, row: int) -> str:
        """Return the id of the first record of a reference vector."""
        return self.index.record_ids[self._first_records[row]]

    def vectors(self, sequences: list[str]) -> np.ndarray:
        """Return the vectors that the index is searched with, float32 (n, D), of unit length.

        ``sequences`` must be clean and in the orientation of the references. A sequence without a
        vector gets a row of NaN.
        """
        return self.index.as_searched(self.embedder.encode(sequences))

    def _search(self, bases: list[str]) -> Found:
        """Return what depends on the bases of queries alone."""
        vectors, kept = embed_reads(bases, self.quality.anchor, self.vectors)
        finite = np.isfinite(vectors).all(1)
        vectors[~finite] = 0.0
        neighbours = self.finder.find(self.index.vectors, bases, vectors / kept[:, None])
        chimeras = self._chimeras(bases, neighbours)
        decoys = find_decoys(bases, known_decoys())
        return Found(vectors, finite, neighbours, chimeras, decoys)

    def _chimeras(self, bases: list[str], neighbours: Neighbours) -> np.ndarray:
        """Return which queries are likely chimeras, bool (Q,); all False if not asked for."""
        if not self.check_chimeras:
            return np.zeros(len(bases), bool)
        shortest = max(MIN_BASES, self.index.settings.min_bases)  # part that shows where it is from
        if self.index.sequences is not None:
            return find_crossovers(
                bases,
                neighbours.rows,
                self.finder,
                self.index.vectors,
                self.index.sequences,
                self.members,
                self.index.taxa,
                self.vectors,
                min_bases=shortest,
            )
        return find_chimeras(
            bases,
            neighbours.similarities.max(1),
            self.index.vectors,
            self.members,
            self.index.taxa,
            self.vectors,
            min_bases=shortest,
        )


def _same(found: Found) -> Found:
    return found


def _queries_of(made: Sequence[Query | Assignment]) -> list[Query]:
    """Return the records that can be classified; the others have their assignment already."""
    return [query for query in made if isinstance(query, Query)]
