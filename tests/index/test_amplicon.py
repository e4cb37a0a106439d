"""References are cut to an amplicon, with the primer sites or without."""

from __future__ import annotations

import json
import random
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from support import SIMULATED, rows_of

import barcodeembed as be
from barcodeembed.errors import ReferenceDataError
from barcodeembed.index.amplicon import cut_references
from barcodeembed.index.collect import BuildReport, Reference
from barcodeembed.index.settings import Amplicon
from barcodeembed.sequences.anchor import Anchor, learn_anchor
from barcodeembed.sequences.bases import encode_bases
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.packed import pack
from barcodeembed.sequences.primer_positions import amplicon_positions, pairs_of_marker
from barcodeembed.sequences.primers import PrimerPair, usual_pairs

pytestmark = pytest.mark.usefixtures("small_samples")

FORWARD, REVERSE = "CAGTWCCGATACGYTGACCATGC", "GTCACTAGRGCTTACGATCARCG"
#: The marker has 600 bases: the forward site at 150 to 173, the reverse site at 400 to 423.
START, END = 173, 400
AMPLICON = Amplicon("mine", FORWARD, REVERSE)


def plain(primer: str) -> str:
    """Return a primer with one base for each ambiguous letter."""
    return primer.translate(str.maketrans("WYR", "ATA"))


def marker_of(rng: random.Random, ancestor: str) -> str:
    """Return a barcode of another species: 15 % of the bases differ, the sites do not."""
    bases = [rng.choice("ACGT") if rng.random() < 0.2 else base for base in ancestor]
    bases[150:173] = plain(FORWARD)
    bases[400:423] = reverse_complement(plain(REVERSE))
    return "".join(bases)


@pytest.fixture(scope="module")
def barcodes() -> list[str]:
    rng = random.Random(0)
    ancestor = "".join(rng.choices("ACGT", k=600))
    return [marker_of(rng, ancestor) for _ in range(300)]


@pytest.fixture(scope="module")
def anchor(barcodes) -> Anchor:
    codes = encode_bases("".join(barcodes))
    lengths = np.array([len(bases) for bases in barcodes])
    return learn_anchor(codes, lengths.cumsum() - lengths, lengths)


def cut(
    sequences: list[str], anchor: Anchor | None, amplicon: Amplicon = AMPLICON
) -> tuple[dict[str, str], BuildReport]:
    """Return the references that are kept, by their number, and the report."""
    report = BuildReport(records=len(sequences))
    references = [Reference(str(i), pack(bases), ("x",)) for i, bases in enumerate(sequences)]
    kept = cut_references(references, amplicon, anchor, report, min_bases=50)
    return {r.id: r.bases for r in kept}, report


def test_the_positions_of_primers_come_from_the_model(anchor):
    pair = PrimerPair("mine", FORWARD, REVERSE)
    assert amplicon_positions(pair, anchor) == (START, END)
    turned = PrimerPair("turned", REVERSE, FORWARD)
    assert amplicon_positions(turned, anchor) == (START, END)
    half = PrimerPair("half", FORWARD, "ACGATTACGACTGATCGATCGAC")
    assert amplicon_positions(half, anchor) == (START, anchor.length)
    assert amplicon_positions(usual_pairs()["leray"], anchor) is None


def test_pairs_of_another_marker_are_not_looked_for(anchor):
    pairs = [
        PrimerPair("mine", FORWARD, REVERSE, "M"),
        PrimerPair("beside", "ACGATTACGACTGATCGATCGAC", "CCGGATCGATTACGGCTATATC", "M"),
        PrimerPair("other", "TTGACCGATATCGCGGATATCGA", "GTCATATATCGCGAGCTATTACG", "O"),
    ]
    assert [pair.name for pair in pairs_of_marker(pairs, anchor)] == ["mine", "beside"]
    assert pairs_of_marker(pairs[2:], anchor) == pairs[2:]


def test_the_model_that_ships_knows_the_amplicons_of_coi():
    anchor = be.Embedder.load().anchor
    lengths = {
        pair.name: (region and region[1] - region[0])
        for pair in usual_pairs().values()
        for region in [amplicon_positions(pair, anchor)]
    }
    # The published lengths.
    assert {name: length for name, length in lengths.items() if length} == {
        **{"folmer": 658, "lep": 658, "leray": 313, "leray-xt": 313, "bf3-br2": 418},
        **{"bf2-br2": 421, "fwh2": 205, "anml": 181, "zeale": 157},
    }


def test_references_are_cut_at_sites_or_by_position(barcodes, anchor):
    whole = barcodes[0]
    kept, report = cut(
        [
            whole,
            reverse_complement(whole),
            whole[:410],  # ends in the reverse site
            whole[160:],  # begins in the forward site
            whole[180:390],  # has no site
            whole[:300],  # covers more than half
            whole[:250],  # covers less than half
            whole[430:],  # outside
            "".join(random.Random(1).choices("ACGT", k=500)),  # of another gene
        ],
        anchor,
    )
    amplicon = whole[START:END]
    assert (
        kept
        == {
            "0": amplicon,
            "1": reverse_complement(amplicon),  # references keep their strand
            "2": amplicon,
            "3": amplicon,
            "4": whole[180:390],
            "5": whole[START:300],
        }
    )
    assert report.left_out == {"outside_amplicon": 3}
    assert (report.amplicon.first, report.amplicon.last) == (START + 1, END)


def test_a_deletion_moves_the_position(barcodes, anchor):
    shortened = barcodes[1][:60] + barcodes[1][63:]
    (kept,) = cut([shortened[:390]], anchor)[0].values()
    assert kept == barcodes[1][START:393]


def test_a_model_without_positions_cuts_at_the_sites(barcodes):
    whole = barcodes[0]
    kept, report = cut(
        [whole, reverse_complement(whole), whole[:395], whole[180:], whole[180:390]], None
    )
    amplicon = whole[START:END]
    assert kept == {
        "0": amplicon,
        "1": reverse_complement(amplicon),
        "2": whole[START:395],
        "3": whole[180:END],
    }
    assert report.left_out == {"outside_amplicon": 1}
    assert report.amplicon == AMPLICON


def test_primers_of_another_marker_are_an_error(barcodes, anchor):
    leray = usual_pairs()["leray"]
    amplicon = Amplicon(leray.name, leray.forward, leray.reverse)
    with pytest.raises(ReferenceDataError, match="sites of both primers of leray"):
        cut(barcodes[:5], anchor, amplicon)


# The commands.


@pytest.fixture(scope="module")
def references(tmp_path_factory) -> Path:
    """Write simulated references with the sites of the primers in their middle."""
    path = tmp_path_factory.mktemp("references") / "references.fasta"
    lines = []
    for record in islice(be.read_records(SIMULATED / "reference.fasta"), 0, None, 8):
        bases = record.sequence
        with_sites = (
            bases[:50] + plain(FORWARD) + bases[50:300] + reverse_complement(plain(REVERSE))
        )
        lines.append(f">{record.id} {record.description}\n{with_sites + bases[300:400]}")
    path.write_text("\n".join([*lines[:-1], lines[-1][:-296]]) + "\n")
    return path


@pytest.fixture(scope="module")
def amplicon_index(references, model_bundle) -> Path:
    out = references.parent / "amplicon.bix"
    embedder = be.Embedder.load(model_bundle)
    be.build_index(references, embedder, whiten=0, primers=f"{FORWARD},{REVERSE}").save(
        out, model_bundle
    )
    return out


def test_build_cuts_and_counts(references, model_bundle, call, tmp_path):
    out = tmp_path / "amplicon.bix"
    words = ("index", "build", references, "-m", model_bundle, "-o", out)
    done = call(*words, "--primers", f"{FORWARD},{REVERSE}")
    assert done.code == 0, done.err
    assert "1 of 76 records left out: 1 outside_amplicon" in done.err
    assert "cut to the amplicon" in done.err
    index = be.ReferenceIndex.open(out)
    assert {len(bases) for bases in index.sequences} == {250}
    assert index.settings.amplicon == Amplicon(f"{FORWARD},{REVERSE}", FORWARD, REVERSE)
    described = json.loads(call("info", out, "--json").out)
    assert described["amplicon"]["forward"] == FORWARD


def test_an_index_of_an_amplicon_cuts_its_primers(amplicon_index, call, tmp_path):
    inside = be.ReferenceIndex.open(amplicon_index).sequences[0]
    site = reverse_complement(plain(REVERSE))
    reads = tmp_path / "reads.fasta"
    reads.write_text(f">a\nACGTAC{plain(FORWARD)}{inside}{site}\n>b\n{inside}\n")
    for words, flags in (
        ((), ["primer", "NA"]),
        (("--amplicon", "none"), ["NA", "NA"]),
        (("--primers", f"{REVERSE},{FORWARD}"), ["primer", "NA"]),
        (("--amplicon", "teleo"), ["NA", "NA"]),
    ):
        done = call("classify", reads, "-i", amplicon_index, "--genetic-code", "none", *words)
        assert done.code == 0, done.err
        assert [row["flags"] for row in rows_of(done.out)] == flags


def test_edited_indexes_keep_the_amplicon(amplicon_index, references, call, tmp_path):
    records = references.read_text().split(">")[1:4]
    more = tmp_path / "more.fasta"
    more.write_text("".join(f">new_{record}" for record in records))
    grown, part = tmp_path / "grown.bix", tmp_path / "part.bix"
    assert call("index", "add", amplicon_index, more, "-o", grown).code == 0
    first = be.ReferenceIndex.open(amplicon_index)
    index = be.ReferenceIndex.open(grown)
    assert index.settings.records == first.settings.records + 3
    assert {len(bases) for bases in index.sequences} == {250}
    done = call("index", "subset", grown, "--taxon", "Insecta", "-o", part)
    assert done.code == 0, done.err
    for path in (grown, part):
        assert be.ReferenceIndex.open(path).settings.amplicon == first.settings.amplicon


def test_indexes_of_different_parts_are_not_merged(
    amplicon_index, references, model_bundle, call, tmp_path
):
    whole = tmp_path / "whole.bix"
    be.build_index(references, be.Embedder.load(model_bundle), whiten=0).save(whole, model_bundle)
    done = call("index", "merge", amplicon_index, whole, "-o", tmp_path / "both.bix")
    assert done.code == 1
    assert "whole barcodes; only indexes of the same part" in done.err


@pytest.mark.parametrize("command", [("classify",), ("index", "build")])
@pytest.mark.parametrize(
    "words, message",
    [
        (("--amplicon", "lerai"), "'lerai' is no amplicon; known are folmer"),
        (("--primers", "ACGT"), "is not two primers"),
        (("--primers", f"{FORWARD},{REVERSE}", "--amplicon", "leray"), "not both"),
    ],
)
def test_wrong_primers_are_a_usage_error(command, words, message, call, tmp_path):
    done = call(*command, SIMULATED / "reads.fasta", "-o", tmp_path / "out", *words)
    assert done.code == 2
    assert message in " ".join(done.err.split())
    assert not list(tmp_path.iterdir())
