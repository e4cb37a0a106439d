"""GenBank and EMBL flat files: sequences, genes and organisms. Everything in them is invented."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from Bio.Seq import Seq
from Bio.SeqFeature import FeatureLocation, SeqFeature
from Bio.SeqIO import write
from Bio.SeqRecord import SeqRecord

from barcodeembed.errors import InputError
from barcodeembed.sequences.reading import read_records
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.taxonomy.references import read_labelled

_random = random.Random(5)
BASES = "".join(_random.choices("ACGT", k=900))
ABOVE = "Eukaryota Metazoa Ecdysozoa Arthropoda Insecta Pterygota Lepidoptera Fictiidae Fictia"


def entry(identifier: str, organism: str, *features: tuple[str, int, int, int, dict]) -> SeqRecord:
    record = SeqRecord(Seq(BASES), identifier, identifier, f"{organism} mitochondrion")
    record.annotations = {
        "molecule_type": "DNA",
        "organism": organism,
        "taxonomy": ABOVE.split(),
        "accessions": [identifier],
    }
    source = {"organism": [organism], "db_xref": ["taxon:123"], "country": ["Nowhere: coast"]}
    for kind, start, end, strand, qualifiers in [("source", 0, 900, 1, source), *features]:
        where = FeatureLocation(start, end, strand)
        record.features.append(SeqFeature(where, kind, qualifiers=qualifiers))
    return record


COX1 = ("CDS", 100, 400, -1, {"gene": ["COX1"], "product": ["cytochrome c oxidase subunit I"]})
RIBOSOMAL = ("rRNA", 500, 700, 1, {"product": ["12S ribosomal RNA"]})
GENE = ("gene", 90, 410, -1, {"gene": ["COX1"]})


@pytest.fixture(params=["genbank", "embl"])
def flat(request, tmp_path) -> Path:
    records = [
        entry("XX000001.1", "Fictia prima", GENE, COX1, RIBOSOMAL),
        entry("XX000002.1", "Fictia sp. 7", RIBOSOMAL),
    ]
    write(records, tmp_path / "x", request.param)
    return tmp_path / "x"


def test_records_of_flat_files(flat):
    records = list(read_records(flat))
    assert [r.id for r in records] == ["XX000001.1", "XX000002.1"]
    assert [r.sequence for r in records] == [BASES] * 2
    assert (records[0].line, records[0].fields["country"]) == (1, "Nowhere")
    assert records[1].line > 20
    assert records[0].fields["organism"] == "Fictia prima"


@pytest.mark.parametrize("gene", ["COX1", "coi", "CO1", "cytochrome c oxidase subunit I"])
def test_a_gene_of_flat_files(gene, flat):
    first, second = read_records(flat, gene=gene)
    assert first.sequence == str(Seq(BASES[100:400]).reverse_complement())
    assert second.sequence == ""
    assert [r.sequence for r in read_records(flat, gene="12S")] == [BASES[500:700]] * 2


def test_lineages_of_flat_files_have_the_ranks_that_are_certain(flat):
    said = []
    found = list(read_labelled(flat, recognised=lambda _, name: said.append(name)))
    known = ("Metazoa", "Arthropoda", "Insecta", "Lepidoptera", "Fictiidae", None, "Fictia")
    assert [names for _, names in found] == [(*known, "Fictia prima"), (*known, None)]
    assert len(known) + 1 == len(RANKS)
    assert [record.fields["taxon_id"] for record, _ in found] == ["123", "123"]
    assert said == ["a flat file with organisms (GenBank, EMBL)"]


def test_a_damaged_flat_file_is_an_error(flat):
    lines = flat.read_text().splitlines(keepends=True)
    flat.write_text("".join(lines[:-4]))
    with pytest.raises(InputError, match=r"x:\d+: not a valid (genbank|embl) flat file"):
        list(read_records(flat))


def test_a_record_without_its_sequence_is_empty(tmp_path):
    path = tmp_path / "contig.gb"
    path.write_text(
        "LOCUS       A 120 bp DNA\nFEATURES             Location/Qualifiers\n"
        '     gene            1..20\n                     /gene="XYZ"\n'
        "CONTIG      join(B:1..120)\n//\n"
    )
    assert [r.sequence for r in read_records(path)] == [""]
    assert [r.sequence for r in read_records(path, gene="xyz")] == [""]
