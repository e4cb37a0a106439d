"""Explain the answer for one query in words, with its hits and a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from barcodeembed.classify.amplicons import SAMPLE
from barcodeembed.classify.assignment import Assignment
from barcodeembed.classify.nearest import ReferenceFacts, facts_of
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.trees import (
    MIN_LEAVES,
    distances_by_identity,
    distances_by_similarity,
    drawn,
    joined,
)
from barcodeembed.sequences.records import SequenceRecord

#: What the flags of a query mean, in words.
_FLAGS = {
    "layout_removed": "numbers or spaces were removed from it",
    "no_id": "it had no id",
    "ambiguous_bases": "more than 5 % of its bases were not read",
    "primer": "a primer was cut off",
    "empty": "it has no bases",
    "short": "it is too short",
    "too_long": "it is too long",
    "low_information": "it repeats itself, or most of it was not read",
    "no_vector": "the model gives no vector",
    "stop_codon": "it has a stop codon in its reading frame",
    "frameshift": "bases are missing or inserted, and not as whole codons",
    "pseudogene": "it is probably a pseudogene",
    "non_target": "it is not a barcode of this marker",
    "contaminant": "it is of a known contaminant: human, bacteria or plant",
    "chimera": "it is probably a chimera, of two organisms",
}


def records_to_explain(
    records: Iterator[SequenceRecord], query_id: str
) -> list[SequenceRecord] | None:
    """Return the first records of a file and the one with an id, or None if there is none.

    The first records show the error rate and the amplicon of all, so the answer is as in the
    complete run.
    """
    first = list(islice(records, SAMPLE))
    if any(record.id == query_id for record in first):
        return first
    wanted = next((record for record in records if record.id == query_id), None)
    return None if wanted is None else [*first, wanted]


def explain(assignment: Assignment, classifier: Classifier) -> str:
    """Return what the answer is, how sure, what is nearest, whether it is new, hits, and a tree."""
    parts = [_heading(assignment), _answer(assignment), _novelty(assignment, classifier)]
    if assignment.flags:
        parts.append("Flags: " + _because(assignment.flags) + ".")
    text = "\n".join(part for part in parts if part) + "\n"
    if assignment.hits:
        named_by = classifier.of(assignment.marker)
        text += f"\n{_ranks(assignment, classifier)}\n{_hits(assignment, named_by)}"
        text += _tree(assignment, named_by)
    return text


def _heading(a: Assignment) -> str:
    if a.start is None:
        return f"{a.query_id}: {a.length} bases"
    strand = "as the references" if a.strand == "+" else "reverse-complemented"
    part = (
        "" if (a.end or 0) - a.start + 1 == a.length else f", of which {a.start} to {a.end} count"
    )
    return f"{a.query_id}: {a.length} bases{part}, {strand}"


def _answer(a: Assignment) -> str:
    if a.status == "unclassifiable":
        return f"It has no name: {_because(a.flags)}."
    placed = f"{a.rank} {a.taxon}, with a confidence of {a.confidence:.4f}" if a.rank else "nothing"
    if a.status == "assigned":
        return f"It is {placed}."
    if len(a.tied_taxa) > 1:
        tied = ", ".join(a.tied_taxa[:5]) + (", ..." if len(a.tied_taxa) > 5 else "")
        return f"It is {placed}. Its best hits are equally good and of several species: {tied}."
    if a.status == "ambiguous":
        return f"It is {placed}. No lower name is certain enough."
    return f"It is placed at {placed}."


def _novelty(a: Assignment, classifier: Classifier) -> str:
    if not a.hits:
        return ""
    probability = dict(zip(classifier.ranks, a.in_reference, strict=True))
    lowest = classifier.ranks[-1]
    if a.status == "novel" and a.novel_rank:
        return (
            f"It is new to the reference: its {a.novel_rank} is in the reference with a "
            f"probability of {probability[a.novel_rank]:.4f}."
        )
    return (
        f"It is not called new: its {lowest} is in the reference with a probability of "
        f"{probability[lowest]:.4f}."
    )


def _because(flags: Sequence[str]) -> str:
    return "; ".join(f"{_FLAGS.get(flag, 'unusual')} ({flag})" for flag in flags)


def _ranks(a: Assignment, classifier: Classifier) -> str:
    """Return a table of the ranks: the accepted name, confidence, and P(in the reference)."""
    rows = [("rank", "name", "confidence", "in the reference")]
    for rank, name, confidence, known in zip(
        classifier.ranks, a.names, a.confidences, a.in_reference, strict=True
    ):
        shown = "-" if confidence is None else f"{confidence:.4f}"
        rows.append((rank, name or "-", shown, "-" if known != known else f"{known:.4f}"))
    return _aligned(rows)


def _hits(a: Assignment, classifier: Classifier) -> str:
    rows = [("hit", "reference", "taxon", "BIN", "country", "identity", "similarity")]
    for number, (hit, facts) in enumerate(_with_facts(a, classifier), 1):
        rows.append(
            (
                str(number),
                classifier.reference_id(hit.row),
                facts.taxon or "-",
                facts.bin or "-",
                facts.country or "-",
                "-" if hit.identity is None else f"{hit.identity:.2f} % of {hit.overlap}",
                f"{hit.similarity:.4f}",
            )
        )
    return _aligned(rows)


def _with_facts(a: Assignment, classifier: Classifier) -> list[tuple]:
    index = classifier.index
    return [(hit, facts_of(index, int(index.first_records[hit.row]))) for hit in a.hits]


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines) + "\n"


def _tree(a: Assignment, classifier: Classifier) -> str:
    """Return a tree of the query and its hits, or nothing if it would have too few leaves."""
    if len(a.hits) + 1 < MIN_LEAVES:
        return ""
    facts: list[tuple] = _with_facts(a, classifier)
    labels = [f"> {a.query_id}", *(_label(n, f) for n, (_, f) in enumerate(facts, 1))]
    rows = [hit.row for hit in a.hits]
    sequences = classifier.index.sequences
    if sequences is not None and a.bases is not None:
        measure = "fraction of different bases"
        distances = distances_by_identity([a.bases, *(sequences[row] for row in rows)])
    else:
        measure = "1 - similarity of the vectors"
        assert a.vector is not None
        distances = distances_by_similarity(np.stack([a.vector, *classifier.index.vectors[rows]]))
    return f"\nNeighbour-joining tree ({measure}):\n{drawn(joined(labels, distances))}"


def _label(number: int, facts: ReferenceFacts) -> str:
    return f"{number} {facts.taxon or 'no name'}" + (f" {facts.bin}" if facts.bin else "")
