"""Queries that are not of the marker, which get no name, and flags that change no name."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest
from Bio.Data import CodonTable
from hypothesis import given
from hypothesis import strategies as st
from support import REPOSITORY, SIMULATED, rows_of

from barcodeembed.calibration.examples import add_sequencing_errors
from barcodeembed.classify.chimeras import find_chimeras
from barcodeembed.classify.genetic_codes import code_of, parse_code
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.quality import (
    FLAGS,
    Quality,
    anchor_for,
    code_for,
    count_nonsense,
    count_shifts,
    restore_frame,
)
from barcodeembed.evaluation.open_world.kmers import KmerCounter
from barcodeembed.index.build import build_index
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.scoring.identity import overlap, percent_identity
from barcodeembed.scoring.vote import Members
from barcodeembed.sequences.anchor import learn_anchor
from barcodeembed.sequences.bases import encode_bases
from barcodeembed.sequences.frames import GENETIC_CODE, amino_acids, stops_by_frame
from barcodeembed.sequences.reading import read_records
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.taxonomy.taxa import Taxa

CODING = Quality(5, None)
NAMES = ("Animalia", "Arthropoda", "Insecta")

BARCODES = [
    record.sequence
    for record in read_records(SIMULATED / "reference.fasta")
    if len(record.sequence) == 658 and "N" not in record.sequence
]

barcodes = st.sampled_from(BARCODES)
places = st.integers(30, 620)


def judge(bases: str, reference: str, quality: Quality = CODING) -> tuple[str, ...]:
    return quality.judge(bases, NAMES, reference, percent_identity(bases, reference))


def fewest(bases: str) -> int:
    return min(stops_by_frame(bases))


def leave_out(bases: str, at: int, count: int = 1) -> str:
    return bases[:at] + bases[at + count :]


def put_stop(bases: str, at: int) -> str:
    """Put a stop codon in the simulated frame, which begins at the second base."""
    at = 1 + (at - 1) // 3 * 3
    return bases[:at] + "TAA" + bases[at + 3 :]


# Alignments.


@given(barcodes, st.lists(st.tuples(places, st.integers(-3, 3)), max_size=5))
def test_the_rows_of_an_overlap_are_both_sequences(bases, damage):
    other = bases
    for at, count in damage:
        other = leave_out(other, at, -count) if count < 0 else other[:at] + "A" * count + other[at:]
    for query, reference in ((bases, other), (other, bases), (other[100:400], bases)):
        row, reference_row = overlap(query, reference)
        assert row.replace("-", "") in query
        assert reference_row.replace("-", "") in reference
        pairs = list(zip(row, reference_row, strict=True))
        assert ("-", "-") not in pairs
        same = sum(one == two for one, two in pairs)
        assert percent_identity(query, reference) == pytest.approx(100 * same / len(pairs))


# Stop codons, frameshifts and pseudogenes.


@pytest.mark.parametrize("bases", BARCODES[::10])
def test_an_intact_barcode_has_no_flag(bases):
    for part in (bases, bases[100:400], bases[7:]):
        assert judge(part, bases) == ()
    assert CODING.judge(bases, NAMES) == ()


@given(barcodes, st.integers(1, 640))
def test_a_stop_codon_is_flagged_with_and_without_a_reference(bases, at):
    broken = put_stop(bases, at)
    assert judge(broken, bases) == ("stop_codon",)
    assert CODING.judge(broken, NAMES) == ("stop_codon",)


def test_the_last_codon_and_ambiguous_codons_are_not_stop_codons():
    bases = BARCODES[0][1:]
    assert len(bases) % 3 == 0
    assert fewest(bases[:-3] + "TAA") == 0
    assert fewest(bases[:300] + "TAR" + bases[303:]) == 0
    assert fewest(bases[:300] + "TAG" + bases[303:]) == 1


@given(barcodes, places, st.sampled_from([1, 2, 4, 5]))
def test_deletions_shift_the_frame_unless_they_are_whole_codons(bases, at, count):
    assert "frameshift" in judge(leave_out(bases, at, count), bases)
    assert "frameshift" in judge(bases[:at] + "ACGTA"[:count] + bases[at:], bases)
    assert "frameshift" not in judge(leave_out(bases, at, 3), bases)


@given(barcodes, st.integers(30, 400))
def test_nearby_compensating_gaps_are_not_frameshifts(bases, at):
    query = leave_out(bases, at)
    row, reference_row = overlap(query[: at + 8] + "G" + query[at + 8 :], bases)
    assert count_shifts(row, reference_row) == 0
    row, reference_row = overlap(query[: at + 120] + "G" + query[at + 120 :], bases)
    assert count_shifts(row, reference_row) == 2


@given(barcodes, st.integers(1, 17))
def test_gaps_near_an_end_do_not_count(bases, at):
    assert "frameshift" not in judge(leave_out(bases, at), bases)
    assert "frameshift" not in judge(leave_out(bases, 657 - at), bases)


def test_errors_in_the_reference_are_not_flagged():
    bases = BARCODES[0]
    damaged = leave_out(bases, 300)
    assert fewest(damaged)
    assert judge(bases, damaged) == ()
    assert "frameshift" in judge(damaged, bases)


@given(barcodes, st.integers(100, 300), st.integers(400, 600))
def test_a_frameshift_with_a_stop_codon_is_a_pseudogene(bases, shift, at):
    shifted = leave_out(bases, shift)
    row, reference_row = overlap(shifted, bases)
    assert "pseudogene" not in judge(shifted, bases)
    assert count_nonsense(row, reference_row) == 0
    assert len(restore_frame(row, reference_row)) == len(bases)
    assert set(judge(leave_out(put_stop(bases, at), shift), bases)) == {
        "stop_codon",
        "frameshift",
        "pseudogene",
    }
    assert judge(put_stop(put_stop(bases, at), shift), bases) == ("stop_codon", "pseudogene")


def test_an_alignment_of_low_identity_is_not_used():
    query, reference = leave_out(BARCODES[0], 300), BARCODES[0]
    assert "frameshift" not in CODING.judge(query, NAMES, reference, 74.9)
    assert "frameshift" in CODING.judge(query, NAMES, reference, 75.0)


# Genetic codes.


@pytest.mark.parametrize(
    "lineage, code",
    [
        (("Animalia", "Arthropoda", "Insecta"), 5),
        (("Animalia", "Chordata", "Aves"), 2),
        (("Animalia", "Chordata", "Ascidiacea"), 13),
        ((None, None, None), 5),
        (("Fungi", "Ascomycota", "Saccharomycetes"), 3),
        (("Fungi", None, None), 4),
        (("Plantae", "Unheard", None), 1),
        (("Animalia", "Platyhelminthes", None), 9),
    ],
)
def test_the_code_is_that_of_the_lowest_known_taxon(lineage, code):
    assert code_of(lineage) == code


def test_auto_uses_the_code_of_the_named_taxon():
    bases = BARCODES[0][:301] + "AGA" + BARCODES[0][304:]
    assert CODING.judge(bases, NAMES) == ()
    auto = Quality("auto", None)
    assert auto.judge(bases, NAMES) == ()
    assert auto.judge(bases, ("Animalia", "Chordata", "Aves")) == ("stop_codon",)
    assert Quality(2, None).judge(bases, NAMES) == ("stop_codon",)


def test_codes_are_those_of_ncbi():
    assert [parse_code(text) for text in ("auto", "none", "5")] == ["auto", None, 5]
    for text in ("7", "", "-5", "five"):
        with pytest.raises(ValueError, match="is not one of auto, none, 1, 2"):
            parse_code(text)


def test_a_marker_that_is_not_coding_has_no_genetic_code():
    rng = random.Random(0)
    spacers = ["".join(rng.choices("ACGT", k=500)) for _ in range(50)]
    assert code_for(5, spacers) is None
    assert code_for("auto", BARCODES) == "auto"
    assert code_for(5, None) == 5  # prototypes have no sequences
    assert code_for(5, None, non_coding=True) is None
    assert Quality(None, None).judge(put_stop(BARCODES[0], 300), NAMES) == ()


# Sequences that are not of the marker.


@pytest.fixture(scope="module")
def anchor():
    lengths = np.array([len(bases) for bases in BARCODES])
    return learn_anchor(encode_bases("".join(BARCODES)), lengths.cumsum() - lengths, lengths)


@pytest.mark.parametrize("length", [100, 200, 658])
def test_sequences_without_a_position_in_the_marker_are_non_target(anchor, length):
    rng = random.Random(1)
    for bases in BARCODES[::40]:
        fragment = bases[300 : 300 + length] if length < 658 else bases
        quality = Quality(5, anchor)
        other = "".join(rng.sample(fragment, len(fragment)))
        # A close reference overrules the position; a dissimilar one needs a missing position.
        # Identity overrules similarity, which can be high for any sequence.
        assert quality.is_non_target(other, 0.74)
        assert not quality.is_non_target(other, 0.75)
        assert quality.is_non_target(other, 0.99, 74.9)
        assert not quality.is_non_target(other, 0.0, 75.0)
        assert quality.is_non_target(other, 0.0, shared=0.19)
        assert not quality.is_non_target(other, 0.0, shared=0.2)
        assert quality.is_non_target(other, 0.0, 74.9, shared=0.2)
        assert not quality.is_non_target(fragment, 0.0)
        assert not quality.is_non_target(fragment, 0.0, 60.0)


@pytest.mark.parametrize("length", [130, 313, 658])
def test_errors_and_ambiguous_bases_leave_a_barcode_of_the_marker(anchor, length):
    rng = np.random.default_rng(length)
    quality = Quality(5, anchor)
    for bases in BARCODES[::20]:
        start = int(rng.integers(0, 658 - length, endpoint=True))
        fragment = bases[start : start + length]
        assert not quality.is_non_target(add_sequencing_errors(fragment, 0.05, rng), 0.0)
        read = np.array(list(fragment))
        read[rng.choice(length, length // 12, replace=False)] = "N"
        assert not quality.is_non_target("".join(read), 0.0)


@pytest.mark.parametrize("length", [130, 313, 658])
def test_an_open_reading_frame_of_another_gene_is_non_target(anchor, length):
    rng = random.Random(length)
    codons = ["".join(c) for c in product("ACGT", repeat=3) if "".join(c) not in ("TAA", "TAG")]
    quality = Quality(5, anchor)
    for _ in range(100):
        other = "".join(rng.choices(codons, k=length // 3 + 1))[:length]
        assert quality.is_non_target(other, 0.74)


def test_the_positions_of_a_model_are_not_used_for_another_marker(anchor):
    others = ["".join(random.Random(i).choices("ACGT", k=400)) for i in range(50)]
    assert anchor_for(anchor, BARCODES) is anchor
    assert anchor_for(anchor, None) is anchor
    assert anchor_for(anchor, others) is None
    assert anchor_for(None, BARCODES) is None


def test_without_positions_the_closest_reference_decides(anchor):
    bases = BARCODES[0]
    other = "".join(random.Random(2).sample(bases, len(bases)))
    assert CODING.is_non_target(other, 0.9, percent_identity(other, bases))
    assert not CODING.is_non_target(bases, 0.0, 100.0)
    assert not CODING.is_non_target(other, 0.0)  # neither positions nor an alignment


@pytest.mark.parametrize("code", [None, "auto", 2])
def test_sequences_of_something_else_need_no_genetic_code(anchor, code):
    other = "".join(random.Random(2).sample(BARCODES[0], 658))
    assert Quality(code, anchor).is_non_target(other, 0.0)
    assert not Quality(code, anchor).is_non_target(BARCODES[0], 0.0)


# Chimeras.

NORTH, EAST, BETWEEN = np.eye(2, dtype=np.float32)[0], np.eye(2, dtype=np.float32)[1], 0.7071


def chimeric(halves: dict[str, np.ndarray], families: tuple[str | None, ...], whole=0.8) -> bool:
    """Return the result for the query AAA...CCC, with these vectors of its halves."""
    taxa = Taxa.of([(None,) * 4 + (family,) + (None,) * 3 for family in families])
    members = Members.of(
        np.array([0, 1]),
        np.array(
            [taxa.lineages.index((None,) * 4 + (family,) + (None,) * 3) for family in families]
        ),
        2,
    )

    def embed(sequences):
        return np.stack([halves[bases[0]] for bases in sequences]).astype(np.float32)

    found = find_chimeras(
        ["A" * 200 + "C" * 200, "A" * 199],
        np.array([whole, whole]),
        np.stack([NORTH, EAST]),
        members,
        taxa,
        embed,
        min_bases=100,
    )
    assert not found[1]  # its halves are too short to be searched
    return bool(found[0])


def test_halves_more_similar_to_two_families_than_the_whole_are_a_chimera():
    assert chimeric({"A": NORTH, "C": EAST}, ("Apidae", "Formicidae"))
    assert not chimeric({"A": NORTH, "C": NORTH}, ("Apidae", "Formicidae"))
    assert not chimeric({"A": NORTH, "C": EAST}, ("Apidae", "Apidae"))
    assert not chimeric({"A": NORTH, "C": EAST}, ("Apidae", None))
    assert not chimeric({"A": NORTH, "C": EAST}, (None, None))
    blurred = np.array([BETWEEN, BETWEEN + 1e-3])
    assert not chimeric({"A": NORTH, "C": blurred}, ("Apidae", "Formicidae"))
    assert chimeric({"A": NORTH, "C": blurred}, ("Apidae", "Formicidae"), whole=0.6)
    assert not chimeric({"A": NORTH, "C": np.array([np.nan, 0])}, ("Apidae", "Formicidae"))


def test_halves_far_from_the_reference_of_the_other_half_are_a_chimera():
    # The model knows the second half badly, so it is less similar than the whole.
    vague = np.array([0.05, 0.55])
    assert chimeric({"A": NORTH, "C": vague}, ("Apidae", "Formicidae"))
    assert not chimeric({"A": NORTH, "C": vague}, ("Apidae", "Apidae"))
    assert not chimeric({"A": NORTH, "C": np.array([0.15, 0.55])}, ("Apidae", "Formicidae"))
    assert not chimeric({"A": NORTH, "C": np.array([np.nan, 0])}, ("Apidae", "Formicidae"), whole=2)


# The command.


@pytest.mark.parametrize("more", [[], ["--genetic-code", "none"], ["--max-error", 0.5]])
def test_a_read_that_is_not_of_the_marker_is_never_named(call, index_bundle, tmp_path, more):
    rng = random.Random(4)
    reads = {
        f"random_{i}": "".join(rng.choices("ACGT", k=length))
        for i, length in enumerate([130, 300, 658] * 5)
    }
    reads["ambiguous"] = reads["random_2"][:600] + "N" * 58
    reads["sound"] = BARCODES[0]
    path, hits = tmp_path / "reads.fa", tmp_path / "hits.tsv"
    path.write_text("".join(f">{name}\n{bases}\n" for name, bases in reads.items()))
    out = call(
        "classify", path, "-i", index_bundle, "-q", "--hits", hits, "--cluster-novel", *more
    ).out
    *others, ambiguous, sound = rows_of(out)
    assert sound["status"] == "assigned"
    assert ambiguous["flags"] == "ambiguous_bases;non_target"
    assert {row["flags"] for row in others} == {"non_target"}
    for row in (*others, ambiguous):
        kept = {key for key, value in row.items() if value != "NA"}
        assert kept == {"query_id", "status", "length", "flags"}
        assert row["status"] == "unclassifiable"
        assert int(row["length"]) == len(reads[row["query_id"]])
    assert {row["query_id"] for row in rows_of(hits.read_text())} == {"sound"}


@pytest.mark.parametrize("length", [130, 300, 658])
def test_the_shipped_prototypes_name_no_random_sequence(length):
    rng = random.Random(length)
    reads = ["".join(rng.choices("ACGT", k=length)) for _ in range(20)]
    found = list(Classifier.load(verify=False).classify(reads))
    assert {(a.status, a.flags, a.names) for a in found} == {
        ("unclassifiable", ("non_target",), ())
    }


def test_flags_are_raised_in_their_rows_and_change_no_name(call, index_bundle, tmp_path):
    bases = BARCODES[0]
    reads = {
        "sound": bases,
        "stopped": put_stop(bases, 300),
        "shifted": leave_out(bases, 300),
        "other": "".join(random.Random(3).choices("ACGT", k=600)),
        "tiny": "ACGT",
        "joined": BARCODES[0][:329] + BARCODES[-1][329:],
    }
    path = tmp_path / "reads.fa"
    path.write_text("".join(f">{name}\n{bases}\n" for name, bases in reads.items()))
    words = ("classify", path, "-i", index_bundle, "-q")
    rows = rows_of(call(*words).out)
    flags = {row["query_id"]: row["flags"] for row in rows}
    assert flags["sound"] == "NA"
    assert flags["stopped"] == "stop_codon"
    assert "frameshift" in flags["shifted"].split(";")
    assert (flags["other"], flags["tiny"]) == ("non_target", "short")
    for more in (
        ["--genetic-code", "none"],
        ["--genetic-code", "auto"],
        ["--check-chimeras"],
        ["--check-chimeras", "--batch-size", 1],
    ):
        others = rows_of(call(*words, *more).out)
        assert [{**row, "flags": ""} for row in others] == [{**row, "flags": ""} for row in rows]
        unread = more[-1] == "none"
        assert (others[1]["flags"], others[3]["flags"]) == (
            "NA" if unread else "stop_codon",
            "non_target",
        )


def test_every_flag_is_documented():
    text = (REPOSITORY / "docs" / "formats.md").read_text()
    assert all(f"| `{flag}` |" in text for flag in FLAGS)


@pytest.mark.parametrize("coding", [True, False])
def test_prototypes_of_a_marker_without_a_reading_frame_raise_no_flags_about_codons(
    coding, tmp_path
):
    rng = random.Random(4)
    barcodes = BARCODES[:20] if coding else ["".join(rng.choices("ACGT", k=500)) for _ in range(20)]
    rows = "".join(f"r{i}\tAus\tAus {chr(97 + i) * 3}\t{b}\n" for i, b in enumerate(barcodes))
    (tmp_path / "refs").write_text(f"id\tgenus\tspecies\tnuc\n{rows}")
    index = build_index(tmp_path / "refs", KmerCounter(5), prototypes="species")
    index.save(tmp_path / "x.bix")
    opened = ReferenceIndex.open(tmp_path / "x.bix")
    assert opened.settings.non_coding is (None if coding else True)
    classifier = Classifier(opened, KmerCounter(5))
    query = put_stop(barcodes[0], 300) if coding else barcodes[0]
    (found,) = classifier.classify([SequenceRecord("q", query)])
    assert ("stop_codon" in found.flags) is coding


def test_the_default_genetic_code_is_that_of_biopython():
    table = CodonTable.unambiguous_dna_by_id[GENETIC_CODE]
    codons = (a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT")
    assert amino_acids() == "".join(table.forward_table.get(codon, "*") for codon in codons)
