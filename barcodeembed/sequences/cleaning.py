"""From letters as written to the bases that the tokenizer reads, and what was wrong with them."""

from __future__ import annotations

from dataclasses import dataclass

from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.vocabulary import MIN_BASES

AMBIGUOUS_FLAG = 0.05
AMBIGUOUS_REFUSED = 0.50
#: A barcode has hundreds of distinct 4-mers; a repeat of a short unit has a handful.
LOW_COMPLEXITY = 0.10

_UPPER_DNA = str.maketrans("acgturyswkmbdhvniUI", "ACGTTRYSWKMBDHVNNTN", "-. \t")
_COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")


@dataclass(frozen=True, slots=True)
class CleanSequence:
    """Bases in upper case (A, C, G, T and IUPAC codes), with flags.

    ``unclassifiable`` is the flag for which no answer can be given, or None.
    """

    bases: str
    flags: tuple[str, ...]
    unclassifiable: str | None


def clean(record: SequenceRecord, *, min_bases: int = MIN_BASES, max_bases: int) -> CleanSequence:
    """Normalise a record's letters and judge whether they carry enough to be named.

    Case, U for T, I (inosine) for N, and gaps (``-``, ``.``) are normalised silently: they say
    nothing about the organism, and the result is the same to the byte. Flags:
    ``ambiguous_bases`` (over 5% not A, C, G or T) and, refusing the record, ``empty``,
    ``too_long`` (over ``max_bases``), ``short`` (under ``min_bases`` unambiguous bases),
    ``low_information`` (over half ambiguous, or a repeat).
    """
    bases = record.sequence.translate(_UPPER_DNA)
    flags = list(record.flags)
    reason = None
    known = sum(map(bases.count, "ACGT"))
    length = max(len(bases), 1)
    if not bases:
        reason = "empty"
    elif len(bases) > max_bases or record.length > len(record.sequence):
        reason = "too_long"
    elif len(bases) >= min_bases and known < AMBIGUOUS_REFUSED * length:
        reason = "low_information"
    elif known < min_bases:
        reason = "short"
    elif _distinct_fraction(bases) < LOW_COMPLEXITY:
        reason = "low_information"
    if bases and known < (1 - AMBIGUOUS_FLAG) * length:
        flags.append("ambiguous_bases")
    if reason:
        flags.append(reason)
    return CleanSequence(bases, tuple(flags), reason)


def reverse_complement(bases: str) -> str:
    """Return the other strand, IUPAC codes complemented.

    >>> reverse_complement("AACRN")
    'NYGTT'
    """
    return bases.translate(_COMPLEMENT)[::-1]


def _distinct_fraction(bases: str) -> float:
    """Distinct 4-mers over the number possible in a sequence of this length (at most 256)."""
    windows = len(bases) - 3
    if windows <= 0:
        return 0.0
    return len({bases[i : i + 4] for i in range(windows)}) / min(windows, 256)
