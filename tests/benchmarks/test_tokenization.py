"""Byte pairs and overlapping k-mers lose no base, and what is hidden cannot be read elsewhere."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from support import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))

import byte_pairs
import shapes
import short_runs
import token_kinds
import tokenization

from barcodeembed.corpus.batches import Batches
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.tokenizer import PAD, SPECIAL_TOKENS, UNKNOWN
from barcodeembed.objectives.maelm import MaskedAutoencoder
from barcodeembed.sequences.bases import encode_bases


def encoded(barcodes):
    return encode_bases("".join(barcodes)), np.array([len(bases) for bases in barcodes])


def random_barcodes(count=12, length=90):
    rng = np.random.default_rng(0)
    return ["".join(rng.choice(list("ACGT"), length - i)) for i in range(count)]


def test_the_most_frequent_stretch_becomes_one_symbol():
    pairs = byte_pairs.learn_pairs(*encoded(["AGTCAGTC", "CAGT", "TTAGT"]), 2)
    assert {byte_pairs.spell(byte_pairs.FIRST_PAIR + i, pairs) for i in range(2)} >= {"AGT"}


def test_symbols_spell_the_barcodes():
    barcodes = [*random_barcodes(), "AAAAAAA", "ACGTNNACGT"]
    codes, lengths = encoded(barcodes)
    pairs = byte_pairs.learn_pairs(codes, lengths, 40)
    assert len(pairs) == 40
    symbols, counts = byte_pairs.encode_pairs(codes, lengths, pairs)
    assert len(symbols) < len(codes) and counts.sum() == len(symbols)
    parts = np.split(symbols, np.cumsum(counts)[:-1])
    assert ["".join(byte_pairs.spell(int(s), pairs) for s in part) for part in parts] == barcodes


def test_neither_barcodes_nor_ambiguous_bases_are_joined():
    codes, lengths = encoded(["CA", "GC", "ANGANG"])
    assert byte_pairs.learn_pairs(codes, lengths, 5) == []


def test_a_run_of_one_base_is_joined_from_the_left():
    symbols, counts = byte_pairs.encode_pairs(*encoded(["AAAAACAA"]), [(0, 0)])
    assert symbols.tolist() == [5, 5, 0, 1, 5] and counts.tolist() == [5]


def test_overlapping_kmers_begin_at_every_base_of_a_barcode():
    cut = token_kinds.overlapping(*encoded(["ACGTA", "AC", "CCNCC"]), k=3)
    assert cut.lengths_B.tolist() == [3, 0, 3]
    expected = [int(kmer, 4) + SPECIAL_TOKENS for kmer in ("012", "123", "230")]
    assert cut.codes.tolist() == [*expected, *[UNKNOWN] * 3]


def test_byte_pairs_are_numbered_without_the_ambiguous_base():
    codes, lengths = encoded([*random_barcodes(), "ACGTNACGT"])
    cut = token_kinds.byte_pairs(codes, lengths, vocabulary=20)
    assert cut.vocabulary == 20
    assert set(cut.codes.tolist()) == {UNKNOWN, *range(SPECIAL_TOKENS, SPECIAL_TOKENS + 20)}


@pytest.mark.parametrize("name", ["4-mers", "overlapping 4-mers", "256 byte pairs"])
def test_a_model_reads_and_predicts_these_tokens(name):
    codes, lengths = encoded(random_barcodes(40))
    cut = token_kinds.TOKENIZATIONS[name](codes, lengths)
    corpus, config = short_runs.make_corpus(cut, 30), token_kinds.make_config(cut)
    batches = Batches(corpus, config.tokenizer, size=8, parts=1, max_tokens=180, seed=0)
    batch = batches.batch(0, 0)
    if cut.vocabulary:
        first = corpus.starts[batch.rows] + batch.first_B
        assert (batch.tokens_BT[:, 0] == corpus.codes[first]).all()
    torch.manual_seed(0)
    objective = MaskedAutoencoder(config, MaskedAutoencoder.Options(span=cut.span), corpus)
    rng = np.random.default_rng(0)
    hidden = objective.hide(batch, rng)
    if cut.span > 1:
        # As in the middle of a run: some base is in no k-mer that is read.
        visible = (~hidden & (batch.tokens_BT != PAD)).astype(int)
        reached = np.stack([np.convolve(row, np.ones(4, int)) for row in visible])
        assert (reached == 0)[:, : hidden.shape[1]].any(1).all()
    encoder = Encoder(config)
    inputs = {
        key: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for key, value in objective.prepare(batch, rng).items()
    }
    loss = objective(encoder, inputs)["loss"]
    loss.backward()
    assert torch.isfinite(loss) and encoder.tokens.weight.grad.any()
    assert objective.head.out_features == config.tokenizer.vocabulary_size - SPECIAL_TOKENS


def made(name, **figures):
    scores = {"raw": dict.fromkeys(short_runs.COLUMNS, 0.25)}
    scores["whitened"] = dict.fromkeys(short_runs.COLUMNS, 0.5)
    common = {"name": name, "weights": 130_000, "core_minutes": 1.25}
    return common | {"before": scores, "after": scores} | figures


def test_the_table_of_tokens_has_the_scores_before_and_after_training(tmp_path):
    found = made("4-mers", vocabulary=256, tokens=160.2)
    (tmp_path / "4-mers-seed0.json").write_text(json.dumps(found))
    lines = tokenization.table(short_runs.read_results(tmp_path)).splitlines()
    assert len(lines) == 4
    assert lines[2].startswith("| 4-mers | 256 | 160 | 0.13 M | 1.2 | raw | 0.250 → 0.250 |")


def test_shapes_are_sorted_by_work_and_those_that_no_other_is_better_than_are_marked():
    points = {"wide": (4e6, 1.0), "base": (2e6, 2.0), "alibi": (2e6, 2.5), "deep": (3e6, 2.0)}
    assert shapes.pareto_front(points) == {"wide", "base"}
    runs = {
        name: [made(name, multiply_adds=work, held_out_loss=loss)]
        for name, (work, loss) in points.items()
    }
    rows = [line.split(" | ") for line in shapes.table(runs).splitlines()[2:]]
    assert [row[0] for row in rows] == ["| base", "| alibi", "| deep", "| wide"]
    assert [row[5].strip() for row in rows] == ["yes", "", "", "yes"]


def test_a_barcode_of_a_query_is_not_a_reference():
    barcodes = short_runs.Barcodes([], [], 5, {"val_seen": range(9, 11), "other": range(11, 12)})
    assert barcodes.references == range(5, 9)
