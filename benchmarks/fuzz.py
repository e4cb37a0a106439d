"""Look for inputs that the readers and the taxonomy parsers do not survive, guided by coverage.

    pip install atheris
    python benchmarks/fuzz.py TARGET [--runs 100000] [--seed 1] [--folder FOLDER]

Each input is a file of bytes that atheris makes, from seeds in the formats that are read. A reader
may return records or raise an expected error (`barcodeembed.errors`) of one short line. Any other
exception, and a run of more than 10 seconds, ends the program; the input is then in FOLDER. Targets
are ``sequences``, ``references``, ``taxonomy``, ``taxdump``, ``names`` and ``tables``.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["barcodeembed"]):
    import barcodeembed.taxonomy.binomials as binomials
    import barcodeembed.taxonomy.formats  # noqa: F401
    import barcodeembed.taxonomy.headers  # noqa: F401
    import barcodeembed.taxonomy.name_headers  # noqa: F401
    from barcodeembed.classify.counts import read_counts
    from barcodeembed.classify.samples import read_sheet
    from barcodeembed.errors import BarcodeEmbedError
    from barcodeembed.report.rows import read_table
    from barcodeembed.sequences.cleaning import clean
    from barcodeembed.sequences.reading import read_records
    from barcodeembed.taxonomy.identifiers import read_ids
    from barcodeembed.taxonomy.layouts import find_layout, parse_ranks, place
    from barcodeembed.taxonomy.names import strip_placeholder, tidy_name
    from barcodeembed.taxonomy.ranks import RANKS
    from barcodeembed.taxonomy.references import read_labelled, resolve_conflicts
    from barcodeembed.taxonomy.taxdump import read_lineages

#: A line longer than this is no message.
_MAX_MESSAGE = 2_000

BASES = "ACGTTGCATCAG" * 10
LINEAGE = "Animalia;Arthropoda;Insecta;Hymenoptera;Apidae;Apis;Apis mellifera"

SEEDS: dict[str, list[str]] = {
    "sequences": [
        f">a;size=3 text\r\n{BASES}\n\n>b\nACGU-N.*\n",
        f"@a\n{BASES}\n+\n{'I' * len(BASES)}\n",
        f"id\tspecies\tnuc\nA\tApis\t{BASES}\n",
        f'id,"nuc"\n"A, b",{BASES}\n',
        f"LOCUS       A 120 bp DNA\nFEATURES             Location/Qualifiers\n     source          "
        f'1..120\n                     /organism="Apis mellifera"\nORIGIN\n        1 {BASES}\n//\n',
        f"ID   A; SV 1; linear; DNA; STD; INV; 120 BP.\nOS   Apis\nSQ   Sequence\n     {BASES}\n"
        "//\n",
    ],
    "references": [
        f">A;tax=k:Animalia,p:Arthropoda,s:Apis_mellifera;\n{BASES}\n",
        f">SH1.1FU|Apis_mellifera|SH1.1FU|refs|k__Animalia;p__Arthropoda;s__Apis_mellifera\n{BASES}\n",
        f">A\tRoot;Animalia;Arthropoda;Insecta;Hymenoptera;Apidae;Apis\n{BASES}\n",
        f">{LINEAGE};\n{BASES}\n",
        f">KX1.1.<1.>658;root_1;Eukaryota_2759;Arthropoda_6656;Apis mellifera_7460\n{BASES}\n",
        f">AB|Apis mellifera|COI-5P|KX1\n{BASES}\n",
        f">KX1.1 Apis mellifera voucher X cytochrome oxidase subunit I gene\n{BASES}\n",
        f'>A {{"taxid": 7460, "scientific_name": "Apis mellifera"}}\n{BASES}\n',
        "processid\tkingdom\tgenus\tspecies\tbin_uri\tcountry\tnuc\n"
        f"A\tAnimalia\tApis\tApis mellifera\tBOLD:AAA1\tNA\t{BASES}\n",
        f"id,lineage,sequence\nA,{LINEAGE},{BASES}\n",
    ],
    "taxonomy": [
        "Feature ID\tTaxon\tConfidence\nA\tk__Animalia; p__Arthropoda; s__Apis mellifera\t1\n",
        f"A\t{LINEAGE}\n",
        "A\tk__Animalia;p__Arthropoda;\n",
        "id,kingdom,species\nA,Animalia,Apis mellifera\n",
        "A\t7460\n",
    ],
    "taxdump": [
        "1\t|\t1\t|\tno rank\t|\n2\t|\t1\t|\tkingdom\t|\n7460\t|\t2\t|\tspecies\t|\n\0"
        "1\t|\troot\t|\t\t|\tscientific name\t|\n"
        "7460\t|\tApis mellifera\t|\t\t|\tscientific name\t|\n"
        "\0003\t|\t2\t|\n",
    ],
    "names": [
        "Apis mellifera Linnaeus, 1758\n",
        "Andrena (Melandrena) cf. fulva (Müller, 1766) ssp. 2\n",
        "k__Animalia;p__;c__Insecta;o__unclassified;f__Apidae_X\n",
        "uncultured Apis sp. BOLD:AAA1234 × Bombus\n",
    ],
    "tables": [
        "query_id\tstatus\tnovel_rank\trank\ttaxon\tconfidence\tspecies\tnearest_id\tsimilarity\t"
        "identity\tstrand\tlength\tflags\nq;size=3\tassigned\tNA\tspecies\tApis\t0.9\tApis\tA\t0.9\t"
        "99\t+\t658\tNA\n",
        "#OTU ID\tS1\tS2\nASV1\t3\t0\n",
        f'"","{BASES}"\n"S1",4\n',
        "sample,reads\nS1,a.fasta\n",
        "taxon,id\nApis,7459\n",
    ],
}


def exhaust(read: Callable[[], object]) -> None:
    """Read everything. An expected error is one line that does not repeat the input."""
    try:
        found = read()
        if hasattr(found, "__next__"):
            for _ in found:
                pass
    except BarcodeEmbedError as error:
        text = str(error)
        if "\n" in text or len(text) > _MAX_MESSAGE or not text.isprintable():
            raise AssertionError(f"not a line: {text[:300]!r}") from error


def try_sequences(file: Path, data: bytes) -> None:
    file.write_bytes(data)

    def cleaned() -> None:
        for record in read_records(file):
            clean(record, max_bases=20_000)

    exhaust(cleaned)


def try_references(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    for allow_missing in (False, True):
        exhaust(lambda: read_labelled(file, allow_missing=allow_missing))  # noqa: B023

    def resolved() -> None:
        resolve_conflicts([lineage for _, lineage in read_labelled(file, allow_missing=True)])

    exhaust(resolved)


def try_taxonomy(file: Path, data: bytes) -> None:
    sequences = file.with_suffix(".fa")
    sequences.write_text(f">A\n{BASES}\n>B\n{BASES}\n")
    file.write_bytes(data)
    exhaust(lambda: read_labelled(sequences, taxonomy=file, allow_missing=True))


def try_taxdump(file: Path, data: bytes) -> None:
    file.mkdir(exist_ok=True)
    parts = [*data.split(b"\0", 2), b"", b""]
    for name, part in zip(("nodes.dmp", "names.dmp", "merged.dmp"), parts, strict=False):
        (file / name).write_bytes(part)
    exhaust(lambda: read_lineages(file, [1, 2, 3, 7460]))


def try_names(file: Path, data: bytes) -> None:
    text = data.decode(errors="replace")
    for rank in RANKS:
        tidy = tidy_name(text, rank)
        if tidy is not None and tidy_name(tidy, rank) not in (tidy, None):
            raise AssertionError(f"{tidy!r} changes again to {tidy_name(tidy, rank)!r} at {rank}")
    strip_placeholder(text)
    binomials.reduce_species(text)
    binomials.strip_author(text)
    names = text.split(";")
    exhaust(lambda: place(names))
    exhaust(lambda: find_layout([names]))
    exhaust(lambda: parse_ranks(text))


def try_tables(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    for read in (
        lambda: read_table(os.fspath(file), lambda query: "S", by_sample=True),
        lambda: read_counts(file),
        lambda: read_sheet(file),
        lambda: read_ids(file),
    ):
        exhaust(read)


TARGETS = {name: globals()[f"try_{name}"] for name in SEEDS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("fuzz"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    corpus = arguments.folder / arguments.target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(SEEDS[arguments.target]):
        (corpus / f"seed{number}").write_bytes(text.encode())
        if arguments.target == "sequences":
            (corpus / f"seed{number}.gz").write_bytes(gzip.compress(text.encode()))
    # In memory, where there is such a folder.
    shared = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        attempt, file = TARGETS[arguments.target], Path(folder) / "input"
        options = [
            f"-runs={arguments.runs}",
            f"-seed={arguments.seed}",
            f"-artifact_prefix={arguments.folder}/",
            "-timeout=10",
            "-max_len=8192",
            "-print_final_stats=1",
            str(corpus),
        ]
        atheris.Setup([sys.argv[0], *options], lambda data: attempt(file, data))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
