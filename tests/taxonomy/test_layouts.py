"""Lineages without ranks: the ranks are right, or an error asks for them. Names are invented."""

from __future__ import annotations

import pytest

from barcodeembed.errors import ReferenceDataError
from barcodeembed.taxonomy.layouts import DEFAULT, find_layout, place
from barcodeembed.taxonomy.names import NameNotes, note_names
from barcodeembed.taxonomy.ranks import RANKS, Lineage
from barcodeembed.taxonomy.references import read_labelled
from barcodeembed.taxonomy.signs import certain_rank, usual_rank
from barcodeembed.taxonomy.tables import read_taxonomy

MOTH = {
    "kingdom": "Animalia",
    "phylum": "Arthropoda",
    "class": "Insecta",
    "order": "Lepidoptera",
    "family": "Fictiidae",
    "subfamily": "Fictiinae",
    "genus": "Fictia",
    "species": "Fictia prima",
}


def taxa(names: dict[str, str]) -> Lineage:
    return tuple(names.get(rank) for rank in RANKS)


def without(*ranks: str) -> dict[str, str]:
    return {rank: name for rank, name in MOTH.items() if rank not in ranks}


def lineages(titles: list[str], path, **options) -> list[Lineage]:
    path.write_text("".join(f">{title}\n{'ACGT' * 50}\n" for title in titles))
    return [names for _, names in read_labelled(path, **options)]


@pytest.mark.parametrize(
    "missing",
    [
        (),
        ("subfamily",),
        ("kingdom",),
        ("kingdom", "subfamily"),
        ("kingdom", "phylum", "subfamily"),
        ("kingdom", "phylum", "class", "subfamily"),
        ("subfamily", "species"),
        ("kingdom", "subfamily", "species"),
        ("subfamily", "genus", "species"),
        ("order", "subfamily"),
        ("class", "subfamily"),
        ("phylum", "subfamily"),
        ("kingdom", "class", "subfamily"),
        ("phylum", "class", "order", "subfamily"),
    ],
)
@pytest.mark.parametrize("form", ["{};", "R1 {}", "R1\tRoot;{}", "R1 {};"])
def test_lists_without_some_ranks_are_not_read_one_rank_off(missing, form, tmp_path):
    names = without(*missing)
    title = form.format(";".join(names.values()))
    assert lineages([title] * 3, tmp_path / "x") == [taxa(names)] * 3
    (tmp_path / "t").write_text(f"R1\t{';'.join(names.values())}\n")
    assert read_taxonomy(tmp_path / "t") == {"R1": taxa(names)}


def test_the_layout_is_that_of_the_file(tmp_path):
    """A list that shows no rank by itself is read like the others."""
    complete = ";".join(without("kingdom", "subfamily").values())
    found = lineages([f"{complete};"] * 3 + ["Fictozoa;Fictia;NA;NA;NA;NA;"], tmp_path / "x")
    assert found[-1] == taxa({"phylum": "Fictozoa", "class": "Fictia"})


@pytest.mark.parametrize("length", range(1, 8))
def test_ragged_lists_are_read_as_far_as_they_go(length, tmp_path):
    ranks = [rank for rank in RANKS if rank != "subfamily"]
    names = dict(list(without("subfamily").items())[:length])
    complete = ";".join(without("subfamily").values())
    found = lineages([f"{complete};", f"{';'.join(names.values())};"], tmp_path / "x")
    assert found[1] == taxa({rank: MOTH[rank] for rank in ranks[:length]})


@pytest.mark.parametrize("last", ["NA", "prima minor", "Fictia prima minor;strain 7", ""])
def test_what_follows_a_species_is_not_read(last, tmp_path):
    names = without("subfamily")
    assert lineages([f"{';'.join(names.values())};{last}"], tmp_path / "x") == [taxa(names)]


def test_a_name_of_uncertain_rank_is_left_out_and_noted(tmp_path):
    complete = "Bacteria;Fictota;Fictia;Fictales;Fictaceae;Fictus;Fictus primus"
    lacking = "Bacteria;Fictota;Fictia;Mockaceae;Mockus;uncultured bacterium"
    noted = NameNotes()
    with note_names(noted):
        found = lineages([f"R1 {complete}", f"R2 {lacking}"], tmp_path / "x")
    assert found[1] == taxa({"kingdom": "Bacteria", "family": "Mockaceae", "genus": "Mockus"})
    assert noted.uncertain == {"Fictota": 1, "Fictia": 1}
    assert noted.placeholders == {"uncultured bacterium": 1}


def test_a_repeated_name_is_a_missing_one(tmp_path):
    names = "Bacteria;Fictota;Fictia;Fictales;Fictaceae;Fictaceae;Fictaceae"
    (found,) = lineages([f"R1 {names}"], tmp_path / "x")
    assert found[:5] == ("Bacteria", "Fictota", "Fictia", "Fictales", "Fictaceae")


def test_names_in_an_impossible_order_are_an_error(tmp_path):
    titles = ["R1 Bacteria;Fictota;Fictia;Fictaceae;Fictales;Fictus;"]
    with pytest.raises(
        ReferenceDataError, match="'Fictaceae' looks like the name of a family, .*--ranks"
    ):
        lineages(titles, tmp_path / "x")
    assert lineages(titles, tmp_path / "x", allow_missing=True) == [(None,) * len(RANKS)]


def test_given_ranks(tmp_path):
    title = "R1 A;B;C;D;E"
    ranks = ["phylum", "supergroup", "class", "genus", "species"]
    (found,) = lineages([title], tmp_path / "x", ranks=["phylum", "", *ranks[2:]])
    assert found == taxa({"phylum": "A", "class": "C", "genus": "D", "species": "D E"})
    moth = ";".join(without("kingdom", "subfamily").values())
    with pytest.raises(
        ReferenceDataError, match="'Fictiidae' looks like the name of a family, but is num"
    ):
        lineages([f"R1 {moth}"], tmp_path / "x", ranks=list(RANKS[:6]))


def test_names_of_organisms_after_a_short_lineage_are_no_higher_taxa(tmp_path):
    above = "Bacteria;Fictota;Fictia"
    titles = [
        f"R1 {above};Fictales;Fictales bacterium",
        f"R2 {above};Plastid;Mockia altera",
        f"R3 {above};Fictales;Fictaceae;Fictus;Fictus primus (common fictus)",
        f"R4 {above};Fictales;Fictaceae;Fictaceae AB1 group;uncultured bacterium",
    ]
    found = [taxa for taxa in lineages(titles, tmp_path / "x")]
    assert [taxa[4:] for taxa in found] == [
        (None, None, None, None),
        (None, None, "Mockia", "Mockia altera"),
        ("Fictaceae", None, "Fictus", "Fictus primus"),
        ("Fictaceae", None, "Fictaceae AB1 group", None),
    ]
    assert [taxa[3] for taxa in found] == ["Fictales", None, "Fictales", "Fictales"]


def test_a_lineage_can_end_in_a_bin(tmp_path):
    (tmp_path / "x").write_text(
        ">R1 Animalia;Arthropoda;Insecta;Diptera;Fictidae;Fictus;Fictus_X;BOLD:XXX0001\nACGT\n"
    )
    ((record, names),) = read_labelled(tmp_path / "x")
    assert (names[4], names[6:], record.fields) == (
        "Fictidae",
        ("Fictus", None),
        {"bin_uri": "BOLD:XXX0001"},
    )


def test_endings_show_ranks():
    assert [certain_rank(n) for n in ("Fictidae", "Fictaceae", "Fictinae", "Fictales")] == [
        "family",
        "family",
        "subfamily",
        "order",
    ]
    for name in ("Fictus", "Fictidae sp.", "", "fictales", "Fictales 1", "Idae"):
        assert certain_rank(name) is None
    assert usual_rank("Fictiptera") == "order"
    assert usual_rank("Neoptera") is None
    assert find_layout([]) == DEFAULT


def test_lineages_of_ncbi_have_more_names_than_ranks():
    names = "Eukaryota Metazoa Ecdysozoa Arthropoda Hexapoda Insecta Pterygota Neoptera Lepidoptera"
    listed = [*names.split(), "Fictioidea", "Fictiidae", "Fictiinae", "Fictia", "Fictia prima"]
    assert place(listed) == {**MOTH, "kingdom": "Metazoa"}


PLANT = "Eukaryota;Viridiplantae;Streptophyta;Embryophyta;Tracheophyta;Spermatophyta;Magnoliopsida"


@pytest.mark.parametrize(
    "listed, expected",
    [
        (
            f"{PLANT};Liliopsida;Fictosaviidae;fictinids;Fictales;Fictaceae;Fictoideae;Fictodae;"
            "Ficteae;Fictinae;Fictus;Fictus primus",
            "Viridiplantae Streptophyta Liliopsida Fictales Fictaceae Fictoideae Fictus",
        ),
        (
            f"{PLANT};Fictiidae;Fictales;Fictaceae;Fictus;Fictus primus",
            "Viridiplantae Streptophyta Magnoliopsida Fictales Fictaceae NA Fictus",
        ),
        (
            "Eukaryota;Fungi;Dikarya;Ascomycota;Pezizomycotina;Fictomycetes;Fictomycetidae;"
            "Fictales;Fictaceae;Fictus;Fictus primus species complex;Fictus primus",
            "Fungi Ascomycota Fictomycetes Fictales Fictaceae NA Fictus",
        ),
        (
            "Eukaryota;Rhodophyta;Fictophyceae;Fictophycidae;Fictales;Fictaceae;Fictus;"
            "Fictus primus",
            "Eukaryota Rhodophyta Fictophyceae Fictales Fictaceae NA Fictus",
        ),
    ],
)
def test_subclasses_and_subtribes_of_plants_and_fungi_are_no_families(listed, expected, tmp_path):
    ranks = dict(zip(RANKS, expected.split(), strict=False))
    names = {rank: name for rank, name in ranks.items() if name != "NA"}
    # Lists of several lengths have no common layout.
    other = "Eukaryota;Metazoa;Chordata;Craniata;Vertebrata;Mammalia;Primates;Fictidae;Ficta"
    found = lineages([f"R1 {listed}", f"R2 {listed}", f"R3 {other}"], tmp_path / "x")
    assert found[0] == taxa(names | {"species": "Fictus primus"})
    assert found[2][:5] == ("Metazoa", "Chordata", "Mammalia", "Primates", "Fictidae")


def test_levels_of_silva_are_no_ranks_in_eukaryotes(tmp_path):
    names = "Eukaryota Opisthokonta Holozoa Metazoa Arthropoda Hexapoda Insecta Diptera".split()
    levels = [f"D_{i}__{name}" for i, name in enumerate([*names, "Fictia prima"])]
    (tmp_path / "t").write_text(f"R1\t{';'.join(levels)}\nR2\t{';'.join(levels[:4])}\n")
    found = read_taxonomy(tmp_path / "t")
    assert found == {
        "R1": ("Metazoa", "Arthropoda", "Insecta", "Diptera", None, None, "Fictia", "Fictia prima"),
        "R2": taxa({"kingdom": "Metazoa"}),
    }


def test_a_genus_before_its_subgenus_of_the_same_name_is_a_genus():
    names = place(["Metazoa", "Fictidae", "Fictia", "Fictia", "Fictia sp. 1"])
    assert (names["family"], names["genus"]) == ("Fictidae", "Fictia")
