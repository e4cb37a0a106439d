"""Read labelled records (sequences with lineages), and resolve conflicting lineages."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from os import PathLike

from barcodeembed.errors import ReferenceDataError
from barcodeembed.sequences.reading import read_records
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.sequences.tables import USUAL, Columns
from barcodeembed.taxonomy.formats import SAMPLE_SIZE, Reading, recognise, title_of
from barcodeembed.taxonomy.headers import Header, split_sintax
from barcodeembed.taxonomy.kingdoms import homonym_group
from barcodeembed.taxonomy.name_headers import ACCESSION
from barcodeembed.taxonomy.ranks import RANKS, UNKNOWN, Lineage
from barcodeembed.taxonomy.tables import read_taxonomy

LabelledRecord = tuple[SequenceRecord, Lineage]

_NO_LINEAGE = (
    "give --taxonomy, a table with rank columns, or headers that contain it (SINTAX ;tax=..., "
    "UNITE, DADA2, RDP)"
)
#: What helps with headers that give only an id which stands for a lineage elsewhere.
_HINTS = (
    (
        r'"taxid"|\btaxid=|taxid\|',
        "this header has only a taxid (OBITools, Kraken); give a table of ids and taxids with "
        "--taxonomy, and NCBI's taxdump.tar.gz with --taxdump",
    ),
    (
        rf"^{ACCESSION}(?:\s|$)",
        "this looks like an accession of GenBank; give nucl_gb.accession2taxid.gz with --taxonomy "
        f"and NCBI's taxdump.tar.gz with --taxdump, or {_NO_LINEAGE}",
    ),
)

#: Maximum letters of a header, and of an id, in an error message.
_MAX_SHOWN, _MAX_ID_SHOWN = 160, 40

#: A function that is called with the path of a file and the name of its format.
Recognised = Callable[[str | PathLike[str], str], None]


def read_labelled(
    source: str | PathLike[str],
    *,
    taxonomy: str | PathLike[str] | None = None,
    taxdump: str | PathLike[str] | None = None,
    encoding: str = "utf-8",
    allow_missing: bool = False,
    ranks: Sequence[str] | None = None,
    columns: Columns = USUAL,
    gene: str | None = None,
    recognised: Recognised = lambda path, name: None,
) -> Iterator[LabelledRecord]:
    """Yield pairs of a record and its lineage, in the order of the file.

    A lineage is a tuple with a name, or None, for each rank from kingdom to species (`RANKS`).

    >>> import barcodeembed as be
    >>> record, lineage = next(be.read_labelled("references.tsv"))  # doctest: +SKIP
    >>> lineage[-1]  # doctest: +SKIP
    'Aglais io'

    With ``taxonomy``, a file that read_taxonomy reads, the lineages come from that file. If it has
    taxids, ``taxdump`` is NCBI's taxonomy dump, a folder or an archive. Without ``taxonomy`` the
    lineages come from ``source`` itself, in the format that is recognised. ``ranks`` are the ranks
    of lineages that do not give them, from the first name on; other words than those of RANKS are
    positions that are not read. ``columns`` names unusual columns of a table, and ``gene`` the
    gene to be taken from a flat file. ``recognised`` is called with the path and the name of the
    format.

    Raises ReferenceDataError, unless ``allow_missing``, if a record has no lineage or another
    format than the file, or if ``taxonomy`` lists ids without a sequence.
    """
    records = read_records(source, encoding=encoding, columns=columns, gene=gene)
    if taxonomy is None:
        yield from _label_by_format(records, source, allow_missing, ranks, recognised)
        return
    labelled: Iterable[SequenceRecord] = map(_without_sintax, records)
    wanted = None
    if taxdump is not None:
        # An accession2taxid file lists all of GenBank, so only the ids of the records are read.
        labelled = list(labelled)
        wanted = {record.id for record in labelled}
    lineages = read_taxonomy(
        taxonomy,
        encoding=encoding,
        taxdump=taxdump,
        wanted=wanted,
        allow_missing=allow_missing,
        ranks=ranks,
        recognised=recognised,
    )
    yield from _label_by_id(labelled, lineages, source, taxonomy, allow_missing)


def _label_by_id(
    records: Iterable[SequenceRecord],
    lineages: dict[str, Lineage],
    source: str | PathLike[str],
    taxonomy: str | PathLike[str],
    allow_missing: bool,
) -> Iterator[LabelledRecord]:
    """Yield records with the lineages of a taxonomy file, matched by id."""
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
            f"{len(unused):,} ids have a lineage but no sequence (the first is {min(unused)!r}); "
            "--allow-missing ignores them",
            taxonomy,
        )


def chain_labelled(
    sources: Iterable[str | PathLike[str]], *, encoding: str = "utf-8"
) -> Iterator[LabelledRecord]:
    """Yield the records of several files, in order, with the lineages that they contain, if any."""
    for source in sources:
        yield from read_labelled(source, encoding=encoding, allow_missing=True)


def _label_by_format(
    records: Iterator[SequenceRecord],
    source: str | PathLike[str],
    allow_missing: bool,
    ranks: Sequence[str] | None,
    recognised: Recognised,
) -> Iterator[LabelledRecord]:
    """Yield records with the lineages that they contain, all in the format of the file."""
    first = list(islice(records, SAMPLE_SIZE))
    reading = recognise(first, ranks)
    if reading:
        recognised(source, str(reading))
    for number, record in enumerate(chain(first, records), 1):
        try:
            labels = reading.label(record) if reading else None
            if labels is None and not allow_missing:
                raise ReferenceDataError(_misfit(record, reading, first))
        except ReferenceDataError as error:
            if not allow_missing:
                raise ReferenceDataError(
                    str(error), source, record.line, record.id[:_MAX_ID_SHOWN]
                ) from None
            labels = None
        if labels is None:
            yield record, UNKNOWN
        else:
            yield _named(record, labels[0], number), labels[1]


def _misfit(
    record: SequenceRecord, reading: Reading | None, first: Iterable[SequenceRecord]
) -> str:
    """Return the message for a record that is not in the format of its file."""
    if reading is None:
        title = title_of(record)
        hint = next((hint for sign, hint in _HINTS if re.search(sign, title)), _NO_LINEAGE)
        return f"no lineage for this record: {hint}"
    example = next(filter(reading.format.fits, first))
    return (
        f"no lineage for this record: {title_of(record)[:_MAX_SHOWN]!r} does not match "
        f"{reading.format.name}, the format of line {example.line}: "
        f"{title_of(example)[:_MAX_SHOWN]!r}; "
        "give the lineages with --taxonomy, or leave out such records with --allow-missing"
    )


def _named(record: SequenceRecord, header: Header, number: int) -> SequenceRecord:
    """Return a record with the id that its header has without the lineage, and other facts."""
    fields = {**record.fields, **header.fields} if header.fields else record.fields
    if header.id is None:  # the format has no ids
        return replace(record, id=f"ref_{number:06d}", description="", fields=fields)
    if not header.id:
        return replace(record, flags=(*record.flags, "no_id"), fields=fields)
    return replace(record, id=header.id.split()[0], fields=fields)


def _without_sintax(record: SequenceRecord) -> SequenceRecord:
    header = split_sintax(title_of(record))
    return record if header is None else _named(record, header, 0)


def resolve_conflicts(lineages: Iterable[Lineage]) -> tuple[dict[Lineage, Lineage], list[str]]:
    """Give every taxon one set of ancestors: the one that most records have.

    A name in two kingdoms is a homonym (*Colocasia* is a moth and an aroid) and stays two taxa. A
    missing rank is not a conflict; it is filled in from the records that have it. Returns the
    lineages that change with their replacements, and a line of text for each resolved conflict.
    """
    counts = Counter(lineages)
    replacement = _fill_phyla(counts)
    conflicts: list[str] = []
    # A name filled in at a lower rank may resolve a higher one, so repeat: at most once per rank.
    for _ in RANKS:
        before = dict(replacement)
        for rank in range(1, len(RANKS)):
            conflicts += _resolve_rank(rank, counts, replacement)
        if replacement == before:
            break
    return {old: new for old, new in replacement.items() if old != new}, conflicts


def _resolve_rank(
    rank: int, counts: Counter[Lineage], replacement: dict[Lineage, Lineage]
) -> Iterator[str]:
    """Give every taxon of one rank one set of ancestors; yield a line for each conflict."""
    counts_of: dict[tuple[str, str | None], Counter[Lineage]] = defaultdict(Counter)
    for taxa, count in counts.items():
        now = replacement[taxa]
        if now[rank]:
            counts_of[homonym_group(now), now[rank]][now[:rank]] += count
    chosen = {}
    for (group, name), parents in counts_of.items():
        # Most records first, then fewest gaps: a record that omits a rank contradicts nothing.
        ranked = sorted(parents, key=lambda p: (-parents[p], p.count(None), str(p)))
        best = chosen[group, name] = _merge(ranked)
        rivals = [p for p in ranked if not _compatible(p, best)]
        if rivals:
            yield (
                f"{RANKS[rank]} {name}: in {_show(best)}, also in " + ", ".join(map(_show, rivals))
            )
    for taxa, now in replacement.items():
        if now[rank]:
            replacement[taxa] = chosen[homonym_group(now), now[rank]] + now[rank:]


def _fill_phyla(lineages: Iterable[Lineage]) -> dict[Lineage, Lineage]:
    """Fill in a missing phylum if only one phylum has a name of the lineage."""
    phyla: dict[tuple[int, str], set[str]] = defaultdict(set)
    for taxa in lineages:
        for rank, name in enumerate(taxa[2:], 2):
            if name and taxa[1]:
                phyla[rank, name].add(taxa[1])
    filled = {}
    for taxa in lineages:
        candidates = [
            phyla.get((rank, name), set()) for rank, name in enumerate(taxa[2:], 2) if name
        ]
        phylum = taxa[1] or next((min(each) for each in candidates if len(each) == 1), None)
        filled[taxa] = (taxa[0], phylum, *taxa[2:])
    return filled


def _merge(parents: list[Lineage]) -> Lineage:
    """Fill the gaps of the first set of ancestors from those that are compatible with it."""
    merged = parents[0]
    for other in parents[1:]:
        if _compatible(merged, other):
            merged = tuple(a or b for a, b in zip(merged, other, strict=True))
    return merged


def _compatible(one: Lineage, other: Lineage) -> bool:
    """Return whether two sets of ancestors differ only in missing names."""
    return all(a == b or a is None or b is None for a, b in zip(one, other, strict=True))


def _show(parents: Lineage) -> str:
    return next((name for name in reversed(parents) if name), "no parent")
