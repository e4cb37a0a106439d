"""Make four samples of a metabarcoding run from the simulated reads, for docs/tutorial.md.

    python data/simulate_samples.py -o samples

Reads are the last 313 bases of simulated barcodes, as of the Leray amplicon, with their abundance
in ``;size=N``. About half of them are reverse-complemented. The names of the reads say what they
are, so that you can check the results:

- ``s..``: of a species that the references have; ``n..``: of one that they do not have;
- ``chimera``: the halves of two reads of different families;
- ``pseudogene``: a read with two stop codons and a missing base;
- ``spike``: random bases, which stand for PhiX.

The sample ``blank`` has two reads: a spike, and a read that is also in the others.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from random import Random

FOLDER = Path(__file__).parent / "simulated"
LERAY = slice(345, 658)
SAMPLES = ("lake", "pond", "stream")
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def amplicons() -> list[dict[str, str]]:
    """Return the simulated reads that are complete, cut to the amplicon, in one orientation."""
    with open(FOLDER / "reads.tsv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    kept = [row for row in rows if len(row["nucleotides"]) == 658 and row["strand"] == "+"]
    kept = [row for row in kept if set(row["nucleotides"]) <= set("ACGT")]
    return [{**row, "bases": row["nucleotides"][LERAY]} for row in kept]


def pseudogene(bases: str) -> str:
    """Return a read with two stop codons in its frame, and a missing base between them."""
    frame = 1  # of the last 313 bases; the frame of a complete barcode begins at base 2
    first, second = frame + 3 * 20, frame + 3 * 70
    broken = bases[:first] + "TAA" + bases[first + 3 : second] + "TAG" + bases[second + 3 :]
    return broken[:150] + broken[151:]


def make_samples(rng: Random) -> dict[str, list[tuple[str, str]]]:
    """Return the reads of each sample, as ids and bases."""
    reads = amplicons()
    known = [read for read in reads if read["kind"] == "seen"]
    unknown = [read for read in reads if read["kind"].startswith("unseen")]
    samples: dict[str, list[tuple[str, str]]] = {}
    for number, sample in enumerate(SAMPLES):
        # Neighbouring samples share half of their species.
        chosen = [*known[8 * number : 8 * number + 16], *unknown[4 * number : 4 * number + 8]]
        found = [
            (f"{'s' if read['kind'] == 'seen' else 'n'}{i:02}", read["bases"])
            for i, read in enumerate(chosen, 1)
        ]
        one, other = chosen[0], next(r for r in chosen if r["family"] != chosen[0]["family"])
        found += [
            ("chimera", one["bases"][:156] + other["bases"][156:]),
            ("pseudogene", pseudogene(chosen[1]["bases"])),
            ("spike", "".join(rng.choices("ACGT", k=313))),
        ]
        samples[sample] = found
    # The read that contaminates all samples is in the blank, too.
    samples["blank"] = [("carry_over", known[-1]["bases"]), samples["lake"][-1]]
    for sample in SAMPLES:
        samples[sample].append(("carry_over", known[-1]["bases"]))
    return {name: [finish(read, rng) for read in found] for name, found in samples.items()}


def finish(read: tuple[str, str], rng: Random) -> tuple[str, str]:
    """Give a read its abundance, and reverse-complement half of the reads."""
    name, bases = read
    size = int(rng.paretovariate(0.7) * 5)
    if rng.random() < 0.5:
        bases = bases.translate(COMPLEMENT)[::-1]
    return f"{name};size={min(size, 2_000)}", bases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("samples"))
    folder = parser.parse_args().output
    folder.mkdir(exist_ok=True)
    for sample, reads in make_samples(Random(0)).items():
        text = "".join(f">{name}\n{bases}\n" for name, bases in reads)
        (folder / f"{sample}.fasta").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
