"""Check that an index and an embedder belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barcodeembed.errors import IndexMismatch

if TYPE_CHECKING:
    from barcodeembed.embedding.vector_maker import VectorMaker
    from barcodeembed.index.bundle import ReferenceIndex


def check_embedder(index: ReferenceIndex, embedder: VectorMaker) -> None:
    """Raise IndexMismatch if the embedder does not make the vectors that the index contains.

    The fingerprint covers the model, the precision and the number of start offsets.
    """
    if embedder.fingerprint != index.embedder_fingerprint:
        raise IndexMismatch(
            f"the index was made with model {index.embedder_fingerprint}, "
            f"not with {embedder.fingerprint}; give the model that made it, or build it again"
        )
