"""Views of a barcode, and the objectives on vectors: contrastive, taxonomy, distill."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from Bio.Seq import Seq
from objective_cases import (
    TINY,
    losses_on_a_repeated_batch,
    make,
    make_corpus,
    make_encoder,
    make_teacher,
    rectangle,
    rng,
    seen_by_encoder,
    to_torch,
)
from torch.nn import functional as F

from barcodeembed.corpus.corpus import LABELS
from barcodeembed.corpus.views import Views, _rates, _shifted, _substituted, _synonymous
from barcodeembed.errors import TrainingError
from barcodeembed.model.bundle import load_model
from barcodeembed.model.tokenizer import MASK, PAD, UNKNOWN
from barcodeembed.model.window import Window
from barcodeembed.objectives import distill
from barcodeembed.objectives.base import similarities
from barcodeembed.sequences.bases import encode_bases
from barcodeembed.sequences.frames import reading_frames

PLAIN = {"errors": 0.0, "ambiguous": 0.0}
NO_TAXA = np.full(8, -1)
ON_VIEWS = ("contrastive", "supcon", "taxonomy")


def spelled(codes) -> str:
    return "".join("ACGTN"[c] for c in codes)


def selected(head, taxa: torch.Tensor):
    return to_torch(head.select(taxa.numpy()))


def test_a_plain_view_is_a_stretch_of_its_barcode():
    batch = rectangle(size=8)
    whole = [spelled(row[:n]) for row, n in zip(batch.bases(), batch.lengths_B, strict=True)]
    widths, frames = set(), set()
    for seed in range(30):
        view = Views(shortest=0.3, **PLAIN).draw(batch, TINY, rng(seed))
        widths.add(view["tokens"].shape[1])
        assert not view["padded"]
        assert (view["positions"] == np.arange(view["tokens"].shape[1])).all()
        for row, bases in zip(view["tokens"], whole, strict=True):
            text = TINY.tokenizer.decode(row)
            if UNKNOWN not in row:
                assert text in bases
                frames.add(bases.index(text) % 4)
    longest = max(widths)
    assert frames == {0, 1, 2, 3} and min(widths) < 0.5 * longest
    assert longest <= (batch.lengths_B.min() - 3) // 4


def test_a_reversed_view_is_from_the_other_strand():
    batch = rectangle(size=8)
    whole = [spelled(row[:n]) for row, n in zip(batch.bases(), batch.lengths_B, strict=True)]
    reversed_views = 0
    for seed in range(10):
        view = Views(shortest=0.9, reverse=True, **PLAIN).draw(batch, TINY, rng(seed))
        for row, bases in zip(view["tokens"], whole, strict=True):
            if UNKNOWN not in row:
                text = TINY.tokenizer.decode(row)
                assert (text in bases) != (text in str(Seq(bases).reverse_complement()))
                reversed_views += text not in bases
    assert 10 < reversed_views < 70


def test_tokens_that_are_kept_keep_their_positions():
    batch = rectangle(size=8)
    whole = Views(shortest=1.0, **PLAIN).draw(batch, TINY, rng())["tokens"].shape[1]
    widths = set()
    for seed in range(20):
        all_of_it = Views(shortest=1.0, **PLAIN).draw(batch, TINY, rng(seed))
        some = Views(shortest=1.0, keep=0.5, **PLAIN).draw(batch, TINY, rng(seed))
        widths.add(some["tokens"].shape[1])
        found = np.take_along_axis(all_of_it["tokens"], some["positions"], 1)
        np.testing.assert_array_equal(found, some["tokens"])
    # Each batch keeps its own fraction, from the minimum to everything.
    assert min(widths) >= whole // 2 and max(widths) <= whole and len(widths) > 5


def test_a_frayed_window_loses_kmers_at_its_ends_only():
    starts = np.arange(40).reshape(1, 8, 5).repeat(500, 0)
    counts = np.r_[np.full(250, 8), np.ones(250, np.int64)]
    window = Window(starts, np.arange(8)[None].repeat(500, 0), counts)
    frayed = window.frayed(rng())
    lost = frayed.starts_BTM < 0
    np.testing.assert_array_equal(frayed.starts_BTM[~lost], starts[~lost])
    assert not lost[:250, 1:7].any() and not lost[250:, 1:].any()
    first, last = lost[:250, 0].sum(1), lost[:250, 7].sum(1)
    assert set(first) == set(last) == {0, 1, 2, 3, 4}
    assert (lost[:250, 0, 0] == (first > 0)).all() and (lost[:250, 7, 4] == (last > 0)).all()
    # Something is left of a window of one token.
    assert set(lost[250:, 0].sum(1)) == {0, 1, 2, 3, 4}


def test_half_of_the_barcodes_have_no_errors_of_a_kind():
    rates = _rates(0.06, np.full(2_000, 600), rng())
    assert abs((rates == 0).mean() - 0.5) < 0.05
    assert 0.055 < rates.max() <= 0.06 and abs(rates[rates > 0].mean() - 0.03) < 0.002


def test_errors_have_their_rate_and_change_the_base():
    codes = rng().integers(0, 5, (200, 500)).astype(np.uint8)
    changed = _substituted(codes, np.full((200, 1), 0.1), rng(1))
    assert (changed[codes == 4] == 4).all()
    assert abs((changed != codes)[codes < 4].mean() - 0.1) < 0.01
    assert set(np.unique(changed)) <= set(range(5))


def test_indels_shift_what_follows():
    codes = np.tile(np.array([0, 1, 2, 3], np.uint8), (300, 100))
    lengths = np.full(300, 380)
    shifted, new, from_base = _shifted(codes, lengths, np.full((300, 1), 0.02), rng(2))
    assert abs(new.mean() - 380) < 2 and new.std() > 1
    steps = np.diff(shifted[0, : new[0]].astype(int)) % 4
    # A base is followed by the next, by itself (an insertion) or by the one after (a deletion).
    assert set(steps) <= {0, 1, 2} and (steps == 1).mean() > 0.95
    np.testing.assert_array_equal(shifted[0, : new[0]], codes[0][from_base[0, : new[0]]])
    same, lengths_after, _ = _shifted(codes, lengths, np.zeros((300, 1)), rng(2))
    np.testing.assert_array_equal(same[:, :380], codes[:, :380])
    np.testing.assert_array_equal(lengths_after, lengths)


def test_synonymous_changes_keep_the_protein():
    """Biopython translates both to the same protein, by the invertebrate mitochondrial code."""
    sense = [
        c
        for c in (a + b + d for a in "ACGT" for b in "ACGT" for d in "ACGT")
        if Seq(c).translate(5) != "*"
    ]
    texts = ["".join(rng(seed).choice(sense, 120)) for seed in range(40)]
    codes = np.stack([encode_bases(text) for text in texts])
    in_frame = reading_frames(codes) == 0
    assert in_frame.mean() > 0.9
    changed = _synonymous(codes, np.full((40, 1), 0.5), rng(3))
    for before, after in zip(codes[in_frame], changed[in_frame], strict=True):
        assert Seq(spelled(before)).translate(5) == Seq(spelled(after)).translate(5)
    columns = np.flatnonzero((changed != codes)[in_frame].any(0))
    assert (columns % 3 == 2).all()
    assert 0.3 < (changed != codes)[in_frame][:, 2::3].mean() < 0.55


@pytest.mark.parametrize("settings", [{"shortest": 0}, {"keep": 0}, {"errors": 1.5}])
def test_invalid_views_are_refused(settings):
    with pytest.raises(TrainingError):
        Views(**settings)


@pytest.mark.parametrize("name", [*ON_VIEWS, "distill"])
def test_no_mask_reaches_the_encoder(name):
    objective = make(name)
    for seen in seen_by_encoder(objective, make_encoder(), objective.prepare(rectangle(), rng())):
        assert not (seen == MASK).any()


@pytest.mark.parametrize("name", [*ON_VIEWS, "distill"])
def test_objectives_on_vectors_learn_a_repeated_batch(name):
    losses = losses_on_a_repeated_batch(make(name))
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


def test_contrast_is_infonce_of_the_pooled_vectors():
    objective, encoder, batch = make("contrastive", temperature=0.1), make_encoder(), rectangle()
    inputs = objective.prepare(batch, rng())
    assert (
        inputs["tokens_0"].shape != inputs["tokens_1"].shape
        or (inputs["tokens_0"] != inputs["tokens_1"]).any()
    )
    one, other = (
        F.normalize(encoder.embed(torch.from_numpy(inputs[f"tokens_{n}"])), dim=-1).double()
        for n in range(2)
    )
    expected = 0.0
    for i in range(8):
        for a, b in ((one, other), (other, one)):
            scores = torch.exp(b @ a[i] / 0.1)
            expected -= torch.log(scores[i] / scores.sum()).item() / 16
    found = objective(encoder, to_torch(inputs))["loss"].item()
    assert found == pytest.approx(expected, abs=1e-4)


def test_soft_targets_are_the_same_barcode_and_similar_negatives():
    objective = make("contrastive", soften=0.4, temperature=0.5)
    vectors = F.normalize(torch.tensor([[1.0, 0, 0], [1, 0.2, 0], [0, 0, 1]]), dim=-1)
    objective.progress = 0.5
    found = objective.positives({}, vectors)
    odds = torch.exp(vectors @ vectors.T / 0.5) * (1 - torch.eye(3))
    expected = 0.8 * torch.eye(3) + 0.2 * odds / odds.sum(1, keepdim=True)
    torch.testing.assert_close(found, expected)
    assert found[0, 1] > 2 * found[0, 2]
    assert torch.equal(objective.positives({}, vectors[:1]), torch.ones(1, 1))


def test_targets_are_softened_progressively_and_carry_no_gradient():
    objective = make("contrastive", soften=0.4)
    vectors = F.normalize(torch.eye(4) + 0.5, dim=-1).requires_grad_()
    parts = []
    for progress in (0, 0.25, 1):
        objective.progress = progress
        targets = objective.positives({}, vectors)
        assert not targets.requires_grad
        torch.testing.assert_close(targets.sum(1), torch.ones(4))
        parts.append(1 - targets.diagonal().mean().item())
    assert parts == pytest.approx([0, 0.1, 0.4])
    objective = make("contrastive")
    objective.progress = 1.0
    assert torch.equal(objective.positives({}, vectors), torch.eye(4))


@pytest.mark.parametrize("soften", [-0.1, 1.0])
def test_targets_cannot_be_all_negatives(soften):
    with pytest.raises(TrainingError, match="soften is"):
        make("contrastive", soften=soften)


def test_supcon_weights_pairs_by_their_lowest_shared_rank():
    corpus = make_corpus()
    batch = rectangle(corpus, size=8, same_taxon=("genus", 4))
    objective = make("supcon", corpus, species=1.0, genus=0.5, family=0.25, order=0.125)
    inputs = objective.prepare(batch, rng())
    of = {rank: batch.labels_BR[:, LABELS.index(rank)] for rank in LABELS}
    for i in range(8):
        for j in range(8):
            weight = 1.0 if i == j else 0.0
            for rank, w in (
                ("order", 0.125),
                ("family", 0.25),
                ("genus", 0.5),
                ("species", 1.0),
                ("bin", 1.0),
            ):
                if of[rank][i] == of[rank][j] >= 0:
                    weight = max(weight, w)
            assert inputs["pair_weights"][i, j] == weight
    positives = objective.positives(to_torch(inputs), torch.ones(8, 3))
    torch.testing.assert_close(positives.sum(1), torch.ones(8))


def test_without_labels_supervised_contrast_is_contrast():
    corpus = make_corpus()
    corpus.labels[:] = -1
    losses = []
    for name in ("supcon", "contrastive"):
        objective = make(name, corpus)
        inputs = to_torch(objective.prepare(rectangle(corpus), rng()))
        losses.append(objective(make_encoder(), inputs)["loss"])
    torch.testing.assert_close(*losses)


def test_with_every_label_missing_taxonomy_gives_no_gradient():
    corpus = make_corpus()
    objective, encoder = make("taxonomy", corpus), make_encoder()
    corpus.labels[:] = -1
    inputs = to_torch(objective.prepare(rectangle(corpus), rng()))
    result = objective(encoder, inputs)
    assert result["loss"].item() == 0
    result["loss"].backward()
    weights = [*objective.parameters(), *encoder.parameters()]
    assert all(p.grad is None or not p.grad.any() for p in weights)


def test_a_corpus_without_labels_gives_no_gradient_either():
    corpus = make_corpus()
    corpus.labels[:] = -1
    objective = make("taxonomy", corpus)
    inputs = to_torch(objective.prepare(rectangle(corpus), rng()))
    assert objective(make_encoder(), inputs)["loss"].item() == 0


def test_an_unlabelled_rank_is_skipped_and_the_others_learn():
    corpus = make_corpus()
    objective, encoder = make("taxonomy", corpus), make_encoder()
    batch = rectangle(corpus)
    corpus.labels[batch.rows[0], LABELS.index("genus")] = -1
    inputs = to_torch(objective.prepare(batch, rng()))
    before = objective(encoder, inputs)
    inputs |= to_torch(
        {"species_" + name: v for name, v in objective.heads["species"].select(NO_TAXA).items()}
    )
    after = objective(encoder, inputs)
    assert after["species_loss"].item() == 0 < before["species_loss"].item()
    assert after["genus_loss"] == before["genus_loss"]


def test_taxonomy_smooths_along_the_tree_and_weights_by_frequency():
    """Compute the loss of a rank barcode by barcode."""
    corpus = make_corpus()
    objective = make("taxonomy", corpus, smoothing=0.2, ranks="family,genus")
    head = objective.heads["genus"]
    drawn = rng(1).normal(size=(5, TINY.width)).astype(np.float32)
    vectors = F.normalize(torch.from_numpy(drawn), dim=-1)
    taxa = torch.tensor([0, 1, 2, 5, -1])
    loss, _ = head(vectors, selected(head, taxa))
    genus, family = (corpus.labels[:, LABELS.index(rank)] for rank in ("genus", "family"))
    train = corpus.train
    counts = np.bincount(genus[train], minlength=6)
    raw = 1 / np.sqrt(counts)
    weights = raw / raw[genus[train]].mean()
    directions = F.normalize(head.directions, dim=-1)
    expected = 0.0
    for vector, taxon in zip(vectors[:4], taxa[:4].tolist(), strict=True):
        scores = torch.log_softmax(20 * directions @ vector, 0)
        parent = family[genus == taxon][0]
        siblings = sorted(set(genus[family == parent]))
        smooth = 0.8 * scores[taxon] + 0.2 * scores[siblings].mean()
        expected -= weights[taxon] * smooth.item() / 4
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_of_too_many_classes_only_siblings_of_the_batch_are_compared():
    corpus = make_corpus()
    full = make("taxonomy", corpus, smoothing=0.2, ranks="family,genus").heads["genus"]
    few = make("taxonomy", corpus, smoothing=0.2, ranks="family,genus", max_classes=2)
    few = few.heads["genus"]
    few.load_state_dict(full.state_dict())
    genus, family = (corpus.labels[:, LABELS.index(rank)] for rank in ("genus", "family"))
    drawn = rng(1).normal(size=(6, TINY.width)).astype(np.float32)
    vectors = F.normalize(torch.from_numpy(drawn), dim=-1)
    # All families are in the batch, so all classes are compared.
    every = torch.arange(6)
    losses = [head(vectors, selected(head, every))[0] for head in (few, full)]
    torch.testing.assert_close(*losses)
    # With one family, only its genera are compared and trained.
    siblings = sorted(set(genus[family == family[genus == 0][0]]))
    assert 1 < len(siblings) < 6
    few.zero_grad()
    loss, _ = few(vectors[:1], selected(few, torch.tensor([0])))
    scores = torch.log_softmax(20 * F.normalize(few.directions, dim=-1)[siblings] @ vectors[0], 0)
    expected = -0.8 * scores[siblings.index(0)] - 0.2 * scores.mean()
    assert loss.item() == pytest.approx((few.weights[0] * expected).item(), rel=1e-4)
    loss.backward()
    trained = few.directions.grad.abs().sum(1).nonzero()[:, 0].tolist()
    assert trained == siblings


def test_a_student_equal_to_its_teacher_has_no_distance():
    """It has the teacher's weights, an identity projection, and every token is visible."""
    teacher = load_model(make_teacher()).encoder
    objective = make("distill", config=teacher.config)
    torch.nn.init.eye_(objective.project.weight)
    batch = rectangle()
    inputs = objective.prepare(batch, rng())
    inputs["visible"], inputs["visible_padded"] = batch.tokens_BT, False
    columns = np.arange(batch.tokens_BT.shape[1])
    inputs["visible_columns"] = np.tile(columns, (len(batch.rows), 1))
    inputs["teacher_columns"] = inputs["visible_columns"]
    metrics = objective(teacher, to_torch(inputs))
    for name in ("vectors", "similarities", "features"):
        assert metrics[f"{name}_distance"].item() == pytest.approx(0, abs=1e-5)


def test_the_teacher_reads_what_the_student_does_not_and_is_not_trained_or_saved():
    objective, encoder = make("distill"), make_encoder()
    seen = []
    objective.teacher.tokens.register_forward_hook(lambda m, args, out: seen.append(args[0]))
    batch = rectangle()
    objective(encoder, to_torch(objective.prepare(batch, rng())))["loss"].backward()
    np.testing.assert_array_equal(seen[0].numpy(), batch.tokens_BT)
    assert all(p.grad is None for p in objective.teacher.parameters())
    assert not any("teacher" in name for name in objective.state_dict())


def test_a_teacher_with_other_tokens_only_gives_vectors():
    from dataclasses import replace

    student = replace(TINY, k=3)
    with pytest.raises(TrainingError, match="features=0"):
        make("distill", config=student)
    objective = make("distill", config=student, features=0)
    batch = rectangle(k=3)
    inputs = objective.prepare(batch, rng())
    assert "features_distance" not in objective(make_encoder(student), to_torch(inputs))
    text = load_model(make_teacher()).config.tokenizer.decode(inputs["whole"][0])
    assert spelled(batch.bases()[0]).startswith(text.split("N")[0])


def test_a_missing_teacher_is_an_error():
    with pytest.raises(TrainingError, match="needs a teacher"):
        make("distill", **{"distill.teacher": ""})


def test_a_view_without_padding_is_not_padded():
    corpus = make_corpus(shortest=100, longest=101)
    view = Views(shortest=1.0, **PLAIN).draw(rectangle(corpus), TINY, rng())
    assert view["padded"] is False and (view["tokens"] != PAD).all()


# Precision.


class Vectors:
    """An encoder that gives fixed vectors, very similar to each other, whatever it reads."""

    def __init__(self, count: int) -> None:
        torch.manual_seed(0)
        common, own = torch.randn(1, TINY.dimension), torch.randn(count, TINY.dimension)
        self.vectors = common + 0.05 * own

    def embed(self, tokens, *_, **__):
        return self.vectors[: len(tokens)]


@pytest.mark.parametrize("name", ON_VIEWS)
def test_similarities_are_not_rounded_in_mixed_precision(name):
    """In bf16, the cosines of similar vectors have only a few values."""
    objective = make(name)
    inputs = to_torch(objective.prepare(rectangle(size=8), rng()))
    exact = objective(Vectors(8), inputs)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = objective(Vectors(8), inputs)
    assert {key: value.item() for key, value in mixed.items()} == {
        key: value.item() for key, value in exact.items()
    }


def test_distilled_similarities_are_not_rounded_in_mixed_precision():
    vectors = Vectors(8).vectors
    with torch.autocast("cpu", torch.bfloat16):
        mixed = distill._similarities(vectors)
    assert torch.equal(mixed, distill._similarities(vectors))


def test_similarities_have_full_precision_and_a_gradient():
    vectors = Vectors(64).vectors.requires_grad_()
    unit = F.normalize(vectors, dim=-1)
    with torch.autocast("cpu", torch.bfloat16):
        found = similarities(unit, unit)
        assert (unit @ unit.T).unique().numel() < 20
    assert found.dtype == torch.float32
    assert torch.equal(found, unit @ unit.T)
    assert found.unique().numel() > 1_000
    found.square().sum().backward()
    assert vectors.grad.isfinite().all() and vectors.grad.abs().sum() > 0
