"""The command `pretrain`: stop, resume, errors, and start from a bundle."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from barcodeembed.objectives import OBJECTIVES

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def command(fasta: Path, output: Path, *more: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "barcodeembed",
        "pretrain",
        str(fasta),
        "-o",
        str(output),
        "--preset",
        "tiny",
        "--batch-size",
        "8",
        "--precision",
        "fp32",
        "--device",
        "cpu",
        *more,
    ]


def run(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(*arguments), env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def fasta(tmp_path_factory) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("corpus") / "corpus.fasta"
    path.write_text(
        "".join(f">r{i}\n{''.join(rng.choice(list('ACGT'), 200))}\n" for i in range(60))
    )
    return path


@pytest.fixture(scope="module")
def unbroken(fasta) -> Path:
    output = fasta.parent / "unbroken"
    done = run(fasta, output, "--steps", "12", "--report-every", "4")
    assert done.returncode == 0 and done.stdout == ""
    assert "step 8/12  loss" in done.stderr and "held-out loss" in done.stderr
    return output


@pytest.fixture
def train(call):
    """Run the command in this process."""
    return lambda *words: call(*command(*words)[3:])


def weights(model: Path) -> bytes:
    return (model / "model.safetensors").read_bytes()


def test_a_run_stopped_by_max_minutes_resumes_to_the_same_weights(fasta, unbroken, tmp_path, train):
    output = tmp_path / "model"
    stopped = train(fasta, output, "--steps", "12", "--max-minutes", "0")
    assert stopped.code == 0
    assert "stopped at step 1 of 12; run the same command with --resume to continue" in stopped.err
    assert not output.exists()
    again = train(fasta, output, "--steps", "12")
    assert again.code == 1 and "--resume continues it" in again.err
    resumed = train(fasta, output, "--steps", "12", "--resume")
    assert resumed.code == 0 and "resuming at step 1 of 12" in resumed.err
    assert weights(output) == weights(unbroken)
    longer = train(fasta, output, "--steps", "14", "--resume")
    assert longer.code == 0 and "lengthened after step 12: the learning rate rises" in longer.err
    assert "model: trained for 14 steps" in longer.err
    assert weights(output) != weights(unbroken)


def test_an_error_with_restart_does_not_delete_the_old_run(fasta, tmp_path, train):
    output = tmp_path / "model"
    assert train(fasta, output, "--steps", "4", "--max-minutes", "0").code == 0
    refused = train(fasta, output, "--steps", "4", "--restart", "--accumulate", "9")
    assert refused.code == 1 and "9 micro-batches" in refused.err
    assert list((tmp_path / "model.training").glob("checkpoint-*"))


def test_a_directory_with_other_files_is_an_error_at_the_start(fasta, tmp_path, train):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("years of work")
    refused = train(fasta, tmp_path / "thesis", "--steps", "1")
    assert refused.code == 1 and "something other than a bundle" in refused.err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis"]


def test_ctrl_c_leaves_a_checkpoint(fasta, tmp_path):
    output = tmp_path / "model"
    process = subprocess.Popen(
        command(fasta, output, "--steps", "1000000", "--report-every", "1"),
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        # A shell lets commands in its background ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    metrics = tmp_path / "model.training" / "metrics.jsonl"
    deadline = time.monotonic() + 100
    while not metrics.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "continue with --resume" in stderr and "Traceback" not in stderr
    assert not output.exists()
    (checkpoint,) = (tmp_path / "model.training").glob("checkpoint-*")
    state = json.loads((checkpoint / "state.json").read_text())
    assert state["step"] == int(checkpoint.name.removeprefix("checkpoint-")) >= 1
    assert not list(tmp_path.rglob(".*.tmp-*"))


KILLER = """
import os, random, shutil, signal, sys, time
from pathlib import Path
import torch  # so that a child is killed at work, not at loading
from barcodeembed.bundles.manifest import digest_file
from barcodeembed.cli import main

times, folder, output, *arguments = sys.argv[1:]
folder, weights = Path(folder), Path(output, "model.safetensors")
random.seed(0)
torch.set_num_threads(1)

def start(*more):
    child = os.fork()
    if not child:
        try:
            main([*arguments, *more, "-q"])
        except SystemExit as ended:
            os._exit(ended.code or 0)
        os._exit(0)
    return child

def clear():
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()

clear()
began = time.monotonic()
assert os.waitpid(start(), 0)[1] == 0
took = time.monotonic() - began
complete = digest_file(weights)
for turn in range(int(times)):
    clear()
    child = start()
    time.sleep(random.uniform(0, 1.2 * took))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if weights.exists():
        assert digest_file(weights) == complete, turn
    assert os.waitpid(start("--resume"), 0)[1] == 0, turn
    assert digest_file(weights) == complete, turn
print("same weights")
"""


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_weights(fasta, tmp_path):
    """After kill -9 at any time."""
    output = tmp_path / "out" / "model"
    words = command(fasta, output, "--steps", "12", "--checkpoint-every", "3")[3:]
    times = os.environ.get("KILLS", "50")
    done = subprocess.run(
        [sys.executable, "-c", KILLER, times, output.parent, output, *words],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "same weights\n"), done.stderr


def test_a_changed_corpus_is_not_resumed(fasta, tmp_path, train):
    changed = tmp_path / "corpus.fasta"
    changed.write_text(fasta.read_text())
    assert train(changed, tmp_path / "m", "--steps", "4", "--max-minutes", "0").code == 0
    changed.write_text(fasta.read_text().replace(">r0\nA", ">r0\nC").replace(">r0\nG", ">r0\nT"))
    changed.write_text(changed.read_text() + ">more\n" + "ACGTTGCA" * 30 + "\n")
    refused = train(changed, tmp_path / "m", "--steps", "4", "--resume")
    assert refused.code == 1
    assert "encoded from other content" in refused.err


def test_pretraining_can_start_from_a_bundle(fasta, unbroken, tmp_path, train):
    done = train(
        fasta,
        tmp_path / "next",
        "--steps",
        "1",
        "--init",
        str(unbroken),
        "--learning-rate",
        "1e-9",
        "--objective",
        "mlm",
    )
    assert done.code == 0, done.err
    before, after = (load_file(m / "model.safetensors") for m in (unbroken, tmp_path / "next"))
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=1e-6)
    made = json.loads((tmp_path / "next" / "config.json").read_text())["training"]["recipe"]
    assert made["plan"] == [{"share": 1.0, "weights": {"mlm": 1.0}}] and len(made["init"]) == 64


@pytest.fixture(scope="module")
def real(coi, tmp_path_factory) -> Path:
    """Write a table of 600 real barcodes with their names."""
    path = tmp_path_factory.mktemp("real") / "barcodes.tsv"
    with gzip.open(coi / "mini" / "reference.tsv.gz", "rt") as stream:
        path.write_text("".join(islice(stream, 601)))
    return path


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_learns_on_real_barcodes(objective, real, model_bundle, call, tmp_path):
    more = {
        "distill": ["--set", f"teacher={model_bundle}", "--set", "features=0"],
        "evolve": ["--set", "begin=0"],  # its loss rises when it begins to hide what is difficult
        # The weight of flops grows during the run.
        "splade": ["--set", "flops=0", "--batch-size", "16", "--steps", "40"],
        "translate": ["--set", "alignment=0"],
    }
    done = call(
        "pretrain",
        real,
        "-o",
        tmp_path / "m",
        "--preset",
        "tiny",
        "--batch-size",
        "8",
        "--steps",
        "30",
        "--report-every",
        "5",
        "--precision",
        "fp32",
        "--device",
        "cpu",
        "--objective",
        objective,
        *more.get(objective, []),
    )
    assert done.code == 0, done.err
    metrics = (tmp_path / "m.training" / "metrics.jsonl").read_text()
    rows = [json.loads(line) for line in metrics.splitlines()]
    assert rows[-1]["loss"] < 0.98 * rows[0]["loss"]


def test_options_change_the_shape_of_the_preset(fasta, tmp_path, train):
    shape = ["--width", "48", "--layers", "1", "--heads", "3", "--dropout", "0.1"]
    kinds = ["--norm", "post", "--feed-forward", "geglu", "--positions", "learned"]
    done = train(fasta, tmp_path / "m", "--steps", "1", *shape, *kinds)
    assert done.code == 0, done.err
    config = json.loads((tmp_path / "m" / "config.json").read_text())["model"]
    assert (config["width"], config["feed_forward_width"]) == (48, 192)
    assert (config["layers"], config["heads"], config["dropout"]) == (1, 3, 0.1)
    made = [config[name] for name in ("norm", "feed_forward", "positions")]
    assert made == ["post", "geglu", "learned"]


def test_objectives_can_be_summed_and_scheduled(fasta, tmp_path, train):
    done = train(
        fasta,
        tmp_path / "m",
        "--steps",
        "4",
        "--report-every",
        "2",
        "--schedule",
        "clm:0.5,maelm+contrastive:0.1+wced:0.5",
        "--set",
        "mask_ratio=0.4",
    )
    assert done.code == 0, done.err
    assert "clm:0.5,maelm+contrastive:0.1+wced:0.5, 4 steps" in done.err
    metrics = (tmp_path / "m.training" / "metrics.jsonl").read_text()
    rows = [json.loads(line) for line in metrics.splitlines()]
    assert "maelm_loss" not in rows[0]
    total = rows[1]["maelm_loss"] + 0.1 * rows[1]["contrastive_loss"] + rows[1]["wced_loss"]
    assert rows[1]["loss"] == pytest.approx(total, rel=1e-4)
    made = json.loads((tmp_path / "m" / "config.json").read_text())["training"]["recipe"]
    assert made["settings"]["maelm"]["mask_ratio"] == 0.4


def test_the_objectives_are_listed_with_their_settings(call):
    listed = call("pretrain", "--list-objectives")
    assert listed.code == 0 and listed.err == ""
    assert [line.split(":")[0] for line in listed.out.splitlines() if line[0] != " "] == [
        *OBJECTIVES
    ]
    assert "    maelm.mask_ratio=0.5" in listed.out.splitlines()


def test_the_bundle_does_not_contain_the_decoder(unbroken):
    """The bundle contains only the encoder; the checkpoint contains everything for training."""
    assert not any("decoder" in name for name in load_file(unbroken / "model.safetensors"))
    (*_, last) = sorted(unbroken.with_name("unbroken.training").glob("checkpoint-*"))
    kept = load_file(last / "pretraining.safetensors")
    assert {name.split(".")[0] for name in kept} == {"encoder", "objectives"}
    assert any(name.startswith("objectives.maelm.decoder.") for name in kept)


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (("--steps", "3", "--epochs", "1"), 2, "not both"),
        (("--preset", "huge"), 2, "'huge' is not one of tiny, small, base, aligned, barcodemae"),
        (("--objective", "mml"), 2, "no objective 'mml'; choose from maelm, mlm, codes"),
        (("--objective", "clm", "--set", "mask_ratio=0.3"), 2, "of this run have no settings"),
        (("--objective", "clm", "--schedule", "clm:1"), 2, "not both"),
        (("--group-by", "genera:4"), 2, "is not RANK:N"),
        (("--group-by", "genus:4"), 1, "no barcode of the corpus has a genus"),
        (("--rates", "linear"), 2, "'linear' is not one of cosine, wsd, onecycle"),
        (("--accumulate", "9"), 1, "cannot be split into 9 micro-batches"),
        (("--pooling", "foo"), 2, "'foo' is not one of mean, place, class"),
        (("--norm", "sandwich"), 2, "'sandwich' is not one of pre, post"),
        (("--feed-forward", "swiglu"), 2, "'swiglu' is not one of gelu, geglu"),
        (("--positions", "sine"), 2, "'sine' is not one of learned, rotary, alibi, disentangled"),
        (("--width", "66", "--heads", "4"), 1, "width 66 is not a multiple of 4 heads"),
        (("--objective", "clm", "--pooling", "class"), 1, "clm cannot train a class token"),
    ],
)
def test_an_error_is_one_line(fasta, tmp_path, more, code, message, train):
    refused = train(fasta, tmp_path / "m", *more)
    assert refused.code == code
    assert message in refused.err.replace("\n", " ")
    assert not (tmp_path / "m").exists()
    if code == 1:
        assert refused.err.splitlines()[-1].startswith("barcodeembed: error: ")
