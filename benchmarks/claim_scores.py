"""The scores of `claim.py`: what the frozen vectors of an encoder are good for. Needs torch alone.

Shapes: N barcodes, T tokens, D width of the vectors.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from claim_data import SPLITS, Barcodes, Tokens
from torch import Tensor
from torch.nn import functional as F

from barcodeembed.corpus.masking import choose_hidden
from barcodeembed.evaluation.protocols.probe import fit_probe
from barcodeembed.model.devices import autocast
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.tokenizer import MASK, PAD

#: Barcodes of each genus on which the linear probe is trained.
PROBE_SHOTS = 4

#: Barcodes whose vectors are regressed on their k-mers, and whose tokens are decomposed.
REGRESSED, DECOMPOSED = 20_000, 1_024

_BATCH = 1_024


def score(encoder: Encoder, barcodes: Barcodes, tokens: Tokens) -> dict[str, Any]:
    """Return all scores of an encoder, as JSON, and its ``vectors`` to cluster, float16 (N, D)."""
    reference_ND = embed(encoder, tokens, barcodes.reference)
    known_ND = F.normalize(reference_ND, dim=-1)
    queries = {split: embed(encoder, tokens, rows) for split, rows in barcodes.queries.items()}
    hits, accuracy = {}, {}
    for split, rank in SPLITS.items():
        closest = barcodes.reference[nearest(F.normalize(queries[split], dim=-1), known_ND)]
        hit = barcodes.taxa(closest, rank) == barcodes.taxa(barcodes.queries[split], rank)
        hits[split], accuracy[split] = pack_bits(hit), float(hit.mean())
    at = np.searchsorted(barcodes.queries["unseen_species"], barcodes.clustered)
    clustered_ND = F.normalize(queries["unseen_species"][at], dim=-1)
    # Evenly from all taxa: the rows are in the order of the tables.
    held_out = barcodes.corpus.held_out[:: max(1, len(barcodes.corpus.held_out) // DECOMPOSED)]
    return {
        "accuracy": accuracy,
        "hits": hits,
        "probe": probe(barcodes, reference_ND, queries),
        "bag_r2": bag_r2(encoder, tokens, barcodes.reference, reference_ND),
        "token_rank": token_ranks(encoder, tokens, held_out),
        "vectors": clustered_ND.half().cpu().numpy(),
    }


@torch.no_grad()
def embed(encoder: Encoder, tokens: Tokens, rows: np.ndarray) -> Tensor:
    """Return the pooled vectors of rows of the corpus, float32 (N, D), without normalisation."""
    device = encoder.tokens.weight.device
    vectors_ND = torch.empty(len(rows), encoder.config.dimension, device=device)
    for at, kmers, positions in _batches(encoder, tokens, rows):
        with autocast(device, "bf16"):
            vectors_BD = encoder.embed(kmers, positions, padded=bool((kmers == PAD).any()))
        vectors_ND[at] = vectors_BD.float()
    return vectors_ND


def nearest(queries_ND: Tensor, known_ND: Tensor) -> np.ndarray:
    """Return the row of the most similar known vector for each query, int64 (N,)."""
    found = [(part @ known_ND.T).argmax(1) for part in queries_ND.split(_BATCH)]
    return torch.cat(found).cpu().numpy()


def probe(barcodes: Barcodes, reference_ND: Tensor, queries: dict[str, Tensor]) -> dict[str, float]:
    """Return the accuracy of genera that a linear classifier gives to the queries.

    It is trained on a few barcodes of each genus of the reference.
    """
    genera = barcodes.taxa(barcodes.reference, "genus")
    chosen = few_of_each(genera, PROBE_SHOTS)
    classes, labels = np.unique(genera[chosen], return_inverse=True)
    fitted = fit_probe(
        reference_ND[chosen].cpu().numpy(), labels, len(classes), device=reference_ND.device
    )
    accuracy = {}
    for split in ("seen", "unseen_species"):
        found = classes[fitted.predict(queries[split].cpu().numpy())]
        truth = barcodes.taxa(barcodes.queries[split], "genus")
        accuracy[split] = float((found == truth).mean())
    return accuracy


def few_of_each(labels: np.ndarray, count: int) -> np.ndarray:
    """Draw up to ``count`` rows of each label with seed 0; -1 is no label."""
    order = np.random.default_rng(0).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    ordered = labels[order]
    first = np.searchsorted(ordered, ordered)
    return np.sort(order[(np.arange(len(order)) - first < count) & (ordered >= 0)])


@torch.no_grad()
def bag_r2(encoder: Encoder, tokens: Tokens, rows: np.ndarray, vectors_ND: Tensor) -> float:
    """Return the fraction of the vectors' variance that a bag of k-mers explains.

    The vectors are regressed on the average embedding of the tokens, which knows no order. Half of
    the barcodes fit the regression, the other half measure it.
    """
    at = np.random.default_rng(0).permutation(len(rows))[:REGRESSED]
    device = vectors_ND.device
    means_ND = torch.empty(len(at), encoder.config.width, device=device)
    for part, kmers, _ in _batches(encoder, tokens, rows[at]):
        real = kmers[:, :: encoder.config.merge] != PAD
        embedded = encoder.tokens(kmers).view(*real.shape, -1) * real[..., None]
        means_ND[part] = embedded.sum(1) / real.sum(1, keepdim=True)
    return explained(means_ND.double(), vectors_ND[at].double())


def explained(x_ND: Tensor, y_ND: Tensor) -> float:
    """Return R2 of a linear regression fitted on every other row, on the rows between."""
    x_ND = F.pad(x_ND, (0, 1), value=1.0)
    x_fit, y_fit, x_new, y_new = x_ND[::2], y_ND[::2], x_ND[1::2], y_ND[1::2]
    # A little ridge: embeddings of average k-mers are nearly dependent.
    gram = x_fit.T @ x_fit
    gram.diagonal().add_(1e-9 * gram.diagonal().mean())
    residuals = y_new - x_new @ torch.linalg.solve(gram, x_fit.T @ y_fit)
    return float(1 - residuals.square().sum() / (y_new - y_new.mean(0)).square().sum())


@torch.no_grad()
def token_ranks(encoder: Encoder, tokens: Tokens, rows: np.ndarray) -> dict[str, int]:
    """Return how many directions hold 90 % of the variance of the features of tokens.

    ``whole``: of all tokens, without masks. ``visible`` and ``masks``: if half of the tokens are
    masked, of the tokens that are visible, and of the masks.
    """
    merge = encoder.config.merge
    features: dict[str, list[Tensor]] = {"whole": [], "visible": [], "masks": []}
    rng = np.random.default_rng(0)
    for _, kmers, positions in _batches(encoder, tokens, rows):
        hidden_BT = choose_hidden(kmers[:, ::merge].cpu().numpy(), 0.5, rng)
        hidden = torch.from_numpy(hidden_BT).to(kmers.device)
        masked = torch.where(hidden.repeat_interleave(merge, 1), MASK, kmers)
        whole_BTD, real_BT = _token_features(encoder, kmers, positions)
        half_BTD, _ = _token_features(encoder, masked, positions)
        features["whole"].append(whole_BTD[real_BT])
        features["visible"].append(half_BTD[real_BT & ~hidden])
        features["masks"].append(half_BTD[real_BT & hidden])
    return {name: directions(torch.cat(parts)) for name, parts in features.items()}


def directions(features_ND: Tensor, fraction: float = 0.9) -> int:
    """Return the number of directions that hold this fraction of the variance."""
    centred = features_ND.double() - features_ND.double().mean(0)
    variances = torch.linalg.eigvalsh(centred.T @ centred).flip(0).clamp(min=0)
    held = variances.cumsum(0) / variances.sum()
    return int((held < fraction).sum()) + 1


def pack_bits(hits: np.ndarray) -> str:
    """Return booleans (N,) as text; `unpack_bits` is the reverse."""
    return base64.b64encode(np.packbits(hits).tobytes()).decode()


def unpack_bits(text: str, count: int) -> np.ndarray:
    """Return the booleans of `pack_bits`."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8))[:count].astype(bool)


def _token_features(encoder: Encoder, kmers: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    return encoder(kmers, positions, padded=bool((kmers == PAD).any()))


def _batches(
    encoder: Encoder, tokens: Tokens, rows: np.ndarray
) -> Iterator[tuple[np.ndarray, Tensor, Tensor]]:
    """Yield indices of rows, their k-mers and positions on the encoder's device.

    Barcodes with equally many tokens are together, so that few batches need padding.
    """
    device, merge = encoder.tokens.weight.device, encoder.config.merge
    all_kmers, all_positions = tokens.take(rows)
    counts = (all_kmers[:, ::merge] != PAD).sum(1)
    order = np.argsort(counts, kind="stable")
    for start in range(0, len(order), _BATCH):
        at = order[start : start + _BATCH]
        longest = counts[at].max()
        kmers = torch.from_numpy(all_kmers[at, : longest * merge]).to(device, torch.int64)
        yield at, kmers, torch.from_numpy(all_positions[at, :longest]).to(device, torch.int64)
