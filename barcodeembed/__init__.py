"""Name DNA barcodes: pretrain an encoder, embed, index references, assign taxa.

The public API is imported on first use, so that ``import barcodeembed`` costs nothing:

>>> import barcodeembed
>>> "Embedder" in dir(barcodeembed)
True
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

_API = {
    "Classifier": "barcodeembed.classify.pipeline",
    "Embedder": "barcodeembed.embedding.embedder",
    "ModelConfig": "barcodeembed.model.config",
    "ReferenceIndex": "barcodeembed.index.bundle",
    "SequenceRecord": "barcodeembed.sequences.records",
    "build_index": "barcodeembed.index.build",
    "clean": "barcodeembed.sequences.cleaning",
    "read_records": "barcodeembed.sequences.reading",
}

__all__ = ["__version__", *_API]


def __getattr__(name: str):
    if name in _API:
        return getattr(import_module(_API[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_API])
