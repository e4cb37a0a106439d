"""Name DNA barcodes: pretrain an encoder, embed, index references, assign taxa.

The public API is imported on first use, so ``import barcodeembed`` takes no time:

>>> import barcodeembed as be
>>> "Embedder" in dir(be)
True

``docs/api.md`` is a tutorial. All errors that you can cause and correct are a `BarcodeEmbedError`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from barcodeembed.classify.assignment import Assignment
    from barcodeembed.classify.assignments import Assignments
    from barcodeembed.classify.pipeline import Classifier
    from barcodeembed.curation.run import audit
    from barcodeembed.embedding.embedder import Embedder
    from barcodeembed.errors import BarcodeEmbedError, InputError
    from barcodeembed.evaluation.run import evaluate
    from barcodeembed.index.build import build_index
    from barcodeembed.index.bundle import ReferenceIndex
    from barcodeembed.sequences.reading import read_records
    from barcodeembed.sequences.records import SequenceRecord
    from barcodeembed.taxonomy.references import read_labelled
    from barcodeembed.training.run import PretrainConfig, pretrain

__version__ = "0.1.0"

#: Where each public name is defined: the imports above, which only type checkers read.
_API = {
    "Assignment": "classify.assignment",
    "Assignments": "classify.assignments",
    "BarcodeEmbedError": "errors",
    "Classifier": "classify.pipeline",
    "Embedder": "embedding.embedder",
    "InputError": "errors",
    "PretrainConfig": "training.run",
    "ReferenceIndex": "index.bundle",
    "SequenceRecord": "sequences.records",
    "audit": "curation.run",
    "build_index": "index.build",
    "evaluate": "evaluation.run",
    "pretrain": "training.run",
    "read_labelled": "taxonomy.references",
    "read_records": "sequences.reading",
}

__all__ = [
    "Assignment",
    "Assignments",
    "BarcodeEmbedError",
    "Classifier",
    "Embedder",
    "InputError",
    "PretrainConfig",
    "ReferenceIndex",
    "SequenceRecord",
    "audit",
    "build_index",
    "evaluate",
    "pretrain",
    "read_labelled",
    "read_records",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name in _API:
        return getattr(import_module(f"{__name__}.{_API[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_API])
