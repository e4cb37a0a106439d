"""The audit: planted mislabelled records are found, and correct names are not reported."""

from __future__ import annotations

import csv
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from support import SIMULATED, rows_of

from barcodeembed.curation import findings
from barcodeembed.curation.discordance import find_bin_discordances, find_shared_barcodes
from barcodeembed.curation.findings import COLUMNS, nearest_pair
from barcodeembed.curation.mislabelled import closeness, find_mislabelled, neighbourhoods
from barcodeembed.curation.run import audit
from barcodeembed.errors import InputError
from barcodeembed.evaluation.open_world.kmers import KmerCounter
from barcodeembed.index.build import build_index
from barcodeembed.scoring.identity import percent_identity
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.taxonomy.ranks import RANKS, lineage
from barcodeembed.taxonomy.references import read_labelled
from barcodeembed.vectors.normalise import normalise
from barcodeembed.vectors.search import nearest

pytestmark = pytest.mark.usefixtures("small_samples")

_PLANTED = 12


@pytest.fixture(scope="module")
def labelled():
    return list(read_labelled(SIMULATED / "reference.fasta"))


@pytest.fixture(scope="module")
def index(labelled):
    """The index without planted records."""
    return build_index(labelled, KmerCounter(5))


@pytest.fixture(scope="module")
def unplanted(index):
    """The findings without planted records."""
    return list(find_mislabelled(index))


def plant(labelled, rank: str, above: str, seed: int):
    """Swap the lineages of pairs of records that differ at a rank and agree at one ``above`` it.

    Returns all records, and the correct lineages of the swapped ones by id. The species of a
    swapped record has at least three other barcodes.
    """
    column, parent = RANKS.index(rank), RANKS.index(above)
    rng = np.random.default_rng(seed)
    barcodes: dict = {}
    for record, taxa in labelled:
        barcodes.setdefault(taxa, set()).add(record.sequence)
    lineages = [taxa for _, taxa in labelled]
    planted = {}
    for a in rng.permutation(len(labelled)):
        for b in rng.permutation(len(labelled)):
            one, other = labelled[a][1], labelled[b][1]
            names = {labelled[i][0].id for i in (a, b)}
            if (
                len(names) == 2
                and not names & planted.keys()
                and one[column] != other[column]
                and one[parent] == other[parent]
                and min(len(barcodes[one]), len(barcodes[other])) > 3
            ):
                lineages[a], lineages[b] = other, one
                planted |= {labelled[a][0].id: one, labelled[b][0].id: other}
                break
        if len(planted) == _PLANTED:
            break
    records = [record for record, _ in labelled]
    return list(zip(records, lineages, strict=True)), planted


@pytest.mark.parametrize("rank, above", [("family", "class"), ("genus", "family")])
@pytest.mark.parametrize(
    "seed",
    [
        0,
        *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2)),
    ],
)
def test_planted_records_are_found_and_no_others(rank, above, seed, labelled, unplanted):
    changed, planted = plant(labelled, rank, above, seed)
    assert len(planted) == _PLANTED
    before = {name for finding in unplanted for name in finding.records}
    found = list(find_mislabelled(build_index(changed, KmerCounter(5))))
    hit = {name for finding in found for name in finding.records} & planted.keys()
    assert len(hit) >= 0.8 * _PLANTED
    # Records that were found before planting do not count as false positives.
    others = [
        f for f in found if not set(f.records) & planted.keys() and not set(f.records) <= before
    ]
    assert len(others) <= 1
    for finding in found:
        for name in set(finding.records) & planted.keys():
            assert finding.other_name == planted[name][RANKS.index(finding.rank)] != finding.name
            assert finding.other.similarity > (finding.own.similarity if finding.own else -1)
            assert finding.other.identity > 90
            assert 0 < finding.strength < finding.agreement <= 1


def test_few_correct_names_are_reported(labelled, unplanted):
    assert len(unplanted) <= 0.01 * len(labelled)


def test_close_is_the_lower_quartile_of_the_nearest_relatives():
    rng = np.random.default_rng(0)
    similarities = -np.sort(-rng.random((60, 8)), axis=1)
    rows = rng.integers(0, 60, (60, 8))
    codes = np.stack([np.zeros(60, int), rng.integers(0, 3, 60), rng.integers(0, 12, 60)], 1)
    codes[:5, 1] = -1
    names = ("order", "genus", "species")
    found = closeness(similarities, rows, codes, names)
    for rank in (1, 2):
        tops = []
        for m in range(60):
            same_taxon = [
                s
                for s, r in zip(similarities[m], rows[m], strict=True)
                if codes[m, rank] >= 0
                and codes[r, rank] == codes[m, rank]
                and (
                    rank == 2 or (min(codes[m, 2], codes[r, 2]) >= 0 and codes[r, 2] != codes[m, 2])
                )
            ]
            tops += same_taxon[:1]
        assert found[rank] == pytest.approx(np.quantile(tops, 0.25))
    assert found[0] == found[1]  # above family
    assert closeness(similarities[:4], rows[:4] % 4, codes[:4], names) == [np.inf] * 3


def test_neighbours_are_the_nearest_others():
    vectors = normalise(np.random.default_rng(0).standard_normal((50, 5)).astype(np.float32))
    vectors[20:34] = vectors[20]  # more equal vectors than neighbours
    owners = np.concatenate([np.arange(50), [3, 3, 3, 3, 3, 7, 49]])  # some share a vector
    reported = []
    similarities, members = neighbourhoods(
        vectors, owners, 4, lambda done, total: reported.append((done, total))
    )
    assert reported == [(57, 57)]
    for m, owner in enumerate(owners):
        assert m not in members[m] and len(set(members[m])) == 4
        others = np.delete(vectors[owners], m, 0)
        wanted, _ = nearest(others, vectors[[owner]], 4)
        np.testing.assert_allclose(similarities[m], wanted[0], atol=2e-6)
        found = (vectors[owners[members[m]]] * vectors[owner]).sum(1)
        np.testing.assert_allclose(similarities[m], found, atol=2e-6)


def test_a_quantised_index_is_audited_with_its_search(index, unplanted):
    asked = []

    def search(vectors, queries, k):
        asked.append(len(queries))
        return nearest(vectors, queries, k)

    quantised = replace(index, quantised=SimpleNamespace(nearest=search))
    assert list(find_mislabelled(quantised)) == unplanted
    assert asked == [len(index.members.lineages)]


def record(name: str, bases: str, **fields: str):
    names = {"genus": fields["species"].split()[0], "phylum": "P"} | fields
    return SequenceRecord(name, bases, fields=fields), lineage(names)


@pytest.fixture(scope="module")
def discordant():
    rng = np.random.default_rng(0)
    x, y, z, w = ("".join(rng.choice(list("ACGT"), 400)) for _ in range(4))
    return build_index(
        [
            record("a1", x, species="Aus bus", family="F", bin="B1"),
            record("a2", x, species="Aus bus", family="F", bin="B1"),
            record("a3", x, species="Cus dus", family="G", bin="B1"),
            record("a4", y, species="Aus bus", family="F", bin="B2"),
            record("c1", z, species="Cus dus", family="G", bin="B3"),
            record("c2", z[5:], species="Cus dus", family="G", bin="B3"),
            record("c3", w, species="Cus eus", family="G", bin=""),
            record("c4", w, species="Cus fus", family="G", bin="B4"),
        ],
        KmerCounter(5),
    )


def test_a_shared_barcode_is_reported_at_the_highest_rank_that_differs(discordant):
    found = [
        (f.records, f.rank, f.name, f.other_name, f.within, f.agreeing, f.neighbours)
        for f in find_shared_barcodes(discordant)
    ]
    assert found == [
        (("a3",), "family", "G", "F", "a1", 2, 3),
        (("c4",), "species", "Cus fus", "Cus eus", "c3", 1, 2),
    ]
    assert {f.other.identity for f in find_shared_barcodes(discordant)} == {100.0}


def test_bins_and_species_that_disagree_are_reported(discordant):
    found = [
        (f.records, f.rank, f.name, f.other_name, f.within, f.agreeing, f.neighbours)
        for f in find_bin_discordances(discordant)
    ]
    assert found == [
        (("a3",), "species", "Cus dus", "Aus bus", "B1", 2, 3),
        (("a4",), "bin", "B2", "B1", "Aus bus", 2, 3),
        (("a3",), "bin", "B1", "B3", "Cus dus", 2, 3),
    ]
    assert not list(find_bin_discordances(replace(discordant, sources=type(discordant.sources)())))


def test_the_command_writes_the_table(labelled, model_bundle, call, tmp_path):
    path = tmp_path / "table.tsv"
    changed, planted = plant(labelled[:200], "family", "class", 0)
    with open(path, "w", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t")
        writer.writerow(["record_id", "bin", *RANKS, "nucleotides"])
        writer.writerows(
            [r.id, "B1", *(name or "" for name in taxa), r.sequence] for r, taxa in changed
        )
    assert (
        call(
            "index", "build", path, "-m", model_bundle, "--whiten", "0", "-o", tmp_path / "x.bix"
        ).code
        == 0
    )
    result = call("index", "audit", tmp_path / "x.bix")
    assert result.code == 0
    assert tuple(result.out.split("\n")[0].split("\t")) == COLUMNS
    rows = rows_of(result.out)
    assert {row["kind"] for row in rows} >= {"shared_barcode", "bin_discordance"}
    assert all(cell for row in rows for cell in row.values())
    assert planted.keys() & {name for row in rows for name in row["record_ids"].split(";")}
    again = call("index", "audit", tmp_path / "x.bix", "-o", tmp_path / "x.tsv.gz", "-q")
    assert (again.code, again.out, again.err) == (0, "", "")
    assert (tmp_path / "x.tsv.gz").exists()
    assert "200 references: " in result.err


def test_a_very_small_reference_has_no_findings(call, model_bundle, tmp_path):
    lines = (SIMULATED / "reference.fasta").read_text().split("\n>")[:2]
    (tmp_path / "two.fasta").write_text("\n>".join(lines) + "\n")
    for number in (1, 2):
        (tmp_path / "few.fasta").write_text("\n>".join(lines[:number]) + "\n")
        assert (
            call(
                "index",
                "build",
                tmp_path / "few.fasta",
                "-m",
                model_bundle,
                "-o",
                tmp_path / "few.bix",
            ).code
            == 0
        )
        result = call("index", "audit", tmp_path / "few.bix")
        assert (result.code, result.out.count("\n")) == (0, 1)
        assert "no findings" in result.err


def test_prototypes_have_no_records_to_audit(labelled, call, tmp_path):
    made = build_index(labelled[::20], KmerCounter(5), prototypes="species")
    made.save(tmp_path / "p.bix")
    refused = call("index", "audit", tmp_path / "p.bix", "-o", tmp_path / "none.tsv")
    assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
    assert "is an index of prototypes" in refused.err
    assert not (tmp_path / "none.tsv").exists()


def test_an_audit_can_be_iterated_counted_and_made_a_table(discordant):
    findings = audit(discordant)
    assert len(findings) == 5 and findings.has_bins and findings.references == 8
    assert [*findings] == [findings[n] for n in range(5)] and findings[1:] == (*findings,)[1:]
    assert findings.counts == {"shared_barcode": 2, "bin_discordance": 3}
    assert repr(findings) == "<Findings in 8 references: 3 bin_discordance, 2 shared_barcode>"
    frame = findings.to_frame()
    assert tuple(frame.columns) == COLUMNS == tuple(next(findings.rows()))
    assert frame["record_ids"].tolist() == [";".join(f.records) for f in findings]
    assert frame["agreement"].max() == pytest.approx(2 / 3)
    with pytest.raises(InputError, match="at least 3"):
        audit(discordant, neighbours=2)


def test_an_audit_opens_a_bundle(index_bundle):
    findings = audit(index_bundle)
    assert (findings.references, findings.has_bins) == (605, False)
    assert set(findings.counts) <= {"mislabelled", "shared_barcode"}


@pytest.mark.parametrize("at_once", [1, 7, 1 << 20])
def test_the_nearest_pair_is_that_of_all_pairs(at_once, monkeypatch):
    monkeypatch.setattr(findings, "_ROWS_AT_ONCE", at_once)
    rng = np.random.default_rng(at_once)
    vectors = normalise(rng.standard_normal((60, 4)).astype(np.float32))
    vectors[30:40] = vectors[5]  # equally similar pairs: the first one counts
    bases = ["".join(rng.choice(list("ACGT"), 40)) for _ in vectors]
    index = SimpleNamespace(vectors=vectors, sequences=bases)
    for _ in range(40):
        some, others = (rng.choice(60, n, replace=False) for n in rng.integers(1, 25, 2))
        rows, columns = np.unique(some), np.unique(others)
        similarities = np.round(vectors[rows].astype(float) @ vectors[columns].astype(float).T, 6)
        i, j = np.unravel_index(similarities.argmax(), similarities.shape)
        found = nearest_pair(index, some, others)
        assert found.similarity == pytest.approx(similarities.max(), abs=1e-9)
        assert found.identity == percent_identity(bases[rows[i]], bases[columns[j]])
    assert nearest_pair(index, [3], np.zeros(0, int)) is None
