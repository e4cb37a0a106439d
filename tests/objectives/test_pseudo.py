"""Pseudo-labels: which they are, what the encoder reads of other barcodes, and what learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from objective_cases import (
    TINY,
    all_unknown,
    losses_on_a_repeated_batch,
    make,
    make_encoder,
    ragged,
    rectangle,
    rng,
    seen_by_encoder,
    to_torch,
    with_tokens,
)

from barcodeembed.corpus.translation import acids_of
from barcodeembed.errors import TrainingError
from barcodeembed.model.tokenizer import MASK, PAD, SPECIAL_TOKENS, KmerTokenizer
from barcodeembed.objectives.crts import neighbour_vectors, unit
from barcodeembed.objectives.pseudo import mix, residual_codes
from barcodeembed.sequences.bases import encode_bases
from barcodeembed.sequences.frames import amino_acids


def tokens_of(bases: str, k: int = 4) -> np.ndarray:
    count = np.array([len(bases) // k])
    return KmerTokenizer(k).encode_windows(encode_bases(bases), np.array([0]), count)


def test_the_amino_acid_is_that_of_the_codon_in_which_the_middle_base_lies():
    """Without N the frame of this barcode is the first: the others have stops."""
    codons = ["ATG", "GGA", "CTA", "ACC", "TTA", "GGT", "CCA", "NNN"]
    tokens = tokens_of("".join(codons))
    acids = amino_acids()
    number = {acid: i for i, acid in enumerate(sorted(set(acids)))}
    bases = {"A": 0, "C": 1, "G": 2, "T": 3}
    expected = []
    for middle in range(2, 24, 4):
        codon = codons[middle // 3]
        at = None if "N" in codon else sum(bases[b] * 4 ** (2 - i) for i, b in enumerate(codon))
        expected.append(-1 if at is None else number[acids[at]])
    found = acids_of(tokens, 4)[0]
    # The k-mer that overlaps the N is unknown, and so is its codon.
    whole = [i for i in range(6) if tokens[0, i] >= SPECIAL_TOKENS]
    known = [i for i in whole if all(tokens[0, j] >= SPECIAL_TOKENS for j in whole if j <= i)]
    assert found[known[:-1]].tolist() == [expected[i] for i in known[:-1]]
    assert found[-1] == -1 and len(known) == 5


def test_further_codes_describe_what_the_first_have_not():
    tokens = ragged(rows=20).tokens_BT
    codes = residual_codes(tokens, 256, 8, 3, rng(0))
    seen, vectors = neighbour_vectors(tokens, 256, rng(0))
    unseen = np.setdiff1d(np.arange(256), seen)
    assert (codes[:, unseen] == -1).all() and (codes[:, seen] >= 0).all() and codes.max() < 8
    rest, left = vectors, [np.square(vectors).sum()]
    for level in codes:
        group = level[seen]
        rest = (
            rest
            - np.stack([rest[group == g].mean(0) for g in range(8) if (group == g).any()])[
                np.unique(group, return_inverse=True)[1]
            ]
        )
        left.append(np.square(rest).sum())
    assert left[0] > left[1] > left[2] > left[3]
    assert np.allclose(np.linalg.norm(unit(vectors), axis=1), 1)


def test_a_mixed_barcode_has_one_stretch_of_another_in_the_same_columns():
    tokens = np.arange(1, 7)[:, None] * 1000 + np.arange(40)
    tokens[2, 30:] = PAD
    mixed = mix(tokens, 2, 1.0, rng())
    assert np.array_equal(mixed == PAD, tokens == PAD)
    for row, (before, after) in enumerate(zip(tokens, mixed, strict=True)):
        changed = np.flatnonzero(before != after)
        assert 0 < len(changed) <= 20 and len(changed) % 2 == 0 and changed[0] % 2 == 0
        assert len(set(after[changed] // 1000) - {row + 1}) == 1
        assert (np.diff(changed) == 1).all() and (after[changed] % 1000 == changed).all()
    assert np.array_equal(mix(tokens, 2, 0.0, rng()), tokens)


def test_the_encoder_reads_other_barcodes_but_predicts_its_own():
    batch, encoder = rectangle(), make_encoder()
    plain, noisy = make("pseudo", chimeras=0), make("pseudo", chimeras=1)
    one, other = (objective.prepare(batch, rng()) for objective in (plain, noisy))
    assert np.array_equal(one["labels"], other["labels"])
    assert np.array_equal(one["tokens"] == MASK, other["tokens"] == MASK)
    read = seen_by_encoder(noisy, encoder, other)[0].numpy()
    changed = read != one["tokens"]
    assert changed.any(1).sum() > 4 and not changed.all(1).any()


def test_the_encoder_never_reads_a_hidden_kmer():
    batch = ragged()
    inputs = make("pseudo", chimeras=0).prepare(batch, rng())
    tokens = batch.tokens_BT.copy().reshape(-1)
    tokens[inputs["predicted"]] = SPECIAL_TOKENS
    changed = with_tokens(batch, tokens.reshape(batch.tokens_BT.shape))
    other = make("pseudo", chimeras=0).prepare(changed, rng())
    assert np.array_equal(inputs["tokens"], other["tokens"])
    assert not np.array_equal(inputs["labels"], other["labels"])


def test_each_label_trains_its_own_head_and_the_encoder():
    objective, encoder = make("pseudo"), make_encoder()
    found = objective(encoder, to_torch(objective.prepare(rectangle(), rng())))
    found["acid_loss"].backward()
    trained = [head.weight.grad is not None and head.weight.grad.any() for head in objective.heads]
    assert trained == [False, False, True] and encoder.tokens.weight.grad.any()


def test_without_amino_acids_there_are_only_codes():
    objective = make("pseudo", acids=0)
    found = objective(make_encoder(), to_torch(objective.prepare(rectangle(), rng())))
    assert len(objective.heads) == 2 and "acid_loss" not in found
    assert torch.equal(found["loss"], found["code_loss"])


def test_merged_kmers_are_learned():
    config = replace(TINY, merge=2)
    objective, encoder = make("pseudo", config=config), make_encoder(config)
    objective(encoder, to_torch(objective.prepare(rectangle(merge=2), rng())))["loss"].backward()
    assert encoder.tokens.weight.grad.any()


def test_pseudo_labels_are_learned():
    losses = losses_on_a_repeated_batch(make("pseudo"), steps=15)
    assert losses[-1] < 0.95 * losses[0]


def test_nothing_hidden_is_no_loss_and_no_gradient():
    objective, encoder = make("pseudo"), make_encoder()
    found = objective(encoder, to_torch(objective.prepare(all_unknown(), rng())))
    found["loss"].backward()
    weights = [*objective.parameters(), *encoder.parameters()]
    assert found["loss"].item() == 0
    assert all(p.grad is None or not p.grad.any() for p in weights)


@pytest.mark.parametrize("settings", [{"codes": 1}, {"levels": 0}, {"acids": -1}, {"chimeras": 2}])
def test_invalid_settings_are_refused(settings):
    with pytest.raises(TrainingError):
        make("pseudo", **settings)
