"""Make the table from which the marker of a read is guessed, and measure it.

    python benchmarks/marker_odds.py OUTPUT --main TABLE --marker NAME=TABLE...
                                     [--reads NAME=TABLE...] [--bases N]

`--main` are references of COI and `--marker` those of another marker; one record of each species
counts. Only log-odds of 8-mers are written. `--reads` are reads of a marker (or of something else),
of which the fraction that is guessed to be of each marker is printed; `--bases` cuts a part of so
many bases out of each.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from barcodeembed.sequences.marker_odds import learn_marker_odds, save_marker_odds
from barcodeembed.taxonomy.references import chain_labelled

_MAX_REFERENCES = 20_000


def one_of_each(path: Path) -> list[str]:
    """Return the bases of the first record of each lineage, at most 20,000 of them."""
    first: dict[tuple[str | None, ...], str] = {}
    for record, lineage in chain_labelled([path]):
        first.setdefault(tuple(lineage), record.sequence.upper())
    bases = list(first.values())
    random.Random(0).shuffle(bases)
    return bases[:_MAX_REFERENCES]


def named(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    return name, Path(path)


def reads_of(path: Path, bases: int | None) -> Iterator[str]:
    rng = random.Random(0)
    for record, _ in chain_labelled([path]):
        start = rng.randrange(max(len(record.sequence) - bases, 0) + 1) if bases else 0
        yield record.sequence.upper()[start : start + bases if bases else None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--main", required=True, type=Path, metavar="TABLE")
    for name in ("marker", "reads"):
        parser.add_argument(
            f"--{name}", nargs="*", default=[], type=named, metavar="NAME=TABLE", action="extend"
        )
    parser.add_argument("--bases", type=int, metavar="N")
    asked = parser.parse_args()
    odds = learn_marker_odds(
        one_of_each(asked.main), {name: one_of_each(path) for name, path in asked.marker}
    )
    save_marker_odds(odds, asked.output)
    for name, path in asked.reads:
        counts = Counter(odds.guess(bases) or "COI" for bases in reads_of(path, asked.bases))
        parts = ", ".join(f"{n / counts.total():.4f} {m}" for m, n in counts.most_common())
        print(f"{name} ({path.name}): {counts.total():,} reads: {parts}")


if __name__ == "__main__":
    main()
