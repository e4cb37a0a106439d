"""The command line: the interface for scripts, and exit codes."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from collections import Counter

import pytest
import typer
from support import SIMULATED, command, files_in, rows_of

from barcodeembed import __version__
from barcodeembed.classify.quality import FLAGS as FLAGGED
from barcodeembed.cli import app
from barcodeembed.cli.boundary import boundary
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.vocabulary import STATUSES

# The frozen interface. A name that changes here changes the scripts of every user: edit this list
# and CHANGELOG.md together, and only ever add.

SHARED = "--debug --device --encoding --log --quiet --threads --verbose -q -t -v"
FLAGS = {
    "": "-V --version",
    "pretrain": f"""corpus {SHARED} --accumulate --anchor --average --batch-size
        --causal-blocks --checkpoint-every --compile --decay --dropout --epochs --evaluate-every
        --feed-forward --group-by --heads --init --k --layers --learning-rate --list-objectives
        --max-length --max-minutes --merge --norm --objective --positions --width
        --output --pooling --precision --preset --rates --report-every --restart --resume --schedule
        --seed --set --steps --warmup --weight-decay -o --no-clobber""",
    "embed": f"""reads {SHARED} --batch-size --index --min-length --model --no-verify --normalize
        --offsets --orient --output --precision -i -m -o --strict --no-clobber --resume --shard""",
    "index": "",
    "index build": f"""references {SHARED} --allow-missing --amplicon --coverage --duplicate-ids
        --gene --id-column --json --min-length --model --offsets --on-conflict --output --precision
        --primers --prototypes --ranks --read-errors --resume --search --seed --sequence-column
        --taxdump --taxonomy --whiten --without-model -m -o --strict --no-clobber""",
    "index add": f"""index references {SHARED} --allow-missing --coverage --gene --id-column
        --keep-calibration --model --no-verify --on-conflict --output --ranks --sequence-column
        --taxonomy -m -o --strict --no-clobber""",
    "index merge": """indexes --coverage --debug --device --log --model --no-verify --on-conflict
        --output --quiet --threads --verbose -m -o -q -t -v --no-clobber""",
    "index subset": """index --country --coverage --debug --device --log --model --no-verify
        --output --quiet --taxon --threads --verbose -m -o -q -t -v --no-clobber""",
    "index audit": """index --debug --log --no-verify --output --quiet --threads --top-k --verbose
        -k -o -q -t -v --no-clobber""",
    "classify": f"""reads {SHARED} --amplicon --batch-size --check-chimeras --cluster-novel
        --counts --exact --explain --genetic-code --hits --ids --marker --negative-control --resume
        --samples --shard --units --index --json --max-error --min-confidence --model --no-verify
        --output --primers --read-errors --temperature --top-k -i -k -m -o --strict --no-clobber""",
    "evaluate": f"""reference {SHARED} --against --batch-size --deduplicate --finetune-epochs
        --json --max-error --min-confidence --model --no-verify --offsets --output --protocol
        --queries --sample --seed --taxdump --taxonomy --temperature --top-k --whiten -k -m -o
        --no-clobber""",
    "report": """tables --by --debug --exclude-flags --hits --ids --index --log --output --quiet
        --reads --run --sample-pattern --table --title
        --to --training --vectors --verbose -i -o -q -v --no-clobber""",
    "info": "bundle --debug --json --no-verify",
    "models": "--debug --json --no-verify",
    "models install": "source --debug --log --output --quiet --sha256 --verbose -o -q -v",
    "gather": "shards --debug --log --output --quiet --verbose -o -q -v",
    "cite": "--bibtex",
    "completion": "shell",
    "man": "command",
    "convert": """source --average --debug --heads --k --log --max-length --output --pooling --quiet
        --special-tokens --to --verbose --weights -o -q -v --no-clobber""",
}

COLUMNS = """query_id status novel_rank rank taxon confidence
    kingdom phylum class order family genus species
    kingdom_confidence phylum_confidence class_confidence order_confidence family_confidence
    genus_confidence species_confidence
    nearest_id similarity identity strand length flags overlap n_tied_taxa
    start end nearest_taxon nearest_bin""".split()

HIT_COLUMNS = """query_id hit reference_id similarity lineage identity overlap
    taxon bin country""".split()


def commands() -> dict[str, object]:
    """Return every command and group by its name."""
    found, left = {}, {"": typer.main.get_command(app)}
    while left:
        words, one = left.popitem()
        found[words] = one
        for name, inner in getattr(one, "commands", {}).items():
            left[f"{words} {name}".strip()] = inner
    return found


def test_the_options_are_the_frozen_ones():
    found = {
        words: {name for parameter in one.params for name in parameter.opts}
        for words, one in commands().items()
    }
    assert found == {words: set(names.split()) for words, names in FLAGS.items()}


def test_no_flag_has_a_hidden_opposite():
    assert not [
        p.secondary_opts for one in commands().values() for p in one.params if p.secondary_opts
    ]


def test_an_option_means_the_same_in_every_command():
    """A letter stands for one name, and a name has one help text, with a few exceptions."""
    letters: dict[str, set[str]] = {}
    for one in commands().values():
        for parameter in one.params:
            for letter in (name for name in parameter.opts if re.fullmatch("-[a-z]", name)):
                letters.setdefault(letter, set()).update(set(parameter.opts) - {letter})
    assert letters == {
        "-i": {"--index"},
        "-k": {"--top-k"},
        "-m": {"--model"},
        "-o": {"--output"},
        "-q": {"--quiet"},
        "-t": {"--threads"},
        "-v": {"--verbose"},
    }


@pytest.fixture(scope="module")
def reads(tmp_path_factory):
    """Write three reads; one of them is unclassifiable."""
    path = tmp_path_factory.mktemp("reads") / "reads.fa"
    lines = (SIMULATED / "reads.fasta").read_text().split("\n")
    path.write_text("\n".join(lines[:4]) + "\n>short\nACGT\n")
    return path


def test_the_tables_have_the_frozen_columns(call, index_bundle, reads, tmp_path):
    result = call("classify", reads, "-i", index_bundle, "--hits", tmp_path / "hits.tsv")
    assert result.out.split("\n")[0].split("\t") == COLUMNS
    hits = (tmp_path / "hits.tsv").read_text()
    assert hits.split("\n")[0].split("\t") == HIT_COLUMNS
    ids = [row["query_id"] for row in rows_of(result.out)]
    assert len(ids) == 3
    found = rows_of(hits)
    assert [row["query_id"] for row in found] == sorted(
        (row["query_id"] for row in found), key=ids.index
    )
    assert {row["lineage"].count(";") for row in found} == {len(RANKS) - 1}


def test_the_statuses_are_the_frozen_ones():
    assert STATUSES == ("assigned", "ambiguous", "novel", "unclassifiable")


def test_the_flags_of_quality_are_the_frozen_ones():
    assert FLAGGED == (
        "stop_codon",
        "frameshift",
        "pseudogene",
        "non_target",
        "chimera",
        "contaminant",
    )


def test_the_vectors_have_the_frozen_columns(call, model_bundle, reads):
    result = call("embed", reads, "-m", model_bundle)
    header, *rows = (line.split("\t") for line in result.out.splitlines())
    assert header == ["record_id", "length", "flags", *(f"d{i}" for i in range(1, 65))]
    assert [row[0] for row in rows][2] == "short"
    assert rows[2][1:] == ["4", "short", *["NA"] * 64]
    assert all(re.fullmatch(r"-?\d+\.\d{6}", cell) for cell in rows[0][3:])


# Help.


@pytest.mark.parametrize("words", sorted(FLAGS))
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_the_help_of_every_command_has_an_example(words, flag, call):
    result = call(*words.split(), flag)
    assert (result.code, result.err) == (0, "")
    assert f"Usage: barcodeembed {words}".strip() in result.out
    assert all(name in result.out for name in FLAGS[words].split() if name.startswith("-"))
    if words != "index":  # which only lists its commands
        assert re.search(rf"(?m)^  +barcodeembed {words or 'classify'} \S", result.out)
    assert max(map(len, result.out.splitlines())) <= 100


def test_the_help_of_classify_names_columns_and_statuses(call):
    text = call("classify", "-h").out
    names = (
        "query_id",
        "novel_rank",
        "<rank>_confidence",
        "flags",
        "overlap",
        "n_tied_taxa",
        "start",
    )
    for name in (*names, *STATUSES, *FLAGGED):
        assert name in text


def test_help_and_version_import_no_large_library():
    """They are fast, and work if torch is broken."""
    script = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name.split('.')[0] in {heavy}: raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from barcodeembed.cli import main\n"
        "for words in {calls}:\n"
        "    try: main(words)\n"
        "    except SystemExit as ended: assert not ended.code, words\n"
        "assert not {heavy} & {{name.split('.')[0] for name in sys.modules}}\n"
    )
    heavy = {
        "torch",
        "faiss",
        "pandas",
        "numpy",
        "pyarrow",
        "pyfastx",
        "edlib",
        "Bio",
        "scipy",
        "safetensors",
        "sklearn",
        "rich",
    }
    calls = [[*words.split(), "--help"] for words in FLAGS] + [["--version"], ["-V"]]
    done = subprocess.run(
        [sys.executable, "-c", script.format(heavy=heavy, calls=calls)],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"barcodeembed {__version__}\n" * 2)


def test_the_api_is_imported_on_first_use():
    script = (
        "import sys, barcodeembed\n"
        "assert not {'torch', 'numpy'} & set(sys.modules)\n"
        "for name in barcodeembed.__all__: getattr(barcodeembed, name)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


# Exit codes.


@pytest.mark.parametrize(
    "arguments, problem",
    [
        ([], "Usage: barcodeembed"),
        (["clasify"], "No such command 'clasify'"),
        (["classify"], "Missing argument"),
        (["classify", "{reads}", "-i", "{index}", "--treads", "2"], "No such option: --treads"),
        (["classify", "{reads}", "-i", "{index}", "-t", "0"], "Invalid value for '-t'"),
        (["classify", "{reads}", "-i", "{index}", "-t", "two"], "Invalid value for '-t'"),
        (["classify", "{reads}", "-i", "{index}", "--batch-size", "0"], "'--batch-size'"),
        (["classify", "{reads}", "-i", "{index}", "--min-confidence", "1.1"], "'--min-confidence'"),
        (["classify", "{reads}", "-i", "{index}", "-k", "0"], "Invalid value for '-k'"),
        (
            ["classify", "{reads}", "-i", "{index}", "--genetic-code", "7"],
            "is not one of auto, none",
        ),
        (
            ["classify", "{reads}", "-i", "{index}", "--device", "tpu"],
            "'tpu' is not one of auto, cpu",
        ),
        (["classify", "{reads}", "-i", "{index}", "--encoding", "klingon"], "unknown encoding"),
        (["classify", "{reads}", "-i", "{index}", "--encoding", "hex"], "not a text encoding"),
        (["classify", "{reads}", "-i", "{index}", "--encoding", "idna"], "Unsupported error"),
        (["classify", "{reads}", "-i", "{index}", "--batch-size", "9" * 30], "--batch-size"),
        (["classify", "{reads}", "-i", "{index}", "--encoding", "undefined"], "undefined"),
        (["classify", "{reads}", "-i", "{index}", "-o", "{reads}"], "is also an input"),
        (["classify", "{reads}", "-i", "{index}", "-o", "{index}"], "is also an input"),
        (["classify", "{reads}", "-i", "{index}", "-o", "{link}"], "is also an input"),
        (["classify", "{reads}", "-i", "{index}", "-o", "{new}", "--hits", "{new}"], "two outputs"),
        (["classify", "{reads}", "-i", "{index}", "--hits", "-"], "two outputs"),
        (["classify", "{reads}", "-i", "{index}", "-o", "{new}.csv"], "the table is tab-separated"),
        (["index", "audit", "{index}", "-o", "{new}.CSV.gz"], "the table is tab-separated"),
        (["embed", "{reads}", "-m", "{model}", "--precision", "fp8"], "is not one of auto, fp32"),
        (["embed", "{reads}", "-m", "{model}", "--offsets", "0"], "'--offsets'"),
        (["embed", "{reads}", "-m", "{model}", "-o", "{reads}"], "is also an input"),
        (["index"], "Usage: barcodeembed index"),
        (["index", "build", "{reads}", "-m", "{model}"], "Missing option '-o'"),
        (["embed"], "Missing argument"),
        (["index", "build", "{reads}", "-m", "{model}", "-o", "{model}"], "is also an input"),
        (
            ["index", "build", "{reads}", "-m", "{model}", "-o", "{new}", "--on-conflict", "x"],
            "'x' is not one of majority, fail",
        ),
        (
            ["evaluate", "{index}", "--queries", "{reads}", "--against", "oracle"],
            "'oracle' is not one",
        ),
        (["evaluate", "{reads}"], "open-world needs --queries"),
        (["evaluate", "{index}", "--queries", "{reads}", "--taxdump", "{new}"], "needs --taxonomy"),
        (["pretrain", "{reads}", "-o", "{new}", "--steps", "2", "--epochs", "1"], "not both"),
        (
            ["pretrain", "{reads}", "-o", "{new}", "--preset", "gigantic"],
            "'gigantic' is not one of",
        ),
        (["convert", "{reads}", "-o", "{reads}"], "is also an input"),
        (
            ["convert", "{reads}", "-o", "{new}", "--pooling", "max"],
            "'max' is not one of mean, class",
        ),
        (["convert", "{model}", "-o", "{new}", "--weights", "fp16"], "is not one of fp32, bf16"),
    ],
)
def test_a_usage_error_has_exit_code_2_and_writes_nothing(
    arguments, problem, call, reads, index_bundle, model_bundle, tmp_path
):
    (tmp_path / "link").symlink_to(reads)
    paths = {
        "reads": reads,
        "index": index_bundle,
        "model": model_bundle,
        "new": tmp_path / "new",
        "link": tmp_path / "link",
    }
    before = reads.read_text(), files_in(reads.parent, tmp_path, index_bundle)
    result = call(*(word.format_map(paths) for word in arguments))
    assert result.code == 2
    assert problem in result.out + result.err
    assert "Traceback" not in result.err
    assert (reads.read_text(), files_in(reads.parent, tmp_path, index_bundle)) == before


@pytest.mark.parametrize("dash", ["\u2013", "\u2014", "\u2212"])
def test_a_typographic_dash_in_an_option_is_explained(dash, call):
    """Word processors replace two hyphens by such a dash."""
    result = call("classify", "reads.fa", f"{dash}index", "x")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"barcodeembed: error: '{dash}index' begins with a typographic dash; use --index\n"
    )


@pytest.mark.parametrize(
    "arguments, problem",
    [
        (["classify", "{absent}", "-i", "{index}"], "absent: cannot be read: No such file"),
        (["classify", "{folder}", "-i", "{index}"], "folder: is a directory; give a file"),
        (["classify", "{reads}", "-i", "{absent}"], "absent: does not exist; expected an index"),
        (["classify", "{reads}", "-i", "{index}", "-m", "{absent}"], "absent: does not exist"),
        (
            ["classify", "{reads}", "-i", "{index}", "-o", "{absent}/x"],
            "x: cannot be written: No such",
        ),
        (["classify", "{reads}", "-i", "{index}", "-o", "{folder}"], "folder: is a directory"),
        (
            ["classify", "{reads}", "-i", "{index}", "-o", "{reads}/x"],
            "x: cannot be written: Not a",
        ),
        (
            ["classify", "{reads}", "-i", "{index}", "-o", "/dev/full"],
            "/dev/full: cannot be written: No space left on device",
        ),
        (
            ["classify", "{reads}", "-i", "{index}", "--hits", "/dev/full", "-o", "{new}"],
            "/dev/full: cannot be written: No space left on device",
        ),
        (
            ["embed", "{reads}", "-m", "{model}", "-o", "/dev/full"],
            "/dev/full: cannot be written: No space left on device",
        ),
        (
            ["embed", "{reads}", "-m", "{model}", "-o", "{new}.xlsx"],
            "no format has the suffix .xlsx",
        ),
        (
            ["index", "build", "{reads}", "-m", "{model}", "-o", "{new}"],
            "no lineage for this record",
        ),
        (["index", "build", "{absent}", "-m", "{model}", "-o", "{new}"], "absent: cannot be read"),
        (
            ["index", "build", "{reads}", "-m", "{model}", "-o", "{absent}/x"],
            "absent is not a directory",
        ),
        (["index", "build", "{reads}", "-m", "{model}", "-o", "{folder}"], "would be deleted"),
        (["index", "build", "{reads}", "-m", "{model}", "-o", "{reads}x/y"], "is not a directory"),
        (["info", "{absent}"], "absent: does not exist"),
        (["convert", "{absent}", "-o", "{new}"], "absent: does not exist"),
        (["info", "{reads}"], "reads.fa: is a file, not a bundle directory"),
        (["report", "{absent}", "--to", "krona"], "absent: cannot be read: No such file"),
        (["report", "{reads}", "--to", "krona", "-o", "{new}"], "it has no column query_id"),
        (["evaluate", "{index}", "--queries", "{absent}"], "absent: cannot be read"),
    ],
)
def test_a_run_time_error_has_exit_code_1_and_one_line(
    arguments, problem, call, reads, index_bundle, model_bundle, tmp_path
):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    paths = {
        "reads": reads,
        "index": index_bundle,
        "model": model_bundle,
        "folder": folder,
        "new": tmp_path / "new",
        "absent": tmp_path / "absent",
    }
    before = files_in(reads.parent, tmp_path, index_bundle)
    result = call(*(word.format_map(paths) for word in arguments))
    assert result.code == 1
    assert result.err.startswith("barcodeembed: error: ")
    assert result.err.count("\n") == 1
    assert problem in result.err
    assert files_in(reads.parent, tmp_path, index_bundle) == before


def test_debug_shows_a_traceback(run, tmp_path):
    for flags, shown in ([], False), (["--debug"], True):
        result = run("info", tmp_path / "absent", *flags)
        assert result.code == 1
        assert ("Traceback" in result.err, result.err.count("\n") > 1) == (shown, shown)
        assert "absent: does not exist" in result.err


def test_quiet_suppresses_the_summary(call, index_bundle, reads, tmp_path):
    loud = call("classify", reads, "-i", index_bundle)
    assert loud.code == 0
    assert re.fullmatch(r"3 records: .*1 unclassifiable\n", loud.err)
    assert call("classify", reads, "-i", index_bundle, "--quiet") == (0, loud.out, "")
    (tmp_path / "empty.fa").touch()
    empty = call("classify", tmp_path / "empty.fa", "-i", index_bundle, "--quiet")
    assert (empty.code, empty.out.count("\n")) == (0, 1)
    assert empty.err == f"barcodeembed: warning: {tmp_path / 'empty.fa'}: 0 records\n"


def test_min_confidence_hides_names_and_0_shows_all(call, index_bundle):
    tables = {
        p: rows_of(
            call(
                "classify", SIMULATED / "reads.fasta", "-i", index_bundle, "--min-confidence", p
            ).out
        )
        for p in (0, 0.65, 1)
    }
    named = {
        p: sum(row[rank] != "NA" for row in rows for rank in RANKS if rank in row)
        for p, rows in tables.items()
    }
    assert named[0] > named[0.65] > named[1]
    for p, rows in tables.items():
        for row in rows:
            for rank in RANKS:
                if row.get(rank, "NA") != "NA":
                    assert float(row[f"{rank}_confidence"]) >= p


def test_a_lower_max_error_accepts_fewer_names(call, index_bundle, reads, tmp_path):
    import json

    named, least = [], []
    for share in (0.001, 0.05, 0.2):
        result = call(
            "classify",
            SIMULATED / "reads.fasta",
            "-i",
            index_bundle,
            "--max-error",
            share,
            "--json",
            tmp_path / "run.json",
            "-q",
        )
        named_nowhere = [
            rank
            for rank, least in json.loads((tmp_path / "run.json").read_text())[
                "confidence_threshold"
            ].items()
            if least is None
        ]
        assert (
            f"no name has enough confidence at {', '.join(named_nowhere)}" in result.err
        ) == bool(named_nowhere)
        rows = rows_of(result.out)
        named.append(sum(row[rank] != "NA" for row in rows for rank in RANKS if rank in row))
        described = json.loads((tmp_path / "run.json").read_text())
        assert described["max_error"] == share and "expected fraction" in described["bound"]
        least.append(described["confidence_threshold"])
    assert named[0] < named[1] <= named[2]
    for rank in least[0]:  # null: no confidence is high enough
        strict, middle, lax = (l[rank] if l[rank] is not None else 2 for l in least)
        assert strict >= middle >= lax >= 0.5


def test_json_describes_the_run(call, index_bundle, tmp_path):
    import json

    reads = tmp_path / "reads.fa"
    text = (SIMULATED / "reads.fasta").read_text()
    reads.write_text(text + text[: text.index(">", 1)])  # the first record again
    result = call("classify", reads, "-i", index_bundle, "--json", tmp_path / "run.json")
    rows, described = rows_of(result.out), json.loads((tmp_path / "run.json").read_text())
    assert described["schema_version"] == 1 and described["records"] == len(rows) == 121
    assert described["status"] == dict(sorted(Counter(row["status"] for row in rows).items()))
    placed, novel = (Counter(row[column] for row in rows) for column in ("rank", "novel_rank"))
    assert all(placed[rank] == count for rank, count in described["placed_at"].items())
    assert all(novel[rank] == count for rank, count in described["novel_at"].items())
    assert set(described["confidence_threshold"].values()) == {0.75} and described["bound"] is None
    assert described["warnings"] == [f"{reads}: 1 records repeat an earlier id"]
    assert (
        described["index"]["name"] == index_bundle.name and len(described["index"]["sha256"]) == 64
    )
    assert described["seconds"]["classifying"] > 0


def test_info_describes_both_kinds(call, model_bundle, index_bundle):
    import json

    for bundle, kind, names in (
        (model_bundle, "model", {"fingerprint", "max_bases", "model"}),
        (index_bundle, "index", {"embedder", "records", "taxa"}),
    ):
        described = json.loads(call("info", bundle, "--json").out)
        assert described["kind"] == kind
        assert names <= described.keys()
        shown = call("info", bundle)
        assert shown.code == 0
        assert all(name in shown.out for name in described)
    assert described["records"] == 605
    assert described["taxa"]["species"] == 139


def test_a_file_name_of_any_bytes_works(run, index_bundle, reads, tmp_path):
    odd = bytes(tmp_path) + b"/r\xf6ads\n.fa"
    with open(odd, "wb") as stream:
        stream.write(reads.read_bytes() + b">bad\nAC!T\n")
    words = [*map(str.encode, command("classify")), odd, b"-i", bytes(index_bundle)]
    done = subprocess.run(words, capture_output=True, env={"LC_ALL": "C"})
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"ads" in done.stderr and b":8 (bad): character '!'" in done.stderr


# Standard streams, which need a separate process.


def test_a_full_standard_output_has_exit_code_1(run, index_bundle, model_bundle, reads):
    for words in (("classify", reads, "-i", index_bundle), ("info", model_bundle), ("--version",)):
        with open("/dev/full", "w") as full:
            result = run(*words, capture_output=False, stdout=full, stderr=subprocess.PIPE)
        assert result.code == 1
        assert result.err == "barcodeembed: error: standard output: No space left on device\n"


def test_a_closed_pipe_has_exit_code_141_and_no_message(index_bundle, tmp_path):
    """``| head -1``, with more rows than fit into a pipe."""
    (tmp_path / "reads.fa").write_text("".join(f">r{i}\nACGT\n" for i in range(60_000)))
    with subprocess.Popen(
        command("classify", tmp_path / "reads.fa", "-i", index_bundle),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline().split("\t")[0] == "query_id"
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (141, "")


@pytest.mark.parametrize(
    "closed, code, problem",
    [
        ("<&-", 1, "standard input: is closed; nothing can be read from it"),
        (">&-", 1, "standard output is closed; use -o FILE to write to a file"),
        ("2>&-", 0, None),
    ],
)
def test_a_closed_stream_gives_no_traceback(closed, code, problem, index_bundle, reads):
    source = "-" if closed == "<&-" else str(reads)
    words = command("classify", source, "-i", index_bundle)
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == code
    if problem:
        assert done.stderr == f"barcodeembed: error: {problem}\n"
    else:
        assert len(rows_of(done.stdout)) == 3


def test_an_unreadable_input_gives_no_header(call, index_bundle, model_bundle, tmp_path):
    (tmp_path / "reads.fa").write_text("nonsense")
    (tmp_path / "empty.fa").write_text("")
    for words in (("classify", "-i", index_bundle), ("embed", "-m", model_bundle)):
        result = call(*words, tmp_path / "reads.fa")
        assert (result.code, result.out) == (1, "")
        result = call(*words, tmp_path / "empty.fa")
        assert (result.code, result.out.count("\n")) == (0, 1)


@pytest.mark.parametrize("output", ["new.tsv", "new.npy"])
def test_strict_stops_at_a_record_that_was_refused(output, call, model_bundle, reads, tmp_path):
    words = ("embed", reads, "-m", model_bundle, "-o", tmp_path / output)
    result = call(*words, "--strict")
    assert result.code == 1
    assert result.err == (
        f"barcodeembed: error: {reads} (short): short (an error because of --strict)\n"
    )
    assert files_in(tmp_path) == set()
    assert call(*words).code == 0


def test_strict_stops_at_a_warning(call, index_bundle, tmp_path):
    first = "\n".join((SIMULATED / "reads.fasta").read_text().split("\n")[:2]) + "\n"
    for content, problem in (("", "0 records"), (first * 2, "1 records repeat an earlier id")):
        (tmp_path / "reads.fa").write_text(content)
        words = ("classify", tmp_path / "reads.fa", "-i", index_bundle, "-o", tmp_path / "new")
        result = call(*words, "--strict")
        assert (result.code, result.err.count("\n")) == (1, 1)
        assert problem in result.err
        assert not (tmp_path / "new").exists()
        assert call(*words).code == 0
        (tmp_path / "new").unlink()


def test_no_clobber_keeps_every_output_that_exists(
    call, index_bundle, model_bundle, reads, tmp_path
):
    kept = tmp_path / "kept"
    kept.write_text("old")
    (tmp_path / "v.npy.ids.tsv").write_text("old")
    for words in (
        ("classify", reads, "-i", index_bundle, "-o", kept),
        ("classify", reads, "-i", index_bundle, "-o", tmp_path / "new", "--hits", kept),
        ("embed", reads, "-m", model_bundle, "-o", tmp_path / "v.npy"),
        ("index", "build", reads, "-m", model_bundle, "-o", kept),
        ("index", "audit", index_bundle, "-o", kept),
        ("convert", model_bundle, "--weights", "bf16", "-o", kept),
        ("report", reads, "--to", "krona", "-o", kept),
    ):
        result = call(*words, "--no-clobber")
        assert (result.code, result.err.count("\n")) == (1, 1)
        assert "exists, and --no-clobber keeps it" in result.err
    assert {path.name for path in files_in(tmp_path)} == {"kept", "v.npy.ids.tsv"}
    assert call("classify", reads, "-i", index_bundle, "-o", "/dev/null", "--no-clobber").code == 0


def test_a_second_build_of_an_index_is_refused_at_once(call, model_bundle, tmp_path):
    """Before anything is read: the references do not exist."""
    target = tmp_path / "some.bix"
    descriptor = os.open(tmp_path / ".some.bix.lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # another descriptor is as another process
    words = ("index", "build", tmp_path / "absent", "-m", model_bundle, "-o", target)
    result = call(*words)
    assert result.code == 1
    assert result.err == f"barcodeembed: error: {target}: another command is writing it now\n"
    os.close(descriptor)
    assert "absent: cannot be read" in call(*words).err
    assert files_in(tmp_path) == set()


def test_a_command_runs_its_own_code(run, model_bundle):
    """With some versions of Typer and click, every command printed the version and exited."""
    result = run("info", model_bundle)
    assert result.code == 0
    assert result.out.startswith("kind ")
    assert run("--version").out == f"barcodeembed {__version__}\n"
    assert run("info", model_bundle, "--no-such-option").code == 2


@pytest.mark.parametrize(
    "error, message",
    [
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate "
                         "4000000000 bytes. Error code 12 (Cannot allocate memory)"),
            "out of memory: 4.00 GB more were needed; a smaller --batch-size needs less",
        ),
        (
            RuntimeError("CUDA out of memory. Tried to allocate 2.50 GiB."),
            "out of memory: 2.50 GiB more were needed; a smaller --batch-size needs less",
        ),
        (OSError(12, "Cannot allocate memory"), "out of memory; a smaller --batch-size needs less"),
        (
            ImportError("libtorch.so: failed to map segment from shared object"),
            "out of memory; a smaller --batch-size needs less",
        ),
    ],
)  # fmt: skip
def test_a_lack_of_memory_is_one_line(error, message, capsys):
    with pytest.raises(SystemExit) as ended, boundary():
        raise error
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"barcodeembed: error: {message}\n"


def test_memory_that_a_limit_refuses_is_one_line(capsys):
    import numpy as np

    with pytest.raises(SystemExit), boundary():
        np.ones(1 << 50)
    assert re.fullmatch(
        r"barcodeembed: error: out of memory: 8\.00 PiB more were needed; .*--batch-size.*\n",
        capsys.readouterr().err,
    )
