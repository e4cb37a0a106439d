"""Texts of files that would change a terminal, such as escape sequences, are never printed raw."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import SIMULATED

from barcodeembed.bundles.manifest import MANIFEST
from barcodeembed.errors import BarcodeEmbedError, printable
from barcodeembed.taxonomy.names import tidy_name
from barcodeembed.taxonomy.ranks import RANKS

#: Red letters, a new title of the window, the short form of an escape, a bell, a cursor at home.
ESCAPES = ["\x1b[31m", "\x1b]0;owned\x07", "\x9b31m", "\x07", "\x1b[H"]


def harmless(text: str) -> bool:
    return all(c.isprintable() or c in "\t\n" for c in text)


@pytest.mark.parametrize("escape", ESCAPES)
def test_an_id_with_an_escape_is_an_error_that_shows_it(escape, call, tmp_path, index_bundle):
    (tmp_path / "reads.fa").write_text(f">a{escape}b\n{'ACGTTGCA' * 40}\n")
    result = call("classify", tmp_path / "reads.fa", "-i", index_bundle)
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert harmless(result.err) and "control character" in result.err


def test_names_with_escapes_are_printed_without_them(call, model_bundle, tmp_path):
    """The tables of `index build` and `classify`, warnings, and the names of the files."""
    rows = [
        f"r{i}\tFam{e}idae\tGen{e}us{i}\tGen{e}us{i} spec{e}ies\tGer{e}many\t{'ACGTTGC' * i}"
        f"{'GGATTCAACTCATT' * 14}"
        for i, e in enumerate(ESCAPES)
    ]
    references = tmp_path / "refer\x1b[31mences.tsv"
    references.write_text("\n".join(["id\tfamily\tgenus\tspecies\tcountry\tnuc", *rows]) + "\n")
    index = tmp_path / "some.bix"
    built = call("index", "build", references, "-m", model_bundle, "-o", index)
    assert built.code == 0 and harmless(built.err), built.err
    result = call("classify", references, "-i", index, "--min-confidence", 0)
    assert result.code == 0 and harmless(result.out) and harmless(result.err)
    assert "Gen" in result.out
    shown = call("info", index)
    assert shown.code == 0 and harmless(shown.out)


def test_what_a_bundle_says_of_itself_is_printed_without_escapes(call, model_bundle, tmp_path):
    model = Path(shutil.copytree(model_bundle, tmp_path / "model"))
    manifest = json.loads((model / MANIFEST).read_text()) | {"made_by": "\x1b[31mme"}
    (model / MANIFEST).write_text(json.dumps(manifest))
    result = call("info", model)
    assert result.code == 0 and harmless(result.out)
    assert r"\x1b[31mme" in result.out


def test_cells_that_a_spreadsheet_would_compute_are_kept(call, model_bundle, tmp_path):
    """A table is for programs; docs/formats.md says how to open one in a spreadsheet."""
    ids = ["=1+1", "+1", "-1", "@SUM(A1)"]
    bases = (SIMULATED / "reads.fasta").read_text().split("\n")[1]
    (tmp_path / "reads.fa").write_text("".join(f">{id}\n{bases}\n" for id in ids))
    result = call("embed", tmp_path / "reads.fa", "-m", model_bundle)
    assert [line.split("\t")[0] for line in result.out.splitlines()][1:] == ids


@given(st.text(max_size=30), st.sampled_from(RANKS))
def test_a_name_has_no_control_characters(text, rank):
    name = tidy_name(text, rank)
    assert name is None or not any(c in name for c in map(chr, [*range(32), *range(127, 160)]))


@given(st.text(max_size=200))
def test_a_message_is_printable(text):
    assert harmless(printable(text))
    assert str(BarcodeEmbedError(text)).isprintable()
