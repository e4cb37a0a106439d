"""Names of species: authors, case, subspecies, hybrids and names that are none."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barcodeembed.cli.messages import warn_of_build
from barcodeembed.evaluation.open_world.kmers import KmerCounter
from barcodeembed.index.build import build_index
from barcodeembed.index.collect import BuildReport
from barcodeembed.taxonomy.binomials import reduce_species, strip_author
from barcodeembed.taxonomy.columns import bin_of, country_of, marker_of
from barcodeembed.taxonomy.names import NameNotes, note_names, tidy_name
from barcodeembed.taxonomy.ranks import RANKS, lineage

AUTHORS = [
    "(Müller, 1766)",
    "(Müller,1766)",
    "Linnaeus, 1758",
    "Linnaeus 1758",
    "Linnaeus",
    "L.",
    "L",
    "L. f.",
    "(L.) Mill.",
    "de Geer 1773",
    "(De Geer, 1773)",
    "van der Wulp, 1867",
    "d'Orbigny, 1839",
    "O'Brien & St. John, 1999",
    "Saint-Hilaire, 1838",
    "Jacquelin du Val, 1857",
    "Åström, 1900",
    "([Denis & Schiffermüller], 1775)",
    "Hübner, [1819]",
    "Smith, Jones et Brown, 1999",
    "Smith et al., 2019",
    "(Smith in Jones, 1999)",
    "(R.Br.) Hook.f. & Thomson",
    "Müll.Arg.",
    "(Fr. : Fr.) P. Kumm.",
    "Wall. ex Roxb.",
    "MÜLLER, 1766",
    "(MÜLLER 1766)",
    "Smith in Jones & al., 1999",
]
BELOW = [
    "ligustica",
    "ligustica Spinola, 1806",
    "subsp. carnica",
    "ssp. carnica Pollmann, 1879",
    "ssp.",
    "var. alba",
    "f. alba",
    "forma alba",
    "var. alba (L.) f. minor Mill.",
    "cv. 'Royal Gala'",
    "f. sp. lycopersici",
    "s. str.",
    "sp. nov.",
    "n. sp.",
]
KEPT = [
    "Apis mellifera",
    "Aglais io",
    "Bufo bufo",
    "Andrena w-scripta",
    "Hibiscus rosa-sinensis",
    "Elsinoë rhois",
    "[Ruminococcus] gnavus",
    "Candidatus Phytoplasma mali",
    "Salix x rubens",
    "x Hesperotropsis leylandii",
    "Apis mellifera x Apis cerana",
    "A. mellifera x A. cerana",
    "Apis mellifera or cerana",
    "Apis mellifera auct. non L.",
    "Apis mellifera A",
    "Apis m. carnica",
    "Apis DHJ",
]


@pytest.mark.parametrize("author", AUTHORS)
def test_authors_and_years_are_removed_from_species(author):
    assert tidy_name(f"Apis mellifera {author}", "species") == "Apis mellifera"


@pytest.mark.parametrize("below", BELOW)
def test_ranks_below_the_species_become_the_species(below):
    assert tidy_name(f"Apis mellifera {below}", "species") == "Apis mellifera"


@pytest.mark.parametrize(
    "name",
    [
        "APIS MELLIFERA",
        "apis mellifera",
        "Apis Mellifera",
        "Apis MELLIFERA",
        "APIS mellifera",
        "APIS MELLIFERA LINNAEUS, 1758",
        "APIS MELLIFERA (L.)",
        "APIS MELLIFERA subsp. carnica",
        "APIS MELLIFERA SUBSP. CARNICA",
        "apis mellifera linnaeus, 1758",
        "apis mellifera (linnaeus, 1758)",
        "Apis Mellifera Linnaeus, 1758",
        "apis_mellifera_carnica",
        "Apis (Apis) mellifera",
        "Apis (Sigmatapis) mellifera (Linnaeus, 1758)",
        "APIS (SIGMATAPIS) MELLIFERA",
        "Apis mellifera(Linnaeus, 1758)",
    ],
)
def test_case_and_subgenus_make_no_species_of_their_own(name):
    assert tidy_name(name, "species") == "Apis mellifera"


@pytest.mark.parametrize(
    "specimen",
    [
        *("voucher X1", "isolate 12", "strain K", "morpha fario", "biotype A voucher 7"),
        *("L. lineage M", "haplogroup A", "mitochondrion, complete genome"),
    ],
)
def test_names_of_specimens_and_breeds_are_removed_from_species(specimen):
    assert tidy_name(f"Apis mellifera {specimen}", "species") == "Apis mellifera"


@pytest.mark.parametrize(
    "name",
    [
        "Apis mellifera s.l.",
        "Apis mellifera s. lat.",
        "Apis mellifera sensu lato",
        "Apis 'mellifera'",
        'Apis "mellifera"',
        "A. mellifera",
        "Apis m.",
        "Rosa hybrid cultivar",
        "Rosa 'Peace'",
    ],
)
def test_unclear_names_are_no_species(name):
    assert tidy_name(name, "species") is None


def test_an_epithet_can_be_a_numeral_or_an_author_have_initials():
    assert tidy_name("Coccinella 7-punctata Linnaeus, 1758", "species") == "Coccinella 7-punctata"
    assert tidy_name("Xyleborus affinis S. L. Wood, 1980", "species") == "Xyleborus affinis"


@pytest.mark.parametrize("name", KEPT)
def test_names_that_are_not_understood_and_hybrids_are_kept(name):
    assert tidy_name(name, "species") == name


@pytest.mark.parametrize(
    "name, expected",
    [
        ("Salix × rubens Schrank", "Salix x rubens"),
        ("Salix ×rubens Schrank, 1789", "Salix x rubens"),
        ("Salix X rubens", "Salix x rubens"),
        ("SALIX X RUBENS", "Salix x rubens"),
        ("Salix alba × Salix fragilis", "Salix alba x Salix fragilis"),
        ("Salix alba\u200b", "Salix alba"),
        ("Elsinoe\u0308 rhois", "Elsinoë rhois"),
        ("'Candidatus Phytoplasma mali'", "Candidatus Phytoplasma mali"),
        ("Tobacco mosaic virus", "Tobacco mosaic virus"),
        ("Polygonia C-album", "Polygonia c-album"),
        ("AGLAIS IO (LINNAEUS, 1758)", "Aglais io"),
        ("Candidatus Phytoplasma mali Seemüller & Schneider, 2004", "Candidatus Phytoplasma mali"),
    ],
)
def test_other_names_in_their_usual_spelling(name, expected):
    assert tidy_name(name, "species") == expected


@pytest.mark.parametrize(
    "name",
    [
        *(f"Apis {word}" for word in ("undet", "undet.", "unidentified", "species", "sp", "spec")),
        *(
            f"Apis {word}"
            for word in ("indet", "nov", "nov.", "n. sp.", "new species", "ssp. nova")
        ),
        *("undet", "undet.", "unidentified", "species", "sp.", "nov", "n. sp.", "indet. Apis"),
        "Apis morphospecies",
        "Apis gr. mellifera",
        "Apis cf. mellifera Linnaeus, 1758",
        "Apis mellifera agg. (L.)",
        "APIS MELLIFERA COMPLEX",
        "Apis mellifera DHJ01",
        "Apis mellifera KR 2019",
        "BOLD:AAA1234",
        "Apis Linnaeus, 1758",
        "Apis De Geer, 1773",
        "Apis (Linnaeus, 1758)",
        "Apis (Sigmatapis)",
        "Apis L.",
    ],
)
def test_names_that_name_no_species(name):
    assert tidy_name(name, "species") is None
    assert lineage({"genus": "Apis", "species": name})[-2:] == ("Apis", None)


@pytest.mark.parametrize(
    "genus, species, expected",
    [
        ("Apis", "mellifera Linnaeus, 1758", ("Apis", "Apis mellifera")),
        ("Apis", "mellifera (Linnaeus, 1758)", ("Apis", "Apis mellifera")),
        ("Apis", "mellifera carnica", ("Apis", "Apis mellifera")),
        ("Apis", "(Sigmatapis) mellifera", ("Apis", "Apis mellifera")),
        ("Apis", "Mellifera", ("Apis", "Apis mellifera")),
        ("APIS", "MELLIFERA", ("Apis", "Apis mellifera")),
        ("apis", "apis mellifera", ("Apis", "Apis mellifera")),
        ("BOS", "BOS TAURUS", ("Bos", "Bos taurus")),
        ("Bufo", "bufo", ("Bufo", "Bufo bufo")),
        ("Salix", "x rubens", ("Salix", "Salix x rubens")),
        ("Apis Linnaeus, 1758", "mellifera", ("Apis", "Apis mellifera")),
        ("Bombus (Psithyrus)", "Bombus (Psithyrus) vestalis", ("Bombus", "Bombus vestalis")),
        ("Apis", "Apis", ("Apis", None)),
        ("Apidae", "Apis", ("Apis", None)),
        ("", "Apis", ("Apis", None)),
        ("NA", "Apidae", (None, None)),
        ("Gen1", "mellifera", ("Gen1", "Gen1 mellifera")),
        ("undet.", "mellifera", (None, None)),
        ("", "None", (None, None)),
        ("NA", "Undetermined", (None, None)),
        ("", "Apis mellifera", ("Apis", "Apis mellifera")),
        ("", "Apis mellifera Linnaeus, 1758", ("Apis", "Apis mellifera")),
        ("", "Tobacco mosaic virus", (None, "Tobacco mosaic virus")),
        ("Apidae", "Apidae sp. 1", (None, None)),
        ("Apidae", "", (None, None)),
        ("Apis", "Apis endosymbiont", ("Apis", None)),
        ("Apis", "Apis voucher X", ("Apis", None)),
    ],
)
def test_genus_and_species_agree(genus, species, expected):
    assert lineage({"genus": genus, "species": species})[-2:] == expected


@pytest.mark.parametrize(
    "name, rank, expected",
    [
        ("ANDRENA", "genus", "Andrena"),
        ("apis", "genus", "Apis"),
        ("Andrena Fabricius, 1775", "genus", "Andrena"),
        ("Rosa L.", "genus", "Rosa"),
        ("Bombus (Psithyrus)", "genus", "Bombus"),
        ("Bombus Latreille", "genus", "Bombus Latreille"),
        ("Apidae Latreille, 1802", "family", "Apidae"),
        ("ANDRENIDAE", "family", "Andrenidae"),
        ("INSECTA", "class", "Insecta"),
        ("FUNGI", "kingdom", "Fungi"),
        ("FBP", "phylum", "FBP"),
        ("DSEG", "class", "DSEG"),
        ("TM6", "phylum", "TM6"),
        ("Gen1", "genus", "Gen1"),
        ("gen1", "genus", "gen1"),
        ("BOLD:AAA1234", "genus", "BOLD:AAA1234"),
        ("Corynebacterium 1", "genus", "Corynebacterium 1"),
        ("Marinimicrobia (SAR406 clade)", "phylum", "Marinimicrobia (SAR406 clade)"),
        ("Candidatus Koribacter", "genus", "Candidatus Koribacter"),
        ("undet.", "genus", None),
        ("sp.", "genus", None),
    ],
)
def test_names_above_the_species(name, rank, expected):
    assert tidy_name(name, rank) == expected


def test_a_family_in_the_column_of_the_genus_is_a_family():
    assert lineage({"genus": "Apidae", "species": "Apidae sp."})[4:] == ("Apidae", *[None] * 3)
    assert lineage({"family": "Aidae", "genus": "Apidae"})[4:] == ("Aidae", *[None] * 3)


def test_bins_markers_and_countries_keep_their_letters():
    assert bin_of({"bin_uri": "BOLD:AAA0001"}) == "BOLD:AAA0001"
    assert marker_of({"marker_code": "COI-5P"}) == "COI-5P"
    assert country_of({"country": "CANADA"}) == "CANADA"


PARTS = [
    *("Apis", "APIS", "mellifera", "Mellifera", "CARNICA", "(Apis)", "x", "×", "×nova", "sp."),
    *("cf.", "ssp.", "f.", "nov.", "L.", "(L.)", "Müller,", "(Müller,", "1766)", "1766", "de"),
    *("&", "et", "al.", "[", ")", "species", "undet", "A1", "'Gala'", "Candidatus", "_", "?"),
]


@given(st.lists(st.sampled_from(PARTS), max_size=7).map(" ".join), st.sampled_from(RANKS))
def test_cleaning_a_cleaned_name_changes_nothing(name, rank):
    once = tidy_name(name, rank)
    assert once is None or tidy_name(once, rank) == once


@given(st.text(max_size=30))
def test_any_text_can_be_cleaned(text):
    for rank in RANKS:
        once = tidy_name(text, rank)
        assert once is None or tidy_name(once, rank) == once


@given(
    st.sampled_from([part for part in PARTS if part.isalpha()]),
    st.lists(st.sampled_from(PARTS), max_size=5).map(" ".join),
)
def test_cleaning_a_cleaned_lineage_changes_nothing(genus, species):
    once = lineage({"genus": genus, "species": species})
    named = {rank: name for rank, name in zip(RANKS, once, strict=True) if name}
    assert lineage(named) == once


def test_the_parts_of_a_name():
    assert reduce_species("Apis mellifera carnica") == "Apis mellifera"
    assert strip_author("Apis Linnaeus, 1758") == "Apis"


def test_placeholders_are_noted_once_in_order_and_missing_names_are_not():
    noted = NameNotes()
    tidy_name("Apis sp. 1", "species")
    with note_names(noted):
        for name in ("Apis sp. 3", "", "NA", "-", "s__", "Apis mellifera", "Apis sp. 3"):
            tidy_name(name, "species")
        tidy_name("undet.", "genus")
        tidy_name("g__unidentified", "genus")
    tidy_name("Apis sp. 4", "species")
    assert list(noted.placeholders) == ["Apis sp. 3", "undet.", "unidentified"]
    assert noted.placeholders["Apis sp. 3"] == 2


def test_a_build_prints_names_that_are_no_names_of_taxa(tmp_path, capsys):
    rng = random.Random(0)
    species = ["Aus bus", "Aus sp. 1", "undet", *(f"Aus cf. {c}us" for c in "bcdef")]
    rows = [
        "\t".join([f"r{i}", "Aus", name, "".join(rng.choices("ACGT", k=200))])
        for i, name in enumerate(species)
    ]
    path = tmp_path / "references.tsv"
    path.write_text("\n".join(["id\tgenus\tspecies\tsequence", *rows]) + "\n")
    report = BuildReport()
    build_index(path, KmerCounter(5), report=report)
    assert list(report.names.placeholders) == species[1:]
    warn_of_build(report)
    shown = capsys.readouterr().err
    assert "7 names are no names of taxa (7 times)" in shown
    assert "'Aus sp. 1', 'undet'" in shown
    assert "--verbose" in shown
