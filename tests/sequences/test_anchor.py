"""Anchor: positions in the marker, for whole barcodes and fragments, in training and use."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from objective_cases import (
    PREDICTING_TOKENS,
    make,
    make_corpus,
    make_encoder,
    rectangle,
    to_torch,
)

from barcodeembed.corpus.batches import Batch, Batches, cut
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.marker_positions import anchor_of, located
from barcodeembed.corpus.views import Views
from barcodeembed.embedding.embedder import Embedder
from barcodeembed.embedding.tokens import tokenize
from barcodeembed.errors import InputError, TrainingError
from barcodeembed.model.bundle import ModelBundle, load_model, save_model
from barcodeembed.model.config import PRESETS, ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.tokenizer import PAD, UNKNOWN, KmerTokenizer
from barcodeembed.model.window import random_window, whole_window
from barcodeembed.objectives import OBJECTIVES
from barcodeembed.objectives.plan import parse_schedule, resolve_settings
from barcodeembed.sequences.anchor import Anchor, MarkerPositions, gather_bases, learn_anchor
from barcodeembed.sequences.bases import AMBIGUOUS, encode_bases
from barcodeembed.training.loop import Trainer
from barcodeembed.training.recipe import Recipe

LENGTH = 400


def make_marker(count: int = 600, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Return barcodes of one marker with their true positions.

    Each is a copy of one of twelve sequences that descend from one, changed at 5 % of its bases
    and cut at both ends; two in three begin at the first base.
    """
    rng = np.random.default_rng(seed)
    root = rng.integers(0, 4, LENGTH)
    kinds = [
        np.where(rng.random(LENGTH) < 0.2, rng.integers(0, 4, LENGTH), root) for _ in range(12)
    ]
    positions = np.where(rng.random(count) < 0.67, 0, rng.integers(0, 60, count))
    barcodes = []
    for position in positions:
        bases = kinds[rng.integers(12)].copy()
        changed = rng.random(LENGTH) < 0.05
        bases[changed] = rng.integers(0, 4, changed.sum())
        end = LENGTH - (rng.integers(0, 60) if rng.random() < 0.5 else 0)
        barcodes.append("".join("ACGT"[b] for b in bases[position:end]))
    return barcodes, positions


def to_corpus(barcodes: list[str]) -> Corpus:
    codes = [encode_bases(bases) for bases in barcodes]
    lengths = np.array([len(c) for c in codes])
    of = np.arange(len(codes))
    return Corpus(
        np.concatenate(codes),
        np.cumsum(lengths) - lengths,
        lengths,
        np.full((len(codes), 9), -1, np.int32),
        of[-20:],
        of[:-20],
        "marker",
        {},
    )


@pytest.fixture(scope="module")
def marker() -> tuple[list[str], np.ndarray, Corpus, Anchor]:
    barcodes, positions = make_marker()
    corpus = to_corpus(barcodes)
    return barcodes, positions, corpus, learn_anchor(corpus.codes, corpus.starts, corpus.lengths)


def locate(anchor: Anchor, barcodes: list[str]) -> np.ndarray:
    lengths = np.array([len(b) for b in barcodes])
    codes = np.concatenate([encode_bases(b) for b in barcodes])
    return anchor.locate(gather_bases(codes, np.cumsum(lengths) - lengths, lengths), lengths)


def align(anchor: Anchor, barcodes: list[str]) -> MarkerPositions:
    lengths = np.array([len(b) for b in barcodes])
    codes = np.concatenate([encode_bases(b) for b in barcodes])
    return anchor.align(gather_bases(codes, np.cumsum(lengths) - lengths, lengths), lengths)


def test_positions_are_found_from_sequences_alone(marker):
    barcodes, positions, _, anchor = marker
    found = locate(anchor, barcodes)
    shift = np.median(found - positions)  # the start of the marker is arbitrary
    assert (found - positions == shift).mean() > 0.99
    assert abs(anchor.length - LENGTH) <= 60


def test_a_fragment_has_the_position_of_its_barcode(marker):
    barcodes, _, _, anchor = marker
    rng = np.random.default_rng(1)
    whole = locate(anchor, barcodes)
    for length in (200, 100, 60):
        cuts = np.array([rng.integers(0, len(b) - length) for b in barcodes])
        fragments = [b[cut : cut + length] for b, cut in zip(barcodes, cuts, strict=True)]
        assert (locate(anchor, fragments) == whole + cuts).mean() > 0.95


def test_votes_equal_a_simple_count(marker):
    """Count the votes of each barcode in a loop."""
    barcodes, _, _, anchor = marker
    for bases in [*barcodes[:10], barcodes[0][50:130]]:
        codes = encode_bases(bases)
        tally: dict[int, float] = {}
        for i in range(len(codes) - 4):
            number = int("".join(map(str, codes[i : i + 5])), 4)
            for position, weight in zip(
                anchor.positions[number], anchor.weights[number], strict=True
            ):
                tally[int(position) - i] = tally.get(int(position) - i, 0.0) + float(weight)
        within = min(len(bases), anchor.length) // 2
        allowed = range(within - len(bases), anchor.length - within + 1)
        best = max(allowed, key=lambda position: (tally.get(position, 0.0), -position))
        assert locate(anchor, [bases]).tolist() == [best]


def test_positions_do_not_depend_on_the_batch(marker):
    barcodes, _, _, anchor = marker
    together = locate(anchor, barcodes[:300])
    assert together.tolist() == [locate(anchor, [b])[0] for b in barcodes[:300]]


def test_a_barcode_without_votes_has_position_0(marker):
    anchor = marker[3]
    assert locate(anchor, ["N" * 120]).tolist() == [0]
    assert anchor.locate(np.zeros((0, 0), np.uint8), np.zeros(0, np.int64)).tolist() == []


def test_halves_agree_only_for_a_marker_with_positions(marker):
    _, _, corpus, anchor = marker
    assert anchor_of(corpus)[1] > 0.95
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 4, (200, LENGTH)).astype(np.uint8)
    assert anchor.agreement(noise, np.full(200, LENGTH)) < 0.1


def test_the_same_corpus_gives_the_same_anchor(marker):
    _, _, corpus, anchor = marker
    again = learn_anchor(corpus.codes, corpus.starts, corpus.lengths)
    np.testing.assert_array_equal(again.positions, anchor.positions)
    np.testing.assert_array_equal(again.weights, anchor.weights)


def test_insertions_and_deletions_are_followed(marker):
    barcodes, _, _, anchor = marker
    rng = np.random.default_rng(2)
    right = []
    for number, bases in enumerate(barcodes[:120]):
        first = locate(anchor, [bases])[0]
        cut, size = int(rng.integers(80, len(bases) - 80)), int(rng.integers(1, 7))
        truth = first + np.arange(len(bases))
        if number % 2:
            changed = bases[:cut] + bases[cut + size :]
            truth = np.delete(truth, np.arange(cut, cut + size))
        else:
            changed = bases[:cut] + "".join(rng.choice(list("ACGT"), size)) + bases[cut:]
            truth = np.insert(truth, cut, np.full(size, -999))
        found = align(anchor, [changed]).expand(len(changed))[0]
        right.append((found == truth)[truth != -999].mean())
    assert np.mean(right) > 0.97


def test_most_barcodes_have_no_shift_and_a_shift_persists(marker):
    barcodes, _, _, anchor = marker
    positions = align(anchor, barcodes)
    assert (positions.counts_B == 0).mean() > 0.95
    np.testing.assert_array_equal(positions.first_B, locate(anchor, barcodes))


def test_positions_are_selected_and_expanded():
    positions = MarkerPositions(
        np.array([5, -3, 0]), np.array([0, 2, 1]), np.array([2, 4, 1]), np.array([3, -1, 2])
    )
    expected = [[5, 6, 7, 8, 9], [-3, -2, 2, 3, 3], [0, 3, 4, 5, 6]]
    assert positions.expand(5).tolist() == expected
    order = np.array([2, 1, 1, 0])
    assert positions.take(order).expand(5).tolist() == [expected[i] for i in order]
    joined = MarkerPositions.join([positions.take(np.array([0])), positions.take(np.array([1, 2]))])
    assert joined.expand(3).tolist() == [row[:3] for row in expected]
    assert len(MarkerPositions.join([])) == 0


@pytest.mark.parametrize("position", [-7, -1, 0, 1, 5, 12, 300])
def test_a_window_begins_at_a_multiple_of_k(position):
    window = whole_window(np.array([200]), position + np.arange(200)[None], 6, 1, 66)
    (count,) = window.counts_B
    starts, positions = window.starts_BTM[0, :count, 0], window.positions_BT[0, :count]
    assert (position + starts == 6 * positions).all()
    assert (np.diff(starts) == 6).all() and (np.diff(positions) == 1).all()
    # One more token would begin before or end after the barcode or the marker.
    assert starts[0] < 6 or position + starts[0] == 0
    assert starts[-1] + 12 > 200 or positions[-1] == 65


def test_a_token_with_an_insertion_or_deletion_is_not_read():
    positions = np.array([[0, 1, 2, 3, 4, 5, 6, 7, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19]])
    window = whole_window(np.array([20]), positions, 3, 1, 10)
    starts = window.starts_BTM[0, : window.counts_B[0], 0].tolist()
    # Position 8 is base 9: token 2 contains the insertion, token 4 the deletion.
    assert list(zip(starts, window.positions_BT[0].tolist(), strict=False)) == [
        (0, 0),
        (3, 1),
        (10, 3),
        (15, 5),
    ]


def test_a_merged_token_is_read_if_one_of_its_kmers_is_present():
    positions = np.array([[4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 22]])
    window = whole_window(np.array([18]), positions, 2, 3, 5)
    # Tokens of six bases. Missing: the first k-mers of the first token, the k-mer with the deletion
    # in the third token, and the k-mer of the last token that ends outside the barcode.
    assert window.counts_B.tolist() == [4]
    assert window.positions_BT.tolist() == [[0, 1, 2, 3]]
    assert window.starts_BTM.tolist() == [[[-1, -1, 0], [2, 4, 6], [-1, 9, 11], [13, 15, -1]]]


def test_unread_kmers_of_a_token_are_unknown():
    tokenizer = KmerTokenizer(2)
    codes = encode_bases("TTTTACGTNC")
    starts = np.array([[[0, -1], [-1, 4]], [[2, 1], [0, 0]]])
    tokens = tokenizer.encode_at(codes, np.array([4, 0]), starts, np.array([2, 1]))
    assert tokens.tolist() == [
        [*tokenizer.encode("AC"), UNKNOWN, UNKNOWN, UNKNOWN],  # the last one contains the N
        [*tokenizer.encode("TT"), *tokenizer.encode("TT"), PAD, PAD],
    ]


def test_random_windows_are_stretches_of_the_whole_window():
    rng = np.random.default_rng(0)
    lengths = rng.integers(150, 400, 50)
    positions = rng.integers(-20, 100, 50)[:, None] + np.arange(400)
    whole = whole_window(lengths, positions, 6, 1, 66)
    begins = set()
    for share in (1.0, 0.5):
        window = random_window(lengths, positions, 6, 1, 66, rng, share)
        assert (window.counts_B == round(share * whole.counts_B.min())).all()
        for row in range(50):
            all_of_it = whole.starts_BTM[row, : whole.counts_B[row], 0].tolist()
            first = all_of_it.index(window.starts_BTM[row, 0, 0])
            begins.add(first)
            stop = first + window.counts_B[row]
            assert window.starts_BTM[row, :, 0].tolist() == all_of_it[first:stop]
            assert (window.positions_BT[row] == whole.positions_BT[row, first:stop]).all()
    assert len(begins) > 5


@pytest.fixture(scope="module")
def anchored(marker) -> tuple[Encoder, Corpus]:
    _, _, corpus, anchor = marker
    values = PRESETS["tiny"].model.to_json() | {
        "anchored": True,
        "max_tokens": anchor.length // 4,
        "positions": "learned",
    }
    encoder = make_encoder(ModelConfig(**values))
    encoder.set_anchor(anchor)
    positions = align(anchor, marker[0])
    return encoder, Corpus(
        *(
            getattr(corpus, f)
            for f in (
                "codes",
                "starts",
                "lengths",
                "labels",
                "held_out",
                "train",
                "fingerprint",
                "summary",
            )
        ),
        positions,
    )


def test_training_and_inference_cut_the_same_tokens(anchored, marker):
    encoder, corpus = anchored
    config = encoder.config
    most = config.max_tokens
    batches = Batches(corpus, config.tokenizer, size=8, parts=1, max_tokens=most, seed=0)
    rows = np.arange(30)
    batch = batches.whole(rows)
    tokens, positions = tokenize([marker[0][row] for row in rows], config, encoder.anchor)
    for row in rows:
        real = batch.tokens_BT[row] != PAD
        assert batch.tokens_BT[row][real].tolist() == tokens[row].tolist()
        assert batch.positions_BT[row, : len(positions[row])].tolist() == positions[row].tolist()
    starts = set()
    for step in range(8):
        rectangular = batches.batch(step, 0)
        assert (rectangular.tokens_BT != PAD).all()
        assert (np.diff(rectangular.positions_BT, axis=1) >= 1).all()
        starts |= set(rectangular.positions_BT[:, 0])
    assert len(starts) > 5


def test_a_trimmed_barcode_keeps_its_tokens_and_their_positions(anchored, marker):
    encoder, _ = anchored
    whole, positions = tokenize(marker[0][:20], encoder.config, encoder.anchor)
    cut, others = tokenize([b[41:-30] for b in marker[0][:20]], encoder.config, encoder.anchor)
    for a, p, b, q in zip(whole, positions, cut, others, strict=True):
        at = dict(zip(p.tolist(), a.tolist(), strict=True))
        assert len(b) > 60 and b.tolist() == [at[position] for position in q.tolist()]


def test_bases_outside_the_marker_change_no_vector(anchored, marker):
    encoder, _ = anchored
    embedder = Embedder(ModelBundle(encoder.eval(), "x", {}), device="cpu")
    # A barcode that covers all positions of the marker.
    bases = next(b for b in marker[0] if len(b) == LENGTH)
    rng = np.random.default_rng(5)
    left, right = ("".join(rng.choice(list("ACGT"), 90)) for _ in range(2))
    alone, within = embedder.encode([bases]), embedder.encode([left + bases + right])
    np.testing.assert_allclose(within, alone, atol=1e-5)


def test_the_anchor_is_saved_with_the_model_and_is_part_of_its_fingerprint(
    anchored, marker, tmp_path
):
    encoder, _ = anchored
    save_model(tmp_path / "a", encoder, {})
    loaded = load_model(tmp_path / "a")
    np.testing.assert_array_equal(loaded.encoder.anchor.positions, encoder.anchor.positions)
    made = [
        Embedder(m, device="cpu").encode(marker[0][:5])
        for m in (loaded, ModelBundle(encoder.eval(), "x", {}))
    ]
    np.testing.assert_array_equal(*made)
    other = encoder.anchor
    encoder.set_anchor(Anchor(other.positions, other.weights * 2, other.length))
    save_model(tmp_path / "b", encoder, {})
    encoder.set_anchor(other)
    assert load_model(tmp_path / "b").fingerprint != loaded.fingerprint


def test_an_anchored_model_refuses_offsets(anchored):
    with pytest.raises(InputError, match="--offsets"):
        Embedder(ModelBundle(anchored[0], "x", {}), device="cpu", offsets=4)


def test_views_of_an_anchored_model_keep_their_positions(anchored):
    encoder, corpus = anchored
    config = encoder.config
    most = config.max_tokens
    batches = Batches(corpus, config.tokenizer, size=8, parts=1, max_tokens=most, seed=0)
    batch = batches.batch(0, 0)
    whole = batches.whole(batch.rows)
    view = Views(errors=0, ambiguous=0, keep=0.5).draw(batch, config, np.random.default_rng(0))
    for row in range(8):
        at = dict(zip(whole.positions_BT[row], whole.tokens_BT[row], strict=True))
        shown = zip(view["positions"][row], view["tokens"][row], strict=True)
        assert all(at[position] == token for position, token in shown)
    with pytest.raises(TrainingError, match="one strand"):
        Views(reverse=True).draw(batch, config, np.random.default_rng(0))


@pytest.mark.parametrize("name", PREDICTING_TOKENS)
def test_objectives_pass_positions_to_the_encoder(name, anchored, tmp_path):
    """Only the learned positions of the batch get a gradient."""
    encoder, corpus = anchored
    config = encoder.config
    rows = np.arange(4)
    further = corpus.marker_positions.take(rows).expand(LENGTH) + 160
    window = random_window(corpus.lengths[rows], further, 4, 1, 60, np.random.default_rng(0))
    batch = Batch(corpus, rows, lambda: cut(corpus, rows, config.tokenizer, window))
    encoder.zero_grad()
    save_model(tmp_path / "teacher", encoder, {})
    teacher = {"distill.teacher": tmp_path / "teacher"} if name == "distill" else {}
    objective = make(name, corpus, config, **teacher)
    inputs = to_torch(objective.prepare(batch, np.random.default_rng(0)))
    objective(encoder, inputs)["loss"].backward()
    used = set(torch.nonzero(encoder.stack.positions.weight.grad.abs().sum(1)).flatten().tolist())
    encoder.zero_grad()
    assert used and used <= set(batch.positions_BT.ravel().tolist())
    assert min(used) > 0


def test_a_teacher_with_another_anchor_is_an_error(anchored, tmp_path):
    encoder, corpus = anchored
    other = make_encoder(encoder.config)
    moved = np.where(encoder.anchor.weights > 0, encoder.anchor.positions + 3, 0)
    other.set_anchor(replace(encoder.anchor, positions=moved.astype(np.int16)))
    save_model(tmp_path / "teacher", other, {})
    with pytest.raises(TrainingError, match="the teacher was anchored to another corpus"):
        make("distill", corpus, encoder.config, **{"distill.teacher": tmp_path / "teacher"})


def merging(encoder: Encoder) -> Encoder:
    values = encoder.config.to_json() | {"merge": 2, "max_tokens": encoder.anchor.length // 8}
    merged = make_encoder(ModelConfig(**values))
    merged.set_anchor(encoder.anchor)
    return merged.eval()


def test_merged_kmers_are_concatenated_in_one_token(anchored):
    encoder = merging(anchored[0])
    tokens = torch.randint(4, 260, (3, 12))
    entered = []
    encoder.stack.register_forward_hook(lambda m, args, out: entered.append(args[0]))
    features, real = encoder(tokens)
    table = encoder.tokens.weight
    assert table.shape == (260, 32) and features.shape == (3, 6, 64) and real.all()
    expected = torch.cat((table[tokens[:, ::2]], table[tokens[:, 1::2]]), dim=-1)
    assert torch.equal(entered[0], expected)


def test_merged_tokens_are_the_same_in_training_views_and_inference(anchored, marker):
    encoder, corpus = merging(anchored[0]), anchored[1]
    config = encoder.config
    batches = Batches(
        corpus, config.tokenizer, size=8, parts=1, max_tokens=config.max_tokens, seed=0, merge=2
    )
    batch = batches.whole(np.arange(8))
    tokens, positions = tokenize(marker[0][:8], config, encoder.anchor)
    view = Views(errors=0, ambiguous=0, keep=0.5).draw(batch, config, np.random.default_rng(0))
    assert view["tokens"].shape[1] == 2 * view["positions"].shape[1]
    for row in range(8):
        real = batch.tokens_BT[row] != PAD
        assert batch.tokens_BT[row][real].tolist() == tokens[row].tolist()
        assert batch.positions_BT[row, : len(positions[row])].tolist() == positions[row].tolist()
        position = locate(encoder.anchor, [marker[0][row]])[0]
        token, within = divmod(position + batch.first_B[row], 8)
        assert token == positions[row][0] and within in (0, 4)
        at = dict(zip(positions[row].tolist(), tokens[row].reshape(-1, 2).tolist(), strict=True))
        pairs = view["tokens"][row].reshape(-1, 2)
        wanted = np.array([at[position] for position in view["positions"][row].tolist()])
        # A view can lose k-mers at both of its ends.
        assert (pairs == wanted)[1:-1].all() and ((pairs == wanted) | (pairs == UNKNOWN)).all()


def test_a_merging_model_does_not_depend_on_the_batch_and_learns(anchored, marker, tmp_path):
    encoder, corpus = merging(anchored[0]), anchored[1]
    embedder = Embedder(ModelBundle(encoder, "x", {}), device="cpu")
    together = embedder.encode(marker[0][:40])
    assert np.isfinite(together).all()
    alone = np.concatenate([embedder.encode([bases]) for bases in marker[0][:40]])
    np.testing.assert_array_equal(together, alone)
    plan = parse_schedule("contrastive:1")
    settings = resolve_settings(plan, {}, ["errors=0.3", "shortest=0.2"])
    recipe = Recipe(encoder.config, plan, settings, steps=40, batch_size=64, learning_rate=3e-3)
    trainer = Trainer(recipe, corpus, tmp_path, torch.device("cpu"), encoder=encoder)
    losses = []
    trainer.run(report=lambda progress: losses.append(progress.metrics["loss"]), report_every=10)
    assert losses[-1] < 0.9 * losses[0]
    with pytest.raises(TrainingError, match="ngram predicts single k-mers"):
        plan = parse_schedule("ngram:1")
        settings = resolve_settings(plan, {})
        Trainer(
            Recipe(encoder.config, plan, settings, steps=1),
            corpus,
            tmp_path,
            torch.device("cpu"),
            encoder=encoder,
        )


def test_positions_are_cached_next_to_the_run(marker, tmp_path):
    _, _, corpus, anchor = marker
    reported = []
    found = located(
        corpus, anchor, tmp_path / "positions", lambda done, total: reported.append(done)
    )
    assert reported[-1] == len(corpus.lengths)
    again = located(corpus, anchor, tmp_path / "positions", lambda done, total: reported.append(0))
    assert reported[-1] != 0
    np.testing.assert_array_equal(found.marker_positions.first_B, again.marker_positions.first_B)
    np.testing.assert_array_equal(found.marker_positions.bases_N, again.marker_positions.bases_N)
    other = located(
        corpus, Anchor(anchor.positions + 7, anchor.weights, anchor.length), tmp_path / "positions"
    )
    assert not np.array_equal(other.marker_positions.first_B, found.marker_positions.first_B)


@pytest.fixture(scope="module")
def fasta(marker, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("marker") / "marker.fasta"
    path.write_text("".join(f">r{i}\n{b}\n" for i, b in enumerate(marker[0])))
    return path


def test_an_anchored_run_resumes_to_the_same_weights(fasta, call, tmp_path):
    def train(name: str, *more: str):
        return call(
            "pretrain",
            fasta,
            "-o",
            tmp_path / name,
            "--preset",
            "tiny",
            "--steps",
            "6",
            "--batch-size",
            "8",
            "--precision",
            "fp32",
            "--device",
            "cpu",
            "--anchor",
            *more,
        )

    done = train("a")
    assert done.code == 0, done.err
    assert "the marker has" in done.err
    assert train("b", "--max-minutes", "0").code == 0
    assert train("b", "--resume").code == 0
    a, b = ((tmp_path / n / "model.safetensors").read_bytes() for n in "ab")
    assert a == b
    made = json.loads((tmp_path / "a" / "config.json").read_text())["model"]
    assert made["anchored"] is True and made["max_tokens"] * 4 <= LENGTH + 60
    goes_on = call(
        "pretrain",
        fasta,
        "-o",
        tmp_path / "c",
        "--init",
        tmp_path / "a",
        "--steps",
        "1",
        "--batch-size",
        "8",
        "--device",
        "cpu",
    )
    assert goes_on.code == 0, goes_on.err
    kept = [load_model(tmp_path / n).encoder.anchor.positions for n in "ac"]
    np.testing.assert_array_equal(*kept)


def test_barcodes_without_fixed_positions_give_a_warning(call, tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "x.fasta").write_text(
        "".join(f">r{i}\n{''.join(rng.choice(list('ACGT'), 300))}\n" for i in range(80))
    )
    done = call(
        "pretrain",
        tmp_path / "x.fasta",
        "-o",
        tmp_path / "m",
        "--preset",
        "tiny",
        "--steps",
        "1",
        "--batch-size",
        "8",
        "--device",
        "cpu",
        "--anchor",
    )
    assert done.code == 0 and "without fixed positions" in done.err


def test_an_anchored_recipe_without_positions_is_an_error(anchored, tmp_path):
    recipe = Recipe(anchored[0].config, parse_schedule("clm:1"), {"clm": {}}, steps=1)
    with pytest.raises(TrainingError, match="needs a corpus with marker positions"):
        Trainer(recipe, make_corpus(), tmp_path, torch.device("cpu"))


def test_every_objective_is_tested_for_positions():
    """A new objective must be added in this file, unless it draws views."""
    assert set(OBJECTIVES) == set(PREDICTING_TOKENS) | {
        *("contrastive", "fragments", "naming", "splade", "supcon", "taxonomy")
    }
    assert AMBIGUOUS == 4 and rectangle().positions_BT.min() == 0
