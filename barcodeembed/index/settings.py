"""The settings of an index, and the version of its format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from barcodeembed.scoring.candidates import Weights
from barcodeembed.sequences.primers import PrimerPair

#: The format in which indexes are written. Older formats are not read.
INDEX_FORMAT = 7


@dataclass(frozen=True, slots=True)
class Amplicon:
    """An amplicon of an index: its primers, and its part of the marker.

    ``first`` and ``last`` are the positions of its first and last base in the model's marker, from
    1. Both are None if the model has no positions.
    """

    name: str
    forward: str
    reverse: str
    first: int | None = None
    last: int | None = None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Amplicon:
        """Read what `to_json` returned."""
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Return the fields that have a value, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @property
    def pair(self) -> PrimerPair:
        """The primers."""
        return PrimerPair(self.name, self.forward, self.reverse)


@dataclass(frozen=True, slots=True)
class QuantisedSearch:
    """How an index is searched by 8-bit codes in ``clusters``, and how much is found.

    ``margin`` is that of `Quantised`. The recalls are the fractions of the most similar references,
    and of the ten most similar ones, that are found. They were measured on fragments and whole
    barcodes of the index.
    """

    clusters: int
    margin: float
    recall_nearest: float
    recall_ten: float

    @property
    def recall(self) -> float:
        """The lower of the recalls."""
        return min(self.recall_nearest, self.recall_ten)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """How an index was made and what it contains: the content of ``config.json``.

    Attributes:
        embedder: Fingerprint of the model and of the way it was used.
        embedding: Arguments that `Embedder.load` needs, with the model, to make the same
            vectors: ``precision`` and ``offsets``.
        max_bases: Maximum number of bases of a barcode.
        min_bases: Minimum number of unambiguous bases of a barcode.
        read_errors: Error rate of the reads to classify with the index; 0 if it is not known.
        records: Number of records. None if it is unknown: a subset of prototypes.
        vectors: Number of vectors.
        candidates: Number of candidates by vectors, and at most as many by k-mers, of which the
            best vote. None for as many as vote.
        temperature: Temperature of the vote.
        upper_temperature: That of the ranks above the genus. None if it is the same.
        identity_weight: Weight of the percent identity in the vote, relative to the similarity.
        fragment_temperature: Temperature of the vote on fragments.
        fragment_upper_temperature: That of the ranks above the genus. None if it is the same.
        fragment_identity_weight: Weight of the percent identity in the vote on fragments; of
            prototypes, the weight of shared k-mers.
        kmers_for_all: Whether complete barcodes are searched by shared k-mers, too.
        whitening: Number of principal directions kept by whitening; 0 if vectors are as the model
            made them.
        seed: Seed of all random choices.
        prototypes: Taxon of which each prototype is the mean, ``species`` or ``bin``. None if the
            index contains the barcodes themselves.
        barcodes: Number of distinct barcodes that the prototypes were made from.
        calibrated: Number of vectors that the index was calibrated with, if more were added later
            and the calibration was kept. None if it was calibrated with all.
        amplicon: The part of the marker to which the references were cut, or None.
        non_coding: True if the barcodes that the prototypes were made from are not protein-coding.
            None if they are, and for an index that contains its barcodes.
        search: The search by 8-bit codes. None if the search is exact.
        coverage: What the references include and what they lack, in the words of their author.
    """

    embedder: str
    embedding: Mapping[str, str | int]
    max_bases: int
    min_bases: int
    read_errors: float
    records: int | None
    vectors: int
    temperature: float
    identity_weight: float
    fragment_temperature: float
    fragment_identity_weight: float
    kmers_for_all: bool
    whitening: int
    seed: int
    prototypes: str | None = None
    barcodes: int | None = None
    calibrated: int | None = None
    coverage: str | None = None
    amplicon: Amplicon | None = None
    non_coding: bool | None = None
    candidates: int | None = None
    upper_temperature: float | None = None
    fragment_upper_temperature: float | None = None
    search: QuantisedSearch | None = None

    @property
    def weights(self) -> tuple[Weights, Weights]:
        """How the neighbours of whole barcodes and of fragments count."""
        return (
            Weights(self.temperature, self.identity_weight, self.upper_temperature),
            Weights(
                self.fragment_temperature,
                self.fragment_identity_weight,
                self.fragment_upper_temperature,
            ),
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> IndexSettings:
        """Read what `to_json` returned. Raises KeyError if a required setting is missing."""
        optional = [f.name for f in fields(cls) if f.default is None] + ["records"]
        settings: dict[str, Any] = {
            f.name: values.get(f.name) if f.name in optional else values[f.name]
            for f in fields(cls)
        }
        if settings["amplicon"] is not None:
            settings["amplicon"] = Amplicon.from_json(settings["amplicon"])
        if settings["search"] is not None:
            settings["search"] = QuantisedSearch(**settings["search"])
        return cls(**settings)

    def to_json(self) -> dict[str, Any]:
        """Return the settings that have a value, by name, in alphabetical order."""
        values = asdict(self)
        if self.amplicon is not None:
            values["amplicon"] = self.amplicon.to_json()
        names = sorted(field.name for field in fields(self))
        return {name: values[name] for name in names if values[name] is not None}


def outdated(bundle: Path) -> str:
    """Return the message for an index whose format is no longer read."""
    return (
        f"{bundle}: this index has an earlier format, which lacks data that is needed now; "
        "make it again with `barcodeembed index build`"
    )
