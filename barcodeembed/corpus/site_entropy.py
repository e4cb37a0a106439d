"""How variable each position of the marker is in a corpus. Needs only numpy.

Shapes: B barcodes, T tokens, M k-mers per token, P positions of tokens in the marker.
"""

from __future__ import annotations

import numpy as np

from barcodeembed.corpus.batches import cut_whole
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.tokenizer import SPECIAL_TOKENS

#: Maximum number of barcodes to count.
_SAMPLE = 20_000


def site_entropies(corpus: Corpus, config: ModelConfig) -> np.ndarray:
    """Return the entropy (bits) of the k-mers at each position, float64 (P,).

    The barcodes are evenly spaced in the corpus. If tokens have several k-mers, their entropies
    are averaged. Ambiguous k-mers do not count. Raises TrainingError if the corpus has not been
    located in the marker.
    """
    if corpus.marker_positions is None:
        raise TrainingError("sites=variable needs an anchored model; use --anchor")
    rows = corpus.train[:: max(1, len(corpus.train) // _SAMPLE)]
    tokens_BT, positions_BT, _ = cut_whole(
        corpus, rows, config.tokenizer, config.max_tokens, config.merge
    )
    kmer_sites_BTM = positions_BT[..., None] * config.merge + np.arange(config.merge)
    entropies = _entropies(
        tokens_BT.reshape(-1), kmer_sites_BTM.reshape(-1), config.max_tokens * config.merge
    )
    return entropies.reshape(config.max_tokens, config.merge).mean(1)


def _entropies(tokens: np.ndarray, sites: np.ndarray, count: int) -> np.ndarray:
    """Return the entropy (bits) of the tokens at each of ``count`` sites; 0 without a token."""
    real = tokens >= SPECIAL_TOKENS
    pairs, numbers = np.unique(np.stack((sites[real], tokens[real])), axis=1, return_counts=True)
    totals = np.bincount(pairs[0], numbers, count)
    fractions = numbers / totals[pairs[0]]
    return np.bincount(pairs[0], -fractions * np.log2(fractions), count)
