"""Clean a record: normalise its letters to bases, and flag what is unusual about them."""

from __future__ import annotations

from dataclasses import dataclass

from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.vocabulary import MIN_BASES

#: Flag of a record with many ambiguous bases, and the fraction above which it is raised.
AMBIGUOUS_BASES = "ambiguous_bases"
MAX_UNFLAGGED_AMBIGUOUS = 0.05

#: Fraction of ambiguous bases above which a record is refused.
MAX_AMBIGUOUS = 0.50

#: A barcode has hundreds of distinct 4-mers; a repeat of a short unit has a few.
MIN_DISTINCT = 0.10

#: Number of 4-mers at the beginning of a sequence that are looked at first.
_BEGINNING = 64

_UPPER_DNA = str.maketrans("acgturyswkmbdhvniUI", "ACGTTRYSWKMBDHVNNTN", "-. \t")
_COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")


@dataclass(frozen=True, slots=True)
class CleanSequence:
    """Bases in upper case (A, C, G, T and IUPAC codes), with flags.

    ``unclassifiable`` is the flag that makes an answer impossible, or None.
    """

    bases: str
    flags: tuple[str, ...]
    unclassifiable: str | None


def clean(record: SequenceRecord, *, min_bases: int = MIN_BASES, max_bases: int) -> CleanSequence:
    """Normalise a record's letters and check that they carry enough information.

    Case, U (read as T), I (inosine, read as N) and gaps (``-``, ``.``) are normalised without a
    flag: they carry no information about the organism, and the result is identical. Flags:

    - ``ambiguous_bases``: over 5% of the letters are not A, C, G or T.
    - ``empty``, ``too_long`` (over ``max_bases``), ``short`` (under ``min_bases`` unambiguous
      bases), ``low_information`` (over half ambiguous, or a repeat): these refuse the record.
    """
    bases = normalise(record.sequence)
    flags = list(record.flags)
    reason = None
    unambiguous = sum(map(bases.count, "ACGT"))
    length = max(len(bases), 1)
    if not bases:
        reason = "empty"
    elif len(bases) > max_bases or record.length > len(record.sequence):
        reason = "too_long"
    elif len(bases) >= min_bases and unambiguous < (1 - MAX_AMBIGUOUS) * length:
        reason = "low_information"
    elif unambiguous < min_bases:
        reason = "short"
    elif _is_repeat(bases):
        reason = "low_information"
    if is_ambiguous(bases):
        flags.append(AMBIGUOUS_BASES)
    if reason:
        flags.append(reason)
    return CleanSequence(bases, tuple(flags), reason)


def is_ambiguous(bases: str) -> bool:
    """Return whether over 5 % of the letters are not A, C, G or T."""
    return sum(map(bases.count, "ACGT")) < (1 - MAX_UNFLAGGED_AMBIGUOUS) * len(bases)


def normalise(letters: str) -> str:
    """Return letters in upper case, with T for U and N for I (inosine), without gaps.

    >>> normalise("ac-guI")
    'ACGTN'
    """
    return letters.translate(_UPPER_DNA)


def reverse_complement(bases: str) -> str:
    """Return the reverse complement, IUPAC codes included.

    >>> reverse_complement("AACRN")
    'NYGTT'
    """
    return bases.translate(_COMPLEMENT)[::-1]


def _is_repeat(bases: str) -> bool:
    """Return whether a sequence has few of the distinct 4-mers possible at its length (or 256)."""
    windows = len(bases) - 3
    most = max(min(windows, 256), 1)
    # The beginning of most sequences has enough already.
    return all(
        len({bases[i : i + 4] for i in range(some)}) / most < MIN_DISTINCT
        for some in (min(_BEGINNING, windows), windows)
    )
