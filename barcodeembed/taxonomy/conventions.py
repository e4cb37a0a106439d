"""How a file writes lineages: which ranks its lists have, and whether its names end in taxids."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from barcodeembed.taxonomy.headers import Header
from barcodeembed.taxonomy.layouts import DEFAULT, Layout, find_layout
from barcodeembed.taxonomy.ranks import Lineage, lineage

_TAXID = re.compile(r"_(\d+)$")
#: MIDORI2's placeholder for a missing rank: the rank, and the next lower name.
_FILLED = re.compile(r"(?:phylum|class|order|family|genus|species)_.*")
#: First names of MIDORI2's lists. In other sources, a number at the end may belong to the name.
_NUMBERED = frozenset(
    (
        "Eukaryota_2759",
        "Bacteria_2",
        "Archaea_2157",
        "Viruses_10239",
        "Metazoa_33208",
        "Animalia_33208",
        "Fungi_4751",
        "Viridiplantae_33090",
    )
)


@dataclass(frozen=True, slots=True)
class Convention:
    """How all headers of a file write lineages.

    ``numbered`` says that every name ends in its taxid, as in MIDORI2.
    """

    layout: Layout = DEFAULT
    numbered: bool = False

    def describe(self, format_name: str) -> str:
        """Return the name of a format, with the ranks of its lists if these are not the usual."""
        return format_name if self.layout == DEFAULT else f"{format_name}, {self.layout}"

    @classmethod
    def of(cls, headers: Iterable[Header], ranks: Sequence[str] | None = None) -> Convention:
        """Learn the convention from the first headers of a file and the ``ranks`` of its lists."""
        headers = list(headers)
        numbered = [header for header in headers if _is_numbered(header)]
        convention = cls(DEFAULT, 2 * len(numbered) > len(headers))
        lists = [convention._plain(header.listed) for header in headers if header.listed]
        if ranks is not None:
            return cls(Layout(tuple(ranks), given=True), convention.numbered)
        return cls(find_layout(lists), convention.numbered)

    def lineage(self, header: Header) -> Lineage:
        """Return the lineage of a header. Raises ReferenceDataError if its ranks are unclear."""
        if header.listed:
            return lineage(self.layout.read(self._plain(header.listed)))
        plain = self._plain(tuple(header.names.values()))
        return lineage(dict(zip(header.names, plain, strict=True)))

    def with_taxon_id(self, header: Header) -> Header:
        """Return the header with the taxid of its lowest taxon, if its names end in taxids."""
        names = _given(header)
        match = _TAXID.search(names[-1]) if self.numbered and names else None
        if match is None:
            return header
        return replace(header, fields={**header.fields, "taxon_id": match.group(1)})

    def _plain(self, names: tuple[str, ...]) -> tuple[str, ...]:
        if not self.numbered:
            return names
        return tuple(_FILLED.sub("", _TAXID.sub("", name)) for name in names)


def _given(header: Header) -> list[str]:
    return [name for name in (*header.names.values(), *header.listed) if name]


def _is_numbered(header: Header) -> bool:
    names = _given(header)
    return bool(names) and names[0] in _NUMBERED and all(map(_TAXID.search, names))
