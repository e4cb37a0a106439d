"""Distillation from a teacher with longer tokens: what is hidden, and what is compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from objective_cases import TINY, make, make_corpus, make_encoder, rng, to_torch

from barcodeembed.corpus.batches import Batch, Batches
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.errors import TrainingError
from barcodeembed.model.bundle import save_model
from barcodeembed.model.tokenizer import PAD
from barcodeembed.objectives.distill import Distillation
from barcodeembed.sequences.anchor import MarkerPositions

#: The teacher's tokens have 12 bases, the student's 4.
TEACHER = replace(
    TINY,
    k=6,
    merge=2,
    max_tokens=15,
    anchored=True,
    positions="learned",
    pooling="place",
    vector_width=20,
)
STUDENT = replace(
    TEACHER, k=4, merge=1, max_tokens=45, width=48, feed_forward_width=96, vector_width=None
)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("distill") / "teacher"
    save_model(path, make_encoder(TEACHER), {})
    return str(path)


def located_corpus() -> Corpus:
    """Return barcodes that begin at different bases of the marker."""
    corpus = make_corpus()
    rows, none = len(corpus.lengths), np.zeros(0, np.int64)
    first = np.arange(rows) % 7
    return replace(
        corpus, marker_positions=MarkerPositions(first, np.zeros(rows, np.int64), none, none)
    )


def distill(teacher: str, corpus: Corpus, **settings: object) -> Distillation:
    objective = make("distill", corpus, STUDENT, **{"distill.teacher": teacher}, **settings)
    assert isinstance(objective, Distillation)
    return objective


def batches(corpus: Corpus) -> list[Batch]:
    """Return a batch of training and one of evaluation, with padding."""
    cut = Batches(corpus, STUDENT.tokenizer, size=6, parts=1, max_tokens=45, seed=0)
    return [cut.batch(0, 0), cut.whole(np.arange(6))]


@pytest.mark.parametrize("number", [0, 1], ids=["training", "evaluation"])
def test_tokens_within_one_token_of_the_teacher_are_hidden_together(number, teacher):
    corpus = located_corpus()
    batch = batches(corpus)[number]
    hidden = distill(teacher, corpus).hide(batch, rng())
    real = batch.tokens_BT != PAD
    partly = 0
    for row in range(len(hidden)):
        groups = batch.positions_BT[row] // 3
        fractions = [hidden[row][(groups == g) & real[row]].mean() for g in set(groups[real[row]])]
        partly += sum(0 < fraction < 1 for fraction in fractions)
        assert hidden[row].sum() == np.rint(real[row].sum() * 0.5)
        assert sum(fraction == 1 for fraction in fractions) > 2
    assert partly <= len(hidden)  # one of each barcode, so that the number is the given one


@pytest.mark.parametrize("number", [0, 1], ids=["training", "evaluation"])
def test_each_visible_token_is_compared_with_the_token_that_contains_it(number, teacher):
    corpus = located_corpus()
    batch, objective = batches(corpus)[number], distill(teacher, corpus)
    inputs = objective.prepare(batch, rng())
    bases = objective.teacher.config.tokenizer.decode
    compared = 0
    for row, columns in enumerate(inputs["teacher_columns"]):
        whole = inputs["whole"][row].reshape(-1, 2)
        for kmer, column, at in zip(
            inputs["visible"][row], columns, inputs["visible_columns"][row], strict=True
        ):
            if kmer == PAD:
                assert column == len(whole)
                continue
            text = STUDENT.tokenizer.decode([kmer])
            start = batch.positions_BT[row, at] % 3 * 4
            theirs = bases(whole[column])[start : start + 4]
            if "N" not in text + theirs:  # the teacher lacks 6-mers with N or at the ends
                assert text == theirs
                compared += 1
    assert compared > 20


def test_the_mean_of_the_features_is_compared(teacher):
    corpus = located_corpus()
    objective, encoder = distill(teacher, corpus), make_encoder(STUDENT)
    inputs = to_torch(objective.prepare(batches(corpus)[1], rng()))
    theirs, _ = objective.teacher(inputs["whole"], inputs["whole_positions"])
    ours = torch.randn(*inputs["visible"].shape, STUDENT.width)
    distances = []
    for row, columns in enumerate(inputs["teacher_columns"]):
        for column in range(theirs.shape[1]):
            if (columns == column).any():
                mean = objective.project(ours[row][columns == column].mean(0))
                cosine = torch.cosine_similarity(mean, theirs[row, column], dim=-1)
                distances.append(1 - cosine)
    found = objective._feature_distance(encoder, inputs, ours, theirs)
    torch.testing.assert_close(found, torch.stack(distances).mean())


def test_the_student_learns_from_features_vectors_and_kmers(teacher):
    corpus = located_corpus()
    objective, encoder = distill(teacher, corpus), make_encoder(STUDENT)
    inputs = to_torch(objective.prepare(batches(corpus)[0], rng()))
    objective(encoder, inputs)["loss"].backward()
    for weight in (objective.project.weight, objective.project_vectors.weight):
        assert weight.grad.any()
    assert encoder.readout.weight.grad.any() and objective.head.weight.grad.any()
    assert all(p.grad is None for p in objective.teacher.parameters())


def test_a_teacher_with_shorter_tokens_gives_no_features(teacher):
    long = replace(STUDENT, k=8, max_tokens=22)
    with pytest.raises(TrainingError, match="features=0"):
        make("distill", located_corpus(), long, **{"distill.teacher": teacher})


@pytest.mark.parametrize("settings", [{"span": 2}, {"codons": "yes"}, {"sites": "variable"}])
def test_other_masks_are_refused_if_tokens_are_hidden_in_groups(settings, teacher):
    with pytest.raises(TrainingError, match="hidden together"):
        distill(teacher, located_corpus(), **settings)
