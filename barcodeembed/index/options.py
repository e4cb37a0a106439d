"""The options of a build."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from barcodeembed.calibration.sample import SAMPLE
from barcodeembed.errors import InputError
from barcodeembed.sequences.primers import PrimerPair, choose_pair
from barcodeembed.vocabulary import (
    AUTO,
    CONFLICT_POLICIES,
    DUPLICATE_POLICIES,
    MIN_BASES,
    PROTOTYPES,
    SEARCHES,
)

#: A function of the number of sequences embedded so far and the number of all.
ProgressCallback = Callable[[int, int], None]

#: Called with the name of a step of a build when it begins. Returns a function of what is done so
#: far and all, 0 if that is not known.
StepCallback = Callable[[str], ProgressCallback]

EMBEDDING = "embedding references"

_MAX_READ_ERRORS = 0.2


def no_progress(done: int, total: int) -> None:
    """Report no progress."""


def only_embedding(progress: ProgressCallback) -> StepCallback:
    """Report the progress of one step, and of no other."""
    return lambda name: progress if name == EMBEDDING else no_progress


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """How to build an index. Raises InputError if a value is out of range.

    Attributes:
        whiten: Number of principal directions of the references' vectors to keep, with equal
            variance; 0 keeps the vectors as they are. None chooses by the pooling of the model.
        min_bases: Minimum number of unambiguous bases of a barcode. By default `build_index` uses
            50 if the model does not know positions in the marker.
        duplicate_ids: What to do with different references that have the same id: ``fail`` raises
            an error, ``first`` uses the first, ``keep`` adds a number to the ids of the others.
        on_conflict: What to do with a taxon that has two parents: ``majority`` follows the
            greater number of records, ``fail`` raises an error.
        prototypes: ``species`` or ``bin`` keeps one mean vector, or a few, for the barcodes of
            each, and neither records nor sequences. None keeps the barcodes.
        read_errors: Error rate of the reads that will be classified with the index; 0 if it is not
            known.
        sample: Maximum number of barcodes that the index is calibrated on.
        seed: Seed of all random choices.
        amplicon: Name of the amplicon to which the references are cut, such as ``leray``.
        primers: Instead, its primers: ``FORWARD,REVERSE``, both from 5' to 3'.
        search: ``exact`` compares a query with all vectors, ``quantised`` with 8-bit codes of
            some. ``auto`` is quantised from 100,000 vectors on.
    """

    whiten: int | None = None
    min_bases: int = MIN_BASES
    duplicate_ids: str = "fail"
    on_conflict: str = "majority"
    prototypes: str | None = None
    read_errors: float = 0.0
    sample: int = SAMPLE
    seed: int = 0
    amplicon: str | None = None
    primers: str | None = None
    search: str = AUTO

    def __post_init__(self) -> None:
        self.primer_pair()
        _check_choice("duplicate_ids", self.duplicate_ids, DUPLICATE_POLICIES)
        _check_choice("on_conflict", self.on_conflict, CONFLICT_POLICIES)
        _check_choice("search", self.search, SEARCHES)
        if self.prototypes is not None:
            _check_choice("prototypes", self.prototypes, PROTOTYPES)
            if self.search == "quantised":
                raise InputError("prototypes are searched exactly; there are few of them")
        for name, least in (("min_bases", 1), ("sample", 1), ("seed", 0), ("whiten", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name} is {value}; it must be at least {least}")

        if not 0 <= self.read_errors <= _MAX_READ_ERRORS:
            raise InputError(
                f"read_errors is {self.read_errors}; it must be from 0 to {_MAX_READ_ERRORS}"
            )

    def primer_pair(self) -> PrimerPair | None:
        """Return the primers of the amplicon, or None if the references are not cut."""
        return choose_pair(self.amplicon, self.primers)


def _check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    if value not in choices:
        raise InputError(f"{name} is {value!r}; it must be one of {', '.join(choices)}")
