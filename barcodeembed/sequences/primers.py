"""Primer pairs: the usual ones by name, and those that a user gives.

The table of the usual pairs is ``primers.tsv``, with the publication of each pair. Sequences are
written from 5' to 3', as primers are ordered.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from barcodeembed.errors import InputError
from barcodeembed.sequences.cleaning import normalise

#: The bases that each letter stands for, as bits: A 1, C 2, G 4, T 8.
IUPAC = {
    **{"A": 1, "C": 2, "G": 4, "T": 8, "R": 5, "Y": 10, "S": 6, "W": 9, "K": 12, "M": 3},
    **{"B": 14, "D": 13, "H": 11, "V": 7, "N": 15},
}

#: Bases of a primer. A shorter one occurs by chance, and a longer one does not fit a machine word.
_MIN_BASES, _MAX_BASES = 12, 64


@dataclass(frozen=True, slots=True)
class PrimerPair:
    """Two primers, in upper case, and the amplicon between them.

    ``min_length`` and ``max_length`` are the usual lengths of the amplicon without the primers.
    The other fields are empty for primers that a user gives.
    """

    name: str
    forward: str
    reverse: str
    marker: str = ""
    forward_name: str = ""
    reverse_name: str = ""
    min_length: int = 1
    max_length: int = 1_000_000
    citation: str = ""

    def __str__(self) -> str:
        if not self.forward_name:
            return self.name
        return f"{self.name} ({self.forward_name}, {self.reverse_name})"


@cache
def usual_pairs() -> dict[str, PrimerPair]:
    """Return the usual primer pairs by the name of their amplicon.

    >>> str(usual_pairs()["leray"])
    'leray (mlCOIintF, jgHCO2198)'
    """
    text = files("barcodeembed.sequences").joinpath("primers.tsv").read_text("utf-8")
    header, *lines = text.splitlines()
    pairs = {}
    for line in lines:
        row = dict(zip(header.split("\t"), line.split("\t"), strict=True))
        pairs[row["amplicon"]] = PrimerPair(
            row["amplicon"],
            normalise(row["forward"]),
            normalise(row["reverse"]),
            row["marker"],
            row["forward_name"],
            row["reverse_name"],
            int(row["min_length"]),
            int(row["max_length"]),
            row["citation"],
        )
    return pairs


def pair_of(amplicon: str) -> PrimerPair:
    """Return the primer pair of an amplicon. Raises InputError for a name that is not known."""
    pairs = usual_pairs()
    if amplicon.lower() not in pairs:
        raise InputError(
            f"{amplicon!r} is no amplicon; known are {', '.join(pairs)}; "
            "give other primers with --primers"
        )
    return pairs[amplicon.lower()]


def parse_primers(text: str) -> PrimerPair:
    """Return the pair that is written as ``FORWARD,REVERSE``, both from 5' to 3'.

    Raises InputError if it is not two primers of IUPAC letters (I is read as N).

    >>> parse_primers("ggwacwggwtgaacwgt,TAIACYTCIGGRTG").reverse
    'TANACYTCNGGRTG'
    """
    primers = [normalise(part) for part in text.split(",")]
    if len(primers) != 2:
        raise InputError(f"{text!r} is not two primers; write FORWARD,REVERSE, both from 5' to 3'")
    for primer in primers:
        if wrong := sorted(set(primer) - set(IUPAC)):
            raise InputError(f"primer {primer!r} has the letter {wrong[0]!r}, which is no base")
        if not _MIN_BASES <= len(primer) <= _MAX_BASES:
            raise InputError(
                f"primer {primer!r} has {len(primer)} bases; "
                f"it must have from {_MIN_BASES} to {_MAX_BASES}"
            )
    return PrimerPair(",".join(primers), primers[0], primers[1])


def choose_pair(amplicon: str | None, primers: str | None) -> PrimerPair | None:
    """Return the pair of an amplicon or of two primers; None if neither is given.

    Raises InputError if both are given, or one is wrong.
    """
    if amplicon is not None and primers is not None:
        raise InputError("amplicon and primers are given; give one of them")
    if primers is not None:
        return parse_primers(primers)
    return None if amplicon is None else pair_of(amplicon)
