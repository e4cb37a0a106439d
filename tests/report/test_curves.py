"""`report --training`: the learning curves of pretrain as a page, a table and logs."""

from __future__ import annotations

import json
import re
import sys

import pytest


@pytest.fixture
def trained(tmp_path):
    """Make the directory of a run with these metrics."""

    def make(name: str, *rows: object):
        directory = tmp_path / f"{name}.training"
        directory.mkdir()
        lines = (row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
        (directory / "metrics.jsonl").write_text("".join(lines))
        return directory

    return make


def data_of(page: str) -> dict:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(text)


def test_a_page_has_the_metrics_of_every_run(call, trained):
    rows = [{"step": 1, "loss": 2.5}, {"step": 2, "loss": 2.0, "held_out_loss": 2.25}]
    first = trained("first", *rows)
    second = trained("second", {"step": 5, "loss": float("nan")}, '{"step": 6, "lo')
    done = call("report", first, second, "--training", "--title", "Two <runs>")
    assert done.code == 0 and "2 runs" in done.err
    assert data_of(done.out)["runs"] == [
        {"name": "first", "rows": rows},
        {"name": "second", "rows": [{"step": 5, "loss": None}]},
    ]
    assert "<h1>Two &lt;runs&gt;</h1>" in done.out
    assert not re.search(r"https?://|\bsrc=|@import|url\((?!#)", done.out)


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ((), "has no metrics yet"),
        (('{"step": 1, "lo',), "has no metrics yet"),
        (({"step": 1, "loss": 1.0}, "loss\n"), "metrics.jsonl:2: not a line of metrics"),
        (([1],), "metrics.jsonl:1: not a line of metrics"),
        (({"loss": 1.0},), "metrics.jsonl:1: not a line of metrics"),
        (({"step": 1, "loss": "high"},), "metrics.jsonl:1: not a line of metrics"),
        (({"step": 1e999},), "metrics.jsonl:1: not a line of metrics"),
        (("[" * 100_000 + "\n",), "metrics.jsonl:1: not a line of metrics"),
    ],
)
def test_metrics_that_cannot_be_read_are_an_error(call, trained, tmp_path, rows, problem):
    page = tmp_path / "page.html"
    done = call("report", trained("run", *rows), "--training", "-o", page)
    assert done.code == 1 and problem in done.err and "Traceback" not in done.err
    assert not page.exists()


def test_another_directory_is_an_error(call, trained, tmp_path):
    run = trained("run", {"step": 1, "loss": 1.0})
    done = call("report", tmp_path, "--training")
    assert done.code == 1 and "give the directory MODEL.training" in done.err
    done = call("report", run, run, "--training")
    assert done.code == 1 and "two runs have the name run" in done.err


def test_a_table_has_a_line_for_each_report(call, trained):
    first = trained("first", {"step": 1, "loss": 2.5}, {"step": 2, "loss": 2.0, "held_out_loss": 3})
    second = trained("a,b", {"step": 5, "loss": float("nan"), "accuracy": 0.5})
    done = call("report", first, second, "--training", "--to", "csv")
    assert done.code == 0
    assert done.out.splitlines() == [
        "run,step,loss,held_out_loss,accuracy",
        "first,1,2.5,,",
        "first,2,2.0,3.0,",
        '"a,b",5,,,0.5',
    ]


LOGS = ("--training", "--to", "tensorboard")


def test_tensorboard_reads_the_metrics_of_every_run(call, trained, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    rows = [{"step": 1, "loss": 2.5}, {"step": 2, "loss": 2.0, "held_out_loss": 2.25}]
    logs = tmp_path / "logs"
    first, second = trained("first", *rows), trained("second", {"step": 5, "loss": float("nan")})
    done = call("report", first, second, *LOGS, "-o", logs)
    assert done.code == 0 and "2 runs" in done.err, done.err
    found = {}
    for folder in sorted({path.parent for path in logs.rglob("events.*")}):
        events = accumulator.EventAccumulator(str(folder)).Reload()
        for tag in events.Tags()["scalars"]:
            scalars = [(event.step, event.value) for event in events.Scalars(tag)]
            found[str(folder.relative_to(logs)), tag] = scalars
    assert found == {
        ("first", "loss"): [(1, 2.5), (2, 2.0)],
        ("first/held_out", "loss"): [(2, 2.25)],
    }
    done = call("report", first, *LOGS, "-o", logs)
    assert done.code == 1 and "exists; delete it, or give a new name" in done.err


def test_without_tensorboard_the_error_says_what_to_install(call, trained, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    run, logs = trained("run", {"step": 1, "loss": 1.0}), tmp_path / "logs"
    done = call("report", run, *LOGS, "-o", logs)
    assert done.code == 1 and "pip install 'barcodeembed[tensorboard]'" in done.err
    assert not logs.exists()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--training", "--to", "krona"), "'krona' is not one of html, csv, tensorboard"),
        (("--to", "csv"), "'csv' is not one of krona"),
        (("--training", "--to", "csv", "--title", "Runs"), "is not for --training --to csv"),
        (("--training", "--to", "csv", "-o", "curves.tsv"), "does not write .tsv"),
        (("--training", "--to", "tensorboard"), "writes a directory; give -o DIR"),
        (("--training", "--to", "tensorboard", "-o", "logs.html"), "does not write .html"),
        (("--training", "--by", "query"), "is not for --training"),
        (("--training", "-o", "curves.pdf"), "does not write .pdf"),
        ((), "a format is needed"),
    ],
)
def test_a_usage_error_has_exit_code_2(call, trained, words, problem):
    done = call("report", trained("run", {"step": 1, "loss": 1.0}), *words)
    assert done.code == 2 and problem in " ".join(done.err.split())
