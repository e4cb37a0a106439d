"""Lineages: formats, placeholders and conflicts."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import SIMULATED, rows_of

from barcodeembed.errors import InputError, ReferenceDataError
from barcodeembed.taxonomy.headers import parse_ranked, split_sintax
from barcodeembed.taxonomy.kingdoms import homonym_group
from barcodeembed.taxonomy.names import tidy_name
from barcodeembed.taxonomy.ranks import RANKS, UNKNOWN, Lineage, lineage, lowest
from barcodeembed.taxonomy.references import read_labelled, resolve_conflicts
from barcodeembed.taxonomy.tables import read_taxonomy
from barcodeembed.taxonomy.taxa import Taxa

pytestmark = pytest.mark.usefixtures("small_samples")

HONEY_BEE: Lineage = (
    "Animalia",
    "Arthropoda",
    "Insecta",
    "Hymenoptera",
    "Apidae",
    None,
    "Apis",
    "Apis mellifera",
)
BUMBLEBEE: Lineage = (*HONEY_BEE[:6], "Bombus", "Bombus terrestris")


def taxa(**names: str) -> Lineage:
    """Build a lineage from a few names."""
    return tuple(names.get("class_" if rank == "class" else rank) for rank in RANKS)


# One lineage at a time.


@pytest.mark.parametrize(
    "title, identifier",
    [
        (
            "a1;tax=k:Animalia,p:Arthropoda,c:Insecta,o:Hymenoptera,f:Apidae,g:Apis,"
            "s:Apis_mellifera;",
            "a1",
        ),
        (
            "a1;tax=d:Animalia,p:Arthropoda,c:Insecta,o:Hymenoptera,f:Apidae,g:Apis,s:mellifera",
            "a1",
        ),
        (
            "a1;size=3;tax=K:Animalia, P:Arthropoda, C:Insecta,O:Hymenoptera,F:Apidae,G:Apis,"
            "S:Apis mellifera;",
            "a1;size=3",
        ),
        (
            "a1;tax=k:Animalia,p:Arthropoda,c:Insecta,o:Hymenoptera,f:Apidae,g:Apis,"
            "s:Apis_mellifera;size=3;",
            "a1;size=3;",
        ),
        (
            "a1 tax=k:Animalia,p:Arthropoda,c:Insecta,o:Hymenoptera,f:Apidae,g:Apis,"
            "s:Apis_mellifera;",
            "a1",
        ),
        (
            "a1;tax=k:Animalia,p:Arthropoda,c:Insecta,o:Hymenoptera,f:Apidae,t:Apini,g:Apis,"
            "s:Apis_mellifera; from Kenya",
            "a1 from Kenya",
        ),
    ],
)
def test_sintax_headers(title, identifier):
    header = split_sintax(title)
    assert (header.id, lineage(header.names)) == (identifier, HONEY_BEE)


def test_sintax_headers_of_pr2_have_a_supergroup_as_d():
    header = split_sintax("a1;tax=k:Eukaryota,d:Alveolata,p:Ciliophora,g:Aus,s:Aus_bus")
    assert lineage(header.names)[:2] == ("Eukaryota", "Ciliophora")


@pytest.mark.parametrize("title", ["a1", "", "a1 syntax=x:y", "a1;taxon=k:A", "a1;subtax=k:A;"])
def test_a_header_without_tax_is_not_a_sintax_header(title):
    assert split_sintax(title) is None


@pytest.mark.parametrize(
    "text, expected",
    [
        (
            "k__Animalia;p__Arthropoda;c__Insecta;o__Hymenoptera;f__Apidae;g__Apis;s__mellifera",
            HONEY_BEE,
        ),
        (
            "k__Animalia; p__Arthropoda; c__Insecta; o__Hymenoptera; f__Apidae; g__Apis; "
            "s__Apis_mellifera;",
            HONEY_BEE,
        ),
        (
            "D_0__Animalia;D_1__Arthropoda;D_2__Insecta;D_3__Hymenoptera;D_4__Apidae;D_5__Apis;"
            "D_6__Apis mellifera",
            HONEY_BEE,
        ),
        ("d__Animalia;g__;s__", taxa(kingdom="Animalia")),
        (
            "k__Fungi;p__unidentified;g__Amanita;s__Amanita_sp.",
            taxa(kingdom="Fungi", genus="Amanita"),
        ),
        ("g__Apis;k__Animalia", taxa(kingdom="Animalia", genus="Apis")),
        ("Animalia;Arthropoda", None),
        ("", None),
        (" ; ", None),
    ],
)
def test_prefixed_lists(text, expected):
    names = parse_ranked(text)
    assert (None if names is None else lineage(names)) == expected


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "NA",
        "na",
        "N/A",
        "NaN",
        "None",
        "none",
        "null",
        "-",
        "?",
        "*",
        "unknown",
        "Unknown_Apidae",
        "unidentified",
        "Unassigned",
        "unclassified Apidae",
        "uncultured_bee",
        "uncultured",
        "environmental sample",
        "metagenome",
        "Incertae_sedis",
        "incertae sedis",
        "Apidae_gen_Incertae_sedis",
        "undetermined",
        "not assigned",
    ],
)
def test_placeholders_are_missing_names(name, rank):
    assert tidy_name(name, rank) is None


@pytest.mark.parametrize(
    "name",
    [
        "Apis sp.",
        "Apis_sp",
        "Apis sp. 3",
        "Apis sp. BOLD:AAA0001",
        "Apis cf. mellifera",
        "Apis aff. mellifera",
        "Apis nr. mellifera",
        "Apis mellifera/cerana",
        "Apis mellifera?",
        "Apis mellifera complex",
        "Apis mellifera group",
        "Apis gen. sp.",
        "Apis indet.",
        "Apis spp.",
        "Apis n4",
    ],
)
def test_interim_names_are_missing_species_with_a_genus(name):
    assert tidy_name(name, "species") is None
    assert lineage({"genus": "Apis", "species": name}) == taxa(genus="Apis")


@pytest.mark.parametrize(
    "name, rank",
    [
        ("Apis mellifera", "species"),
        ("Sparus", "genus"),
        ("Nrosa", "genus"),
        ("Spongilla", "genus"),
        ("Nanus", "genus"),
        ("Nonea pulla", "species"),
        ("Aspredo aspredo", "species"),
        ("Groupeia complexa", "species"),
        ("Affinis affinis", "species"),
        ("Ö. x-us (L.)", "genus"),
    ],
)
def test_names_similar_to_placeholders_are_kept(name, rank):
    assert tidy_name(name, rank) == name


def test_names_are_normalised():
    assert tidy_name("  Apis__mellifera \t ligustica\n", "species") == "Apis mellifera"


@pytest.mark.parametrize(
    "columns, expected",
    [
        (
            {"Superkingdom": "Eukaryota", "DIVISION": "Chordata"},
            taxa(kingdom="Eukaryota", phylum="Chordata"),
        ),
        ({"superkingdom": "Eukaryota", "kingdom": "Animalia"}, taxa(kingdom="Animalia")),
        ({"kingdom": "Animalia", "domain": "Eukaryota"}, taxa(kingdom="Animalia")),
        (
            {"phylum_name": "Chordata", "Species_Name": "Homo sapiens"},
            taxa(phylum="Chordata", genus="Homo", species="Homo sapiens"),
        ),
        ({"species": "sapiens"}, UNKNOWN),
        ({"species": "sapiens", "genus": "sp."}, UNKNOWN),
        ({"tribe": "Apini", "country": "NA"}, UNKNOWN),
    ],
)
def test_columns_can_have_alternative_names(columns, expected):
    assert lineage(columns) == expected


def test_the_lowest_name():
    assert lowest(HONEY_BEE) == ("species", "Apis mellifera")
    assert lowest(taxa(kingdom="Animalia", family="Apidae")) == ("family", "Apidae")
    assert lowest(UNKNOWN) is None


# Whole taxonomies.

COLUMNS = ["id", *RANKS]
BEES = {"a": HONEY_BEE, "b": BUMBLEBEE}


def table(delimiter: str = "\t", order: int | None = None, quote: str = "") -> str:
    """Write BEES with columns in some order."""
    names = COLUMNS.copy()
    if order is not None:
        random.Random(order).shuffle(names)
    rows = [
        dict(zip(COLUMNS, (key, *(name or "NA" for name in names)), strict=True))
        for key, names in BEES.items()
    ]
    lines = [names, *([row[name] for name in names] for row in rows)]
    return "".join(
        delimiter.join(f"{quote}{cell}{quote}" for cell in line) + "\n" for line in lines
    )


LIST = (
    "a\tk__Animalia;p__Arthropoda;c__Insecta;o__Hymenoptera;f__Apidae;g__Apis;s__mellifera\n"
    "b\tk__Animalia; p__Arthropoda; c__Insecta; o__Hymenoptera; f__Apidae; g__Bombus; "
    "s__Bombus_terrestris\n"
)

TAXONOMIES = {
    "tsv": table(),
    "csv": table(","),
    "quoted csv": table(",", quote='"'),
    "semicolons": table(";"),
    "other order": table(order=1),
    "yet another order": table(order=2),
    "upper-case columns": table().replace("kingdom", "KINGDOM").replace("species", "Species"),
    "aliases": table().replace("kingdom", "domain").replace("phylum", "division"),
    "underscores": table().replace("Apis mellifera", "Apis_mellifera"),
    "epithets": table().replace("Apis mellifera", "mellifera"),
    "mark and CRLF": "\ufeff" + table().replace("\n", "\r\n"),
    "CR": table().replace("\n", "\r"),
    "no last newline": table().removesuffix("\n"),
    "blank lines": table().replace("\n", "\n\n"),
    "list": LIST,
    "list with a header": "Feature ID\tTaxon\n" + LIST,
    "list with confidences": LIST.replace("\n", "\t0.98\n"),
    "list, mark and CRLF": "\ufeff" + LIST.replace("\n", "\r\n"),
    "a row twice": table() + table().split("\n", 1)[1],
}


@pytest.mark.parametrize("form", TAXONOMIES)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_taxonomy_in_any_form(form, pack, tmp_path):
    (tmp_path / "taxonomy").write_bytes(pack(TAXONOMIES[form].encode()))
    assert read_taxonomy(tmp_path / "taxonomy") == BEES


def test_a_taxonomy_in_another_encoding(tmp_path):
    (tmp_path / "taxonomy").write_bytes("id\tgenus\na\tGröße\n".encode("latin-1"))
    assert read_taxonomy(tmp_path / "taxonomy", encoding="latin-1") == {"a": taxa(genus="Größe")}


@pytest.mark.parametrize(
    "content, line, problem",
    [
        ("", None, "is empty"),
        ("id\tgenus\na\tApis\na\tBombus\n", 3, r"\(a\): a second, different lineage"),
        ("id\tgenus\na\tApis\tx\n", 2, "the row has 3 columns, the header has 2"),
        ("id,genus\n\na,Apis\nb\n", 4, "the row has 1 columns"),
        ('id,genus\na,"Apis\nb,Bombus\n', 2, "not a valid table"),
        (LIST + "c\tAnimalia;Arthropoda\n", 3, r"\(c\): 'Animalia;Arthropoda' is not a lineage"),
        (
            LIST + "\nc k__Animalia\n",
            4,
            "is not a lineage; expected 'k__..;p__..;..' or rank columns",
        ),
        ("id\tgenus\na\tGr\udcf6\n", 2, "byte 0xf6 is not utf-8 text"),
        ("\udc89PNG\n", None, "looks like a PNG image"),
    ],
)
def test_an_unreadable_taxonomy_is_an_error_with_the_line(content, line, problem, tmp_path):
    path = tmp_path / "taxonomy"
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(InputError, match=problem) as refused:
        read_taxonomy(path)
    assert refused.value.line == line
    assert str(path) in str(refused.value)


def test_a_truncated_taxonomy_is_an_error(tmp_path):
    path = tmp_path / "taxonomy.gz"
    path.write_bytes(gzip.compress(table().encode())[:-9])
    with pytest.raises(InputError, match="truncated gzip after line"):
        read_taxonomy(path)


# Records and their lineages.


def labelled(path: Path, **options) -> dict[str, Lineage]:
    return {record.id: names for record, names in read_labelled(path, **options)}


def test_lineages_come_from_a_file_columns_or_headers(tmp_path):
    (tmp_path / "plain.fa").write_text(">b x\nAC\n>a\nAC\n")
    (tmp_path / "sintax.fa").write_text(">a;tax=k:Plantae;\nAC\n>b tax=g:Quercus; some more\nAC\n")
    (tmp_path / "table.tsv").write_text(
        "id\tnuc\tkingdom\tGenus\na\tAC\tPlantae\tNA\nb\tAC\tNA\tQuercus\n"
    )
    (tmp_path / "taxonomy.tsv").write_text(table())
    assert labelled(tmp_path / "plain.fa", taxonomy=tmp_path / "taxonomy.tsv") == BEES
    # A given taxonomy overrides the lineages in the file.
    for name in ("sintax.fa", "table.tsv"):
        assert labelled(tmp_path / name, taxonomy=tmp_path / "taxonomy.tsv") == BEES
        assert labelled(tmp_path / name) == {
            "a": taxa(kingdom="Plantae"),
            "b": taxa(genus="Quercus"),
        }


def test_a_record_without_a_lineage_is_an_error_with_its_name(tmp_path):
    (tmp_path / "x.fa").write_text(">a;tax=g:Apis;\nAC\n>c\nAC\n")
    with pytest.raises(ReferenceDataError, match=r"x.fa:3 \(c\): no lineage .*--taxonomy"):
        labelled(tmp_path / "x.fa")
    assert labelled(tmp_path / "x.fa", allow_missing=True) == {
        "a": taxa(genus="Apis"),
        "c": UNKNOWN,
    }
    (tmp_path / "t.tsv").write_text(table())
    with pytest.raises(ReferenceDataError, match=r"x.fa:3 \(c\): .*t.tsv does not list it"):
        labelled(tmp_path / "x.fa", taxonomy=tmp_path / "t.tsv")


def test_a_lineage_without_a_record_is_counted(tmp_path):
    (tmp_path / "x.fa").write_text(">a\nAC\n")
    (tmp_path / "t.tsv").write_text(table() + table().split("\n")[2].replace("b", "c", 1))
    with pytest.raises(ReferenceDataError, match="t.tsv: 2 ids have a lineage but no seq.*'b'"):
        labelled(tmp_path / "x.fa", taxonomy=tmp_path / "t.tsv")
    found = labelled(tmp_path / "x.fa", taxonomy=tmp_path / "t.tsv", allow_missing=True)
    assert found == {"a": HONEY_BEE}


# Conflicting lineages.


def test_a_taxon_with_two_parents_gets_the_more_frequent_one():
    stray = (*HONEY_BEE[:3], "Diptera", *HONEY_BEE[4:])
    replaced, conflicts = resolve_conflicts([HONEY_BEE, HONEY_BEE, stray, BUMBLEBEE])
    assert replaced == {stray: HONEY_BEE}
    assert len(conflicts) == 1
    assert conflicts[0].startswith("family Apidae: in Hymenoptera, also in Diptera")


def test_the_order_of_the_records_does_not_resolve_conflicts():
    stray = (*HONEY_BEE[:3], "Diptera", *HONEY_BEE[4:])
    resolved = []
    for order in ([HONEY_BEE, stray], [stray, HONEY_BEE]):
        replaced, conflicts = resolve_conflicts(order)
        assert len(replaced) == len(conflicts) == 1
        resolved.append((replaced, conflicts))
    assert resolved[0] == resolved[1]


def test_homonyms_in_two_kingdoms_are_two_taxa():
    moth = taxa(kingdom="Animalia", phylum="Arthropoda", family="Noctuidae", genus="Colocasia")
    aroid = taxa(kingdom="Plantae", phylum="Tracheophyta", family="Araceae", genus="Colocasia")
    assert resolve_conflicts([moth, aroid, aroid]) == ({}, [])
    numbered = Taxa.of([moth, aroid])
    genus = numbered.ranks.index("genus")
    assert numbered.names[genus] == ("Colocasia", "Colocasia")
    assert numbered.codes[0, genus] != numbered.codes[1, genus]


def test_a_kingdom_of_many_phyla_is_one_taxon():
    phyla = ("Arthropoda", "Mollusca", "Chordata", "Unheardofia")
    lineages = [taxa(kingdom="Animalia", phylum=phylum) for phylum in phyla]
    numbered = Taxa.of(lineages)
    assert numbered.names[0] == ("Animalia",)
    assert numbered.codes[:, 0].tolist() == [0] * 4
    assert len(numbered.names[1]) == 4


def test_a_name_in_two_phyla_of_one_kingdom_is_one_taxon():
    right = taxa(phylum="Mollusca", family="Glyptidae", genus="Glyptus")
    stray = taxa(phylum="Arthropoda", genus="Glyptus", species="Glyptus novus")
    replaced, conflicts = resolve_conflicts([right, right, stray])
    assert replaced[stray][:7] == right[:7]
    assert conflicts == ["genus Glyptus: in Glyptidae, also in Arthropoda"]
    assert Taxa.of([right, replaced[stray]]).names[-2] == ("Glyptus",)


def test_names_of_one_kingdom_do_not_divide_a_phylum():
    lineages = [
        taxa(kingdom=kingdom, phylum="Arthropoda", family="Apidae")
        for kingdom in ("Animalia", "Animalia", "Metazoa", None)
    ]
    replaced, _ = resolve_conflicts(lineages)
    assert {replaced.get(each, each)[0] for each in lineages} == {"Animalia"}


def test_domains_do_not_join_homonyms_of_two_kingdoms():
    moth = taxa(kingdom="Eukaryota", phylum="Arthropoda", genus="Colocasia")
    aroid = taxa(kingdom="Eukaryota", phylum="Streptophyta", genus="Colocasia")
    assert resolve_conflicts([moth, aroid]) == ({}, [])
    assert Taxa.of([moth, aroid]).names[-1] == ("Colocasia", "Colocasia")


@pytest.mark.parametrize(
    "missing",
    [
        ["class"],
        ["order"],
        ["family"],
        ["class", "order", "family"],
        ["kingdom"],
        ["phylum"],
        ["kingdom", "phylum"],
        ["kingdom", "phylum", "class", "order", "family"],
        ["phylum", "genus"],
    ],
)
def test_a_missing_rank_is_filled_in_and_is_not_a_conflict(missing):
    ragged = tuple(
        None if rank in missing else name for rank, name in zip(RANKS, HONEY_BEE, strict=True)
    )
    replaced, conflicts = resolve_conflicts([HONEY_BEE, ragged, BUMBLEBEE])
    assert conflicts == []
    found = replaced[ragged]
    if "genus" in missing:  # the genus is not derived from the name of the species
        found = (*found[:6], "Apis", found[7])
    assert found == HONEY_BEE


def test_an_uncertain_phylum_is_not_filled_in():
    moth = taxa(phylum="Arthropoda", genus="Colocasia")
    aroid = taxa(phylum="Tracheophyta", genus="Colocasia")
    unknown = taxa(genus="Colocasia")
    replaced, _ = resolve_conflicts([moth, aroid, unknown])
    assert unknown not in replaced


names = st.sampled_from(["A", "B", None])


@given(lineages=st.lists(st.tuples(*[names] * len(RANKS)), min_size=1, max_size=8))
def test_resolved_lineages_have_one_parent_each_and_keep_their_names(lineages):
    replaced, _ = resolve_conflicts(lineages)
    resolved = [replaced.get(names, names) for names in lineages]
    for before, after in zip(lineages, resolved, strict=True):
        deepest = lowest(before)
        assert deepest == lowest(after)
    for rank in range(1, len(RANKS)):
        parents: dict[tuple, set] = {}
        for after in resolved:
            if after[rank]:
                parents.setdefault((homonym_group(after), after[rank]), set()).add(after[:rank])
        assert all(len(found) == 1 for found in parents.values())


# Indexes of few or problematic references.


@pytest.fixture(scope="session")
def references() -> list[tuple[str, str]]:
    """Return the simulated references as headers and bases."""
    lines = (SIMULATED / "reference.fasta").read_text().split("\n")
    return list(zip((head[1:] for head in lines[::2]), lines[1::2], strict=False))


@pytest.fixture
def build(call, model_bundle, tmp_path):
    """Build an index of records; return the result and the path of the bundle."""

    def build(records, *options: object):
        text = "".join(f">{head}\n{bases}\n" for head, bases in records)
        (tmp_path / "references.fa").write_text(text)
        result = call(
            "index",
            "build",
            tmp_path / "references.fa",
            "-m",
            model_bundle,
            "-o",
            tmp_path / "x.bix",
            *options,
        )
        return result, tmp_path / "x.bix"

    return build


@pytest.fixture
def classify(call, tmp_path):
    """Classify records with an index; return the rows."""

    def classify(index: Path, records, *options: object) -> list[dict[str, str]]:
        text = "".join(f">{head}\n{bases}\n" for head, bases in records)
        (tmp_path / "reads.fa").write_text(text)
        result = call("classify", tmp_path / "reads.fa", "-i", index, *options)
        assert result.code == 0, result.err
        return rows_of(result.out)

    return classify


def dissimilar(bases: str, count: int) -> list[tuple[str, str]]:
    """Return copies of a barcode with 18 % of the bases changed: of the marker, but of new taxa."""
    rng = random.Random(2)
    changed = [
        "".join(rng.choice("ACGT".replace(b, "")) if rng.random() < 0.18 else b for b in bases)
        for _ in range(count)
    ]
    return [(f"stranger_{i}", copy) for i, copy in enumerate(changed)]


@pytest.mark.parametrize(
    "count, step",
    [
        (1, 1),
        (2, 60),
        (4, 1),
        pytest.param(11, 55, marks=pytest.mark.slow),
        (60, 10),
        pytest.param(70, 8, marks=pytest.mark.slow),
    ],
)
def test_a_small_index_calls_a_dissimilar_query_novel(count, step, references, build, classify):
    """Even with one record or one species, a dissimilar query is novel."""
    result, index = build(references[: count * step : step])
    assert result.code == 0, result.err
    for row in classify(index, dissimilar(references[0][1], 8)):
        assert (row["status"], row["species"]) == ("novel", "NA"), row
    # A barcode that is in the reference is found and is not novel.
    (row,) = classify(index, [("itself", references[0][1])])
    assert row["status"] in ("assigned", "ambiguous")
    assert (row["similarity"], row["identity"]) == ("1.0000", "100.0000")


@pytest.mark.parametrize(
    "records",
    [
        [],
        [("a;tax=g:Apis;", "ACGT")],
        [("a;tax=g:unidentified;", "ACGTTGCA" * 30)],
    ],
)
def test_an_index_without_references_is_an_error(records, build):
    result, index = build(records, "-q")
    assert result.code == 1
    assert f"no usable reference among {len(records)} records" in result.err
    assert result.err.count("\n") == 1
    assert not index.exists()


def test_top_k_can_exceed_the_number_of_references(references, build, classify, call):
    _, index = build(references[:120:60])
    (row,) = classify(index, [("itself", references[0][1])], "-k", 500)
    assert row["similarity"] == "1.0000"
    result = call(
        "classify",
        index.parent / "reads.fa",
        "-i",
        index,
        "-k",
        500,
        "--hits",
        index.parent / "hits.tsv",
        "-o",
        index.parent / "out.tsv",
    )
    assert result.code == 0
    hits = rows_of((index.parent / "hits.tsv").read_text())
    assert [hit["hit"] for hit in hits] == ["1", "2"]
    assert all(-1 <= float(hit["similarity"]) <= 1 for hit in hits)


def test_a_barcode_shared_by_two_species_is_ambiguous(references, build, classify):
    """No model can distinguish the two species."""
    shared = dissimilar(references[0][1], 1)[0][1]
    head = "k:Animalia,p:Arthropoda,c:Insecta,o:Hymenoptera,f:Apidae,g:Apis"
    twins = [(f"{i};tax={head},s:Apis_{name};", shared) for i, name in enumerate(["one", "other"])]
    _, index = build([*references[:300:6], *twins])
    (row,) = classify(index, [("q", shared)])
    assert (row["status"], row["rank"], row["taxon"]) == ("ambiguous", "genus", "Apis")
    assert (row["genus"], row["species"], row["novel_rank"]) == ("Apis", "NA", "NA")
    assert row["similarity"] == "1.0000"


def test_a_missing_middle_rank_is_na(references, build, classify):
    records = [(head.replace(",f:", ",x:"), bases) for head, bases in references[:300:6]]
    _, index = build(records)
    (row,) = classify(index, [("q", records[0][1])])
    assert "family" not in row  # no reference has one
    assert (row["genus"] != "NA", row["order"] != "NA") == (True, True)


def test_an_id_of_different_references_is_an_error(references, build):
    heads = [head for head, _ in references[:12:2]]
    twice = [
        *references[:12:2],
        *((head, bases) for head, (_, bases) in zip(heads, references[300:306], strict=True)),
    ]
    result, index = build(twice)
    assert result.code == 1
    listed = ", ".join(head.split(";")[0] for head in heads[:5])
    assert f"6 ids stand for different references: {listed}; ids must be unique" in result.err
    assert not index.exists()


def test_identical_references_count_once(references, build, call):
    result, index = build([*references[:40:4], *references[:8:4]])
    assert result.code == 0
    assert "2 of 12 records left out: 2 repeated" in result.err
    assert '"records": 10' in call("info", index, "--json").out


def test_references_that_cannot_be_used_are_counted(references, build):
    result, _ = build(
        [
            *references[:40:4],
            ("short;tax=g:Apis;", "ACGT"),
            ("nothing;tax=g:Apis;", ""),
            ("unnamed;tax=g:NA;", references[1][1]),
            (";tax=g:Apis;", references[2][1]),
        ]
    )
    assert result.code == 0
    assert "4 of 14 records left out: " in result.err
    for reason in ("1 short", "1 empty", "1 no_lineage", "1 no_id"):
        assert reason in result.err


def test_conflicting_parents_are_reported_or_an_error(references, build):
    head, bases = references[0]
    stray = head.replace(",o:Fictoptera", ",o:Diptera").replace("SIM00001", "stray")
    records = [*references[:40:4], (stray, bases)]
    result, _ = build(records)
    assert result.code == 0
    assert "warning: 1 taxa have conflicting parents, resolved by majority" in result.err
    assert "in Fictoptera, also in Diptera" in result.err
    refused, _ = build(records, "--on-conflict", "fail")
    assert refused.code == 1
    assert "conflicting parents" in refused.err


def test_references_of_the_other_strand_are_reverse_complemented(references, build, classify):
    from Bio.Seq import reverse_complement

    records = [
        (head, reverse_complement(bases) if i == 3 else bases)
        for i, (head, bases) in enumerate(references[:160:4])
    ]
    result, index = build(records)
    assert "1 references had the other orientation and were reverse-complemented" in result.err
    (row,) = classify(index, [("q", references[12][1])])
    assert (row["nearest_id"], row["strand"], row["identity"]) == ("SIM00013", "+", "100.0000")
