"""The notebook of the documentation runs, and its outputs are current.

``python tests/test_notebook.py`` runs it and writes the current outputs into it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from support import REPOSITORY

NOTEBOOK = REPOSITORY / "docs" / "notebook.ipynb"


def execute(folder: Path):
    """Run a copy of the notebook in a copy of its folder; return it with its outputs."""
    import nbformat
    from nbclient import NotebookClient

    import barcodeembed

    shutil.copytree(
        REPOSITORY / "data", folder / "data", ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "docs").mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(barcodeembed.__file__).parent.parent),
        "OMP_NUM_THREADS": "1",
    }
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(folder / "docs")}}
    )
    return client.execute(env=environment)


def shown(notebook, kind: str) -> list[str]:
    """Return the outputs of one kind as text."""
    return [
        "".join(output["data"][kind])
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if kind in output.get("data", {})
    ]


@pytest.mark.docs
# The libraries of Jupyter give warnings about each other.
@pytest.mark.filterwarnings("ignore")
def test_the_notebook_runs_and_its_outputs_are_current(tmp_path):
    pytest.importorskip("nbclient", reason="needs the extra notebook")
    pytest.importorskip("umap", reason="needs the extra notebook")
    import nbformat

    before = shown(nbformat.read(NOTEBOOK, as_version=4), "text/plain")
    made = execute(tmp_path)
    after = shown(made, "text/plain")
    assert [text.splitlines()[0] for text in after] == [text.splitlines()[0] for text in before]
    assert len(shown(made, "image/png")) == 1
    assert (tmp_path / "docs" / "simulated.bix").is_dir()


if __name__ == "__main__":
    import nbformat

    with tempfile.TemporaryDirectory() as folder:
        made = execute(Path(folder))
    for cell in (cell for cell in made.cells if cell.cell_type == "code"):
        cell.metadata.pop("execution", None)
        # Messages of libraries on standard error differ between machines.
        cell["outputs"] = [o for o in cell.get("outputs", ()) if o.output_type != "stream"]
    nbformat.write(made, NOTEBOOK)
