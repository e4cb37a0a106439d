"""Labelled records: each sequence joined to the lineage that its file gives it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from os import PathLike

from barcodeembed.errors import ReferenceDataError
from barcodeembed.sequences.reading import read_records
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.taxonomy.formats import JUDGED, Format, recognise, title_of
from barcodeembed.taxonomy.headers import split_sintax
from barcodeembed.taxonomy.ranks import RANKS, UNKNOWN, Lineage
from barcodeembed.taxonomy.tables import read_taxonomy

LabelledRecord = tuple[SequenceRecord, Lineage]

#: Letters of a header, and of an id that may be one, in a message.
_SHOWN, _ID_SHOWN = 160, 40

#: What is told the path of a file and the name of the format that it is in.
Recognised = Callable[[str | PathLike[str], str], None]


def read_labelled(
    source: str | PathLike[str],
    *,
    taxonomy: str | PathLike[str] | None = None,
    taxdump: str | PathLike[str] | None = None,
    encoding: str = "utf-8",
    allow_missing: bool = False,
    recognised: Recognised = lambda path, name: None,
) -> Iterator[LabelledRecord]:
    """Yield records with their lineages.

    The lineage comes from ``taxonomy`` (a file read by read_taxonomy, where it holds taxids with
    NCBI's ``taxdump``, a folder or an archive) where it is given, else from the file itself, in the
    format that recognise finds. ``recognised`` is told the path and the name of the format. Raises
    ReferenceDataError at a record that has no lineage, or one in another format than the file,
    unless ``allow_missing``; and where ``taxonomy`` names ids that the sequences lack.
    """
    records = read_records(source, encoding=encoding)
    if taxonomy is None:
        yield from _label_by_format(records, source, allow_missing, recognised)
        return
    records = map(_without_sintax, records)
    wanted = None
    if taxdump is not None:  # accession2taxid lists all of GenBank: what is wanted is known first
        records = list(records)
        wanted = {record.id for record in records}
    lineages = read_taxonomy(
        taxonomy,
        encoding=encoding,
        taxdump=taxdump,
        wanted=wanted,
        allow_missing=allow_missing,
        recognised=recognised,
    )
    unused = set(lineages)
    for record in records:
        unused.discard(record.id)
        if record.id not in lineages and not allow_missing:
            raise ReferenceDataError(
                f"no lineage for this record: {taxonomy} does not list it",
                source,
                record.line,
                record.id,
            )
        yield record, lineages.get(record.id, UNKNOWN)
    if unused and not allow_missing:
        raise ReferenceDataError(
            f"{len(unused):,} ids have a lineage but no sequence, {min(unused)!r} first; "
            "--allow-missing ignores them",
            taxonomy,
        )


def chain_labelled(
    sources: Iterable[str | PathLike[str]], *, encoding: str = "utf-8"
) -> Iterator[LabelledRecord]:
    """Yield the records of several files with what lineages they have, one file after the other."""
    for source in sources:
        yield from read_labelled(source, encoding=encoding, allow_missing=True)


def _label_by_format(
    records: Iterator[SequenceRecord],
    source: str | PathLike[str],
    allow_missing: bool,
    recognised: Recognised,
) -> Iterator[LabelledRecord]:
    """Yield records with the lineages that they carry, all in the one format of the file."""
    first = list(islice(records, JUDGED))
    found = recognise(first)
    example = next(filter(found.fits, first)) if found else None
    if found:
        recognised(source, found.name)
    for number, record in enumerate(chain(first, records), 1):
        try:
            labels = found.read(record) if found else None
            if labels is None and not allow_missing:
                raise ReferenceDataError(_misfit(record, found, example))
        except ReferenceDataError as error:
            if not allow_missing:
                raise ReferenceDataError(
                    str(error), source, record.line, record.id[:_ID_SHOWN]
                ) from None
            labels = None
        if labels is None:
            yield record, UNKNOWN
        else:
            yield _named(record, labels[0], number), labels[1]


def _misfit(record: SequenceRecord, found: Format | None, example: SequenceRecord | None) -> str:
    if found is None or example is None:
        return (
            "no lineage for this record: give --taxonomy, a table with rank columns, or "
            "headers that have it (SINTAX ;tax=..., UNITE, DADA2, RDP)"
        )
    return (
        f"no lineage for this record: {title_of(record)[:_SHOWN]!r} does not read as "
        f"{found.name}, as line {example.line} does: {title_of(example)[:_SHOWN]!r}; "
        "--taxonomy gives lineages apart, --allow-missing leaves such records out"
    )


def _named(record: SequenceRecord, identifier: str | None, number: int) -> SequenceRecord:
    """Give a record the id that its header has beside the lineage."""
    if identifier is None:  # of a format without ids
        return replace(record, id=f"ref_{number:06d}", description="")
    if not identifier:
        return replace(record, flags=(*record.flags, "no_id"))
    return replace(record, id=identifier.split()[0])


def _without_sintax(record: SequenceRecord) -> SequenceRecord:
    sintax = split_sintax(title_of(record))
    return record if sintax is None else _named(record, sintax[0], 0)


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
            yield (
                f"{RANKS[rank]} {name}: in {_show(best)}, also in " + ", ".join(map(_show, rivals))
            )
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
