"""Primers are found and cut off, with what lies outside them, and barcodes stay whole."""

from __future__ import annotations

import random

import edlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import REPOSITORY, SIMULATED

from barcodeembed.embedding.embedder import Embedder
from barcodeembed.errors import InputError
from barcodeembed.sequences.cleaning import clean, normalise, reverse_complement
from barcodeembed.sequences.primer_sites import PrimerFinder
from barcodeembed.sequences.primers import IUPAC, PrimerPair, pair_of, parse_primers, usual_pairs
from barcodeembed.sequences.reading import read_records
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.sequences.trimming import Trimmer

PAIRS = usual_pairs()
LETTERS = {bits: letter for letter, bits in IUPAC.items()}


def random_bases(rng: random.Random, length: int) -> str:
    return "".join(rng.choices("ACGT", k=length))


def instance(primer: str, rng: random.Random) -> str:
    """Return one of the sequences that a degenerate primer stands for."""
    return "".join(rng.choice([b for b in "ACGT" if IUPAC[b] & IUPAC[p]]) for p in primer)


def amplicon(pair: PrimerPair, rng: random.Random) -> str:
    return random_bases(rng, (pair.min_length + pair.max_length) // 2)


def read_of(pair: PrimerPair, inside: str, rng: random.Random) -> str:
    """Return an amplicon with both primers on, in the orientation of the forward primer."""
    reverse = reverse_complement(instance(pair.reverse, rng))
    return instance(pair.forward, rng) + inside + reverse


# The table.


def test_every_usual_pair_is_two_primers_with_a_citation():
    for name, pair in PAIRS.items():
        assert pair.name == name == name.lower()
        assert {*pair.forward, *pair.reverse} <= set(IUPAC)
        assert pair.min_length < pair.max_length
        assert pair.marker
        assert any(letter.isdigit() for letter in pair.citation)


def test_the_names_of_the_usual_amplicons_are_a_contract():
    assert list(PAIRS) == [
        *("folmer", "lep", "leray", "leray-xt", "bf3-br2", "bf2-br2", "fwh2", "anml", "zeale"),
        *("mifish-u", "mifish-e", "teleo", "16s-ar-br"),
        *("its1", "its3-its4", "fits7-its4", "gits7-its4", "s2f-s3r", "rbcla", "trnl-gh"),
    ]


def test_an_unknown_amplicon_is_an_error_that_lists_the_known_ones():
    with pytest.raises(InputError, match="'lerai' is no amplicon; known are folmer, lep, leray"):
        pair_of("lerai")
    assert pair_of("Leray").forward == "GGWACWGGWTGAACWGTWTAYCCYCC"


@pytest.mark.parametrize(
    "text, message",
    [
        ("ACGTACGTACGTACGT", "is not two primers"),
        ("ACGTACGTACGTACGT,ACGTACGTACGTACGZ", "'Z', which is no base"),
        ("ACGTACGTACGTACGT,ACGT", "has 4 bases; it must have from 12 to 64"),
    ],
)
def test_bad_primers_are_an_error(text, message):
    with pytest.raises(InputError, match=message):
        parse_primers(text)


# The search.


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_errors_are_the_edit_distance_to_the_best_part(seed):
    rng = random.Random(seed)
    primers = ["".join(rng.choices("ACGTRYSWKMBDHVN", k=rng.randint(12, 40))) for _ in range(3)]
    texts = [
        random_bases(rng, 10) + instance(rng.choice(primers), rng)[2:] + random_bases(rng, 25)
        for _ in range(4)
    ]
    finder = PrimerFinder(primers)
    fewest, _ = finder.find(texts)
    equal = [(p, b) for p in IUPAC for b in "ACGT" if p != b and IUPAC[p] & IUPAC[b]]
    for row, text in zip(fewest, texts, strict=True):
        for errors, primer in zip(row, primers, strict=True):
            best = edlib.align(primer, text, mode="HW", additionalEqualities=equal)
            assert errors == best["editDistance"]


def test_an_ambiguous_letter_matches_only_what_includes_it():
    finder = PrimerFinder(["RRRRRRRRRRRR", "NNNNNNNNNNNN", "AAAAAAAAAAAA"])
    texts = ["RRRRRRRRRRRR", "NNNNNNNNNNNN", "A" * 12]
    fewest, ends = finder.find(texts)
    assert (fewest == 0).tolist() == [[True, True, False], [False, True, False], [True] * 3]
    assert (ends[fewest == 0] == 12).all()


# Cutting.


@given(st.sampled_from(sorted(PAIRS)), st.integers(0, 10_000), st.integers(0, 40), st.booleans())
@settings(max_examples=150)
def test_primers_and_what_lies_outside_are_cut_in_both_orientations(name, seed, tag, turned):
    pair, rng = PAIRS[name], random.Random(seed)
    inside = amplicon(pair, rng)
    if len(inside) < 4 * tag:  # a primer is looked for in its half of the read
        tag = 0
    read = random_bases(rng, tag) + read_of(pair, inside, rng) + random_bases(rng, tag)
    if turned:
        inside, read = reverse_complement(inside), reverse_complement(read)
    (cut,) = Trimmer([pair], given=True).trim([read])
    assert (read[cut.start : cut.end], cut.found) == (inside, 2)
    assert cut.strand == "+-"[turned]
    (cut,) = Trimmer(list(PAIRS.values())).trim([read])  # nobody said which primers
    assert cut.found == 2
    # Another pair's primer can end a few bases further in: BF3 begins three bases after BF2.
    assert abs(cut.start - read.index(inside)) <= 3
    assert abs(cut.end - read.index(inside) - len(inside)) <= 3


@given(st.sampled_from(["folmer", "leray", "zeale"]), st.integers(0, 10_000), st.integers(2, 22))
@settings(max_examples=60)
@pytest.mark.parametrize("kind", ["substitution", "deletion", "insertion", "first base missing"])
def test_a_primer_with_an_error_is_cut(kind, name, seed, at):
    pair, rng = PAIRS[name], random.Random(seed)
    inside, forward = amplicon(pair, rng), instance(pair.forward, rng)
    at = min(at, len(forward) - 8)  # nearer to the end, the end itself is in doubt
    wrong = {
        "substitution": forward[:at] + random_bases(rng, 1) + forward[at + 1 :],
        "deletion": forward[:at] + forward[at + 1 :],
        "insertion": forward[:at] + random_bases(rng, 1) + forward[at:],
        "first base missing": forward[1:],
    }[kind]
    read = wrong + inside
    for trimmer in (Trimmer([pair], given=True), Trimmer(list(PAIRS.values()))):
        (cut,) = trimmer.trim([read])
        assert (read[cut.start :], cut.found) == (inside, 1)


def test_a_wrong_last_base_is_cut_with_its_primer():
    pair, rng = PAIRS["leray"], random.Random(0)
    inside = "G" + amplicon(pair, rng)
    read = instance(pair.forward, rng)[:-1] + "A" + inside
    (cut,) = Trimmer([pair], given=True).trim([read])
    assert read[cut.start :] == inside


def test_a_site_inside_a_read_is_not_cut():
    pair, rng = PAIRS["leray"], random.Random(1)
    read = random_bases(rng, 200) + read_of(pair, amplicon(pair, rng), rng) + random_bases(rng, 200)
    (cut,) = Trimmer([pair], given=True).trim([read])
    assert (cut.start, cut.end, cut.pair, cut.found) == (0, len(read), None, 0)


def test_too_little_is_never_left_unless_the_primers_are_given():
    pair, rng = PAIRS["teleo"], random.Random(2)
    read = read_of(pair, random_bases(rng, 65), rng)
    (cut,) = Trimmer([pair], min_bases=100).trim([read])
    assert cut.pair is None
    (cut,) = Trimmer([pair], min_bases=100, given=True).trim([read])
    assert cut.end - cut.start == 65


def test_records_keep_everything_but_what_is_cut():
    pair, rng = PAIRS["leray"], random.Random(3)
    inside = amplicon(pair, rng)
    letters = read_of(pair, inside, rng).lower()
    gapped = letters[:5] + "--" + letters[5:]
    records = [
        SequenceRecord("cut", gapped, "x", 7, flags=("no_id",)),
        SequenceRecord("whole", inside.lower()),
        SequenceRecord("empty", ""),
    ]
    (first, cut), *others = Trimmer([pair], given=True).trim_records(records)
    assert (first.id, first.description, first.line) == ("cut", "x", 7)
    assert (first.sequence, first.length) == (inside, len(inside))
    assert first.flags == ("no_id", "primer")
    assert cut.found == 2
    assert [record for record, _ in others] == records[1:]


def test_a_record_cut_by_the_reader_stays_too_long():
    pair, rng = PAIRS["leray"], random.Random(4)
    letters = instance(pair.forward, rng) + random_bases(rng, 900)
    ((record, _),) = Trimmer([pair], given=True).trim_records(
        [SequenceRecord("contig", letters, length=5_000_000)]
    )
    assert record.length == 5_000_000 - len(pair.forward)
    assert clean(record, max_bases=1_500).unclassifiable == "too_long"


def test_random_reads_and_simulated_barcodes_stay_whole():
    rng = random.Random(5)
    reads = [random_bases(rng, rng.randint(100, 700)) for _ in range(2_000)]
    reads += [normalise(r.sequence) for r in read_records(SIMULATED / "reference.fasta")]
    cuts = Trimmer(list(PAIRS.values())).trim(reads)
    assert sum(cut.found > 0 for cut in cuts) <= 2
    assert Trimmer([]).trim(reads[:1])[0].found == 0


# What needs real barcodes.


@pytest.fixture(scope="module")
def barcodes(coi) -> list[str]:
    records = read_records(coi / "mini" / "reference.tsv.gz")
    return [b for b in (normalise(r.sequence) for r in records) if len(b) == 658]


@pytest.fixture(scope="module")
def trimmer() -> Trimmer:
    """Return the trimmer of the model that ships, when no primers are named."""
    return Trimmer(list(PAIRS.values()), anchor=Embedder.load().anchor, min_bases=100)


def test_barcodes_without_primers_stay_whole(barcodes, trimmer):
    assert not [cut for cut in trimmer.trim(barcodes) if cut.found]


def test_few_fragments_are_cut_though_barcodes_contain_sites(barcodes, trimmer):
    rng = random.Random(6)
    fragments = []
    for bases in barcodes:
        length = rng.randint(130, 421)
        at = rng.randrange(len(bases) - length)
        fragments.append(bases[at : at + length])
    cuts = trimmer.trim(fragments)
    assert np.mean([cut.found > 0 for cut in cuts]) < 0.07
    removed = [len(f) - (c.end - c.start) for f, c in zip(fragments, cuts, strict=True) if c.found]
    assert np.quantile(removed, 0.8) <= 33  # a primer and a few bases
    unanchored = Trimmer(list(PAIRS.values()), min_bases=100).trim(fragments)
    assert sum(c.found == 2 for c in unanchored) > 10 * sum(c.found == 2 for c in cuts)


@pytest.mark.parametrize("tag", [0, 8, 33])
def test_a_primer_alone_is_cut_with_its_tag(barcodes, trimmer, tag):
    """Leray's forward primer on the part of a barcode that follows it, and nothing at the end."""
    pair, rng = PAIRS["leray"], random.Random(7)
    insides = [bases[345:] for bases in barcodes[:200]]
    reads = [random_bases(rng, tag) + instance(pair.forward, rng) + i for i in insides]
    cuts = trimmer.trim(reads)
    whole = [r[c.start : c.end] == i for r, c, i in zip(reads, cuts, insides, strict=True)]
    assert np.mean(whole) > 0.9


def test_the_page_lists_the_usual_pairs():
    page = (REPOSITORY / "docs" / "classify.md").read_text()
    for pair in PAIRS.values():
        names = f"{pair.forward_name}, {pair.reverse_name}"
        assert f"| `{pair.name}` | {pair.marker} | {names} | {pair.citation} |" in page


def test_a_pair_is_named_with_its_primers():
    assert str(PrimerPair("own", "ACGT", "TTTT")) == "own"
    pair = pair_of("leray")
    assert str(pair) == f"leray ({pair.forward_name}, {pair.reverse_name})"
