"""Reference formats: correct lineages, or an error with the line.

All names and sequences here are invented.
"""

from __future__ import annotations

import gzip
import json
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support import SIMULATED, files_in

from barcodeembed.errors import InputError, ReferenceDataError
from barcodeembed.index.collect import BuildReport
from barcodeembed.sequences import artifacts
from barcodeembed.sequences.reading import read_records
from barcodeembed.taxonomy.names import note_names
from barcodeembed.taxonomy.ranks import RANKS, UNKNOWN, Lineage
from barcodeembed.taxonomy.references import read_labelled
from barcodeembed.taxonomy.tables import read_taxonomy

pytestmark = pytest.mark.usefixtures("small_samples")

_random = random.Random(3)
BASES = ["".join(_random.choices("ACGT", k=300)) for _ in range(8)]

#: The lineages in all formats below, as far as a format allows: complete, with gaps, to genus.
MOTH: Lineage = (
    "Animalia",
    "Arthropoda",
    "Insecta",
    "Lepidoptera",
    "Fictiidae",
    None,
    "Fictia",
    "Fictia prima",
)
FLY: Lineage = (
    "Animalia",
    "Arthropoda",
    "Insecta",
    None,
    "Mockidae",
    None,
    "Mockia",
    "Mockia altera",
)
BUG: Lineage = ("Animalia", "Arthropoda", "Insecta", "Hemiptera", "Shamidae", None, "Shamia", None)
ALL = [MOTH, FLY, BUG]


def without(rank: str, lineages: list[Lineage] = ALL) -> list[Lineage]:
    at = RANKS.index(rank)
    return [(*taxa[:at], None, *taxa[at + 1 :]) for taxa in lineages]


def renamed(**names: str) -> list[Lineage]:
    """Return ALL with another name at some ranks."""
    return [
        tuple(
            names.get(rank, name) if name else None for rank, name in zip(RANKS, taxa, strict=True)
        )
        for taxa in ALL
    ]


def fasta(*titles: str) -> str:
    return "".join(f">{title}\n{bases}\n" for title, bases in zip(titles, BASES, strict=False))


def table(header: str, *rows: str) -> str:
    """Write a table; in each row ``{}`` is a sequence."""
    filled = (row.format(bases) for row, bases in zip(rows, BASES, strict=False))
    return "\n".join([header, *filled, ""]).replace(" ", "\t").replace("~", " ")


SINTAX = fasta(
    "R1;tax=k:Animalia,p:Arthropoda,c:Insecta,o:Lepidoptera,f:Fictiidae,g:Fictia,s:Fictia_prima;",
    "R2;tax=k:Animalia,p:Arthropoda,c:Insecta,f:Mockidae,g:Mockia,s:Mockia_altera;",
    "R3;tax=k:Animalia,p:Arthropoda,c:Insecta,o:Hemiptera,f:Shamidae,g:Shamia,s:Shamia_sp.;",
)
UNITE = fasta(
    "Fictia_prima|XX000001|SH0000001.10FU|refs|k__Animalia;p__Arthropoda;c__Insecta;"
    "o__Lepidoptera;f__Fictiidae;g__Fictia;s__Fictia_prima",
    "Mockia_altera|XX000002|SH0000002.10FU|reps|k__Animalia;p__Arthropoda;c__Insecta;"
    "o__Insecta_ord_Incertae_sedis;f__Mockidae;g__Mockia;s__Mockia_altera",
    "Shamia_sp|XX000003|SH0000003.10FU|reps_singleton|k__Animalia;p__Arthropoda;c__Insecta;"
    "o__Hemiptera;f__Shamidae;g__Shamia;s__Shamia_sp",
)
UNITE_IDS = [
    "Fictia_prima|XX000001|SH0000001.10FU|refs",
    "Mockia_altera|XX000002|SH0000002.10FU|reps",
    "Shamia_sp|XX000003|SH0000003.10FU|reps_singleton",
]
UNITE_FULL = fasta(
    "XX000001|k__Animalia;p__Arthropoda;c__Insecta;o__Lepidoptera;f__Fictiidae;g__Fictia;"
    "s__Fictia_prima|SH0000001.10FU",
    "XX000002|k__Animalia;p__Arthropoda;c__Insecta;o__Insecta_ord_Incertae_sedis;f__Mockidae;"
    "g__Mockia;s__Mockia_altera|SH0000002.10FU",
    "XX000003|k__Animalia;p__Arthropoda;c__Insecta;o__Hemiptera;f__Shamidae;g__Shamia;"
    "s__Shamia_sp|SH0000003.10FU",
)
PREFIXED = fasta(
    "R1 k__Animalia; p__Arthropoda; c__Insecta; o__Lepidoptera; f__Fictiidae; g__Fictia; s__prima",
    "R2 k__Animalia; p__Arthropoda; c__Insecta; o__; f__Mockidae; g__Mockia; s__altera",
    "R3 k__Animalia; p__Arthropoda; c__Insecta; o__Hemiptera; f__Shamidae; g__Shamia; s__",
)
DADA2 = fasta(
    "Animalia;Arthropoda;Insecta;Lepidoptera;Fictiidae;Fictia;Fictia prima;",
    "Animalia;Arthropoda;Insecta;;Mockidae;Mockia;Mockia_altera;",
    "Animalia;Arthropoda;Insecta;Hemiptera;Shamidae;Shamia;NA;",
)
DADA2_GENUS = fasta(
    "Animalia;Arthropoda;Insecta;Lepidoptera;Fictiidae;Fictia;",
    "Animalia;Arthropoda;Insecta;unclassified_Insecta;Mockidae;Mockia;",
    "Animalia;Arthropoda;Insecta;Hemiptera;Shamidae;Shamia;",
)
DADA2_SPECIES = fasta("R1 Fictia prima", "R2 Mockia altera", "R3 Shamia tertia")
RDP = fasta(
    "R1\tRoot;Animalia;Arthropoda;Insecta;Lepidoptera;Fictiidae;Fictia;Fictia prima",
    "R2\tRoot;Animalia;Arthropoda;Insecta;;Mockidae;Mockia;Mockia altera",
    "R3\tRoot;Animalia;Arthropoda;Insecta;Hemiptera;Shamidae;Shamia;Shamia sp. 12",
)
CO1CLASSIFIER = RDP.replace("Root;Animalia", "cellularOrganisms;Eukaryota;Metazoa")
RDP_PAIRS = fasta(
    "R1\tLineage=Root;rootrank;Animalia;kingdom;Arthropoda;phylum;Insecta;class;Pterygota;subclass;"
    "Lepidoptera;order;Fictiidae;family;Fictia;genus;Fictia prima;species",
    'R2 uncultured clone; F2\tLineage=Root;rootrank;Animalia;domain;"Arthropoda";phylum;Insecta;'
    "class;Mockidae;family;Mockia;genus;Mockia_altera;species;",
    "R3\tLineage=Root;rootrank;Animalia;kingdom;Arthropoda;phylum;Insecta;class;Hemiptera;order;"
    "Shamoidea;superfamily;Shamidae;family;Shamia;genus;unclassified_Shamia;",
)
_MIDORI = (
    "Eukaryota_2759;Arthropoda_6656;Insecta_50557;Lepidoptera_7088;Fictiidae_900001;"
    "Fictia_900002;Fictia prima_900003",
    "Eukaryota_2759;Arthropoda_6656;Insecta_50557;order_Mockidae_900004;Mockidae_900004;"
    "Mockia_900005;Mockia altera_900006",
    "Eukaryota_2759;Arthropoda_6656;Insecta_50557;Hemiptera_7524;Shamidae_900007;Shamia_900008;"
    "Shamia sp. XY-2021_900009",
)
_MIDORI_IDS = ["XX000001.1.<1.>658", "XX000002.1.31.688", "XX000003.2.<1.658"]
MIDORI_RDP = fasta(*(f"{i}\troot_1;{m}" for i, m in zip(_MIDORI_IDS, _MIDORI, strict=True)))
MIDORI_BLAST = fasta(
    *(f"{i}###root_1;{m.replace(' ', '_')}" for i, m in zip(_MIDORI_IDS, _MIDORI, strict=True))
)
MIDORI_DADA2 = fasta(*(f"{m};" for m in _MIDORI))
MIDORI_SINTAX = fasta(
    *(
        f"{i};tax="
        + ",".join(f"{letter}:{name}" for letter, name in zip("kpcofgs", m.split(";"), strict=True))
        for i, m in zip(_MIDORI_IDS, _MIDORI, strict=True)
    )
)
EUKARYOTA = renamed(kingdom="Eukaryota")

BOLD5 = table(
    "processid sampleid record_id bin_uri kingdom phylum class order family subfamily tribe genus "
    "species subspecies identification country/ocean nuc nuc_basecount insdc_acs marker_code",
    'F1-1 S"1 R1 BOLD:XXX0001 Animalia Arthropoda Insecta Lepidoptera Fictiidae None None Fictia '
    "Fictia~prima None Fictia~prima Nowhere --{}--- 300 None COI-5P",
    "F2-1 S2 R2 None Animalia Arthropoda Insecta None Mockidae None None Mockia Mockia~altera None "
    "Mockia None {} 300 None COI-5P",
    "F3-1 S3 R3 BOLD:XXX0003 Animalia Arthropoda Insecta Hemiptera Shamidae None None Shamia "
    "Shamia~sp.~XYZ01 None Shamia~sp.~XYZ01 None {} 300 None COI-5P",
)
BOLD4 = table(
    "processid sampleid recordID bin_uri phylum_taxID phylum_name class_name order_name "
    "family_name subfamily_name genus_taxID genus_name species_name markercode nucleotides",
    "R1 S1 77 BOLD:XXX0001 20 Arthropoda Insecta Lepidoptera Fictiidae  5 Fictia Fictia~prima "
    "COI-5P ---{}",
    "R2 S2 78  20 Arthropoda Insecta  Mockidae  6 Mockia Mockia~altera COI-5P {}--",
    "R3 S3 79 BOLD:XXX0003 20 Arthropoda Insecta Hemiptera Shamidae  7 Shamia  COI-5P {}",
)
BIOSCAN = table(
    "processid sampleid taxon phylum class order family subfamily genus species dna_bin "
    "dna_barcode split",
    "R1 S1 Fictia~prima Arthropoda Insecta Lepidoptera Fictiidae  Fictia Fictia~prima "
    "BOLD:XXX0001 {} train",
    "R2 S2 Mockia~altera Arthropoda Insecta  Mockidae  Mockia Mockia~altera BOLD:XXX0002 {} train",
    "R3 S3 Shamia Arthropoda Insecta Hemiptera Shamidae  Shamia   {} train",
).replace("\t", ",")
PLAIN = table(
    "Species Genus Family Order Class Phylum Superkingdom id Sequence",
    "prima Fictia Fictiidae Lepidoptera Insecta Arthropoda Animalia R1 {}",
    "s__Mockia_altera Mockia Mockidae o__ Insecta p__Arthropoda k__Animalia R2 {}",
    "NA Shamia Shamidae Hemiptera Insecta Arthropoda Animalia R3 {}",
)

PR2 = fasta(
    "R1|18S_rRNA|nucleus||Eukaryota|Fictaria|Fictialveolata|Fictiophora|Insecta|Lepidoptera|"
    "Fictiidae|Fictia|Fictia_prima",
    "R2|18S_rRNA|nucleus|strain_1|Eukaryota|Fictaria|Fictialveolata|Fictiophora|Insecta|Insecta_X|"
    "Mockidae|Mockia|Mockia_altera",
    "R3|18S_rRNA|plastid||Eukaryota:plas|Fictaria|Fictialveolata|Fictiophora|Insecta|Hemiptera|"
    "Shamidae|Shamia|Shamia_sp.",
)
OBITOOLS = fasta(
    'R1 {"count":1,"species_name":"Fictia prima","genus_name":"Fictia","family_name":"Fictiidae",'
    '"order_name":"Lepidoptera","taxid":1} Fictia prima isolate 7; some gene',
    'R2 {"species_name":"Mockia altera","genus_name":"Mockia","family_name":"Mockidae","taxid":2}',
    'R3 {"genus_name":"Shamia","family_name":"Shamidae","order_name":"Hemiptera"} what=ever; it is',
)
OBITOOLS_PAIRS = fasta(
    "R1 species_name=Fictia prima; genus_name=Fictia; family_name=Fictiidae; species=900003; "
    "order_name=Lepidoptera; taxid=1; Fictia prima isolate 7",
    "R2 taxid=2; family_name=Mockidae; genus_name=Mockia; species_name=Mockia altera; rank=a;",
    "R3 genus_name=Shamia; family_name=Shamidae; order_name=Hemiptera; taxid=3;",
)
OBITOOLS_PATHS = fasta(
    *(
        f'R{i} {{"taxid":"taxon:{i} [x]@species","taxonomic_path":"1@root@no rank|'
        f'2@Animalia@kingdom|3@Arthropoda@phylum|4@Insecta@class|{path}"}}'
        for i, path in enumerate(
            (
                "5@Lepidoptera@order|6@Fictiidae@family|7@Fictia@genus|8@Fictia prima@species",
                "6@Mockidae@family|7@Mockia@genus|8@Mockia altera@species",
                "5@Hemiptera@order|6@Shamidae@family|7@Shamia@genus",
            ),
            1,
        )
    )
)
BOLD_FASTA = fasta(
    "FIC001-20|Fictia prima|COI-5P",
    "FIC002-20|Mockia altera|COI-5P|XX000001",
    "FIC003-20|Shamidae|",
)
MITOFISH = fasta(
    "gb|R1|Fictia_prima", "dbj|R2|Mockia altera mitochondrial DNA", "gb|R3|Shamia_sp._7"
)
BARQUE = fasta("Fictiidae_Fictia_prima", "Mockidae_Mockia_altera", "Shamidae_Shamia_sp.")
DEFINITIONS = fasta(
    "XX000001.1 Fictia prima voucher 12 cytochrome oxidase subunit 1 gene, partial cds; nuclear",
    "XX000002.1 UNVERIFIED: Mockia altera isolate X",
    "XX000003.1 Shamia sp. ABC-1 (T); 12; XX000003",
    "NC_000004.1 Uncultured eukaryote clone 5",
)
SUBSPECIES = fasta(
    "R1 Fictia prima subsp. minor",
    "R2 Mockia altera (Smith, 1900)",
    "R3 Shamia x tertia",
    "R4 (Shamia una x Shamia duo) x Shamia tres",
)

NAMED = ["R1", "R2", "R3"]
NUMBERED = ["ref_000001", "ref_000002", "ref_000003"]
NO_KINGDOM = without("kingdom")
SPECIES_ALONE = [
    (*[None] * 6, "Fictia", "Fictia prima"),
    (*[None] * 6, "Mockia", "Mockia altera"),
    (*[None] * 6, "Shamia", "Shamia tertia"),
]

FROM_ORDER = [(None, None, None, *taxa[3:]) for taxa in ALL]
SHAMIA = (*[None] * 6, "Shamia", None)

#: Cases: the recognised format, the file, its ids and its lineages.
REFERENCES = {
    "SINTAX": ("SINTAX headers", SINTAX, NAMED, ALL),
    "UNITE": ("UNITE headers", UNITE, UNITE_IDS, ALL),
    "UNITE full": ("UNITE headers", UNITE_FULL, ["XX000001", "XX000002", "XX000003"], ALL),
    "prefixed": ("UNITE headers", PREFIXED, NAMED, ALL),
    "prefixed after ;": ("UNITE headers", PREFIXED.replace(" k__", ";k__"), NAMED, ALL),
    "prefixed, no ids": (
        "UNITE headers",
        PREFIXED.replace(">R1 ", ">").replace(">R2 ", ">").replace(">R3 ", ">"),
        NUMBERED,
        ALL,
    ),
    "DADA2": ("DADA2 headers", DADA2, NUMBERED, ALL),
    "DADA2 to genus": ("DADA2 headers", DADA2_GENUS, NUMBERED, without("species")),
    "DADA2 species": ("DADA2 species headers", DADA2_SPECIES, NAMED, SPECIES_ALONE),
    "RDP": ("RDP headers", RDP, NAMED, ALL),
    "RDP trainset": ("RDP trainset headers", RDP_PAIRS, NAMED, ALL),
    "RDP without root": ("RDP headers", RDP.replace("Root;", ""), NAMED, ALL),
    "CO1Classifier": ("RDP headers", CO1CLASSIFIER, NAMED, EUKARYOTA),
    "MIDORI2 RDP": ("RDP headers", MIDORI_RDP, _MIDORI_IDS, EUKARYOTA),
    "MIDORI2 BLAST": ("RDP headers", MIDORI_BLAST, _MIDORI_IDS, EUKARYOTA),
    "MIDORI2 DADA2": ("DADA2 headers", MIDORI_DADA2, NUMBERED, EUKARYOTA),
    "MIDORI2 SINTAX": ("SINTAX headers", MIDORI_SINTAX, _MIDORI_IDS, EUKARYOTA),
    "BOLD v5": ("a BOLD v5 (BCDM) table", BOLD5, NAMED, ALL),
    "BOLD v4": ("a BOLD v4 table", BOLD4, NAMED, NO_KINGDOM),
    "BIOSCAN-5M": ("a BIOSCAN table", BIOSCAN, NAMED, NO_KINGDOM),
    "plain TSV": ("a table with rank columns", PLAIN, NAMED, ALL),
    "plain CSV": ("a table with rank columns", PLAIN.replace("\t", ","), NAMED, ALL),
    "semicolons": ("a table with rank columns", PLAIN.replace("\t", ";"), NAMED, ALL),
    "PR2": (
        "PR2 headers",
        PR2,
        NAMED,
        [("Eukaryota", None, *taxa[2:]) for taxa in ALL],
    ),
    "PR2, 8 names": (
        "PR2 headers",
        PR2.replace("|Fictiophora", "").replace("|Fictialveolata", "|Arthropoda"),
        NAMED,
        EUKARYOTA,
    ),
    "OBITools": ("OBITools headers", OBITOOLS, NAMED, FROM_ORDER),
    "OBITools, key=value": ("OBITools headers", OBITOOLS_PAIRS, NAMED, FROM_ORDER),
    "OBITools, paths": ("OBITools headers", OBITOOLS_PATHS, NAMED, ALL),
    "BOLD FASTA": (
        "BOLD headers",
        BOLD_FASTA,
        ["FIC001-20", "FIC002-20", "FIC003-20"],
        [*SPECIES_ALONE[:2], (*[None] * 4, "Shamidae", None, None, None)],
    ),
    "MitoFish": ("MitoFish headers", MITOFISH, NAMED, [*SPECIES_ALONE[:2], SHAMIA]),
    "barque": (
        "barque headers",
        BARQUE,
        NUMBERED,
        [(*[None] * 4, *taxa[4:]) for taxa in ALL],
    ),
    "NCBI definitions": (
        "NCBI definition lines",
        DEFINITIONS,
        ["XX000001.1", "XX000002.1", "XX000003.1", "NC_000004.1"],
        [*SPECIES_ALONE[:2], SHAMIA, UNKNOWN],
    ),
    "subspecies and hybrids": (
        "DADA2 species headers",
        SUBSPECIES,
        [*NAMED, "R4"],
        [
            *SPECIES_ALONE[:2],
            (*[None] * 6, "Shamia", "Shamia x tertia"),
            (*[None] * 6, "Shamia", "(Shamia una x Shamia duo) x Shamia tres"),
        ],
    ),
    "quoted TSV": (
        "a table with rank columns",
        '"' + PLAIN.replace("\t", '"\t"').replace("\n", '"\n"')[:-1],
        NAMED,
        ALL,
    ),
}


def labelled(path: Path, **options) -> tuple[list[str], list[Lineage], list[str]]:
    """Return the ids and lineages of a file, and the formats that were reported."""
    formats: list[str] = []
    found = list(read_labelled(path, recognised=lambda _, name: formats.append(name), **options))
    return [record.id for record, _ in found], [taxa for _, taxa in found], formats


@pytest.mark.parametrize("case", REFERENCES)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda data: data.replace(b"\n", b"\r\n")])
def test_references_in_every_format(case, pack, tmp_path):
    name, content, ids, lineages = REFERENCES[case]
    (tmp_path / "x").write_bytes(pack(content.encode()))
    found = labelled(tmp_path / "x")
    assert found[:2] == (ids, lineages)
    assert len(found[2]) == 1 and found[2][0].startswith(name)


@pytest.mark.parametrize("case", REFERENCES)
def test_the_format_does_not_change_sequences(case, tmp_path):
    (tmp_path / "x").write_text(REFERENCES[case][1])
    found = [record.sequence.replace("-", "") for record, _ in read_labelled(tmp_path / "x")]
    assert found == BASES[: len(REFERENCES[case][2])]


@pytest.mark.parametrize("case", REFERENCES)
@pytest.mark.parametrize(
    "other", ["SINTAX", "UNITE", "DADA2", "RDP", "RDP trainset", "MIDORI2 BLAST", "none"]
)
def test_a_record_in_another_format_is_an_error(case, other, tmp_path):
    """The error shows the record and an example of the format of the file."""
    name, content, ids, lineages = REFERENCES[case]
    if not content.startswith(">") or other in REFERENCES and REFERENCES[other][0] == name:
        return  # all rows of a table have one format; the other cases have the same format
    if name in ("MitoFish headers", "NCBI definition lines"):
        return  # titles are free text, see below
    strangers = REFERENCES[other][1] if other in REFERENCES else fasta("R9 of unknown origin")
    stranger = "".join(strangers.splitlines(keepends=True)[:2])
    (tmp_path / "x").write_text(content * 10 + stranger)
    title, first = stranger[1:].split("\n")[0], content[1:].split("\n")[0]
    with pytest.raises(ReferenceDataError) as refused:
        labelled(tmp_path / "x")
    line = 20 * len(ids) + 1
    assert refused.value.line == line
    assert str(refused.value).startswith(f"{tmp_path / 'x'}:{line} (")
    for part in (title[:40].replace("\t", " "), first[:40].replace("\t", " "), "line 1", name):
        assert part in str(refused.value)
    # With allow_missing the record is left out, and not read in another format.
    found = labelled(tmp_path / "x", allow_missing=True)
    assert found[1] == [*lineages * 10, UNKNOWN]


def test_a_title_without_an_organism_is_left_out_and_noted(tmp_path):
    (tmp_path / "x").write_text(DEFINITIONS + fasta("XX000005.1 Human DNA", "R9 k__Animalia;p__A"))
    report = BuildReport()
    with note_names(report.names):
        found = labelled(tmp_path / "x")
    assert found[1] == [*SPECIES_ALONE[:2], SHAMIA, *[UNKNOWN] * 3]
    assert list(report.names.placeholders)[-2:] == ["Human DNA", "k__Animalia;p__A"]


MALFORMED = {
    "UNITE": (
        UNITE.replace("p__Arthropoda;c__Insecta;o__Hem", "Arthropoda;c__Insecta;o__Hem"),
        5,
        "does not match UNITE headers .*, the format of line 1",
    ),
    "DADA2, another order": (
        DADA2.replace("Hemiptera;Shamidae", "Shamidae;Hemipterales"),
        5,
        "'Shamidae' looks like the name of a family, but comes before 'Hemipterales'; .*--ranks",
    ),
    "PR2": (
        PR2.replace("Fictialveolata|Fictiophora|Insecta", "Insecta"),
        1,
        r"\(R1\|18S_rRNA.*\): a PR2 header with 7 names; it must have 8",
    ),
    "RDP trainset, a rank left out": (
        RDP_PAIRS.replace("Hemiptera;order", "Hemiptera"),
        5,
        r"\(R3\): Lineage= has 'Hemiptera' without a rank after it",
    ),
    "RDP trainset, the last rank left out": (
        RDP_PAIRS.replace("prima;species", "prima"),
        1,
        r"\(R1\): Lineage= has 'Fictia prima' without a rank",
    ),
    "RDP trainset, a rank twice": (
        RDP_PAIRS.replace("Shamoidea;superfamily", "Shamoidea;order"),
        5,
        r"\(R3\): Lineage= has the rank order twice",
    ),
    "RDP trainset, one without": (
        RDP_PAIRS.replace("R3\tLineage=", "R3\t"),
        5,
        "does not match RDP trainset headers .*, the format of line 1",
    ),
    "SINTAX": (SINTAX.replace("R3;tax", "R3;taxon"), 5, "does not match SINTAX headers"),
    "species": (DADA2_SPECIES.replace(" tertia", ""), 5, "does not match DADA2 species headers"),
    "BOLD v5": (
        BOLD5.replace("\tCOI-5P\n", "\n", 2)
        .replace("\n", "\tCOI-5P\n", 2)
        .replace("marker_code\tCOI-5P", "marker_code"),
        3,
        "the row has 19 columns",
    ),
    "BOLD v4": (BOLD4.replace(BASES[2], "MKVLAAGIVGLPNVGKSTLF"), 4, "looks like protein"),
    "BIOSCAN-5M": (BIOSCAN.replace("R2,", 'R2,"'), 3, "not a valid table"),
    "plain": (PLAIN.replace("\tR3", "\tR3\t"), 4, "the row has 10 columns, the header has 9"),
    "none": (fasta("R1", "R2 some words of text"), 1, "no lineage .*: give --taxonomy"),
    "an id before semicolons": (
        fasta("XX1;Animalia;Arthropoda;Insecta;Diptera;Mockidae;Mockia"),
        1,
        "give --taxonomy",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_record_is_an_error_with_file_and_line(case, tmp_path):
    content, line, problem = MALFORMED[case]
    (tmp_path / "x.txt").write_text(content)
    with pytest.raises(InputError, match=problem) as refused:
        labelled(tmp_path / "x.txt")
    assert refused.value.line == line
    assert f"x.txt:{line}" in str(refused.value)


def test_rank_prefixes_that_are_not_read_are_noted(tmp_path):
    report = BuildReport()
    (tmp_path / "x").write_text(PREFIXED.replace("p__", "sgr__Aus; p__"))
    with note_names(report.names):
        assert labelled(tmp_path / "x")[1] == ALL
    assert report.names.prefixes == {"sgr__": 3}


def test_taxids_in_names_are_recognised_by_file(tmp_path):
    """A record with a name without a taxid loses those of its other names, too."""
    odd = MIDORI_RDP.replace("Shamia_900008;Shamia sp. XY-2021_900009", "Shamia_900008;NA")
    (tmp_path / "x").write_text(odd)
    assert labelled(tmp_path / "x")[1] == EUKARYOTA
    (tmp_path / "x").write_text(fasta("R1 k__Eukaryota;g__Mockia_2", "R2 k__Eukaryota_2759;g__A_1"))
    assert labelled(tmp_path / "x")[1][0][6] == "Mockia 2"


def test_ids_with_sizes_are_not_lineages(tmp_path):
    (tmp_path / "x").write_text(fasta("s1;size=9;", "s2;size=7;sample=a;b;c;d"))
    assert labelled(tmp_path / "x", allow_missing=True) == (
        ["s1;size=9;", "s2;size=7;sample=a;b;c;d"],
        [UNKNOWN] * 2,
        [],
    )


def test_numbers_that_are_not_taxids_are_kept(tmp_path):
    """Without the numbers, two genera would be one."""
    heads = [f"R{i} k__Animalia;p__Phylum_1;f__Family_{i};g__Genus_{i}" for i in (1, 2)]
    (tmp_path / "x").write_text(fasta(*heads))
    assert [taxa[6] for taxa in labelled(tmp_path / "x")[1]] == ["Genus 1", "Genus 2"]
    # If one name has no number, the list is not from MIDORI2, and all numbers are kept.
    (tmp_path / "x").write_text(fasta("R1 k__Eukaryota_2759;p__Arthropoda_6656;g__Mockia"))
    assert labelled(tmp_path / "x")[1][0][:2] == ("Eukaryota 2759", "Arthropoda 6656")


# Separate taxonomy files.

QIIME = (
    "R1\tk__Animalia; p__Arthropoda; c__Insecta; o__Lepidoptera; f__Fictiidae; g__Fictia; "
    "s__Fictia_prima\n"
    "R2\tk__Animalia; p__Arthropoda; c__Insecta; o__; f__Mockidae; g__Mockia; s__Mockia_altera\n"
    "R3\tk__Animalia; p__Arthropoda; c__Insecta; o__Hemiptera; f__Shamidae; g__Shamia\n"
)
MOTHUR = (
    "R1\tAnimalia(100);Arthropoda(100);Insecta(99);Lepidoptera(98);Fictiidae(97);Fictia(96);"
    "Fictia_prima(80);\n"
    "R2\tAnimalia(100);Arthropoda(100);Insecta(99);Insecta_unclassified(98);Mockidae(97);"
    "Mockia(96);Mockia_altera(80.5);\n"
    "R3\tAnimalia(100);Arthropoda(100);Insecta(99);Hemiptera(98);Shamidae(97);Shamia(96);"
    "Shamia_unclassified(96);\n"
)
RDP_LIST = (
    "R1\tRoot;Animalia;Arthropoda;Insecta;Lepidoptera;Fictiidae;Fictia;Fictia prima;\n"
    "R2\tRoot;Animalia;Arthropoda;Insecta;;Mockidae;Mockia;Mockia altera;\n"
    "R3\tRoot;Animalia;Arthropoda;Insecta;Hemiptera;Shamidae;Shamia;;\n"
)
MIDORI_QIIME = "".join(
    f"R{i}\t"
    + ";".join(f"{letter}__{name}" for letter, name in zip("kpcofgs", m.split(";"), strict=True))
    + "\n"
    for i, m in enumerate(_MIDORI, 1)
)

TAXONOMIES = {
    "QIIME 2": ("QIIME 2", "Feature ID\tTaxon\n" + QIIME, ALL),
    "QIIME 2 without header": ("QIIME 2", QIIME, ALL),
    "QIIME 2 with confidence": (
        "QIIME 2",
        "Feature ID\tTaxon\tConfidence\n" + QIIME.replace("\n", "\t0.97\n"),
        ALL,
    ),
    "QIIME 2 with directives": (
        "QIIME 2",
        "Feature ID\tTaxon\n#q2:types\tcategorical\n" + QIIME,
        ALL,
    ),
    "QIIME 2, one unassigned": (
        "QIIME 2",
        QIIME.replace("R3\t", "R4\t") + "R3\tUnassigned\n",
        [MOTH, FLY, UNKNOWN],
    ),
    "SILVA": ("QIIME 2", QIIME.replace("k__", "d__").replace("; ", ";"), ALL),
    "unknown prefixes": (
        "QIIME 2",
        QIIME.replace("p__", "sgr__Aus; dv__Bus; p__").replace("g__", "tr__Fictini; g__"),
        ALL,
    ),
    "one quoted list": (
        "QIIME 2",
        QIIME.replace("R2\t", 'R2\t"').replace("altera", 'altera"'),
        ALL,
    ),
    "one quoted line": (
        "QIIME 2",
        QIIME.replace("R2\t", '"R2\t').replace("altera", 'altera"'),
        ALL,
    ),
    "subfamilies": (
        "QIIME 2",
        QIIME.replace("g__Fictia", "sf__Fictiinae; g__Fictia"),
        [(*MOTH[:5], "Fictiinae", *MOTH[6:]), FLY, BUG],
    ),
    "mothur": ("RDP or mothur", MOTHUR, ALL),
    "mothur to genus": (
        "RDP or mothur",
        "".join(line.rsplit(";", 2)[0] + ";\n" for line in MOTHUR.splitlines()),
        without("species"),
    ),
    "RDP": ("RDP or mothur", RDP_LIST, ALL),
    "MIDORI2": ("QIIME 2", MIDORI_QIIME, EUKARYOTA),
    "rank columns": (
        "a table with rank columns",
        "#id,species,genus,phylum\n"
        "R1,prima,Fictia,Arthropoda\nR2,altera,Mockia,Arthropoda\nR3,,Shamia,NA\n",
        [
            tuple(
                n if r in ("phylum", "genus", "species") else None
                for r, n in zip(RANKS, taxa, strict=True)
            )
            for taxa in (MOTH, FLY, (None, None, *BUG[2:]))
        ],
    ),
}


def read_with_formats(path: Path, **options) -> tuple[dict[str, Lineage], list[str]]:
    formats: list[str] = []
    return read_taxonomy(path, recognised=lambda _, name: formats.append(name), **options), formats


@pytest.mark.parametrize("case", TAXONOMIES)
def test_taxonomy_files_in_every_format(case, tmp_path):
    name, content, lineages = TAXONOMIES[case]
    (tmp_path / "t").write_text(content)
    found, formats = read_with_formats(tmp_path / "t")
    assert [found[identifier] for identifier in NAMED] == lineages
    assert len(formats) == 1 and formats[0].startswith(name)


@pytest.mark.parametrize(
    "content, line, problem",
    [
        (QIIME + RDP_LIST, 4, r"\(R1\): 'Root;.* is not a lineage; .* as in line 1: 'k__Animalia"),
        (
            RDP_LIST * 9 + QIIME,
            28,
            r"\(R1\): 'k__.* is not a lineage; expected 'Kingdom;Phylum;..', as in line 1",
        ),
        ('"R1","7","Animalia"\n"R2","8","Plantae"\n', 1, "a header line .*: id,taxid,kingdom"),
        (QIIME + "R4\tsomething else\n", 4, r"\(R4\): 'something else' is not a lineage"),
        ("R0\tAnimalia;Arthropoda\n" + QIIME, 1, r"\(R0\): 'Animalia;Arthropoda' is not a lineage"),
        ("R1\tA B\nR2\tC D\n", 2, r"\(R2\): 'C D' is not a lineage; expected 'k__..;p__"),
        (QIIME + "R1\tk__Plantae\n", 4, r"\(R1\): a second, different lineage"),
        ("R1\t7227\n", None, "contains taxids; give NCBI's taxdump.tar.gz with --taxdump PATH"),
        ("accession,taxid\nR1,7227\n", None, "contains taxids; give .* --taxdump PATH"),
    ],
)
def test_a_malformed_taxonomy_is_an_error_with_file_and_line(content, line, problem, tmp_path):
    (tmp_path / "t.tsv").write_text(content)
    with pytest.raises(ReferenceDataError, match=problem) as refused:
        read_taxonomy(tmp_path / "t.tsv")
    assert refused.value.line == line
    assert "t.tsv" in str(refused.value)


# NCBI.

NODES = {  # taxid: parent, rank, name
    1: (1, "no rank", "root"),
    131567: (1, "cellular root", "cellular organisms"),
    2759: (131567, "domain", "Eukaryota"),
    33154: (2759, "clade", "Opisthokonta"),
    33208: (33154, "kingdom", "Animalia"),
    6656: (33208, "phylum", "Arthropoda"),
    50557: (6656, "class", "Insecta"),
    7088: (50557, "order", "Lepidoptera"),
    900001: (7088, "family", "Fictiidae"),
    900002: (900001, "genus", "Fictia"),
    900003: (900002, "species", "Fictia prima"),
    900013: (900003, "subspecies", "F. p. minor"),
    900004: (50557, "family", "Mockidae"),
    900005: (900004, "genus", "Mockia"),
    900006: (900005, "species", "Mockia altera"),
    7524: (50557, "order", "Hemiptera"),
    900007: (7524, "family", "Shamidae"),
    900008: (900007, "genus", "Shamia"),
    900009: (900008, "species", "Shamia sp. XY-2021"),
    10239: (1, "acellular root", "Viruses"),
    2: (131567, "superkingdom", "Bacteria"),
}


@pytest.fixture
def taxdump(tmp_path) -> Path:
    """Write a dump in the layout of NCBI, with its nodes in random order."""
    folder = tmp_path / "taxdump"
    folder.mkdir()
    order = sorted(NODES, key=lambda taxid: str(taxid)[::-1])
    (folder / "nodes.dmp").write_text(
        "".join(
            f"{taxid}\t|\t{NODES[taxid][0]}\t|\t{NODES[taxid][1]}\t|\tXX\t|\t1\t|\t0\t|\t\t|\n"
            for taxid in order
        )
    )
    (folder / "names.dmp").write_text(
        "".join(
            f"{taxid}\t|\tOld {NODES[taxid][2]}\t|\t\t|\tsynonym\t|\n"
            f"{taxid}\t|\t{NODES[taxid][2]}\t|\t\t|\tscientific name\t|\n"
            f"{taxid}\t|\tsome {NODES[taxid][2]}\t|\t\t|\tcommon name\t|\n"
            for taxid in order
        )
    )
    (folder / "merged.dmp").write_text("800006\t|\t900006\t|\n12\t|\t74109\t|\n")
    return folder


TAXIDS = {
    "two columns": "XX1.1\t900013\nXX2.1\t800006\nXX3.2\t900009\n",
    "two columns with a header": "accession\ttaxid\nXX1.1\t900003\nXX2.1\t900006\nXX3.2\t900008\n",
    "csv": "accession,taxid\nXX1.1,900003\nXX2.1,900006\nXX3.2,900008\n",
    "accession2taxid": "accession\taccession.version\ttaxid\tgi\nXX1\tXX1.1\t900003\t11\n"
    "XX2\tXX2.1\t800006\t12\nXX3\tXX3.2\t900009\t13\nXX4\tXX4.1\t0\t14\n",
}


@pytest.mark.parametrize("case", TAXIDS)
def test_taxids_get_the_lineages_of_the_dump(case, taxdump, tmp_path):
    (tmp_path / "t").write_text(TAXIDS[case])
    (tmp_path / "x").write_text(fasta("XX1.1 Fictia", "XX2.1 x", "XX3.2"))
    found = labelled(tmp_path / "x", taxonomy=tmp_path / "t", taxdump=taxdump)
    assert found == (["XX1.1", "XX2.1", "XX3.2"], ALL, ["accessions with NCBI taxids"])


def test_an_accession_matches_without_its_version(taxdump, tmp_path):
    (tmp_path / "t").write_text(TAXIDS["accession2taxid"])
    (tmp_path / "x").write_text(fasta("XX1", "XX2.1"))
    found = labelled(tmp_path / "x", taxonomy=tmp_path / "t", taxdump=taxdump)
    assert found[:2] == (["XX1", "XX2.1"], [MOTH, FLY])


@pytest.mark.parametrize(
    "taxid, rank, name",
    [
        (2759, "kingdom", "Eukaryota"),
        (2, "kingdom", "Bacteria"),
        (6656, "kingdom", "Animalia"),
        (10239, "kingdom", None),
        (1, "kingdom", None),
        (50557, "class", "Insecta"),
    ],
)
def test_a_domain_replaces_a_missing_kingdom(taxid, rank, name, taxdump, tmp_path):
    (tmp_path / "t").write_text(f"R1\t{taxid}\n")
    found = read_taxonomy(tmp_path / "t", taxdump=taxdump)
    assert found["R1"][RANKS.index(rank)] == name


def test_an_unknown_taxid_is_an_error_with_its_line(taxdump, tmp_path):
    (tmp_path / "t.tsv").write_text("XX1.1\t900003\nXX2.1\t12\nXX3.1\t999999999999\n")
    with pytest.raises(ReferenceDataError, match=r"t.tsv:2 \(XX2.1\): the taxid 12 is not in"):
        read_taxonomy(tmp_path / "t.tsv", taxdump=taxdump)
    assert read_taxonomy(tmp_path / "t.tsv", taxdump=taxdump, allow_missing=True) == {"XX1.1": MOTH}


def break_line(name: str, old: str, new: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


@pytest.mark.parametrize(
    "change, problem",
    [
        (lambda folder: (folder / "nodes.dmp").unlink(), "taxdump: has no nodes.dmp, which"),
        (lambda folder: (folder / "names.dmp").unlink(), "taxdump: has no names.dmp, which"),
        (break_line("nodes.dmp", "6656\t|\t33208", "6656\n33208"), r"nodes.dmp:\d+: not a line"),
        (
            break_line("nodes.dmp", "\t|\tphylum", ", phylum"),
            r"nodes.dmp:\d+: '33208, phyl.* not a taxid",
        ),
        (
            break_line("nodes.dmp", "6656\t|\t33208", "x\t|\t33208"),
            r"nodes.dmp:\d+: 'x' is not a taxid",
        ),
        (
            break_line("nodes.dmp", "6656\t|\t33208", "6656\t|\t4444"),
            "4444, the parent of taxid 6656, is missing",
        ),
        (break_line("nodes.dmp", "6656\t|\t33208", "6656\t|\t900003"), "is its own ancestor"),
        (
            break_line("nodes.dmp", "6656\t|\t33208", "9876543210\t|\t1"),
            "'9876543210' is not a taxid",
        ),
        (
            break_line("nodes.dmp", "6656\t|\t33208", f"{'9' * 5_000}\t|\t1"),
            "'9{20}' is not a taxid",
        ),
        (
            break_line("names.dmp", "Arthropoda\t|\t\t|\tscientific name", "A\t|\t\t|\tmisnomer"),
            "no scientific name for taxid 6656",
        ),
    ],
)
def test_a_damaged_dump_is_an_error(change, problem, taxdump, tmp_path):
    change(taxdump)
    (tmp_path / "t").write_text("R1\t900003\n")
    with pytest.raises(InputError, match=problem):
        read_taxonomy(tmp_path / "t", taxdump=taxdump)
    # The same error for an archive and for a folder, with the name of the file.
    packed = pack(taxdump, tmp_path / "taxdump.tar.gz")
    with pytest.raises(InputError, match=problem.replace("taxdump:", "taxdump.tar.gz:")) as refused:
        read_taxonomy(tmp_path / "t", taxdump=packed)
    assert str(refused.value).startswith(str(packed))


def pack(folder: Path, path: Path, prefix: str = "") -> Path:
    """Pack a dump as NCBI does, with other files in it."""
    (folder / "readme.txt").write_text("what the files are\n")
    with tarfile.open(path, f"w:{path.suffix.removeprefix('.').replace('tar', '')}") as archive:
        for each in sorted(folder.iterdir(), key=lambda path: (path.suffix, path.name)):
            archive.add(each, f"{prefix}{each.name}")
    return path


@pytest.mark.parametrize("name", ["taxdump.tar.gz", "taxdump.tar.bz2", "taxdump.tar.xz", "t.tar"])
@pytest.mark.parametrize("prefix", ["", "./", "taxdump/"])
def test_a_dump_is_read_from_its_archive_without_unpacking(name, prefix, taxdump, tmp_path):
    packed = pack(taxdump, tmp_path / name, prefix)
    (tmp_path / "t").write_text(TAXIDS["accession2taxid"].replace("XX4\tXX4.1\t0\t14\n", ""))
    before = files_in(tmp_path)
    found = read_taxonomy(tmp_path / "t", taxdump=packed)
    assert found == read_taxonomy(tmp_path / "t", taxdump=taxdump)
    assert [found[name] for name in ("XX1.1", "XX2.1", "XX3.2")] == ALL
    assert files_in(tmp_path) == before


def test_a_dump_without_merged_taxids_is_read(taxdump, tmp_path):
    (taxdump / "merged.dmp").unlink()
    packed = pack(taxdump, tmp_path / "taxdump.tar.gz")
    (tmp_path / "t").write_text("R1\t900003\n")
    assert read_taxonomy(tmp_path / "t", taxdump=packed) == {"R1": MOTH}


def test_damage_to_an_archive_changes_no_lineage(taxdump, tmp_path):
    content = pack(taxdump, tmp_path / "taxdump.tar.gz").read_bytes()
    damaged = tmp_path / "damaged.tar.gz"
    (tmp_path / "t").write_text(TAXIDS["two columns"])
    expected = read_taxonomy(tmp_path / "t", taxdump=taxdump)
    refused = 0
    places = range(0, len(content), 7)
    for at in places:
        for changed in (content[:at], content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]):
            damaged.write_bytes(changed)
            try:
                assert read_taxonomy(tmp_path / "t", taxdump=damaged) == expected
            except InputError as error:
                assert str(error).startswith(str(damaged))
                refused += 1
    assert refused > 1.9 * len(places)  # except for a few bytes without effect, such as the time


@pytest.mark.parametrize(
    "write, problem",
    [
        (
            lambda path: path.write_text("1\t|\t1\t|\n"),
            "d.tar.gz: not a tar archive, or a damaged one",
        ),
        (lambda path: path.touch(), "d.tar.gz: not a tar archive"),
        (
            lambda path: path.write_bytes(gzip.compress(b"1\t|\t1\t|\n")),
            "d.tar.gz: not a tar archive",
        ),
        (lambda path: artifact(path, "nodes.dmp", "1"), "d.tar.gz: not a tar archive"),
        (lambda path: None, "d.tar.gz: cannot be read: No such file"),
    ],
)
def test_a_path_that_is_not_a_dump_is_an_error(write, problem, tmp_path):
    write(tmp_path / "d.tar.gz")
    (tmp_path / "t").write_text("R1\t900003\n")
    with pytest.raises(InputError, match=problem):
        read_taxonomy(tmp_path / "t", taxdump=tmp_path / "d.tar.gz")


@pytest.mark.parametrize(
    "content, problem",
    [
        ("XX1.1\t900003\nXX2.1\tnone\n", r"t:2 \(XX2.1\): 'none' is not a taxid"),
        (f"XX1.1\t900003\nXX2.1\t{'9' * 5_000}\n", "t:2 .*: '9{20}' is not a taxid"),
        ("XX1.1\t900003\nXX1.1\t900006\n", r"t:2 \(XX1.1\): a second, different lineage"),
        (QIIME, "has no column of taxids; leave --taxdump out"),
        ("id\tgenus\ttaxid\nR1\tApis\t900003\n", "has no column of taxids"),
    ],
)
def test_malformed_taxids_are_an_error(content, problem, taxdump, tmp_path):
    (tmp_path / "t").write_text(content)
    with pytest.raises(ReferenceDataError, match=problem):
        read_taxonomy(tmp_path / "t", taxdump=taxdump)


# QIIME 2 artifacts.

_UUID = "0f6b7a52-0000-4000-8000-00000000abcd"


def artifact(path: Path, name: str, content: str | bytes, compression=zipfile.ZIP_DEFLATED) -> Path:
    """Write a .qza as QIIME 2 does, with provenance and data."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(f"{_UUID}/VERSION", "QIIME 2\narchive: 5\nframework: 2024.5.0\n")
        archive.writestr(f"{_UUID}/metadata.yaml", f"uuid: {_UUID}\ntype: FeatureData[Sequence]\n")
        archive.writestr(f"{_UUID}/data/{name}", content)
        archive.writestr(f"{_UUID}/provenance/artifacts/x/{name}", "what it was made of")
    return path


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_artifacts_are_read_like_the_files_in_them(compression, tmp_path):
    content = fasta(*NAMED)
    seqs = artifact(tmp_path / "s.qza", "dna-sequences.fasta", content, compression)
    names = artifact(tmp_path / "t.qza", "taxonomy.tsv", f"Feature ID\tTaxon\n{QIIME}", compression)
    ids, lineages, formats = labelled(seqs, taxonomy=names)
    assert (ids, lineages) == (NAMED, ALL)
    assert formats[0].startswith("QIIME 2")
    assert [record.line for record in read_records(seqs)] == [1, 3, 5]
    # Also mixed with a plain file, and with references that contain lineages.
    (tmp_path / "s.fa").write_text(content)
    (tmp_path / "t.tsv").write_text(QIIME)
    assert labelled(tmp_path / "s.fa", taxonomy=names)[:2] == (NAMED, ALL)
    assert labelled(seqs, taxonomy=tmp_path / "t.tsv")[:2] == (NAMED, ALL)
    unite = artifact(tmp_path / "u.qza", "dna-sequences.fasta", UNITE)
    assert labelled(unite)[:2] == (UNITE_IDS, ALL)


def test_an_error_in_an_artifact_names_the_artifact_and_the_line(tmp_path):
    seqs = artifact(tmp_path / "s.qza", "dna-sequences.fasta", fasta("R1", "R2") + ">R3\nAC!T\n")
    with pytest.raises(InputError, match=r"s.qza:6 \(R3\): character '!'"):
        list(read_records(seqs))
    names = artifact(tmp_path / "t.qza", "taxonomy.tsv", QIIME + "R4\tsomething\n")
    with pytest.raises(InputError, match=r"t.qza:4 \(R4\): 'something' is not a lineage"):
        read_taxonomy(names)


def test_damage_to_an_artifact_loses_no_record(tmp_path):
    whole = artifact(tmp_path / "s.qza", "dna-sequences.fasta", fasta(*map(str, range(8))))
    content = whole.read_bytes()
    expected = [record.sequence for record in read_records(whole)]
    assert expected == BASES
    for at in range(0, len(content), 17):
        for changed in (content[:at], content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]):
            (tmp_path / "d.qza").write_bytes(changed)
            try:
                assert [r.sequence for r in read_records(tmp_path / "d.qza")] in (expected, [])
            except InputError as error:
                assert "d.qza" in str(error)


def test_other_archives_are_an_error(tmp_path):
    for name in ("table.biom", "aligned.fasta"):
        with pytest.raises(InputError, match="a zip archive .* exactly one"):
            list(read_records(artifact(tmp_path / "x.qza", name, "x")))
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("dna-sequences.fasta", SINTAX)
    with pytest.raises(InputError, match="extract the file first"):
        list(read_records(tmp_path / "x.zip"))


def test_a_zip_bomb_is_refused_before_unpacking(tmp_path, monkeypatch):
    path = artifact(tmp_path / "x.qza", "dna-sequences.fasta", b">a\n" + b"A" * 3_000_000)
    monkeypatch.setattr(artifacts, "_MAX_BYTES", 1_000_000)
    with pytest.raises(InputError, match="would unpack from .* to 3,000,003 bytes"):
        list(read_records(path))


# At the command line.


@pytest.fixture
def build(call, model_bundle, tmp_path):
    """Build an index of a file; return the result and the path of the bundle."""

    def build(path: Path, *options: object):
        bundle = tmp_path / "x.bix"
        return call("index", "build", path, "-m", model_bundle, "-o", bundle, *options), bundle

    return build


@pytest.fixture(scope="session")
def simulated() -> list[tuple[str, list[str], str]]:
    """Return some simulated references: id, seven names, bases."""
    lines = (SIMULATED / "reference.fasta").read_text().split("\n")[:80]
    return [
        (
            head[1:].split(";")[0],
            [item.split(":")[1] for item in head.split("tax=")[1].rstrip(";").split(",")],
            bases,
        )
        for head, bases in zip(lines[::2], lines[1::2], strict=True)
    ]


def test_the_same_references_in_any_format_give_the_same_records(simulated, tmp_path):
    def write(name: str, lines) -> Path:
        (tmp_path / name).write_text("".join(lines))
        return tmp_path / name

    without_subfamily = [rank for rank in RANKS if rank != "subfamily"]
    plain = write("plain.fa", (f">{i}\n{bases}\n" for i, _, bases in simulated))
    listed = "".join(
        f"{i}\t" + "; ".join(f"{k}__{n}" for k, n in zip("kpcofgs", names, strict=True)) + "\n"
        for i, names, _ in simulated
    )
    levels = write("levels.tsv", (f"{i}\tRoot;{';'.join(n)};\n" for i, n, _ in simulated))
    unite = write(
        "unite.fa",
        (
            f">{i}|k__"
            + ";".join(f"{k}__{n}" for k, n in zip("kpcofgs", names, strict=True)).removeprefix(
                "k__"
            )
            + f"\n{bases}\n"
            for i, names, bases in simulated
        ),
    )
    rdp = write("rdp.fa", (f">{i}\tRoot;{';'.join(n)}\n{b}\n" for i, n, b in simulated))
    pairs = write(
        "pairs.fa",
        (
            f">{i}\tLineage=Root;rootrank;"
            + "".join(f"{name};{rank};" for name, rank in zip(n, without_subfamily, strict=True))
            + f"\n{b}\n"
            for i, n, b in simulated
        ),
    )
    sintax = write(
        "sintax.fa",
        (
            f">{i};tax="
            + ",".join(f"{k}:{n}" for k, n in zip("kpcofgs", names, strict=True))
            + f";\n{bases}\n"
            for i, names, bases in simulated
        ),
    )
    seqs = artifact(tmp_path / "s.qza", "dna-sequences.fasta", plain.read_text())
    names = artifact(tmp_path / "t.qza", "taxonomy.tsv", "Feature ID\tTaxon\n" + listed)
    found = []
    for name, path, taxonomy in [
        ("SINTAX headers", sintax, None),
        ("UNITE headers", unite, None),
        ("RDP headers", rdp, None),
        ("RDP trainset headers", pairs, None),
        ("RDP or mothur taxonomy", plain, levels),
        ("QIIME 2 or UNITE taxonomy", seqs, names),
    ]:
        said = []
        labelled = read_labelled(
            path, taxonomy=taxonomy, recognised=lambda *words, said=said: said.append(words)
        )
        found.append([(record.id, record.sequence, lineage) for record, lineage in labelled])
        ((source, format_name),) = said
        assert source == (taxonomy or path) and format_name.startswith(f"{name} (")
    assert len(found[0]) == len(simulated)
    assert all(other == found[0] for other in found)


def test_a_malformed_line_is_an_error_and_leaves_no_files(simulated, build, tmp_path):
    head = ";".join(simulated[0][1])
    for content, place in [
        (
            "".join(f">{head};\n{b}\n" for *_, b in simulated) + f">Animalia\n{BASES[0]}\n",
            f"dada2.fa:{2 * len(simulated) + 1} (",
        ),
        (UNITE.replace("c__Insecta;o__Hem", "Insecta;o__Hem"), "dada2.fa:5 ("),
    ]:
        (tmp_path / "dada2.fa").write_text(content)
        result, bundle = build(tmp_path / "dada2.fa")
        errors = [line for line in result.err.splitlines() if "error: " in line]
        assert (result.code, result.out, len(errors)) == (1, "", 1)
        assert place in errors[0]
        assert not bundle.exists()


def test_taxids_at_the_command_line(taxdump, build, tmp_path):
    (tmp_path / "x.fa").write_text(fasta("XX1.1", "XX2.1", "XX3.2", "XX9.1"))
    (tmp_path / "map.tsv").write_text(TAXIDS["two columns"] + "XX9.1\t555\n")
    options = ("--taxonomy", tmp_path / "map.tsv", "--taxdump", taxdump)
    result, bundle = build(tmp_path / "x.fa", *options)
    assert (result.code, bundle.exists()) == (1, False)
    assert "map.tsv:4 (XX9.1): the taxid 555 is not in" in result.err
    result, bundle = build(tmp_path / "x.fa", *options, "--allow-missing")
    assert result.code == 0, result.err
    assert "map.tsv: read as accessions with NCBI taxids" in result.err
    assert "1 of 4 records left out: 1 no_lineage" in result.err
    assert "Fictia prima" in (bundle / "lineages.tsv").read_text()
    whole = (bundle / "lineages.tsv").read_bytes()
    packed = pack(taxdump, tmp_path / "taxdump.tar.gz")
    options = (*options[:3], packed, "--allow-missing")
    result, bundle = build(tmp_path / "x.fa", *options)
    assert (result.code, (bundle / "lineages.tsv").read_bytes()) == (0, whole)
    packed.write_bytes(packed.read_bytes()[:-40])
    broken, _ = build(tmp_path / "x.fa", *options, "-q")
    assert (broken.code, broken.err.count("\n")) == (1, 1)
    assert "taxdump.tar.gz: damaged archive after line" in broken.err
    refused, _ = build(tmp_path / "x.fa", "--taxdump", taxdump)
    assert (refused.code, "--taxdump needs --taxonomy" in refused.err) == (2, True)


def test_references_and_queries_are_evaluated_by_taxids(simulated, call, model_bundle, tmp_path):
    """One file of taxids for both gives the same figures as rank columns."""
    simulated = simulated[::4]
    levels = [rank for rank in RANKS if rank != "subfamily"]
    number = {(): 1}  # path of names: taxid
    for _, names, _ in simulated:
        for depth in range(1, 8):
            number.setdefault(tuple(names[:depth]), len(number) + 1)
    folder = tmp_path / "dump"
    folder.mkdir()
    (folder / "nodes.dmp").write_text(
        "".join(
            f"{taxid}\t|\t{number[path[:-1]]}\t|\t"
            f"{levels[len(path) - 1] if path else 'no rank'}\t|\n"
            for path, taxid in number.items()
        )
    )
    (folder / "names.dmp").write_text(
        "".join(
            f"{taxid}\t|\t{path[-1] if path else 'root'}\t|\t\t|\tscientific name\t|\n"
            for path, taxid in number.items()
        )
    )
    queries = [(f"Q{i}", names, bases[20:]) for i, names, bases in simulated[::9]]
    for path, some in (("refs.fa", simulated), ("queries.fa", queries)):
        (tmp_path / path).write_text("".join(f">{i}\n{bases}\n" for i, _, bases in some))
    (tmp_path / "taxids").write_text(
        "".join(f"{i}\t{number[tuple(names)]}\n" for i, names, _ in (*simulated, *queries))
    )
    (tmp_path / "ranks").write_text(
        "\t".join(["id", *levels])
        + "\n"
        + "".join("\t".join([i, *names]) + "\n" for i, names, _ in (*simulated, *queries))
    )
    figures = []
    for options in (
        ["--taxonomy", tmp_path / "ranks"],
        ["--taxonomy", tmp_path / "taxids", "--taxdump", pack(folder, tmp_path / "taxdump.tar.gz")],
    ):
        done = call(
            "evaluate",
            tmp_path / "refs.fa",
            "--queries",
            tmp_path / "queries.fa",
            "-m",
            model_bundle,
            "--against",
            "none",
            "--json",
            tmp_path / "x.json",
            *options,
        )
        assert done.code == 0, done.err
        found = json.loads((tmp_path / "x.json").read_text())
        figures.append((found["queries"], [m["accuracy"] for m in found["methods"]]))
    assert figures[0] == figures[1]
    assert figures[0][0]["seen"] == len(queries)


def test_references_can_come_from_a_pipe(run, model_bundle, tmp_path):
    words = ("index", "build", "-", "-m", model_bundle, "-o", tmp_path / "x.bix")
    made = run(*words, input=UNITE)
    assert made.code == 0, made.err
    assert made.err.startswith("standard input: read as UNITE headers (k__..;p__..)\n")


def test_an_artifact_in_a_pipe_is_an_error(run, tmp_path):
    path = artifact(tmp_path / "s.qza", "dna-sequences.fasta", SINTAX)
    with open(path, "rb") as stream:
        refused = run("embed", "-", stdin=stream)
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "a zip archive (a .qza, .xlsx or .zip?) in a pipe" in refused.err


def test_of_several_markers_in_a_table_the_most_frequent_is_kept(build, call, tmp_path):
    other = BOLD5.splitlines()[1].replace("R1", "R9").replace("COI-5P", "28S")
    missing = BOLD5.splitlines()[2].replace("R2", "R8").replace(BASES[1], "None")
    (tmp_path / "bold.tsv").write_text(f"{BOLD5}{other}\n{missing}\n")
    result, bundle = build(tmp_path / "bold.tsv")
    assert result.code == 0, result.err
    assert "bold.tsv: read as a BOLD v5 (BCDM) table" in result.err
    assert "2 of 5 records left out: " in result.err
    assert "1 other_marker" in result.err and "1 empty" in result.err
    assert "R9" not in (bundle / "records.tsv").read_text()
