"""The workflows give the table of one run, also if a worker is killed."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support import REPOSITORY, SIMULATED

from barcodeembed import __version__

WORKFLOWS = REPOSITORY / "workflows"
SNAKEFILE = WORKFLOWS / "snakemake" / "Snakefile"
SNAKEMAKE = shutil.which("snakemake")


@pytest.fixture
def program(tmp_path) -> dict[str, str]:
    """Return an environment in which ``barcodeembed`` runs this code."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "barcodeembed"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m barcodeembed "$@"\n')
    script.chmod(0o755)
    paths = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    return os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": paths}


def snakemake(folder: Path, program: dict[str, str], *words: object) -> None:
    done = subprocess.run(
        [SNAKEMAKE, "-s", str(SNAKEFILE), *map(str, words)],
        cwd=folder,
        env=program,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


#: Runs the Dask workflow on two workers, and kills one of them while it names a shard.
KILL_A_WORKER = """
import os, signal, sys, threading, time
from distributed import Client, LocalCluster

sys.path.insert(0, sys.argv[1])
import classify

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            pids = client.run(os.getpid)
            words = ["--scheduler", cluster.scheduler_address, *sys.argv[2:]]
            run = threading.Thread(target=classify.main, args=(words,))
            run.start()
            while not all(client.processing().values()):
                time.sleep(0.1)
            time.sleep(1)
            os.kill(list(pids.values())[0], signal.SIGKILL)
            run.join()
            assert set(client.run(os.getpid).values()) != set(pids.values())
"""


@pytest.mark.skipif(find_spec("distributed") is None, reason="Dask is not installed")
@pytest.mark.timeout(600)
def test_dask_loses_no_row_if_a_worker_is_killed(call, program, index_bundle, tmp_path):
    whole = call("classify", SIMULATED / "reads.fasta", "-i", index_bundle).out
    script, output = tmp_path / "kill.py", tmp_path / "names.tsv"
    script.write_text(KILL_A_WORKER)
    words = (SIMULATED / "reads.fasta", "-i", index_bundle, "--shards", 4, "-o", output)
    done = subprocess.run(
        [sys.executable, str(script), str(WORKFLOWS / "dask"), *map(str, words)],
        env=program,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0 and output.exists(), done.stderr
    assert output.read_text() == whole


@pytest.mark.skipif(SNAKEMAKE is None, reason="Snakemake is not installed")
@pytest.mark.timeout(600)
def test_snakemake_gives_the_table_of_one_run(call, program, index_bundle, tmp_path):
    whole = call("classify", SIMULATED / "reads.fasta", "-i", index_bundle).out
    settings = (f"reads={SIMULATED / 'reads.fasta'}", f"index={index_bundle}", "shards=3")
    words = ("--cores", 1, "--config", *settings, "threads=1", "output=out.tsv")
    snakemake(tmp_path, program, *words)
    assert (tmp_path / "out.tsv").read_text() == whole
    assert not list((tmp_path / "shards").glob("*"))


WRAPPERS = SNAKEFILE.parent / "wrappers"


@pytest.mark.slow
@pytest.mark.skipif(SNAKEMAKE is None, reason="Snakemake is not installed")
def test_the_wrappers_do_what_the_commands_do(call, program, model_bundle, tmp_path):
    reads, names = SIMULATED / "reads.fasta", tmp_path / "names.tsv"
    (tmp_path / "Snakefile").write_text(f"""
rule classify:
    input: reads="{reads}", index="references.bix"
    output: names="{names}", json="run.json"
    params: extra="--min-confidence 0.5"
    log: "classify.log"
    wrapper: "file:{WRAPPERS}/classify"

rule build:
    input: references="{SIMULATED / "reference.fasta"}", model="{model_bundle}"
    output: index=directory("references.bix")
    wrapper: "file:{WRAPPERS}/index-build"
""")
    words = [SNAKEMAKE, "--cores", "1", "-s", "Snakefile"]
    done = subprocess.run(words, cwd=tmp_path, env=program, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    index = tmp_path / "references.bix"
    assert names.read_text() == call("classify", reads, "-i", index, "--min-confidence", 0.5).out
    assert json.loads((tmp_path / "run.json").read_text())["records"] == 120
    assert "assigned" in (tmp_path / "classify.log").read_text()


@pytest.mark.parametrize("wrapper", sorted(WRAPPERS.iterdir()), ids=lambda wrapper: wrapper.name)
def test_the_description_of_a_wrapper_fits_it(wrapper):
    code, meta = (wrapper / "wrapper.py").read_text(), (wrapper / "meta.yaml").read_text()
    used = set(re.findall(r"snakemake\.(?:input|output)\.([a-z]+)\b(?!\()", code))
    assert used == set(re.findall(r"^  - (\w+):", meta, re.M)) - {"extra"}
    assert (wrapper / "environment.yaml").is_file()


def test_every_setting_of_the_workflow_has_a_default():
    read = set(re.findall(r'config\["(\w+)"\]', SNAKEFILE.read_text()))
    written = (SNAKEFILE.parent / "config.yaml").read_text()
    assert read == set(re.findall(r"^(\w+):", written, re.M))


MODULES = sorted((REPOSITORY / "workflows/nextflow/modules/local/barcodeembed").iterdir())


def parts_of(module: Path) -> dict[str, str]:
    """Return the text of each part of a process: input, output, script and so on."""
    text = (module / "main.nf").read_text()
    found = re.split(r"^    (\w+):$", text, flags=re.M)
    return dict(zip(found[1::2], found[2::2], strict=True))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_the_description_of_a_module_fits_it(module):
    """Every input and output of main.nf is in meta.yml, and no other."""
    parts, meta = parts_of(module), (module / "meta.yml").read_text()
    described = meta[meta.index("\ninput:") :].partition("\noutput:")
    inputs = re.findall(r"(?:val|path)[ (](\w+)", parts["input"])
    assert re.findall(r"^  [- ] - (\w+):$", described[0], re.M) == inputs
    emitted = re.findall(r"emit: (\w+)", parts["output"])
    outputs = described[2].partition("\ntopics:")[0]
    assert re.findall(r"^  (\w+):$", outputs, re.M) == emitted
    assert f'name: "barcodeembed_{module.name}"' in meta
    assert f"process BARCODEEMBED_{module.name.upper()} " in (module / "main.nf").read_text()


def script_of(module: Path, part: str, values: dict[str, object]) -> str:
    """Return the shell script of a process, as Nextflow fills in its variables."""
    text = parts_of(module)[part].split('"""')[1]
    text = re.sub(r"\$\{([\w.]+)\}", lambda match: str(values[match[1]]), text)
    (version,) = re.findall(r'eval\("(.*)"\)', parts_of(module)["output"])
    return f"{text.replace(2 * chr(92), chr(92))}\n{version} > version.txt\n"


VALUES = {"args": "", "prefix": "x", "task.cpus": 1, "meta.id": "x"}


def run_script(script: str, program: dict[str, str], folder: Path) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=program,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "version.txt").read_text() == f"{__version__}\n"


def test_every_script_of_nextflow_can_be_read():
    """By the parser of RefTrace, which knows processes, workflows and what they include."""
    reader = pytest.importorskip("reftrace").Module
    for path in (REPOSITORY / "workflows" / "nextflow").rglob("*.nf"):
        read, text = reader.from_file(str(path)), path.read_text()
        assert [process.name for process in read.processes] == re.findall(
            r"^process (\w+)", text, re.M
        )
        assert len(read.workflows) == len(re.findall(r"^workflow\b", text, re.M))


@pytest.mark.slow
def test_the_scripts_of_the_modules_name_the_reads(program, model_bundle, call, tmp_path):
    """An index is built, two shards are classified, and their tables are joined."""
    modules = {module.name: module for module in MODULES}
    references = SIMULATED / "reference.fasta"
    built = {"references": references, "lineages": "", "encoder": f"-m {model_bundle}"}
    run_script(script_of(modules["indexbuild"], "script", VALUES | built), program, tmp_path)
    assert json.loads((tmp_path / "x.json").read_text())
    for shard in (1, 2):
        values = {"reads": SIMULATED / "reads.fasta", "references": "-i x.bix", "shards": 2}
        script = script_of(modules["classify"], "script", VALUES | values | {"shard": shard})
        run_script(script, program, tmp_path)
    tables = {"tables": "x.1.tsv.gz x.2.tsv.gz"}
    run_script(script_of(modules["gather"], "script", VALUES | tables), program, tmp_path)
    rows = gzip.decompress((tmp_path / "x.tsv.gz").read_bytes()).decode()
    whole = call("classify", SIMULATED / "reads.fasta", "-i", tmp_path / "x.bix").out
    assert rows == whole


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_stub_makes_the_outputs_of_its_module(module, program, tmp_path):
    values = VALUES | {"shard": 1, "shards": 2}
    run_script(script_of(module, "stub", values), program, tmp_path)
    patterns = re.findall(r'path\(?\s*"([^"]+)"', parts_of(module)["output"])
    assert patterns
    for pattern in patterns:
        assert list(tmp_path.glob(pattern.replace("${prefix}", "x"))), pattern
