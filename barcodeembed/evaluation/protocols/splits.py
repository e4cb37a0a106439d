"""The published splits of a labelled table, or the same splits made from references and queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike

import numpy as np

from barcodeembed.errors import InputError
from barcodeembed.evaluation.queries import sort_queries
from barcodeembed.sequences.cleaning import clean
from barcodeembed.sequences.reading import read_records
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.taxonomy.columns import bin_of
from barcodeembed.taxonomy.names import strip_placeholder
from barcodeembed.taxonomy.ranks import RANKS, lineage
from barcodeembed.taxonomy.references import LabelledRecord
from barcodeembed.taxonomy.taxa import Taxa

SPLIT_COLUMN = "split"

#: The eight splits of BIOSCAN-5M in their usual order. CanadianInvertebrates has five of them.
SPLITS = (
    "pretrain",
    "train",
    "val",
    "test",
    "key_unseen",
    "val_unseen",
    "test_unseen",
    "other_heldout",
)

#: The splits that contain queries. Duplicates are removed from these.
HELD_OUT = ("val", "test", "key_unseen", "val_unseen", "test_unseen")

#: Barcodes of a published table are cut to this length. According to the authors, further bases do
#: not belong to the barcode (`max_nucleotides` of the package bioscan-dataset).
PUBLISHED_BASES = 660

_ALIASES = {"validation": "val", "test_seen": "test"}
_ROLES = {"seen": "test", "unseen species": "test_unseen"}
_GENUS, _SPECIES = map(RANKS.index, ("genus", "species"))


@dataclass(slots=True)
class Split:
    """The distinct barcodes of a split, each with the labels of its first record.

    ``bases`` are cleaned, without N at the ends. ``genus``, ``species`` and ``bin`` may be None.
    ``records`` is the number of records that were read, and ``left_out`` counts, by reason, those
    that cannot be used because they are too short or have too little information.
    """

    ids: list[str] = field(default_factory=list)
    bases: list[str] = field(default_factory=list)
    genus: list[str | None] = field(default_factory=list)
    species: list[str | None] = field(default_factory=list)
    bin: list[str | None] = field(default_factory=list)
    records: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.bases)

    def take(self, rows: Sequence[int] | np.ndarray) -> Split:
        """Return the split with only these barcodes."""
        return replace(
            self,
            ids=[self.ids[row] for row in rows],
            bases=[self.bases[row] for row in rows],
            genus=[self.genus[row] for row in rows],
            species=[self.species[row] for row in rows],
            bin=[self.bin[row] for row in rows],
        )


Splits = dict[str, Split]


class _Collector:
    """Collects the records of each split, with one entry for each distinct barcode."""

    def __init__(self, max_bases: int) -> None:
        self.max_bases = max_bases
        self.splits: Splits = {}
        self._seen: dict[str, set[str]] = {}

    def add(
        self, name: str, record: SequenceRecord, genus: str | None, species: str | None
    ) -> None:
        split = self.splits.setdefault(name, Split())
        split.records += 1
        barcode = clean(record, max_bases=self.max_bases)
        if barcode.unclassifiable:
            split.left_out[barcode.unclassifiable] += 1
            return
        bases = barcode.bases.strip("N")
        seen = self._seen.setdefault(name, set())
        if bases in seen:
            return
        seen.add(bases)
        split.ids.append(record.id)
        split.bases.append(bases)
        split.genus.append(genus)
        split.species.append(species)
        split.bin.append(bin_of(record.fields))

    def in_order(self) -> Splits:
        order = {name: i for i, name in enumerate(SPLITS)}
        names = sorted(self.splits, key=lambda name: (order.get(name, len(order)), name))
        return {name: self.splits[name] for name in names}


def read_splits(path: str | PathLike[str], *, max_bases: int, encoding: str = "utf-8") -> Splits:
    """Read a table with a column ``split`` that names the split of each record.

    Barcodes are cut to PUBLISHED_BASES, as by the loaders of the published tables. Species are kept
    as they are in the table, with interim names (``Apis sp. 3``), so that their number is that of
    the authors. Records without a split are skipped. Raises InputError if there is no such column
    or no record of the split ``train``.
    """
    collector = _Collector(max_bases)
    for record in read_records(path, encoding=encoding):
        if SPLIT_COLUMN not in record.fields:
            raise InputError("has no column `split`; add one, or give queries with --queries", path)
        name = record.fields[SPLIT_COLUMN].strip().lower()
        if not name:
            continue
        cut = record.sequence[:PUBLISHED_BASES]
        record = replace(record, sequence=cut, length=len(cut))
        collector.add(_ALIASES.get(name, name), record, *_published_names(record.fields))
    if "train" not in collector.splits:
        found = ", ".join(sorted(collector.splits)) or "nothing"
        raise InputError(f"the column `split` has no record `train` (it has: {found})", path)
    return collector.in_order()


def derive_splits(
    references: Iterable[LabelledRecord], queries: Iterable[LabelledRecord], *, max_bases: int
) -> Splits:
    """Make the published splits from references and queries.

    The references are ``train``. Queries of a species in the references are ``test``, those of
    another species of a genus in the references are ``test_unseen``, and all others are
    ``other_heldout``. Raises InputError if there is no query.
    """
    references = list(references)
    taxa = Taxa.of(sorted({taxa for _, taxa in references}, key=str))
    asked = sort_queries(queries, taxa)
    collector = _Collector(max_bases)
    for record, names in references:
        collector.add("train", record, names[_GENUS], names[_SPECIES])
    for record, names, category in zip(
        asked.records, asked.lineages, asked.categories, strict=True
    ):
        role = _ROLES.get(category, "other_heldout")
        collector.add(role, record, names[_GENUS], names[_SPECIES])
    return collector.in_order()


def sample_queries(splits: Splits, maximum: int, seed: int) -> Splits:
    """Draw at most ``maximum`` barcodes of each split in HELD_OUT."""
    rng = np.random.default_rng(seed)
    return {
        name: split.take(np.sort(rng.permutation(len(split))[:maximum]))
        if name in HELD_OUT
        else split
        for name, split in splits.items()
    }


def _published_names(columns: dict[str, str]) -> tuple[str | None, str | None]:
    genus = lineage(columns)[_GENUS]
    written = columns.get("species", columns.get("species_name", ""))
    species = strip_placeholder(written)  # keeps interim names of species
    if species and genus and " " not in species:
        species = f"{genus} {species}"
    return genus, species
