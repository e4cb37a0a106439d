"""Simulate a small COI-5P reference library and labelled reads.

Nothing here is real: the root sequence is drawn from a stationary codon distribution, evolved
along a tree of made-up taxa under a codon model of the invertebrate mitochondrial code (NCBI
table 5), and every order, family and genus name starts with the mark of its artificial order.
"""

import argparse
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from random import Random

import numpy as np
from Bio.Data.CodonTable import unambiguous_dna_by_id
from Bio.Seq import reverse_complement

FOLDER = Path(__file__).parent / "simulated"
CODE = unambiguous_dna_by_id[5].forward_table  # sense codon -> amino acid
CODONS = sorted(CODE)

# Round numbers that resemble insect COI: a hydrophobic membrane protein in AT-rich DNA.
ACIDS = "LIGSFAMPTVNDHYWERQKC"
ACID_WEIGHTS = (14, 9, 9, 9, 8, 8, 6, 6, 6, 6, 5, 3, 3, 3, 2, 2, 2, 1.5, 1, 0.5)
BASE_WEIGHTS = {"A": 0.425, "T": 0.425, "C": 0.10, "G": 0.05}
TRANSITIONS = ({"A", "G"}, {"C", "T"})
KAPPA, OMEGA = 3.0, 0.02  # transitions over transversions, amino-acid changes over silent ones
GAMMA_SHAPE = 0.7  # of the codons' rates: the smaller, the more codons hardly ever change

# The barcode opens on the third base of a codon: 1 + 219 x 3 = 658 bp, in frame from base 2.
SITES, LENGTH = 220, 658
BARCODE = slice(2, 3 * SITES)

LINEAGE = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
STEM = ("Animalia", "Arthropoda", "Insecta")
MARKS = ("Fict", "Mock", "Sham", "Faux", "Dumm")  # one per order
NAMES = ("{mark}optera", "{mark}o{stem}idae", "{mark}i{stem}ella", "{stem}ensis")
CONSONANTS = "bdlmnprtvxz"
CHILDREN = ((5, 5), (3, 3), (2, 4), (2, 6))  # fewest and most taxa of each rank in the one above
BRANCHES = (1.40, 0.80, 0.62, 0.36)  # mean length above a taxon of each rank, changes per codon
BRANCH_SPREAD, HAPLOTYPE_BRANCH = (0.6, 1.4), 0.007  # factors; mean of a specimen
MEAN_RECORDS, MOST_RECORDS = 3.9, 12  # per species
PARTIAL_SHARE, MOST_TRIMMED = 0.15, 120  # bases, at either end
AMBIGUOUS_RECORDS, MOST_AMBIGUOUS = 12, 8  # bases turned into N

UNSEEN_GENERA, UNSEEN_SPECIES = 8, 15
READS = {"seen": 60, "unseen_species": 34, "unseen_genus": 24}
ERRONEOUS, CUT, REVERSED, LOWER_CASE = 18, 18, 12, 5  # reads; one may be in several of these
ERROR_RATE, CUT_LENGTHS = 0.01, (150, 400)


class CodonModel:
    """Codon substitution as in Goldman & Yang (1994), with gamma-distributed rates of sites."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        weights = np.array([math.prod(BASE_WEIGHTS[base] for base in codon) for codon in CODONS])
        acids = np.array([CODE[codon] for codon in CODONS])
        for acid, weight in zip(ACIDS, ACID_WEIGHTS, strict=True):
            weights[acids == acid] *= weight / weights[acids == acid].sum()
        self.stationary = weights / weights.sum()

        rates = np.array([[exchangeability(a, b) for b in CODONS] for a in CODONS])
        rates *= self.stationary
        np.fill_diagonal(rates, -rates.sum(axis=1))
        rates /= -self.stationary @ rates.diagonal()  # one expected change per unit of length

        # A reversible rate matrix is similar to a symmetric one: its eigenbasis is a stable one.
        root = np.sqrt(self.stationary)
        self.eigenvalues, vectors = np.linalg.eigh(rates * root[:, None] / root)
        self.left, self.right = vectors / root[:, None], vectors.T * root
        self.site_rates = [rng.gammavariate(GAMMA_SHAPE, 1 / GAMMA_SHAPE) for _ in range(SITES)]

    def root(self) -> np.ndarray:
        """The codons of the common ancestor, from the stationary distribution."""
        return np.array(self.rng.choices(range(len(CODONS)), self.stationary, k=SITES))

    def evolve(self, codons: np.ndarray, length: float) -> np.ndarray:
        """The codons at the lower end of a branch, given those at its upper end."""
        decay = np.exp(length * np.outer(self.site_rates, self.eigenvalues))
        # Not @: BLAS threads, for a product this small, wait on each other when cores are busy.
        cumulative = np.einsum("ij,jk->ik", self.left[codons] * decay, self.right).cumsum(axis=1)
        points = np.array([self.rng.random() for _ in codons]) * cumulative[:, -1]
        return (cumulative <= points[:, None]).sum(axis=1)

    def haplotype(self, codons: np.ndarray) -> str:
        """The barcode of one specimen of the species with these ancestral codons."""
        evolved = self.evolve(codons, self.rng.expovariate(1 / HAPLOTYPE_BRANCH))
        return "".join(CODONS[index] for index in evolved)[BARCODE]


def exchangeability(codon: str, other: str) -> float:
    """The rate between two codons relative to their frequencies; 0 unless one base differs."""
    changes = [{a, b} for a, b in zip(codon, other, strict=True) if a != b]
    if len(changes) != 1:
        return 0.0
    rate = KAPPA if changes[0] in TRANSITIONS else 1.0
    return rate if CODE[codon] == CODE[other] else rate * OMEGA


@dataclass(frozen=True, eq=False)
class Species:
    """A leaf of the tree: its names from order to epithet and its ancestral codons."""

    names: tuple[str, ...]
    codons: np.ndarray

    @property
    def lineage(self) -> tuple[str, ...]:
        """The names at the ranks of LINEAGE, kingdom to binomial."""
        return (*STEM, *self.names[:-1], " ".join(self.names[-2:]))


@dataclass(eq=False)
class Record:
    """One sequence of a species: a reference, or a read with its kind and strand."""

    species: Species
    nucleotides: str
    kind: str = "seen"
    strand: str = "+"

    @property
    def complete(self) -> bool:
        """Whether every base of the barcode is known."""
        return len(self.nucleotides) == LENGTH and "N" not in self.nucleotides


def unique_stems(rng: Random) -> Iterator[str]:
    """Pronounceable stems for names, in random order."""
    syllables = ["".join(letters) for letters in product(CONSONANTS, "aeiou")]
    stems = ["".join(parts) for parts in product(syllables, syllables, CONSONANTS)]
    return iter(rng.sample(stems, len(stems)))


def grow(
    model: CodonModel, stems: Iterator[str], codons: np.ndarray, names: tuple[str, ...] = ()
) -> Iterator[Species]:
    """The species below the node with these codons and names (order downwards)."""
    depth = len(names)
    if depth == len(NAMES):
        yield Species(names, codons)
        return
    for index in range(model.rng.randint(*CHILDREN[depth])):
        mark = names[0].removesuffix("optera") if names else MARKS[index]
        name = NAMES[depth].format(mark=mark, stem=next(stems))
        length = BRANCHES[depth] * model.rng.uniform(*BRANCH_SPREAD)
        yield from grow(model, stems, model.evolve(codons, length), (*names, name))


def hold_out(species: list[Species], rng: Random) -> dict[str, list[Species]]:
    """Split species by kind of read: at most one genus a family, one species a genus held out."""

    def one_per_parent(taxa: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
        return list({taxon[:-1]: taxon for taxon in rng.sample(taxa, len(taxa))}.values())

    unseen_genera = rng.sample(one_per_parent([one.names[:3] for one in species]), UNSEEN_GENERA)
    others = [one.names for one in species if one.names[:3] not in unseen_genera]
    unseen_species = rng.sample(one_per_parent(others), UNSEEN_SPECIES)

    split: dict[str, list[Species]] = {kind: [] for kind in READS}
    for one in species:
        kind = "unseen_species" if one.names in unseen_species else "seen"
        split["unseen_genus" if one.names[:3] in unseen_genera else kind].append(one)
    return split


def make_references(species: list[Species], model: CodonModel) -> list[Record]:
    """Some specimens of each species: most complete, some partial, a few with N."""
    rng = model.rng
    records = [
        Record(one, model.haplotype(one.codons))
        for one in species
        for _ in range(min(1 + int(rng.expovariate(1 / MEAN_RECORDS)), MOST_RECORDS))
    ]
    flawed = rng.sample(records, AMBIGUOUS_RECORDS + round(PARTIAL_SHARE * len(records)))
    for record in flawed[:AMBIGUOUS_RECORDS]:
        for at in rng.sample(range(LENGTH), rng.randint(1, MOST_AMBIGUOUS)):
            record.nucleotides = record.nucleotides[:at] + "N" + record.nucleotides[at + 1 :]
    for record in flawed[AMBIGUOUS_RECORDS:]:
        start, end = rng.randint(0, MOST_TRIMMED), rng.randint(1, MOST_TRIMMED)
        record.nucleotides = record.nucleotides[start:-end]

    # In real libraries too, introgression and wrong names give two species one haplotype.
    congeners = [
        (a, b)
        for a, b in pairwise(record for record in records if record.complete)
        if a.species is not b.species and a.species.names[-2] == b.species.names[-2]
    ]
    donor, taker = rng.choice(congeners)
    taker.nucleotides = donor.nucleotides
    return records


def make_reads(
    split: dict[str, list[Species]], references: list[Record], model: CodonModel
) -> list[Record]:
    """Reads of new haplotypes of every kind, shuffled, with two that no tool can classify."""
    rng = model.rng
    taken = {record.nucleotides for record in references}
    reads = []
    for kind, count in READS.items():
        for _ in range(count):
            one = rng.choice(split[kind])
            while (haplotype := model.haplotype(one.codons)) in taken:
                pass
            reads.append(Record(one, haplotype, kind))

    for read in rng.sample(reads, ERRONEOUS):
        read.nucleotides = "".join(add_sequencing_errors(base, rng) for base in read.nucleotides)
    for read in rng.sample(reads, CUT):
        length = rng.randint(*CUT_LENGTHS)
        start = rng.randint(0, len(read.nucleotides) - length)
        read.nucleotides = read.nucleotides[start : start + length]
    for read in rng.sample(reads, REVERSED):
        read.nucleotides, read.strand = reverse_complement(read.nucleotides), "-"
    for read in rng.sample(reads, LOWER_CASE):
        read.nucleotides = read.nucleotides.lower()

    blank, short = rng.sample(split["seen"], 2)
    reads.append(Record(blank, "N" * LENGTH, "damaged"))
    reads.append(Record(short, model.haplotype(short.codons)[:40], "damaged"))
    return rng.sample(reads, len(reads))


def add_sequencing_errors(base: str, rng: Random) -> str:
    """The base as sequenced: at ERROR_RATE substituted, deleted or followed by another."""
    other = rng.choice("ACGT".replace(base, ""))
    return rng.choice([other, "", base + other]) if rng.random() < ERROR_RATE else base


def report(references: list[Record]) -> str:
    """The p-distances between complete references by the lowest rank that the pair shares."""
    complete = [record for record in references if record.complete]
    bases = np.array([list(record.nucleotides.encode()) for record in complete], dtype=np.uint8)
    distances: dict[str, list[float]] = {rank: [] for rank in reversed(LINEAGE[2:])}
    for i, record in enumerate(complete):
        p_distances = (bases[i] != bases[i + 1 :]).mean(axis=1)
        for other, distance in zip(complete[i + 1 :], p_distances, strict=True):
            shared = set(record.species.lineage) & set(other.species.lineage)
            distances[LINEAGE[len(shared) - 1]].append(100 * distance)

    lines = [f"{'lowest shared rank':<20}{'pairs':>8}{'5 %':>8}{'median':>8}{'95 %':>8}"]
    for rank, percents in distances.items():
        low, median, high = np.quantile(percents, [0.05, 0.5, 0.95])
        lines.append(f"{rank:<20}{len(percents):>8}{low:>8.1f}{median:>8.1f}{high:>8.1f}")
    at_share = np.isin(bases, list(b"AT")).mean()
    lines.append(f"p-distances in %; {len(complete)} complete references, A + T {at_share:.1%}")
    return "\n".join(lines)


def write(path: Path, records: Iterable[Iterable[str]], separator: str) -> None:
    """Write the fields of records; lines end alike on every platform."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(separator.join(fields) + "\n" for fields in records), newline="\n")


def simulate(seed: int, folder: Path) -> list[Record]:
    """Write the four files into the folder; return the references."""
    # Python's generator keeps its streams from version to version, which NumPy's does not promise.
    model = CodonModel(Random(seed))
    split = hold_out(list(grow(model, unique_stems(model.rng), model.root())), model.rng)
    references = make_references(split["seen"], model)
    reads = make_reads(split, references, model)

    fasta, table = [], [("record_id", *LINEAGE)]
    for number, one in enumerate(references, 1):
        key, lineage = f"SIM{number:05d}", one.species.lineage
        taxa = ",".join(f"{rank[0]}:{name}" for rank, name in zip(LINEAGE, lineage, strict=True))
        fasta.append((f">{key};tax={taxa.replace(' ', '_')};", one.nucleotides))
        table.append((key, *lineage))
    write(folder / "reference.fasta", fasta, "\n")
    write(folder / "taxonomy.tsv", table, "\t")

    fasta, table = [], [("record_id", *LINEAGE[1:], "kind", "strand", "nucleotides")]
    for number, one in enumerate(reads, 1):
        key, lineage = f"read_{number:03d}", one.species.lineage
        fasta.append((f">{key}", one.nucleotides))
        table.append((key, *lineage[1:], one.kind, one.strand, one.nucleotides))
    write(folder / "reads.fasta", fasta, "\n")
    write(folder / "reads.tsv", table, "\t")
    return references


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Simulate a small COI-5P library and reads.")
    parser.add_argument("--seed", type=int, default=0, help="random seed (%(default)s)")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder (%(default)s)")
    parser.add_argument("--report", action="store_true", help="print the realised distances")
    args = parser.parse_args()
    references = simulate(args.seed, args.output)
    if args.report:
        print(report(references))


if __name__ == "__main__":
    main()
