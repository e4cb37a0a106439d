"""A Darwin Core archive of occurrences, as GBIF and OBIS take metabarcoding data.

The guide is "Publishing DNA-derived data through biodiversity data platforms" (docs.gbif.org). One
occurrence is one sequence in one sample. A query without a name is *incertae sedis*, as OBIS asks.
With sequences, the archive has GBIF's extension DNADerivedData.
"""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import IO
from xml.sax.saxutils import escape

from barcodeembed import __version__
from barcodeembed.report.rows import Row
from barcodeembed.taxonomy.ranks import RANKS

_DWC = "http://rs.tdwg.org/dwc/terms/"
_DNA = "http://rs.gbif.org/terms/"
_EXTENSION = "http://rs.gbif.org/terms/1.0/DNADerivedData"

#: The ranks that Darwin Core has a term for; that of the species is scientificName.
_RANKS = tuple(rank for rank in RANKS if rank != "species")

#: What OBIS asks for a sequence without a name, and its identifier in WoRMS.
_UNKNOWN = ("Incertae sedis", "urn:lsid:marinespecies.org:taxname:12")

_UNIT = "DNA sequence reads"
_WEBSITE = "https://github.com/barcodeembed/barcodeembed"

TERMS = (
    *("occurrenceID", "eventID", "basisOfRecord", "occurrenceStatus", "organismQuantity"),
    *("organismQuantityType", "sampleSizeValue", "sampleSizeUnit", "scientificName", "taxonRank"),
    *(*_RANKS, "scientificNameID", "taxonConceptID", "identificationQualifier"),
    *("identificationRemarks", "identificationReferences"),
)

#: The date of the files in the archive, so that the same rows give the same bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def dwc(
    rows: Iterable[Row],
    totals: Mapping[str, int],
    *,
    ids: Mapping[str, str] | None = None,
    sequences: Mapping[tuple[str, str], str] | None = None,
    title: str,
    date: datetime,
) -> dict[str, str]:
    """Return the files of the archive by name.

    ``totals`` are the reads of each sample, also of rows that are left out. ``ids`` are identifiers
    of taxa by name, and ``sequences`` those of queries by (sample, id).
    """
    occurrences, extension = ["\t".join(TERMS)], ["\t".join(("occurrenceID", "DNA_sequence"))]
    seen: Counter[str] = Counter()
    for row in rows:
        if not row.reads:
            continue
        name = f"{row.sample}:{row.md5 or row.feature}"
        seen[name] += 1
        identifier = name if seen[name] == 1 else f"{name}:{seen[name]}"
        occurrences.append(_line([identifier, *_occurrence(row, totals[row.sample], ids or {})]))
        bases = (sequences or {}).get((row.sample, row.query_id))
        if bases:
            extension.append(_line([identifier, bases]))
    files = {"meta.xml": _meta(bool(sequences)), "eml.xml": _eml(title, date)}
    files["occurrence.txt"] = "\n".join(occurrences) + "\n"
    if sequences:
        files["dna.txt"] = "\n".join(extension) + "\n"
    return files


def _occurrence(row: Row, total: int, ids: Mapping[str, str]) -> list[str | None]:
    taxon = row.placement[RANKS.index(row.rank)] if row.rank else None
    name, known_id = (taxon, ids.get(taxon)) if taxon else _UNKNOWN
    return [
        row.sample,
        "MaterialSample",
        "present",
        str(row.reads),
        _UNIT,
        str(total),
        _UNIT,
        name,
        row.rank,
        *(row.placement[RANKS.index(rank)] for rank in _RANKS),
        known_id,
        row.nearest_bin,
        _qualifier(row),
        _remarks(row),
        _WEBSITE,
    ]


def _qualifier(row: Row) -> str | None:
    """Return what follows the name of a sequence that is not named to species.

    The unit of a novel query takes the place of a species name.
    """
    if row.rank in (None, "species"):
        return None
    missing = {"genus": "sp.", "subfamily": "gen. sp.", "family": "gen. sp."}
    return " ".join(filter(None, [missing.get(row.rank or "", "indet."), row.unit]))


def _remarks(row: Row) -> str:
    """Return the method, the confidence, and what the name rests on."""
    parts = [f"barcodeembed {__version__}: {row.status}"]
    if row.confidence is not None:
        parts.append(f"confidence {row.confidence:.4f}")
    if row.novel_rank:
        parts.append(f"new to the reference at {row.novel_rank}")
    if row.nearest_id:
        near = f"closest reference {row.nearest_id}"
        near += f" ({row.nearest_taxon})" if row.nearest_taxon else ""
        near += f", identity {row.identity:.2f} %" if row.identity is not None else ""
        parts.append(near)
    if row.flags:
        parts.append(f"flags {row.flags}")
    return "; ".join(parts)


def _line(cells: Sequence[str | None]) -> str:
    return "\t".join(" ".join(cell.split()) if cell else "" for cell in cells)


def _meta(with_sequences: bool) -> str:
    core = "".join(f'    <field index="{i}" term="{_term(t)}"/>\n' for i, t in enumerate(TERMS))
    files = _table("core", f"{_DWC}Occurrence", "occurrence.txt", "id", core)
    if with_sequences:
        field = f'    <field index="1" term="{_DNA}dna_sequence"/>\n'
        files += _table("extension", _EXTENSION, "dna.txt", "coreid", field)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<archive xmlns="http://rs.tdwg.org/dwc/text/" metadata="eml.xml">\n'
        + files
        + "</archive>\n"
    )


def _term(name: str) -> str:
    return _DWC + name


def _table(kind: str, row_type: str, file: str, key: str, fields: str) -> str:
    return (
        f'  <{kind} encoding="UTF-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" '
        f'fieldsEnclosedBy="" ignoreHeaderLines="1" rowType="{row_type}">\n'
        f'    <files><location>{file}</location></files>\n    <{key} index="0"/>\n'
        f"{fields}  </{kind}>\n"
    )


def _eml(title: str, date: datetime) -> str:
    """Return the least metadata that a publisher completes."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<eml:eml xmlns:eml="https://eml.ecoinformatics.org/eml-2.2.0" packageId="barcodeembed" '
        'system="barcodeembed" scope="system">\n  <dataset>\n'
        f"    <title>{escape(title)}</title>\n"
        f"    <pubDate>{date:%Y-%m-%d}</pubDate>\n    <language>en</language>\n"
        "    <abstract><para>DNA barcodes that were named by barcodeembed "
        f"{__version__}. Complete the creator, contact, licence and sampling before "
        "publication.</para></abstract>\n  </dataset>\n</eml:eml>\n"
    )


def write_archive(files: Mapping[str, str], stream: IO[bytes]) -> None:
    """Write the files as a zip archive; the same files give the same bytes."""
    buffer = io.BytesIO()  # a stream that is not seekable can be written to
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), text, zipfile.ZIP_DEFLATED)
    stream.write(buffer.getvalue())
