"""Tables of identifiers of taxa, and the column taxon_id that `classify --ids` makes of them."""

from __future__ import annotations

import csv
import io

import pytest
from support import SIMULATED

from barcodeembed.errors import InputError
from barcodeembed.taxonomy.identifiers import read_ids


@pytest.mark.parametrize(
    "text",
    [
        "taxon,id\nApis mellifera,7460\nApis,7459\n",
        "name\tid\nApis mellifera\t7460\nApis\t7459\n",
        "ScientificName;AphiaID\n Apis mellifera ;7460\nApis; 7459\n",
        '"rank","scientificName","taxonKey"\n"S","Apis mellifera","7460"\n"G","Apis","7459"\n',
        # The same row twice, and rows without a name or an identifier.
        "taxon,id\nApis,7459\nApis mellifera,7460\nApis,7459\nBombus,\n,5\nVespa,NA\n",
    ],
)
def test_names_and_identifiers_are_found_by_their_columns(text, tmp_path):
    (tmp_path / "ids").write_text(text)
    assert read_ids(tmp_path / "ids") == {"Apis mellifera": "7460", "Apis": "7459"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("taxon\tnumber\nApis\t1\n", "ids: a table of .* has no id, only taxon, number"),
        ("genus\tid\nApis\t1\n", "it has no taxon, only genus, id"),
        ("", "it has no taxon"),
        ("taxon\tid\nApis\t1\nBombus\t2\nApis\t3\n", "ids:4: Apis has two identifiers, 1 and 3"),
        ("taxon\tid\nApis\n", "ids:2"),
    ],
)
def test_a_table_that_cannot_be_used_is_an_error(text, problem, tmp_path):
    (tmp_path / "ids").write_text(text)
    with pytest.raises(InputError, match=problem):
        read_ids(tmp_path / "ids")


def test_a_row_has_the_identifier_of_its_taxon(call, index_bundle, tmp_path):
    reads = tmp_path / "reads.fasta"
    reads.write_text("".join((SIMULATED / "reads.fasta").read_text().partition(">read_009")[0]))
    reads.write_text(reads.read_text() + ">short\nACGT\n")
    words = ("classify", reads, "-i", index_bundle)
    plain = rows_of(call(*words).out)
    assert "taxon_id" not in plain[0]
    names = sorted({row["taxon"] for row in plain} - {"NA"})
    assert len(names) > 2
    table = "".join(f"{name}\tWORMS:{number}\n" for number, name in enumerate(names[1:]))
    (tmp_path / "ids.tsv").write_text(f"taxon\tid\n{table}")
    done = call(*words, "--ids", tmp_path / "ids.tsv")
    expected = {name: f"WORMS:{number}" for number, name in enumerate(names[1:])}
    rows = rows_of(done.out)
    assert list(rows[0])[-1] == "taxon_id"
    assert [row.pop("taxon_id") for row in rows] == [
        expected.get(row["taxon"], "NA") for row in plain
    ]
    assert rows == plain and rows[-1]["taxon"] == "NA"
    message = f"1 of {len(names)} names have no id, as {names[0]!r}"
    assert message in done.err
    for option in (("--explain", "read_001"), ("-o", tmp_path / "ids.tsv")):
        assert call(*words, "--ids", tmp_path / "ids.tsv", *option).code == 2


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


@pytest.mark.parametrize("identifier", ["a\tb", "a\x1b[31m", "a\nb"])
def test_a_control_character_in_an_identifier_is_an_error(identifier, tmp_path):
    """It would break the table, or control the terminal."""
    (tmp_path / "ids.csv").write_text(f'taxon,id\nApis,"{identifier}"\n')
    with pytest.raises(InputError, match="ids.csv:[23]: control character in the identifier"):
        read_ids(tmp_path / "ids.csv")
