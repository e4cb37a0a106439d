"""Batches, exact resume, several processes and checkpoints."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support import SIMULATED

from barcodeembed.bundles.manifest import write_manifest
from barcodeembed.corpus.batches import Batches
from barcodeembed.corpus.corpus import LABELS, Corpus, encode_corpus, open_corpus
from barcodeembed.errors import BundleError, OutputError, TrainingError
from barcodeembed.model.config import PRESETS
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.layers import Stack
from barcodeembed.model.tokenizer import PAD
from barcodeembed.objectives.plan import parse_schedule
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.taxonomy.ranks import UNKNOWN, Lineage
from barcodeembed.taxonomy.references import LabelledRecord
from barcodeembed.training import checkpoint
from barcodeembed.training.checkpoint import latest_checkpoint, load_checkpoint
from barcodeembed.training.distributed import Processes
from barcodeembed.training.loop import METRICS, Progress, Trainer
from barcodeembed.training.metrics import StepMetrics
from barcodeembed.training.recipe import Recipe

CPU = torch.device("cpu")
MODEL = replace(PRESETS["tiny"].model, width=32, layers=1, dropout=0.1)


def record(number: int, bases: str, taxa: Lineage = UNKNOWN, bin: str = "") -> LabelledRecord:
    return SequenceRecord(f"r{number}", bases, fields={"bin": bin}), taxa


@pytest.fixture(scope="module")
def barcodes() -> list[str]:
    rng = np.random.default_rng(0)
    return ["".join(rng.choice(list("ACGT"), rng.integers(120, 400))) for _ in range(200)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, barcodes) -> Corpus:
    path = tmp_path_factory.mktemp("corpus") / "corpus"
    encode_corpus((record(i, b) for i, b in enumerate(barcodes)), path)
    return open_corpus(path)


def recipe(**changes) -> Recipe:
    settings = {
        "model": MODEL,
        "plan": parse_schedule("maelm:1"),
        "steps": 12,
        "batch_size": 16,
        "settings": {"maelm": {"mask_ratio": 0.5, "decoder_layers": 1}},
        "learning_rate": 2e-3,
    }
    return Recipe(**(settings | changes))


def weights(trainer: Trainer) -> bytes:
    return b"".join(p.detach().numpy().tobytes() for p in trainer.pretraining.parameters())


def test_the_corpus_holds_every_distinct_barcode_once(tmp_path, barcodes):
    unusual = [barcodes[0].lower(), "NNN" + barcodes[1] + "NN", "ACGT", "N" * 300, ""]
    records = (record(i, b) for i, b in enumerate([*barcodes, *unusual]))
    encode_corpus(records, tmp_path / "corpus")
    corpus = open_corpus(tmp_path / "corpus")
    assert corpus.summary == {
        "records": 205,
        "distinct": 200,
        "short": 1,
        "low_information": 1,
        "empty": 1,
        "labelled": 0,
    }
    stored = {spelled(corpus, row) for row in range(200)}
    assert stored == set(barcodes)
    assert sorted([*corpus.train, *corpus.held_out]) == list(range(200))


def test_the_held_out_do_not_depend_on_the_order_of_the_files(tmp_path, barcodes, corpus):
    encode_corpus((record(i, b) for i, b in enumerate(barcodes[::-1])), tmp_path / "corpus")
    other = open_corpus(tmp_path / "corpus")
    assert {barcodes[i] for i in corpus.held_out} == {barcodes[::-1][i] for i in other.held_out}


def test_an_epoch_has_every_barcode_once(corpus):
    batches = Batches(corpus, MODEL.tokenizer, size=11, parts=1, max_tokens=90, seed=3)
    assert batches.per_epoch * 11 == len(corpus.train) == 198
    for epoch in range(2):
        first = epoch * batches.per_epoch
        met = np.concatenate([batches.rows(first + i) for i in range(batches.per_epoch)])
        assert sorted(met) == corpus.train.tolist()
    assert not np.array_equal(batches.rows(0), batches.rows(batches.per_epoch))


def test_the_parts_make_up_the_batch(corpus):
    whole, split = (
        Batches(corpus, MODEL.tokenizer, size=16, parts=parts, max_tokens=90, seed=3)
        for parts in (1, 4)
    )
    dealt = np.concatenate([split.rows(5)[part::4] for part in range(4)])
    assert sorted(dealt) == sorted(whole.rows(5))


def test_a_batch_is_a_rectangle_of_stretches_of_its_barcodes(corpus):
    batches = Batches(corpus, MODEL.tokenizer, size=16, parts=1, max_tokens=40, seed=3)
    frames = set()
    for step in range(12):
        batch = batches.batch(step, 0)
        shortest = corpus.lengths[batch.rows].min()
        assert batch.tokens_BT.shape == (16, min(40, (shortest - 3) // 4))
        assert (batch.tokens_BT != PAD).all()
        for tokens, number, first in zip(batch.tokens_BT, batch.rows, batch.first_B, strict=True):
            bases = spelled(corpus, number)
            assert bases[first:].startswith(MODEL.tokenizer.decode(tokens))
            frames.add(first % 4)
    assert frames == {0, 1, 2, 3}


def test_offsets_below_k_read_the_beginning_of_every_barcode(corpus):
    batches = Batches(
        corpus,
        MODEL.tokenizer,
        size=16,
        parts=1,
        max_tokens=20,
        seed=3,
        offsets_below_k=True,
    )
    first = np.concatenate([batches.batch(step, 0).first_B for step in range(6)])
    assert set(first.tolist()) == {0, 1, 2, 3}


def test_whole_barcodes_begin_with_their_first_base(corpus):
    batch = Batches(corpus, MODEL.tokenizer, size=16, parts=1, max_tokens=90, seed=3).whole(
        np.arange(5)
    )
    for tokens, number in zip(batch.tokens_BT, range(5), strict=True):
        bases = spelled(corpus, number)[:360]
        assert MODEL.tokenizer.decode(tokens[tokens != PAD]) == bases[: len(bases) // 4 * 4]


def test_barcodes_of_one_taxon_are_together(tmp_path, barcodes):
    taxa = [(None,) * 6 + (f"Genus{i // 10}" if i < 150 else None, None) for i in range(200)]
    records = (record(i, b, t) for i, (b, t) in enumerate(zip(barcodes, taxa, strict=True)))
    encode_corpus(records, tmp_path / "corpus")
    corpus = open_corpus(tmp_path / "corpus")
    batches = Batches(
        corpus, MODEL.tokenizer, size=16, parts=2, max_tokens=90, seed=3, same_taxon=("genus", 4)
    )
    met = np.concatenate([batches.rows(step) for step in range(batches.per_epoch)])
    assert len(set(met)) == len(met) == batches.per_epoch * 16
    genus = corpus.labels[:, LABELS.index("genus")]
    in_company = [
        (genus[part] == g).sum() > 1
        for step in range(batches.per_epoch)
        for part in (batches.batch(step, 0).rows, batches.batch(step, 1).rows)
        for g in genus[part]
        if g >= 0
    ]
    assert np.mean(in_company) > 0.8


def test_the_corpus_keeps_labels_that_all_copies_share(tmp_path, barcodes):
    def taxa(family, genus, species):
        return (None,) * 4 + (family, None, genus, species)

    records = [
        record(0, barcodes[0], taxa("F", "G", "G a"), "BIN1"),
        record(1, barcodes[0], taxa("F", "G", "G b"), "BIN1"),
        record(2, barcodes[1], taxa("F", "G", "G a")),
        record(3, barcodes[1], taxa("F", None, None), "BIN2"),
        record(4, barcodes[2]),
    ]
    encode_corpus(records, tmp_path / "corpus")
    corpus = open_corpus(tmp_path / "corpus")
    family, genus, species, bins = (
        corpus.labels[:, LABELS.index(label)].tolist()
        for label in ("family", "genus", "species", "bin")
    )
    assert family == [0, 0, -1] and genus == [0, 0, -1]
    assert species == [-1, 0, -1] and bins == [0, 1, -1]
    assert corpus.summary["labelled"] == 2


def spelled(corpus: Corpus, number: int) -> str:
    start, length = corpus.starts[number], corpus.lengths[number]
    return "".join("ACGTN"[c] for c in corpus.codes[start : start + length])


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, corpus):
    """Weights and metrics are identical, including dropout."""
    unbroken = Trainer(recipe(steps=100), corpus, _made(tmp_path / "a"), CPU)
    assert unbroken.run(checkpoint_every=1_000)
    first = Trainer(recipe(steps=100), corpus, _made(tmp_path / "b"), CPU)
    assert not first.run(until=50)
    second = Trainer(recipe(steps=100), corpus, tmp_path / "b", CPU)
    assert second.resume() and second.step == 50
    assert second.run()
    assert weights(second) == weights(unbroken)
    rows = [_metrics(tmp_path / name) for name in "ab"]
    assert [row["step"] for row in rows[0]] == [row["step"] for row in rows[1]]
    assert [row["loss"] for row in rows[0]] == [row["loss"] for row in rows[1]]


def test_a_lengthened_wsd_run_equals_one_of_that_length(tmp_path, corpus):
    """It goes back to before the decay; only the warm-up is that of the run as planned."""
    wsd = {"rates": "wsd", "decay": 0.25}
    short = Trainer(recipe(steps=12, warmup=0.25, **wsd), corpus, _made(tmp_path / "a"), CPU)
    assert short.run(checkpoint_every=1)
    kept = sorted(path.name[-2:] for path in (tmp_path / "a").glob("checkpoint-*"))
    assert kept == ["09", "11", "12"]
    longer = recipe(steps=24, warmup=0.25, **wsd)
    first = Trainer(longer, corpus, tmp_path / "a", CPU)
    assert first.resume() and first.step == 9 and not first.run(until=14)
    assert first.recipe.lengthening == (
        "planned for 12 steps: it continues from before the decay of the learning rate, which now "
        "begins at step 18"
    )
    second = Trainer(longer, corpus, tmp_path / "a", CPU)
    assert second.resume() and second.step == 14 and second.run()
    whole = Trainer(recipe(steps=24, warmup=0.125, **wsd), corpus, _made(tmp_path / "b"), CPU)
    assert whole.run()
    assert weights(second) == weights(whole)
    assert [row["step"] for row in _metrics(tmp_path / "a")] == [10, 14, 20, 24]


def test_a_finished_run_is_lengthened_with_a_warm_restart(tmp_path, corpus):
    Trainer(recipe(steps=6), corpus, _made(tmp_path / "run"), CPU).run()
    longer = Trainer(recipe(steps=16), corpus, tmp_path / "run", CPU)
    assert longer.resume() and longer.step == 6
    added = recipe(steps=10)
    rates = [longer.recipe.rate(step) for step in range(6, 16)]
    assert rates == [added.rate(step) for step in range(10)] and rates[0] > recipe(steps=6).rate(5)
    assert longer.recipe.lengthening == (
        "lengthened after step 6: the learning rate rises to 0.002 again and falls until step 16"
    )
    assert not longer.run(until=9)
    again = Trainer(recipe(steps=16), corpus, tmp_path / "run", CPU)
    assert again.resume() and again.step == 9 and again.recipe == longer.recipe
    assert again.run()
    third = Trainer(recipe(steps=20), corpus, tmp_path / "run", CPU)
    assert third.resume() and (third.recipe.planned, third.recipe.restarted) == (6, 16)


def test_added_steps_are_of_the_last_phase():
    plan = parse_schedule("clm:0.5,maelm:0.5")
    longer = replace(recipe(steps=100, plan=plan), planned=10, restarted=10)
    assert [longer.phase(step) for step in (0, 4, 5, 10, 99)] == [0, 0, 1, 1, 1]
    assert [longer.progress(step) for step in (5, 10, 99)] == [0.5, 1.0, 1.0]


def test_a_run_that_cannot_be_lengthened_is_an_error(tmp_path, corpus):
    Trainer(recipe(), corpus, _made(tmp_path / "run"), CPU).run(until=2)
    for steps, message in (
        (24, r"steps 12 -> 24; with --rates cosine only a finished run can be lengthened"),
        (6, r"the run to resume differs: steps 12 -> 6"),
    ):
        with pytest.raises(TrainingError, match=message):
            Trainer(recipe(steps=steps), corpus, tmp_path / "run", CPU).resume()
    wsd = Trainer(recipe(rates="wsd", decay=0.9), corpus, _made(tmp_path / "wsd"), CPU)
    wsd.run(checkpoint_every=4)
    shutil.rmtree(tmp_path / "wsd" / "checkpoint-00000001")
    with pytest.raises(TrainingError, match="no checkpoint from before step 1, .* --init"):
        Trainer(recipe(steps=24, rates="wsd", decay=0.9), corpus, tmp_path / "wsd", CPU).resume()


def test_a_run_stopped_between_checkpoints_resumes_from_the_last(tmp_path, corpus):
    trainer = Trainer(recipe(), corpus, _made(tmp_path / "run"), CPU)
    trainer.run(until=6, report_every=2)
    with open(tmp_path / "run" / METRICS, "a") as stream:
        stream.write('{"step": 8, "loss": 1.0}\n{"step": 9, "lo')
    again = Trainer(recipe(), corpus, tmp_path / "run", CPU)
    again.resume()
    again.run(report_every=2)
    assert [row["step"] for row in _metrics(tmp_path / "run")] == [2, 4, 6, 8, 10, 12]


def test_the_newest_complete_checkpoint_is_resumed(tmp_path, corpus):
    trainer = Trainer(recipe(), corpus, _made(tmp_path / "run"), CPU)
    trainer.run(checkpoint_every=4)
    kept = sorted(path.name for path in (tmp_path / "run").glob("checkpoint-*"))
    assert kept == ["checkpoint-00000008", "checkpoint-00000012"]
    damaged = tmp_path / "run" / kept[-1] / "pretraining.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert latest_checkpoint(tmp_path / "run")[0].name == kept[0]


def _edit(path: Path, values: dict) -> None:
    """Replace the values of the state of a checkpoint, and sign the checkpoint again."""
    state = json.loads((path / "state.json").read_text())
    (path / "state.json").write_text(json.dumps(state | values))
    (path / "manifest.json").unlink()
    write_manifest(path, checkpoint.KIND, checkpoint.FORMAT_VERSION)


@pytest.mark.parametrize(
    "values", [{"step": "8"}, {"step": None}, {"run": []}, {"run": {}}, {"run": {"steps": 0.5}}]
)
def test_a_checkpoint_that_was_edited_is_not_resumed(values, tmp_path, corpus):
    Trainer(recipe(), corpus, _made(tmp_path / "run"), CPU).run(until=8, checkpoint_every=4)
    _edit(tmp_path / "run" / "checkpoint-00000008", values)
    assert latest_checkpoint(tmp_path / "run")[0].name == "checkpoint-00000004"


def test_an_optimizer_that_does_not_fit_is_an_error(tmp_path, corpus):
    trainer = Trainer(recipe(), corpus, _made(tmp_path / "run"), CPU)
    trainer.run(until=2)
    path, _ = latest_checkpoint(tmp_path / "run")
    moments = load_file(path / "optimizer.safetensors")
    name = next(name for name in moments if name.endswith("|exp_avg"))
    for changed in (
        {**moments, "no name": moments[name].clone()},
        {**moments, "other|exp_avg": moments[name].clone()},
        {**moments, name: torch.zeros(2, 2, 2)},
    ):
        save_file(changed, path / "optimizer.safetensors")
        with pytest.raises(BundleError, match="optimizer.safetensors: damaged"):
            load_checkpoint(path, trainer.pretraining, trainer.optimizer)


@pytest.mark.parametrize("line", ["x", "[]", "{}", '{"step": "8"}', "[" * 9_999, "\xff"])
def test_a_damaged_line_of_metrics_is_an_error(line, tmp_path, corpus):
    Trainer(recipe(), corpus, _made(tmp_path / "run"), CPU).run(until=2, report_every=1)
    path = tmp_path / "run" / METRICS
    path.write_bytes(path.read_bytes() + f"{line}\n".encode("latin-1"))
    again = Trainer(recipe(), corpus, tmp_path / "run", CPU)
    again.resume()
    with pytest.raises(TrainingError, match=rf"{METRICS}:3: not a line of metrics; delete it"):
        again.run()


def test_metrics_on_a_full_disk_are_an_error_that_names_them(tmp_path, corpus):
    trainer = Trainer(recipe(), corpus, _made(tmp_path / "run"), CPU)
    (tmp_path / "run" / METRICS).symlink_to("/dev/full")
    with pytest.raises(OutputError, match=rf"{METRICS}: cannot be written: No space left"):
        trainer._record(Progress(1, 2, {"loss": 1.0}), lambda progress: None)


def test_a_full_disk_at_a_checkpoint_keeps_the_last_one(tmp_path, corpus, monkeypatch):
    def full(tensors, path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    trainer = Trainer(recipe(), corpus, _made(tmp_path / "run"), CPU)
    trainer.run(until=4)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_tensors", full)
        with pytest.raises(OutputError, match="checkpoint-00000012: cannot be written: No space"):
            trainer.run(checkpoint_every=8)
    assert [path.name for path in (tmp_path / "run").glob("checkpoint-*")] == [
        "checkpoint-00000004"
    ]
    again = Trainer(recipe(), corpus, tmp_path / "run", CPU)
    assert again.resume() and again.step == 4


@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")
def test_a_checkpoint_is_loaded_to_the_device_of_the_weights(tmp_path, corpus):
    """On CUDA the fused optimizer has its step counts on the device; here the device is "meta"."""
    Trainer(recipe(), corpus, _made(tmp_path / "run"), CPU).run(until=3)
    path, _ = latest_checkpoint(tmp_path / "run")
    again = Trainer(recipe(), corpus, tmp_path / "run", CPU).pretraining.to("meta")
    optimizer = torch.optim.AdamW(again.parameters(), capturable=True)
    load_checkpoint(path, again, optimizer)
    states = [optimizer.state[parameter] for parameter in again.parameters()]
    assert all(state.keys() == {"step", "exp_avg", "exp_avg_sq"} for state in states)
    assert {value.device.type for state in states for value in state.values()} == {"meta"}


def test_resuming_with_another_recipe_or_corpus_is_an_error(tmp_path, corpus):
    Trainer(recipe(), corpus, _made(tmp_path / "run"), CPU).run(until=2)
    changed = Trainer(recipe(learning_rate=1e-3), corpus, tmp_path / "run", CPU)
    with pytest.raises(TrainingError, match=r"learning_rate 0.002 -> 0.001"):
        changed.resume()
    other = replace(corpus, fingerprint="another")
    with pytest.raises(TrainingError, match="corpus .* -> another"):
        Trainer(recipe(), other, tmp_path / "run", CPU).resume()


@pytest.mark.filterwarnings("ignore:This DataLoader will create 2 worker")  # on a single core
def test_processes_prepare_the_same_batches_as_a_thread(tmp_path, corpus, monkeypatch):
    plain = Trainer(recipe(), corpus, _made(tmp_path / "plain"), CPU)
    plain.run()
    monkeypatch.setattr(Trainer, "_loaders", lambda trainer: 2)
    loaded = Trainer(recipe(), corpus, _made(tmp_path / "loaded"), CPU)
    loaded.run(until=5)
    loaded.run()
    assert weights(plain) == weights(loaded)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path, corpus):
    trainer = Trainer(recipe(), corpus, _made(tmp_path / "run"), CPU)
    trainer.run(until=4)
    trainer.encoder.tokens.weight.data.fill_(torch.nan)
    with pytest.raises(TrainingError, match="step 5: the loss is nan.*checkpoint-00000004"):
        trainer.run()
    assert latest_checkpoint(tmp_path / "run")[1]["step"] == 4


def test_a_loss_that_is_not_finite_is_never_saved(tmp_path, corpus, monkeypatch):
    """It is found before a checkpoint, also between two reports; the step is the exact one."""
    trainer = Trainer(recipe(), corpus, _made(tmp_path / "run"), CPU)
    learn = trainer.learn

    def fail_at_step_6(model, parts):
        if trainer.step == 5:
            trainer.encoder.tokens.weight.data.fill_(torch.nan)
        return learn(model, parts)

    monkeypatch.setattr(trainer, "learn", fail_at_step_6)
    with pytest.raises(TrainingError, match="step 6: the loss is nan.*checkpoint-00000004"):
        trainer.run(report_every=10, checkpoint_every=4)
    kept = [path.name for path in (tmp_path / "run").glob("checkpoint-*")]
    assert kept == ["checkpoint-00000004"]


def test_metrics_are_read_from_the_device_only_for_reports(tmp_path, corpus, monkeypatch):
    """Reading a value at every step would make a GPU wait."""
    reads = []
    for name in ("item", "tolist", "__float__", "__bool__", "__int__", "cpu", "numpy"):
        method = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, _counted(method, reads))
    trainer = Trainer(recipe(), corpus, _made(tmp_path / "run"), CPU)
    model = trainer._distribute()
    reads.clear()
    for step in range(3):
        trainer.learn(model, trainer.prepare(step))
    assert not reads
    monkeypatch.setattr(trainer, "save", lambda: None)
    monkeypatch.setattr(trainer, "evaluate", dict)
    trainer.run(report_every=6)
    assert reads == ["tolist"] * 2
    assert [row["step"] for row in _metrics(tmp_path / "run")] == [6, 12]


def test_metrics_of_a_phase_are_averages_over_its_steps():
    recent = StepMetrics(Processes())
    for step, metrics in enumerate(({"loss": 1.0}, {"loss": 3.0, "new": 5.0}), 1):
        recent.add(step, {name: torch.tensor(value) for name, value in metrics.items()})
    assert recent.read() == [(1, {"loss": 1.0}), (2, {"loss": 3.0, "new": 5.0})]
    assert recent.read() == []
    assert recent.means() == {"loss": 2.0, "new": 5.0}


def test_the_rate_warms_up_and_decays():
    schedule = recipe(steps=100, warmup=0.1, learning_rate=1.0, decay_to=0.01)
    rates = [schedule.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == rates[9] == 1.0
    assert all(a > b for a, b in zip(rates[10:], rates[11:], strict=False))
    assert rates[-1] == pytest.approx(0.01, abs=0.002)


def test_the_rate_is_constant_and_then_decays():
    schedule = recipe(steps=100, warmup=0.1, rates="wsd", decay=0.2, learning_rate=1.0)
    rates = [schedule.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and set(rates[9:80]) == {1.0}
    steps = -np.diff(rates[80:])
    assert (steps > 0).all() and np.allclose(steps, steps[0])
    assert rates[-1] == pytest.approx(0.01 + 0.99 / 20)


def test_one_cycle_equals_that_of_torch():
    schedule = recipe(
        steps=1_000, rates="onecycle", learning_rate=1.0, decay_to=4e-6, cycle_momentum=True
    )
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=1_000)
    for step in range(1_000):
        # torch counts the first step as no progress, this package as one step.
        (group,) = optimizer.param_groups
        assert schedule.rate(step) == pytest.approx(group["lr"], abs=6e-3)
        assert schedule.momentum(step) == pytest.approx(group["betas"][0], abs=6e-4)
        optimizer.step()
        theirs.step()


def test_the_optimizer_follows_the_recipe(tmp_path, corpus):
    changes = {"beta2": 0.999, "cycle_momentum": True, "clip": 0.0, "rates": "onecycle"}
    trainer = Trainer(recipe(**changes), corpus, _made(tmp_path / "a"), CPU)
    for step in range(3):
        trainer.run(until=step + 1)
        expected = (trainer.recipe.momentum(step), 0.999)
        assert all(group["betas"] == expected for group in trainer.optimizer.param_groups)
        assert trainer.pretraining.objectives["maelm"].progress == step / trainer.recipe.steps
    assert recipe().momentum(5) == 0.9


@pytest.mark.parametrize("decay_all, of_vectors", [(False, 0.0), (True, 0.05)])
def test_norms_and_biases_have_no_weight_decay_unless_all_have_it(
    decay_all, of_vectors, tmp_path, corpus
):
    trainer = Trainer(recipe(decay_all=decay_all), corpus, tmp_path, CPU)
    for group in trainer.optimizer.param_groups:
        expected = 0.05 if group["params"][0].dim() > 1 else of_vectors
        assert group["weight_decay"] == expected


def test_a_description_has_rare_choices_only_where_they_are_made():
    assert "decay_all" not in recipe().to_json()
    assert recipe(decay_all=True, offsets_below_k=True).to_json()["offsets_below_k"]


def test_without_clipping_the_gradient_keeps_its_norm(tmp_path, corpus):
    norms = {}
    for clip in (0.0, 1e-3):
        trainer = Trainer(recipe(clip=clip), corpus, _made(tmp_path / f"{clip}"), CPU)
        trainer.run(until=1)
        gradients = [p.grad.norm() for p in trainer.pretraining.parameters() if p.grad is not None]
        norms[clip] = torch.stack(gradients).norm().item()
    assert norms[1e-3] == pytest.approx(1e-3, rel=1e-3) and norms[0.0] > 0.01


def test_the_averaged_encoder_is_the_mean_of_the_steps(tmp_path, corpus):
    """With a long memory, all nine steps have nearly the same weight."""
    trainer = Trainer(recipe(average=0.999), corpus, _made(tmp_path / "a"), CPU)
    met = [trainer.pretraining.encoder.tokens.weight.detach().clone()]
    for step in range(9):
        trainer.run(until=step + 1)
        met.append(trainer.pretraining.encoder.tokens.weight.detach().clone())
    expected = met[0]
    for number, now in enumerate(met[1:], 1):
        expected = expected + (now - expected) * 9 / (number + 9)
    torch.testing.assert_close(trainer.encoder.tokens.weight.detach(), expected)
    assert not torch.equal(trainer.encoder.tokens.weight, met[-1])
    again = Trainer(recipe(average=0.999), corpus, tmp_path / "a", CPU)
    assert again.resume()
    assert torch.equal(again.encoder.tokens.weight, trainer.encoder.tokens.weight)


def test_a_schedule_switches_objectives_and_resumes_across_the_switch(tmp_path, corpus):
    both = {
        "plan": parse_schedule("clm:0.5,maelm:0.5"),
        "steps": 8,
        "settings": {"clm": {}, "maelm": {"decoder_layers": 1}},
    }
    whole = Trainer(recipe(**both), corpus, _made(tmp_path / "a"), CPU)
    decoder = whole.pretraining.objectives["maelm"].decoder.mask
    before = decoder.detach().clone()
    whole.run(until=4)
    assert torch.equal(decoder, before)
    whole.run()
    assert not torch.equal(decoder, before)
    Trainer(recipe(**both), corpus, _made(tmp_path / "b"), CPU).run(until=3)
    resumed = Trainer(recipe(**both), corpus, tmp_path / "b", CPU)
    resumed.resume()
    resumed.run()
    assert weights(resumed) == weights(whole)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch itself hides it
def test_blocks_stay_compiled_in_all_phases_and_evaluations(tmp_path, corpus, monkeypatch):
    """torch compiles a function a limited number of times, and then no more."""
    compile_ = torch.nn.Module.compile
    monkeypatch.setattr(Stack, "compile", lambda s, **k: compile_(s, backend="eager", **k))
    changes = {
        "plan": parse_schedule("clm:0.3,mlm:0.3,maelm:0.4"),
        "settings": {"clm": {}, "mlm": {}, "maelm": {"decoder_layers": 1}},
        "compile": True,
        "steps": 6,
    }
    if not hasattr(torch._dynamo.config, "fail_on_recompile_limit_hit"):
        pytest.skip("this torch cannot report that it stopped compiling")
    torch._dynamo.reset()
    with torch._dynamo.config.patch(fail_on_recompile_limit_hit=True):
        for size in (16, 1):
            folder = _made(tmp_path / str(size))
            trainer = Trainer(recipe(batch_size=size, **changes), corpus, folder, CPU)
            assert trainer.run(evaluate_every=2)
    torch._dynamo.reset()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:The .grad attribute", "ignore:.*torch.jit.script_method")
def test_compiled_blocks_give_the_same_loss(tmp_path, corpus):
    losses = []
    for name, compiled in (("eager", False), ("compiled", True)):
        model = replace(MODEL, dropout=0.0)
        trainer = Trainer(
            recipe(model=model, compile=compiled), corpus, _made(tmp_path / name), CPU
        )
        trainer.run(report_every=1)
        losses.append([row["loss"] for row in _metrics(tmp_path / name)])
    np.testing.assert_allclose(*losses, rtol=1e-4)
    state = load_file(tmp_path / "compiled" / "checkpoint-00000012" / "pretraining.safetensors")
    assert state.keys() == dict(trainer.pretraining.state_dict()).keys()
    assert not any("_orig_mod" in name for name in state)


def test_a_damaged_corpus_is_refused(tmp_path, barcodes):
    encode_corpus((record(i, b) for i, b in enumerate(barcodes)), tmp_path / "corpus")
    path = tmp_path / "corpus" / "codes.u8"
    flipped = bytearray(path.read_bytes())
    flipped[100] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(BundleError, match=r"codes\.u8: checksum mismatch"):
        open_corpus(tmp_path / "corpus")


@pytest.mark.parametrize(
    ("options", "accumulate"),
    [
        pytest.param(["--batch-size", "16"], 1, marks=pytest.mark.slow),
        pytest.param(["--batch-size", "16", "--anchor"], 1, marks=pytest.mark.slow),
        (["--batch-size", "4", "--anchor", "--objective", "taxonomy"], 2),
    ],
    ids=["plain", "anchored", "anchored and half-labelled"],
)
def test_two_processes_equal_one_with_accumulation(options, accumulate, tmp_path):
    """The command line with torchrun and gloo gives the same weights except for rounding.

    In the last case a micro-batch has one barcode, often without a name: the classes then have no
    gradient from it, but from another micro-batch.
    """
    fasta = _half_labelled(tmp_path / "corpus.fasta")
    common = ["-m", "barcodeembed", "pretrain", str(fasta), *options, "--preset", "tiny"]
    common += ["--steps", "8", "--precision", "fp32", "--device", "cpu", "-t", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for command, name in (
        ([*common, "--accumulate", str(2 * accumulate)], "one"),
        ([*torchrun, *common, "--accumulate", str(accumulate)], "two"),
    ):
        done = subprocess.run(
            [sys.executable, *command, "-o", str(tmp_path / name)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    from safetensors.numpy import load_file

    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_allclose(two[name], one[name], rtol=1e-3, atol=2e-5, err_msg=name)
    torch.manual_seed(0)
    start = Encoder(PRESETS["tiny"].model).tokens.weight.detach().numpy()
    assert np.abs(one["tokens.weight"] - start).max() > 1e-3


def _counted(method, calls: list[str]):
    def call(*arguments, **named):
        calls.append(method.__name__)
        return method(*arguments, **named)

    return call


def _half_labelled(path: Path) -> Path:
    """Write the simulated references, every other one without its names."""
    records = (SIMULATED / "reference.fasta").read_text().split(">")[1:]
    lines = [
        record if number % 2 else record.split(";")[0] + "\n" + record.split("\n", 1)[1]
        for number, record in enumerate(records)
    ]
    path.write_text(">" + ">".join(lines))
    return path


def _made(path: Path) -> Path:
    path.mkdir()
    return path


def _metrics(path: Path) -> list[dict]:
    return [json.loads(line) for line in (path / METRICS).read_text().splitlines()]
