"""Measure how often the species with most records is correct if several species share a barcode.

    python benchmarks/ties.py REFERENCES QUERIES [--bases 250]

Both are tables with the columns `family`, `species` and `nucleotides`. The middle of each query is
searched in the references of its family, as an exact string. Prints a Markdown table of the queries
that are in references of several species, by the records of the first and the second species.
"""

from __future__ import annotations

import argparse
from bisect import bisect_right
from collections import Counter, defaultdict
from itertools import accumulate
from pathlib import Path

from barcodeembed.sequences.reading import read_records
from barcodeembed.sequences.records import SequenceRecord

FIRST = ((1, 1), (2, 4), (5, 9), (10, 10**9))
SECOND = ((1, 1), (2, 4), (5, 10**9))


def species_with(fragment: str, text: str, starts: list[int], species: list[str]) -> Counter[str]:
    """Return the records of each species that contain a fragment."""
    found: Counter[str] = Counter()
    at = text.find(fragment)
    while at >= 0:
        record = bisect_right(starts, at) - 1
        found[species[record]] += 1
        at = text.find(fragment, starts[record + 1])
    return found


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("references", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("--bases", type=int, default=250, help="bases of a query; 0 for all")
    args = parser.parse_args()
    references: dict[str, list[SequenceRecord]] = defaultdict(list)
    for record in read_records(args.references):
        if record.fields.get("species"):
            references[record.fields["family"]].append(record)
    queries: dict[str, list[SequenceRecord]] = defaultdict(list)
    for record in read_records(args.queries):
        queries[record.fields["family"]].append(record)
    results = []
    for family, members in queries.items():
        text = "\n".join(record.sequence for record in references[family])
        starts = list(accumulate((len(r.sequence) + 1 for r in references[family]), initial=0))
        species = [record.fields["species"] for record in references[family]]
        for query in members:
            middle, half = len(query.sequence) // 2, args.bases // 2 or len(query.sequence)
            fragment = query.sequence[max(0, middle - half) : middle + half]
            found = species_with(fragment, text, starts, species)
            if len(found) > 1:
                (name, first), (_, second) = found.most_common(2)
                results.append((first, second, name == query.fields["species"]))
    print(f"{len(results)} queries of {sum(map(len, queries.values()))} are in several species\n")
    print("| second | " + " | ".join(f"first {span(limits)}" for limits in FIRST) + " |")
    print("| --- " * (len(FIRST) + 1) + "|")
    for low, high in SECOND:
        cells = []
        for least, most in FIRST:
            right = [
                correct
                for first, second, correct in results
                if least <= first <= most and low <= second <= high
            ]
            cells.append(f"{sum(right) / len(right):.2f} of {len(right)}" if right else "")
        print(f"| {span((low, high))} | " + " | ".join(cells) + " |")


def span(limits: tuple[int, int]) -> str:
    """Return two limits as text."""
    low, high = limits
    return f"{low}" if low == high else f"{low} or more" if high == 10**9 else f"{low} to {high}"


if __name__ == "__main__":
    main()
