"""Identifiers of taxa by their names, from a table such as WoRMS, GBIF and NCBI give."""

from __future__ import annotations

import os

from barcodeembed.errors import InputError
from barcodeembed.sequences.lines import open_lines, refuse_control
from barcodeembed.sequences.tables import read_rows

#: Names of the columns, in lower case. The first that a table has is used.
_NAMES = ("taxon", "name", "scientific_name", "scientificname")
_IDS = ("id", "taxon_id", "aphiaid", "scientificnameid", "taxonid", "taxonkey", "taxid")


class TaxonIds:
    """Finds the identifier of a taxon by its name, and keeps the names that have none.

    ``path`` is the table from which ``ids`` were read.
    """

    def __init__(self, ids: dict[str, str], path: str | os.PathLike[str]) -> None:
        self._ids, self.path = ids, path
        self.found: set[str] = set()
        self.missing: set[str] = set()

    def of(self, taxon: str | None) -> str | None:
        """Return the identifier of a taxon, or None."""
        if not taxon:
            return None
        known = self._ids.get(taxon)
        (self.found if known else self.missing).add(taxon)
        return known


def read_ids(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read a CSV or TSV of identifiers, with the columns ``taxon`` (or ``name``) and ``id``.

    The names that WoRMS, GBIF and NCBI have for these columns are accepted, too. Rows without a
    name or identifier are skipped. Raises InputError if a column is missing, or if a taxon has two
    identifiers.
    """
    ids: dict[str, str] = {}
    with open_lines(path) as (lines, _):
        header, rows = read_rows(lines)
        columns = [next((name for name in known if name in header), "") for known in (_NAMES, _IDS)]
        for wanted, column in zip(("taxon", "id"), columns, strict=True):
            if not column:
                raise InputError(
                    "a table of identifiers needs the columns taxon and id; it has no "
                    f"{wanted}, only {', '.join(header)[:100]}",
                    lines.path,
                )
        for line, cells in rows:
            taxon, identifier = (cells[column].strip() for column in columns)
            if not taxon or not identifier or "NA" in (taxon, identifier):
                continue
            refuse_control(identifier, "the identifier", lines.path, line)
            if ids.setdefault(taxon, identifier) != identifier:
                raise InputError(
                    f"{taxon} has two identifiers, {ids[taxon]} and {identifier}; keep one of them",
                    lines.path,
                    line=line,
                )
    return ids
