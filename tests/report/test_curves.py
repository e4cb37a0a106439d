"""`report --training`: the learning curves of pretrain as a page."""

from __future__ import annotations

import json
import re

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


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--training", "--to", "krona"), "--training writes html"),
        (("--training", "--by", "query"), "is not for --training"),
        (("--training", "-o", "curves.pdf"), "does not write .pdf"),
        ((), "a format is needed"),
    ],
)
def test_a_usage_error_has_exit_code_2(call, trained, words, problem):
    done = call("report", trained("run", {"step": 1, "loss": 1.0}), *words)
    assert done.code == 2 and problem in " ".join(done.err.split())
