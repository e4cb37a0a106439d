"""A self-contained HTML page with charts, a map and the table of all queries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from barcodeembed import __version__
from barcodeembed.report.page import assemble
from barcodeembed.report.rows import Row
from barcodeembed.taxonomy.ranks import RANKS, Lineage

if TYPE_CHECKING:
    from barcodeembed.report.projection import Projection
    from barcodeembed.report.references import References

# The parts of the script, in order.
_SCRIPTS = tuple(
    f"page.{name}.js"
    for name in ("base", "save", "data", "sunburst", "samples", "charts", "map", "hits", "table")
)

# Number of names shown for a reference on the map: usually family, genus and species.
_LOWEST = 3


def html(
    rows: Iterable[Row],
    samples: Sequence[str] = (),
    projection: Projection | None = None,
    references: References | None = None,
    *,
    title: str | None = None,
    run: Mapping[str, Any] | None = None,
    hits: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """Return the fragments of the page.

    ``projection`` has a point for each row, in their order, and then for each of ``references``.
    ``run`` is what ``classify --json`` wrote; the footer shows its index, model and thresholds.
    ``hits`` are the closest references and trees of the rows (`hits_data`).
    """
    data = page_data(list(rows), samples, projection, references)
    data |= {"run": run and described(run), "hits": hits}
    return assemble("page.html", _SCRIPTS, data, title or "barcodeembed report")


def described(run: Mapping[str, Any]) -> str:
    """Return which index, model and thresholds a run had, and when it was, in one sentence each."""
    thresholds = {value for value in run["confidence_threshold"].values() if value is not None}
    index = run["index"]
    kind = "prototypes" if index["prototypes"] else "barcodes"
    parts = [
        f"Classified by barcodeembed {run['barcodeembed']}"
        + (f" on {run['date']}" if "date" in run else ""),
        f"Index {index['name']} of {index['vectors']:,} {kind} (sha256 {index['sha256'][:12]})",
        f"Model {run['model'][:12]}",
        (
            f"At most {run['max_error']:g} of the names expected to be incorrect"
            if run["max_error"] is not None
            else f"Confidence threshold {', '.join(f'{value:g}' for value in sorted(thresholds))}"
        ),
    ]
    return ". ".join(parts) + "."


def page_data(
    rows: Sequence[Row],
    samples: Sequence[str],
    projection: Projection | None,
    references: References | None = None,
) -> dict[str, Any]:
    """Return the data of the page: a list for each column, with taxa and samples as numbers."""
    taxa: dict[tuple, int] = {}
    known = {sample: number for number, sample in enumerate(samples)}
    for row in rows:
        taxa.setdefault((row.taxon, row.taxon != row.placement), len(taxa))
        known.setdefault(row.sample, len(known))
    return {
        "version": __version__,
        "ranks": RANKS,
        "samples": list(known),
        # Each lineage, and whether its last name is a unit.
        "taxa": [[*lineage, grouped] for lineage, grouped in taxa],
        "columns": {
            "query_id": [row.query_id for row in rows],
            "sample": [known[row.sample] for row in rows],
            "reads": [row.reads for row in rows],
            "status": [row.status for row in rows],
            "novel_rank": [row.novel_rank for row in rows],
            "rank": [row.rank for row in rows],
            "taxon": [taxa[row.taxon, row.taxon != row.placement] for row in rows],
            "confidence": [row.confidence for row in rows],
            "nearest_id": [row.nearest_id for row in rows],
            "similarity": [row.similarity for row in rows],
            "identity": [row.identity for row in rows],
            "length": [row.length for row in rows],
            "flags": [row.flags for row in rows],
        },
        "map": projection and _map_data(projection, len(rows), references),
    }


def _map_data(
    projection: Projection, queries: int, references: References | None
) -> dict[str, Any]:
    # A query without a vector has NaN, which JSON does not have.
    points = [None if x != x else [round(x, 4), round(y, 4)] for x, y in projection.points.tolist()]
    data: dict[str, Any] = {
        "method": projection.method,
        "axes": projection.axes,
        "points": points[:queries],
    }
    if references:
        data["references"] = {
            "points": points[queries:],
            "ids": references.ids,
            "names": [_lowest(lineage) for lineage in references.lineages],
        }
    return data


def _lowest(lineage: Lineage) -> list[str]:
    """Return the lowest names of a lineage, highest rank first."""
    return [name for name in lineage if name][-_LOWEST:]
