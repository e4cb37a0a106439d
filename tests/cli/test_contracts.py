"""The interface for scripts. Change it only on purpose, and record the change in the changelog.

Columns, statuses, flags, choices, JSON keys and exit codes are listed here. The options of each
command are in ``tests/golden/options.txt``, which this command writes:

    PYTHONPATH=tests python tests/cli/test_contracts.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import SIMULATED, rows_of

from barcodeembed import vocabulary

READS = SIMULATED / "reads.fasta"
OPTIONS = Path(__file__).parents[1] / "golden" / "options.txt"


def options() -> Iterator[str]:
    """Yield a line for each command, and below it a line for each argument and option."""
    import typer.main

    from barcodeembed.cli import app

    def walk(command: object, words: str) -> Iterator[str]:
        yield words
        for parameter in getattr(command, "params", []):
            kind = " ".join([*parameter.opts, *parameter.secondary_opts])
            yield f"    {kind if kind.startswith('-') else kind.upper()}"
        for name, child in sorted(getattr(command, "commands", {}).items()):
            yield from walk(child, f"{words} {name}")

    return walk(typer.main.get_command(app), "barcodeembed")


def test_the_options_of_every_command():
    assert list(options()) == OPTIONS.read_text().splitlines()


def test_statuses_and_choices():
    assert vocabulary.STATUSES == ("assigned", "ambiguous", "novel", "unclassifiable")
    assert vocabulary.NA == "NA"
    assert vocabulary.PRESETS == ("tiny", "small", "base", "aligned", "barcodemae")
    assert vocabulary.POOLINGS == ("mean", "place", "class")
    assert vocabulary.RATE_SCHEDULES == ("cosine", "wsd", "onecycle")
    assert vocabulary.DEVICES == ("auto", "cpu", "cuda", "mps")
    assert vocabulary.PRECISIONS == ("auto", "fp32", "bf16")
    assert vocabulary.PROTOTYPES == ("species", "bin")
    assert vocabulary.SEARCHES == ("auto", "exact", "quantised")
    assert vocabulary.CONFLICT_POLICIES == ("majority", "fail")
    assert vocabulary.DUPLICATE_POLICIES == ("fail", "first", "keep")
    assert vocabulary.PROTOCOLS == ("open-world", "knn", "probe", "finetune", "bins")
    assert vocabulary.PEERS == ("kmer", "vsearch", "blastn", "mmseqs")
    assert vocabulary.DEDUPLICATE == ("none", "exact", "contained")
    assert vocabulary.MODEL_FORMATS == ("bundle", "safetensors", "huggingface", "onnx")
    assert vocabulary.REPORT_FORMATS == (
        *("krona", "kraken", "qiime2", "sintax", "biom", "table", "multiqc", "html", "dwc"),
    )
    assert vocabulary.TRAINING_FORMATS == ("html", "csv", "tensorboard")


def test_flags():
    from barcodeembed.classify.quality import FLAGS

    assert FLAGS == (
        "stop_codon",
        "frameshift",
        "pseudogene",
        "non_target",
        "chimera",
        "contaminant",
    )


RANKS = ("kingdom", "phylum", "class", "order", "family", "subfamily", "genus", "species")


def test_the_columns_of_classify(call, index_bundle, tmp_path):
    hits = tmp_path / "hits.tsv"
    done = call("classify", READS, "-i", index_bundle, "--hits", hits, "--cluster-novel")
    ranks = [rank for rank in RANKS if f"{rank}_confidence" in done.out.split("\n")[0]]
    assert done.out.split("\n")[0].split("\t") == [
        *("query_id", "status", "novel_rank", "rank", "taxon", "confidence"),
        *ranks,
        *(f"{rank}_confidence" for rank in ranks),
        *("nearest_id", "similarity", "identity", "strand", "length", "flags", "overlap"),
        "n_tied_taxa",
        "start",
        "end",
        "nearest_taxon",
        "nearest_bin",
        "novel_unit",
    ]
    assert hits.read_text().split("\n")[0].split("\t") == [
        *("query_id", "hit", "reference_id", "similarity", "lineage", "identity", "overlap"),
        *("taxon", "bin", "country"),
    ]
    assert {row["status"] for row in rows_of(done.out)} <= set(vocabulary.STATUSES)


def test_the_columns_of_embed_and_audit(call, index_bundle, model_bundle):
    table = call("embed", READS, "-m", model_bundle).out
    assert table.split("\n")[0].split("\t")[:5] == ["record_id", "length", "flags", "d1", "d2"]
    audit = call("index", "audit", index_bundle).out
    assert audit.split("\n")[0].split("\t") == [
        *("kind", "record_ids", "rank", "name", "other_name", "within"),
        *("neighbours", "agreeing", "agreement", "similarity", "identity"),
        *("own_similarity", "own_identity", "strength"),
    ]


CLASSIFY_KEYS = [
    *(
        "amplicon",
        "barcodeembed",
        "bound",
        "confidence_threshold",
        "date",
        "flags",
        "index",
        "markers",
        "max_error",
        "model",
    ),
    *(
        "novel_at",
        "placed_at",
        "read_errors",
        "reads",
        "records",
        "schema_version",
        "seconds",
        "status",
    ),
    *("vote", "warnings"),
]
EVALUATE_KEYS = [
    *("agreement", "confidence_threshold", "decisions", "max_error", "methods", "queries"),
    *("references", "schema_version", "threads"),
]
INFO_INDEX_KEYS = [
    "calibration_error",
    "candidates",
    "embedder",
    "embedding",
    "format_version",
    "fraction_named",
    "fragment_identity_weight",
    "fragment_temperature",
    "fragment_upper_temperature",
    "identity_weight",
    "kind",
    "kmers_for_all",
    "made_by",
    "max_bases",
    "megabytes",
    "min_bases",
    "read_errors",
    "records",
    "seed",
    "species_by_order",
    "taxa",
    "temperature",
    "upper_temperature",
    "vectors",
    "whitening",
]
INFO_MODEL_KEYS = [
    *("fingerprint", "format_version", "kind", "made_by", "max_bases", "megabytes", "model"),
    *("training", "weights"),
]


def test_the_keys_of_json(call, index_bundle, model_bundle, tmp_path):
    run = tmp_path / "run.json"
    call("classify", READS, "-i", index_bundle, "--json", run)
    assert sorted(json.loads(run.read_text())) == CLASSIFY_KEYS
    queries = SIMULATED / "reads.tsv"
    call("evaluate", index_bundle, "--queries", queries, "--json", run, "--sample", 5)
    assert sorted(json.loads(run.read_text())) == EVALUATE_KEYS
    assert sorted(json.loads(call("info", index_bundle, "--json").out)) == INFO_INDEX_KEYS
    assert sorted(json.loads(call("info", model_bundle, "--json").out)) == INFO_MODEL_KEYS


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["info", "--json"], 0),
        (["embed", "nowhere.fasta"], 1),
        (["embed", READS, "--no-such-option"], 2),
        (["classify", READS, "--min-confidence", "2"], 2),
    ],
)
def test_exit_codes(call, words, code):
    assert call(*words).code == code


if __name__ == "__main__":
    OPTIONS.write_text("".join(f"{line}\n" for line in options()))
