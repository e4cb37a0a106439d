"""Read GenBank and EMBL flat files with Biopython: sequences, or genes in them, and organisms."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from barcodeembed.errors import InputError
from barcodeembed.sequences.fasta import check_id, make_record, tidy_residues
from barcodeembed.sequences.lines import Lines
from barcodeembed.sequences.records import SequenceRecord

if TYPE_CHECKING:
    from Bio.SeqFeature import SeqFeature
    from Bio.SeqRecord import SeqRecord

#: Other names of the usual markers, in qualifiers /gene and /product.
_NAMES = (
    "coi co1 cox1 coxi coi-5p,cytochrome c oxidase subunit i,cytochrome c oxidase subunit 1,"
    "cytochrome oxidase subunit i,cytochrome oxidase subunit 1",
    "12s 12s-rrna rrns s-rrna,12s rrna,12s ribosomal rna,small subunit ribosomal rna",
    "16s 16s-rrna rrnl l-rrna,16s rrna,16s ribosomal rna,large subunit ribosomal rna",
    "cytb cob cyt-b,cytochrome b",
    "rbcl,ribulose-1,5-bisphosphate carboxylase/oxygenase large subunit",
    "matk,maturase k",
)
#: Warnings of Biopython about a record that is not complete.
_TRUNCATED = "Premature end|Expected sequence length"
#: Features that can be a gene, the best first.
_KINDS = ("CDS", "rRNA", "tRNA", "gene", "misc_RNA", "misc_feature")


def flat_format(first_line: str) -> str | None:
    """Return Biopython's name of the format of a flat file, or None for another file.

    >>> flat_format("LOCUS       XX000001  170 bp    DNA     linear   VRT 01-JAN-2017")
    'genbank'
    """
    starts = {"LOCUS       ": "genbank", "ID   ": "embl"}
    return next((name for start, name in starts.items() if first_line.startswith(start)), None)


def read_flat_file(
    lines: Lines, name: str, limit: int, gene: str | None = None
) -> Iterator[SequenceRecord]:
    """Yield the records of a flat file.

    ``fields`` has the organism, its lineage (names joined by ``;``) and NCBI's taxid and country,
    if they are given. With ``gene``, the sequence is that of the gene; it is empty if a record does
    not have it.
    """
    from Bio import BiopythonWarning, SeqIO

    parsed = SeqIO.parse(lines, name)
    number, line = 0, 1
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", BiopythonWarning)
                warnings.filterwarnings("error", _TRUNCATED, BiopythonWarning)
                record = next(parsed, None)
                letters = _letters(record, gene) if record else ""
        except (ValueError, AssertionError, BiopythonWarning) as error:
            message = " ".join(str(error).split())[:200] or "a record that is not complete"
            raise InputError(f"not a valid {name} flat file: {message}", lines.path, line) from None
        if record is None:
            return
        number += 1
        check_id(record.id, lines.path, line)
        letters, flags = tidy_residues(letters, lines.path, line, record.id)
        yield make_record(
            record.id,
            record.description,
            letters[:limit],
            number,
            line,
            len(letters),
            flags,
            _fields(record),
        )
        line = lines.number + 1


def _letters(record: SeqRecord, gene: str | None) -> str:
    """Return the sequence of a record or of a gene in it; empty if there is none."""
    from Bio.Seq import UndefinedSequenceError

    try:
        if gene is None:
            return str(record.seq)
        wanted = _same_gene(gene)
        found = [f for f in record.features if f.type in _KINDS and _names(f) & wanted]
        best = min(found, key=lambda feature: _KINDS.index(feature.type), default=None)
        return str(best.extract(record.seq)) if best is not None else ""
    except UndefinedSequenceError:
        return ""


def _same_gene(gene: str) -> set[str]:
    """Return the names of a gene, in lower case."""
    name = gene.lower()
    for names in _NAMES:
        first, *products = names.split(",")
        if name in (*first.split(), *products):
            return {*first.split(), *products, names.partition(",")[2]}
    return {name}


def _names(feature: SeqFeature) -> set[str]:
    values = (v for key in ("gene", "product") for v in feature.qualifiers.get(key, ()))
    return {value.lower() for value in values}


def _fields(record: SeqRecord) -> dict[str, str]:
    source = next((f.qualifiers for f in record.features if f.type == "source"), {})
    taxids = (x for x in source.get("db_xref", ()) if x.startswith("taxon:"))
    country = source.get("geo_loc_name", source.get("country", [""]))[0].partition(":")[0]
    above = record.annotations.get("taxonomy")
    fields = {
        "organism": str(record.annotations.get("organism", "")),
        "lineage": ";".join(above) if isinstance(above, list) else "",
        "taxid": next(taxids, "").removeprefix("taxon:"),
        "country": country,
    }
    return {name: text for name, text in fields.items() if text}
