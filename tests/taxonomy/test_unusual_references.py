"""Options of ``index build`` for unusual files, and what it reports of what it leaves out.

All names and sequences here are invented, except in the cases of ``shared``, which are only read.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from support import SHARED, rows_of

from barcodeembed.errors import InputError, ReferenceDataError
from barcodeembed.taxonomy.columns import taxon_id_of
from barcodeembed.taxonomy.names import NameNotes, note_names
from barcodeembed.taxonomy.ranks import RANKS, UNKNOWN
from barcodeembed.taxonomy.references import read_labelled

pytestmark = pytest.mark.usefixtures("small_samples")

_random = random.Random(9)
BASES = ["".join(_random.choices("ACGT", k=300)) for _ in range(9)]
CASES = SHARED / "cases" / "references"


@pytest.fixture
def build(call, model_bundle, tmp_path):
    """Build an index of a text; return the result, and the rows of the records in the index."""

    def build(text: str, *options: object):
        (tmp_path / "refs").write_text(text)
        bundle = tmp_path / "x.bix"
        words = ("index", "build", tmp_path / "refs", "-m", model_bundle, "-o", bundle, *options)
        result = call(*words)
        rows = (bundle / "records.tsv").read_text() if bundle.exists() else ""
        return result, rows

    return build


def fasta(*titles: str) -> str:
    return "".join(f">{title}\n{bases}\n" for title, bases in zip(titles, BASES, strict=False))


def test_ranks_are_given(build):
    titles = fasta("A one;B;Fictia;Fictia prima;", "A two;B;Mockia;Mockia altera;")
    text = titles.replace("A one", "R1 Aone").replace("A two", "R2 Atwo")
    result, _ = build(text, "--ranks", "phylum,tribe,genus,species", "--json", "-")
    assert result.code == 0, result.err
    assert "read as RDP headers (id Kingdom;Phylum;..), phylum, -, genus, species" in result.err
    assert "2 taxa at rank species" in result.err
    refused, _ = build(text, "--ranks", "tribe,section")
    assert (refused.code, "has no rank" in refused.err) == (2, True)


def test_names_left_out_are_listed(build, tmp_path):
    lacking = "Bacteria;Fictota;Fictia;Mockaceae;Mockus;uncultured bacterium"
    text = fasta(
        "R1 Bacteria;Fictota;Fictia;Fictales;Fictaceae;Fictus;Fictus primus",
        f"R2 {lacking}",
        f"R3 {lacking}",
    )
    result, _ = build(text, "--json", tmp_path / "run.json")
    assert result.code == 0, result.err
    assert "1 names are no names of taxa (2 times)" in result.err
    assert "2 names have no certain rank in a list without ranks (4 times)" in result.err
    assert "'Fictota', 'Fictia'" in result.err
    found = json.loads((tmp_path / "run.json").read_text())
    assert (found["records"], found["used"], found["left_out"]) == (3, 3, {})
    assert found["names_left_out"] == {
        "no_name": {"uncultured bacterium": 2},
        "uncertain_rank": {"Fictota": 2, "Fictia": 2},
        "unknown_prefix": {},
    }


def test_reduced_names_are_listed(build, tmp_path):
    names = ["Aus bus", "Aus bus (Smith, 1900)", "AUS BUS", "aus_bus", "Aus bus minor", "Aus_bus"]
    rows = "".join(
        f"R{i}\tAus\t{n}\t{b}\n" for i, (n, b) in enumerate(zip(names, BASES, strict=False))
    )
    text = f"id\tgenus\tspecies\tnuc\n{rows}"
    result, _ = build(text, "--json", tmp_path / "run.json")
    assert "1 taxa at rank species" in result.err
    assert "4 names of species were reduced to genus and epithet (4 times): " in result.err
    assert "'Aus bus (Smith, 1900) -> Aus bus'" in result.err
    found = json.loads((tmp_path / "run.json").read_text())["names_reduced"]
    assert found["Aus bus minor -> Aus bus"] == 1


TWICE = fasta("R1;tax=g:Aus,s:Aus_bus;", "R1;tax=g:Aus,s:Aus_bus;", "R2;tax=g:Aus,s:Aus_cus;")


def test_duplicate_ids(build):
    refused, _ = build(TWICE)
    assert (refused.code, "1 ids stand for different references: R1; ids" in refused.err) == (
        1,
        True,
    )
    assert "--duplicate-ids keep or first" in refused.err
    result, rows = build(TWICE, "--duplicate-ids", "first")
    assert "1 of 3 records left out: 1 duplicate_id" in result.err
    assert rows.count("R1") == 1
    result, rows = build(TWICE, "--duplicate-ids", "keep")
    assert "3 references, 3 distinct barcodes" in result.err
    # The numbers do not depend on the order of the file.
    records = TWICE.splitlines(keepends=True)
    assert (
        build("".join(records[4:] + records[2:4] + records[:2]), "--duplicate-ids", "keep")[1]
        == rows
    )
    assert "R1.2" in rows


def test_columns_of_ids_and_sequences(build):
    text = "voucher\tgenus\tmatK\nR1\tAus\t{}\nR2\tBus\t{}\n".format(*BASES)
    refused, _ = build(text)
    assert (refused.code, "--sequence-column" in refused.err) == (1, True)
    refused, _ = build(text, "--sequence-column", "matK")
    assert (refused.code, refused.err.count("\n")) == (1, 2)
    assert "no column of ids, such as record_id, " in refused.err
    assert "its columns are voucher, genus and the sequence; name the column" in refused.err
    result, rows = build(text, "--sequence-column", "matK", "--id-column", "voucher")
    assert result.code == 0, result.err
    assert "R1" in rows and "R2" in rows


@pytest.mark.parametrize(
    "column, text",
    [
        ("taxonomy", "k__Animalia; p__Arthropoda; g__Aus; s__Aus_bus"),
        ("Lineage", "Animalia;Arthropoda;;;;Aus;Aus bus"),
    ],
)
def test_a_column_with_whole_lineages(column, text, tmp_path):
    rows = f"R1\t{text}\t{BASES[0]}\nR2\tunassigned\t{BASES[1]}\n"
    (tmp_path / "x").write_text(f"id\t{column}\tsequence\n{rows}")
    first, second = [names for _, names in read_labelled(tmp_path / "x")]
    assert (first[0], first[1], first[-2:]) == ("Animalia", "Arthropoda", ("Aus", "Aus bus"))
    assert not any(second)


@pytest.mark.parametrize(
    "titles, hint",
    [
        (['AB1 {"count":1,"taxid":9} words'], "only a taxid .* --taxdump"),
        (["kraken:taxid|9|AB1 words"], "only a taxid .* --taxdump"),
        (["XX000001.1", "XX000002.1"], "an accession of GenBank; give nucl_gb.accession2taxid.gz"),
        (["R1", "R2"], "give --taxonomy, a table with rank columns"),
    ],
)
def test_headers_without_names_are_an_error_that_says_what_helps(titles, hint, tmp_path):
    (tmp_path / "x").write_text(fasta(*titles))
    with pytest.raises(ReferenceDataError, match=f"x:1 .*no lineage for this record: .*{hint}"):
        list(read_labelled(tmp_path / "x"))


def test_a_table_without_a_header_line_is_an_error_with_an_example(tmp_path):
    (tmp_path / "x").write_text(f"R1\tAus\tAus bus\t{BASES[0]}\n")
    with pytest.raises(
        InputError, match="x:1: a table without a header line; .* id, family, genus"
    ):
        list(read_labelled(tmp_path / "x"))


PRIMA = "Fictia prima"


@pytest.mark.parametrize(
    "title, identifier, species",
    [
        ("NC_000001.1:590-744 Fictia prima mitochondrion", "NC_000001.1:590-744", "Fictia prima"),
        ("gi|12|gb|XX000001.1| Fictia prima isolate 2", "XX000001.1", "Fictia prima"),
        ("ENA|XX000001|XX000001.1 Fictia prima gene", "XX000001", "Fictia prima"),
        ("gb|XX000001.1|:1-50 Fictia prima gene", "XX000001.1", "Fictia prima"),
        ("XX000001.1 TPA_asm: [Fictia] prima gene", "XX000001.1", "Fictia prima"),
        ("FIC001-20|Fictia prima", "FIC001-20", "Fictia prima"),
        ('R1 {"scientific_name":"Fictia prima","taxid":7}', "R1", "Fictia prima"),
        ("R1 scientific_name=Fictia prima; taxid=7; words", "R1", "Fictia prima"),
        ("R1|k__Fungi;g__Fictia;s__Fictia_prima;sh__SH1.10FU", "R1", "Fictia prima"),
        (
            "R1|SH1.10FU|refs;tax=d:Fungi,g:Fictia,s:Fictia_prima_SH1.10FU;",
            "R1|SH1.10FU|refs",
            PRIMA,
        ),
        ("R1|SH1.10FU|reps|k__Fungi;g__Fictia;s__Fictia_prima_SH1.10FU", "R1|SH1.10FU|reps", PRIMA),
        ("R1;tax=k:Fungi,g:Fictia,s:Fictia prima (L., 1758);", "R1", PRIMA),
        ("R1;tax=k:Eukaryota:plas,g:Fictia:plas,s:Fictia_prima:plas", "R1", PRIMA),
        ("R1~X d__Bacteria;g__Fictia;s__Fictia prima [location=1..9] [ssu_len=9]", "R1~X", PRIMA),
        ("12 XX1.1 Fictia prima str. 1 k__Bacteria; g__Fictia; s__prima; otu_1", "12", PRIMA),
        ("XX000001.1 UNVERIFIED: MAG: TPA_asm: Fictia prima isolate 2", "XX000001.1", PRIMA),
        ("XX000001.1 Fictia (Mockia) prima voucher 2", "XX000001.1", PRIMA),
        ("XX000001.1 Fictia ×prima voucher 2", "XX000001.1", "Fictia x prima"),
        ("gb|XX000001|Fictia_prima_x_Mockia_alta", "XX000001", "Fictia prima x Mockia alta"),
        ("XX000001.1 Fictia prima x Fictia alta gene", "XX000001.1", "Fictia prima x Fictia alta"),
        ("XX000001.1 Fictia endosymbiont of Mockia alta", "XX000001.1", None),
        ("XX000001.1 Fictia voucher 7", "XX000001.1", None),
        ("R1 k__Fungi|p__Mockota|g__Fictia|s__Fictia_prima", "R1", PRIMA),
        ("R1 k__Fungi p__Mockota g__Fictia s__Fictia_prima", "R1", PRIMA),
        ("R1 k__Fungi,p__Mockota,g__Fictia,s__Fictia_prima", "R1", PRIMA),
        ('R1 {"taxid":"NCBI:7 [Fictia prima]@species"}', "R1", PRIMA),
    ],
)
def test_other_headers_with_a_name(title, identifier, species, tmp_path):
    notes = NameNotes()
    (tmp_path / "x").write_text(fasta(title))
    with note_names(notes):
        ((record, names),) = read_labelled(tmp_path / "x")
    assert (record.id, names[-2:]) == (identifier, ("Fictia", species))
    assert not notes.prefixes


@pytest.mark.parametrize(
    "organism",
    [
        "Severe acute respiratory syndrome coronavirus 2 isolate 1",
        "Fictia prima densovirus isolate 1",
        "Fictia prima phage T4, complete genome",
        "Cloning vector pX, complete sequence",
        "Synthetic construct clone 3",
        "Plant metagenome isolate 1",
        "Fungal endophyte isolate 5",
        "Bacterium strain 3",
    ],
)
def test_an_organism_without_a_scientific_name_gives_no_names(organism, tmp_path):
    titles = ["XX000001.1 Fictia prima isolate 1 virus receptor", f"XX000002.1 {organism}"]
    (tmp_path / "x").write_text(fasta(*titles))
    notes = NameNotes()
    with note_names(notes):
        first, second = [names for _, names in read_labelled(tmp_path / "x")]
    assert (first[-1], second) == ("Fictia prima", UNKNOWN)
    assert list(notes.placeholders) == [organism[:40]]


def test_a_family_before_sp_is_a_family(tmp_path):
    titles = ["XX000001.1 Fictidae sp. 1 voucher 2", "XX000002.1 Fictia prima"]
    (tmp_path / "x").write_text(fasta(*titles))
    assert [names[4:] for _, names in read_labelled(tmp_path / "x")] == [
        ("Fictidae", None, None, None),
        (None, None, "Fictia", "Fictia prima"),
    ]
    (tmp_path / "x").write_text(fasta('R1 {"scientific_name":"Fictidae sp. 1","taxid":7}'))
    ((_, names),) = read_labelled(tmp_path / "x")
    assert names[4:] == ("Fictidae", None, None, None)


def test_names_of_darwin_core_and_names_filled_in_with_higher_ones(tmp_path):
    (tmp_path / "x").write_text(
        "id\tscientificName\torder\tfamily\tgenus\tspecificEpithet\tDNA_sequence\n"
        f"R1\tFictia prima L.\tFictales\tFictaceae\tFictia\tprima\t{BASES[0]}\n"
        f"R2\tFictia\tFictales\tFictales\tFictales\t\t{BASES[1]}\n"
    )
    assert [names[3:] for _, names in read_labelled(tmp_path / "x")] == [
        ("Fictales", "Fictaceae", None, "Fictia", PRIMA),
        ("Fictales", None, None, None, None),
    ]


def test_the_taxmap_of_silva_has_no_taxids_of_ncbi(tmp_path):
    (tmp_path / "x").write_text(fasta("AB1.1.300 words", "AB2.2.301"))
    (tmp_path / "t").write_text(
        "primaryAccession\tstart\tstop\tpath\torganism_name\ttaxid\n"
        "AB1\t1\t300\tBacteria;Fictota;Fictia;Fictales;Fictaceae;Fictus;\tFictus primus\t7\n"
        "AB2\t2\t301\tBacteria;Fictota;Fictia;Fictales;\tuncultured bacterium\t8\n"
    )
    found = [names for _, names in read_labelled(tmp_path / "x", taxonomy=tmp_path / "t")]
    above = ("Bacteria", "Fictota", "Fictia", "Fictales")
    assert found == [
        (*above, "Fictaceae", None, "Fictus", "Fictus primus"),
        (*above, None, None, None, None),
    ]


# The cases that were found outside: names, number of records, and those with a species.

FOUND = {
    "01_unite_full_sh_suffix.fasta": (2, 2),
    "02_dada2_phylum_to_species_with_subfamily.fasta": (2, 2),
    "04_silva_header_without_order.fasta": (2, 1),
    "05_dada2_ragged.fasta": (3, 0),
    "06_dada2_eight_levels.fasta": (2, 2),
    "07_bold_fasta.fas": (2, 2),
    "08_ncbi_deflines.fasta": (3, 3),
    "09_mitofish.fasta": (2, 2),
    "10_barque.fasta": (2, 2),
    "11_obitools4.fasta": (2, 2),
    "13_pr2_utax.fasta": (1, 0),
    "14_dada2_species_with_subspecies.fasta": (4, 4),
    "15_quoted.tsv": (2, 2),
    "16_table_id_column_sequenceID.csv": (2, 2),
    "20_same_id_two_copies.fasta": (2, 2),
    "22_seqs.fasta": (1, 0),
    "24_crabs.txt": (1, 1),
    "25_genbank_flat.gb": (1, 1),
    "26_genus_in_species_column.tsv": (1, 0),
}
TAXONOMIES = {"22_seqs.fasta": "22_pr2_prefixes.tsv"}


def read_case(name: str):
    if not (CASES / name).exists():
        pytest.skip("needs the cases found outside")
    taxonomy = CASES / TAXONOMIES[name] if name in TAXONOMIES else None
    return list(read_labelled(CASES / name, taxonomy=taxonomy))


@pytest.mark.parametrize("name", FOUND)
def test_the_cases_found_outside_are_read(name):
    found = read_case(name)
    assert (len(found), sum(names[-1] is not None for _, names in found)) == FOUND[name]
    for record, names in found:
        by_rank = dict(zip(RANKS, names, strict=True))
        assert not record.id.startswith("record_")
        # No name is at a wrong rank.
        assert (by_rank["family"] or "idae").endswith(("idae", "aceae"))
        assert not (by_rank["genus"] or "").endswith(("idae", "aceae"))
        assert (by_rank["subfamily"] or "inae").endswith("inae")
        assert by_rank["species"] is None or by_rank["genus"] in by_rank["species"]
        assert "|" not in "".join(filter(None, names))


def test_the_case_without_a_header_line_is_an_error_with_an_example():
    if not CASES.exists():
        pytest.skip("needs the cases found outside")
    with pytest.raises(
        ReferenceDataError, match=r"tax:1: .*header line .* id,taxid,kingdom,phylum"
    ):
        list(read_labelled(CASES / "18_seqs.fasta", taxonomy=CASES / "18_csv_without_header.tax"))


def test_prefixes_of_the_case_of_pr2_are_noted():
    notes = NameNotes()
    with note_names(notes):
        read_case("22_seqs.fasta")
    assert notes.prefixes == {"sgr__": 1, "dv__": 1, "dvs__": 1}


def test_a_table_without_sequences_names_the_option(tmp_path):
    (tmp_path / "x").write_text("id\tgenus\tspecies\nR1\tAus\tAus bus\n")
    with pytest.raises(InputError, match="--sequence-column"):
        list(read_labelled(Path(tmp_path / "x")))


# Ids of taxa.


@pytest.mark.parametrize(
    "text, ids",
    [
        (
            fasta(
                "R1|k__Fungi;g__Aus;s__Aus_bus|SH0000001.10FU", "R2|k__Fungi;g__Aus|SH0000002.10FU"
            ),
            ["SH0000001.10FU", "SH0000002.10FU"],
        ),
        (fasta('R1 {"genus_name":"Aus","taxid":7}', 'R2 {"genus_name":"Bus"}'), ["7", None]),
        (
            fasta(
                "R1 root_1;Eukaryota_2759;B_2;C_3;D_4;E_5;F_6;F g_7", "R2 Eukaryota_2759;B_2;C_9"
            ),
            ["7", "9"],
        ),
        (
            "id\tgenus\ttaxid\tnuc\nR1\tAus\t7\t{}\nR2\tBus\tNA\t{}\n".format(*BASES),
            ["7", None],
        ),
    ],
)
def test_ids_of_taxa_are_kept(text, ids, tmp_path):
    (tmp_path / "x").write_text(text)
    assert [taxon_id_of(record.fields) for record, _ in read_labelled(tmp_path / "x")] == ids


def test_classify_prints_the_id_of_the_taxon_of_the_closest_reference(build, call, tmp_path):
    rows = "".join(
        f"R{i}\tAus\tAus {c}us\t{taxid}\t{bases}\n"
        for i, (c, taxid, bases) in enumerate(zip("bcdf", ["7", "8", "9", ""], BASES, strict=False))
    )
    build(f"id\tgenus\tspecies\ttaxid\tnuc\n{rows}")
    (tmp_path / "reads.fa").write_text(fasta("q1", "q2", "q3", "q4") + ">q5\nACGT\n")
    words = ("classify", tmp_path / "reads.fa", "-i", tmp_path / "x.bix")
    table = rows_of(call(*words).out)
    assert [row["taxon_id"] for row in table] == ["7", "8", "9", "NA", "NA"]
    assert list(table[0])[-1] == "taxon_id"
    table = rows_of(call(*words, "--cluster-novel").out)
    assert list(table[0])[-2:] == ["taxon_id", "novel_unit"]
    # Adding records keeps the ids.
    (tmp_path / "more").write_text(f"id\tgenus\ttaxid\tnuc\nR9\tBus\t33\t{BASES[5]}\n")
    grown = tmp_path / "y.bix"
    assert call("index", "add", tmp_path / "x.bix", tmp_path / "more", "-o", grown).code == 0
    table = rows_of(call("classify", tmp_path / "reads.fa", "-i", grown).out)
    assert [row["taxon_id"] for row in table[:3]] == ["7", "8", "9"]
    assert "\t33\n" in (grown / "records.tsv").read_text()


def test_a_table_without_ids_can_still_be_read_as_labelled_records(tmp_path):
    (tmp_path / "x").write_text(f"voucher\tgenus\tnuc\nR1\tAus\t{BASES[0]}\n")
    ((record, names),) = read_labelled(tmp_path / "x")
    assert (record.id, record.flags, names[-2]) == ("record_000001", ("no_id",), "Aus")
