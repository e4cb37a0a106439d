"""Labelled records: each sequence joined to the lineage that its file gives it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from os import PathLike

from barcodeembed.errors import ReferenceDataError
from barcodeembed.sequences.reading import read_records
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.taxonomy.headers import split_sintax
from barcodeembed.taxonomy.ranks import RANKS, UNKNOWN, Lineage, lineage
from barcodeembed.taxonomy.tables import has_rank_columns, read_taxonomy

LabelledRecord = tuple[SequenceRecord, Lineage]


def read_labelled(
    source: str | PathLike[str],
    *,
    taxonomy: str | PathLike[str] | None = None,
    encoding: str = "utf-8",
    allow_missing: bool = False,
) -> Iterator[LabelledRecord]:
    """Yield records with their lineages.

    The lineage comes from ``taxonomy`` (a file read by read_taxonomy) where it is given, else
    from the table's rank columns, else from the SINTAX header. Raises ReferenceDataError at a
    record that has none, unless ``allow_missing``; and where ``taxonomy`` names ids that the
    sequences lack.
    """
    lineages = None if taxonomy is None else read_taxonomy(taxonomy, encoding=encoding)
    unused = set(lineages or ())
    for record in read_records(source, encoding=encoding):
        record, taxa = _label(record, lineages)
        unused.discard(record.id)
        if taxa is None and not allow_missing:
            wanted = (
                f"{taxonomy} does not list it" if taxonomy
                else "give --taxonomy, a SINTAX header (;tax=...) or a table with rank columns"
            )
            raise ReferenceDataError(f"no lineage for this record: {wanted}", source,
                                     record.line, record.id)
        yield record, taxa or UNKNOWN
    if unused and not allow_missing:
        raise ReferenceDataError(
            f"{len(unused):,} ids have a lineage but no sequence, {min(unused)!r} first; "
            "--allow-missing ignores them", taxonomy,
        )


def chain_labelled(
    sources: Iterable[str | PathLike[str]], *, encoding: str = "utf-8"
) -> Iterator[LabelledRecord]:
    """Yield the records of several files with what lineages they have, one file after the other."""
    for source in sources:
        yield from read_labelled(source, encoding=encoding, allow_missing=True)


def _label(
    record: SequenceRecord, lineages: dict[str, Lineage] | None
) -> tuple[SequenceRecord, Lineage | None]:
    sintax = split_sintax(f"{record.id} {record.description}".strip())
    if sintax is not None:
        words = sintax[0].split()
        record = (
            replace(record, id=words[0]) if words
            else replace(record, flags=(*record.flags, "no_id"))
        )  # fmt: skip
    if lineages is not None:
        return record, lineages.get(record.id)
    if sintax is not None:
        return record, sintax[1]
    if has_rank_columns(record.fields):
        return record, lineage(record.fields)
    return record, None


def resolve_conflicts(lineages: Iterable[Lineage]) -> tuple[dict[Lineage, Lineage], list[str]]:
    """Give every taxon one set of ancestors: the one that most records state.

    A name in two phyla is a homonym (*Colocasia* is a moth and an aroid) and stays two taxa. A
    missing middle rank is no conflict and is filled from the records that state it. Returns the
    lineages that change with their replacement, and a line for each conflict settled.
    """
    counts = Counter(lineages)
    replacement = _fill_phyla(counts)
    conflicts: list[str] = []
    for _ in RANKS:  # what a lower rank fills in may tell a higher one more: at most once each
        before = dict(replacement)
        for rank in range(2, len(RANKS)):
            conflicts += _settle(rank, counts, replacement)
        if replacement == before:
            break
    return {old: new for old, new in replacement.items() if old != new}, conflicts


def _settle(
    rank: int, counts: Counter[Lineage], replacement: dict[Lineage, Lineage]
) -> Iterator[str]:
    """Give the taxa of one rank one set of ancestors each; yields a line for each conflict."""
    stated: dict[tuple, Counter] = defaultdict(Counter)
    for taxa, count in counts.items():
        now = replacement[taxa]
        if now[rank]:
            stated[now[1], now[rank]][now[:rank]] += count
    chosen = {}
    for (phylum, name), parents in stated.items():
        # The fullest of the most frequent: a record that omits a rank contradicts nothing.
        ranked = sorted(parents, key=lambda p: (-parents[p], p.count(None), str(p)))
        best = chosen[phylum, name] = _merge(ranked)
        rivals = [p for p in ranked if not _agree(p, best)]
        if rivals:
            yield (f"{RANKS[rank]} {name}: in {_show(best)}, also in "
                   + ", ".join(map(_show, rivals)))
    for taxa, now in replacement.items():
        if now[rank]:
            replacement[taxa] = chosen[now[1], now[rank]] + now[rank:]


def _fill_phyla(lineages: Iterable[Lineage]) -> dict[Lineage, Lineage]:
    """Give lineages without a phylum the only one in which a name of theirs is known."""
    phyla: dict[tuple[int, str], set[str]] = defaultdict(set)
    for taxa in lineages:
        for rank, name in enumerate(taxa[2:], 2):
            if name and taxa[1]:
                phyla[rank, name].add(taxa[1])
    filled = {}
    for taxa in lineages:
        known = [phyla.get((rank, name), ()) for rank, name in enumerate(taxa[2:], 2) if name]
        phylum = taxa[1] or next((min(found) for found in known if len(found) == 1), None)
        filled[taxa] = (taxa[0], phylum, *taxa[2:])
    return filled


def _merge(parents: list[tuple]) -> tuple:
    """Fill the gaps of the first lineage from the ones that agree with it."""
    merged = parents[0]
    for other in parents[1:]:
        if _agree(merged, other):
            merged = tuple(a or b for a, b in zip(merged, other, strict=True))
    return merged


def _agree(one: tuple, other: tuple) -> bool:
    return all(a == b or a is None or b is None for a, b in zip(one, other, strict=True))


def _show(parents: tuple) -> str:
    return next((name for name in reversed(parents) if name), "no parent")
