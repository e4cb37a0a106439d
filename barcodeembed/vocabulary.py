"""The words and defaults that several layers share, each written once. Imports nothing.

Names of columns, statuses and choices are contracts: users script against them. A test lists them.
"""

from __future__ import annotations

#: A missing value in every table.
NA = "NA"

#: The suffixes with which an output is compressed.
COMPRESSED = (".gz", ".bz2", ".xz")

#: What `classify` says of a query.
STATUSES = ("assigned", "ambiguous", "novel", "unclassifiable")

#: Flag of reads, reason to leave out references, and kind of finding: a known contaminant.
CONTAMINANT = "contaminant"

#: Flags of a record that was changed or refused because of its letters. `--strict` accepts none.
INPUT_FLAGS = (
    "layout_removed",
    "no_id",
    "ambiguous_bases",
    "empty",
    "short",
    "too_long",
    "low_information",
    "no_vector",
)

#: Columns of `classify` before and after those of the ranks. New columns come last.
LEADING_COLUMNS = ("query_id", "status", "novel_rank", "rank", "taxon", "confidence")
TRAILING_COLUMNS = (
    "nearest_id",
    "similarity",
    "identity",
    "strand",
    "length",
    "flags",
    "overlap",
    "n_tied_taxa",
    "start",
    "end",
    "nearest_taxon",
    "nearest_bin",
)

#: The column that `classify` adds if the references have ids of taxa.
TAXON_ID = "taxon_id"
#: Columns that `classify` adds for several samples, and with a table of counts.
SAMPLE, SEQUENCE_MD5, COUNTS = "sample", "sequence_md5", "counts"
#: The column that `classify` adds if no index is given.
MARKER = "marker"
#: The column that `classify --cluster-novel` adds.
NOVEL_UNIT = "novel_unit"

#: Columns of `classify --hits`.
HIT_COLUMNS = (
    "query_id",
    "hit",
    "reference_id",
    "similarity",
    "lineage",
    "identity",
    "overlap",
    "taxon",
    "bin",
    "country",
)

#: Choices of options.
PRESETS = ("tiny", "small", "base", "aligned", "barcodemae")
POOLINGS = ("mean", "place", "class")
NORMS = ("pre", "post")
FEED_FORWARDS = ("gelu", "geglu")
POSITIONS = ("learned", "rotary", "alibi", "disentangled")
RATE_SCHEDULES = ("cosine", "wsd", "onecycle")
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16")
PROTOTYPES = ("species", "bin")
#: How the vectors of an index are searched.
SEARCHES = ("auto", "exact", "quantised")
#: What to do with different references that have the same id.
DUPLICATE_POLICIES = ("fail", "first", "keep")
CONFLICT_POLICIES = ("majority", "fail")
OPEN_WORLD = "open-world"
PROTOCOLS = (OPEN_WORLD, "knn", "probe", "finetune", "bins")
PEERS = ("kmer", "vsearch", "blastn", "mmseqs")
DEDUPLICATE = ("none", "exact", "contained")
REPORT_FORMATS = (
    *("krona", "kraken", "qiime2", "sintax", "biom", "table", "multiqc", "html", "dwc"),
)
#: What `report --training` writes.
TRAINING_FORMATS = ("html", "csv", "tensorboard")

#: The markers whose model and prototypes ship with the package. The first is the main one.
COI = "COI"
MARKERS = (COI, "12S", "ITS", "ITS1", "ITS2", "trnL")

#: What `convert` writes: a model bundle, or a model for other programs.
MODEL_FORMATS = ("bundle", "safetensors", "huggingface", "onnx")

#: Choices of ``classify --amplicon`` that are no amplicon: find it in the reads, or cut nothing.
AUTO, NONE = "auto", "none"

#: Unambiguous bases that a barcode needs to be classified, and in an index of a marker without
#: positions, where whole barcodes can be short: those of Teleo have 60.
MIN_BASES = 100
MIN_BASES_UNANCHORED = 50

#: Closest references that vote.
NEIGHBOURS = 10

#: Records that a command processes at a time.
BATCH_SIZE = 2_048

#: The confidence threshold, chosen on barcodes that neither the model nor the reference had seen so
#: that at least 95 % of the names of species in the reference are correct, and few new species get
#: the name of a species.
MIN_CONFIDENCE = 0.75

#: The lowest fraction of incorrect names for which an index has thresholds (`--max-error`).
LEAST_ERROR = 0.001


def columns(ranks: tuple[str, ...] | list[str]) -> list[str]:
    """Return the header of the table of `classify` for a reference of these ranks.

    >>> columns(["genus"])[6:8]
    ['genus', 'genus_confidence']
    """
    return [*LEADING_COLUMNS, *ranks, *(f"{rank}_confidence" for rank in ranks), *TRAILING_COLUMNS]
