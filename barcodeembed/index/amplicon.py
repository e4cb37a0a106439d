"""Cut references to an amplicon: what lies between two primer sites.

Published barcodes often end inside the amplicon, or just before a site, because the primers of the
barcode were cut off. So where a reference lacks a site, the model's positions in the marker decide.
For a marker in which the model has no positions, the sites alone decide, and a reference without
any is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from barcodeembed.errors import ReferenceDataError
from barcodeembed.index.collect import BuildReport, Reference
from barcodeembed.index.settings import Amplicon
from barcodeembed.sequences.anchor import MIN_SUPPORT_IN_BULK, Anchor, encode_rows
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.packed import pack
from barcodeembed.sequences.primer_positions import amplicon_positions
from barcodeembed.sequences.primer_sites import PrimerFinder

#: The reason for which a reference is left out.
OUTSIDE = "outside_amplicon"

#: Least fraction of the amplicon that a reference must cover.
_MIN_COVERED = 0.5

#: A site this many bases from where it belongs is a chance similarity.
_MAX_OFFSET = 30

_BATCH_SIZE = 256


@dataclass(frozen=True, slots=True)
class _Sites:
    """Sequences in one orientation, and where the sites enclose the amplicon; -1 without a site."""

    sequences: list[str]
    turned: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


def cut_references(
    references: Sequence[Reference],
    amplicon: Amplicon,
    anchor: Anchor | None,
    report: BuildReport,
    *,
    min_bases: int,
) -> list[Reference]:
    """Return the references that cover the amplicon, cut to it; count the others.

    The amplicon, with its positions in the marker, is kept as ``report.amplicon``. Raises
    ReferenceDataError if neither the model nor the references show where it is.
    """
    region = amplicon_positions(amplicon.pair, anchor) if anchor else None
    if anchor is None or region is None:
        sites = _find_sites([r.bases for r in references], amplicon, None)
        starts, ends, length = _by_sites(sites, amplicon)
    else:
        amplicon = replace(amplicon, first=region[0] + 1, last=region[1])
        sites = _find_sites([r.bases for r in references], amplicon, anchor)
        starts, ends = _by_position(region, sites, anchor)
        length = region[1] - region[0]
    report.amplicon = amplicon
    kept = []
    for r, bases, turned, start, end in zip(
        references, sites.sequences, sites.turned, starts.tolist(), ends.tolist(), strict=True
    ):
        inside = bases[start:end]
        if len(inside) < _MIN_COVERED * length:
            report.left_out[OUTSIDE] += 1
        elif sum(map(inside.count, "ACGT")) < min_bases:
            report.left_out["short"] += 1
        else:
            kept.append(replace(r, packed=pack(reverse_complement(inside) if turned else inside)))
    return kept


def _find_sites(sequences: Sequence[str], amplicon: Amplicon, anchor: Anchor | None) -> _Sites:
    """Orient sequences, by position or by their sites, and find the sites."""
    others = [reverse_complement(bases) for bases in sequences]
    finder = PrimerFinder([amplicon.forward, amplicon.reverse])
    lengths = np.array([len(bases) for bases in sequences], np.int64)
    here, there = (_ends(finder, texts) for texts in (sequences, others))
    if anchor is None:
        # The strand with the forward primer's site, or the reverse primer's on the other.
        turned = (there[:, 0] >= 0).astype(int) + (here[:, 1] >= 0) > (
            (here[:, 0] >= 0).astype(int) + (there[:, 1] >= 0)
        )
    else:
        turned = _support(anchor, others) > _support(anchor, sequences)
    plus = np.where(turned[:, None], there, here)
    minus = np.where(turned[:, None], here, there)
    # The model's strand can be either of the primers'.
    forward, reverse = 0, 1
    if (plus[:, 1] >= 0).sum() + (minus[:, 0] >= 0).sum() > (
        (plus[:, 0] >= 0).sum() + (minus[:, 1] >= 0).sum()
    ):
        forward, reverse = 1, 0
    oriented = [o if t else s for s, o, t in zip(sequences, others, turned, strict=True)]
    ends = np.where(minus[:, reverse] >= 0, lengths - minus[:, reverse], -1)
    return _Sites(oriented, turned, plus[:, forward], ends)


def _ends(finder: PrimerFinder, texts: Sequence[str]) -> np.ndarray:
    """Return the end of each primer's site, int64 (B, P); -1 without a site."""
    fewest_BP, ends_BP = finder.find(texts)
    return np.where(fewest_BP <= finder.allowed_P, ends_BP, -1)


def _by_sites(sites: _Sites, amplicon: Amplicon) -> tuple[np.ndarray, np.ndarray, int]:
    """Return starts, ends and the usual length, for references with a site; others are empty."""
    both = (sites.starts >= 0) & (sites.ends > sites.starts)
    if not both.any():
        raise ReferenceDataError(
            f"no reference has the sites of both primers of {amplicon.name}, and the model has no "
            "positions for them; are they of this marker?"
        )
    length = int(np.median((sites.ends - sites.starts)[both]))
    lengths = np.array([len(bases) for bases in sites.sequences])
    starts = np.where(sites.starts >= 0, sites.starts, np.maximum(sites.ends - length, 0))
    ends = np.where(sites.ends >= 0, sites.ends, np.minimum(starts + length, lengths))
    none = (sites.starts < 0) & (sites.ends < 0)
    return starts, np.where(none | (ends < starts), starts, ends), length


def _by_position(
    region: tuple[int, int], sites: _Sites, anchor: Anchor
) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and ends: at a site where it is expected, otherwise at the position."""
    starts, ends = np.empty_like(sites.starts), np.empty_like(sites.ends)
    for i in range(0, len(starts), _BATCH_SIZE):
        part = slice(i, i + _BATCH_SIZE)
        codes, lengths = encode_rows(sites.sequences[part])
        positions = anchor.align(codes, lengths).expand(codes.shape[1])
        inside = np.arange(codes.shape[1]) < lengths[:, None]
        starts[part] = (inside & (positions < region[0])).sum(1)
        ends[part] = (inside & (positions < region[1])).sum(1)
    for by_position, at_site in ((starts, sites.starts), (ends, sites.ends)):
        near = (at_site >= 0) & (np.abs(at_site - by_position) <= _MAX_OFFSET)
        by_position[near] = at_site[near]
    unsupported = _support(anchor, sites.sequences) < MIN_SUPPORT_IN_BULK
    return starts, np.where(unsupported, starts, ends)


def _support(anchor: Anchor, sequences: Sequence[str]) -> np.ndarray:
    return _in_batches(anchor.support, sequences, np.float64)


def _in_batches(function: Any, sequences: Sequence[str], dtype: Any) -> np.ndarray:
    """Return the values of a function of base codes and lengths, such as `Anchor.support`."""
    parts = [
        function(*encode_rows(sequences[i : i + _BATCH_SIZE]))
        for i in range(0, len(sequences), _BATCH_SIZE)
    ]
    return np.concatenate([np.zeros(0, dtype), *parts])
