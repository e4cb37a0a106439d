"""An evaluation from files: queries and references in, an `Evaluation` out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from barcodeembed.errors import InputError, InputWarning
from barcodeembed.evaluation.inputs import Inputs, Source, called, ignore
from barcodeembed.vocabulary import (
    BATCH_SIZE,
    DEDUPLICATE,
    NEIGHBOURS,
    OPEN_WORLD,
    PEERS,
    PROTOCOLS,
)

if TYPE_CHECKING:
    from barcodeembed.evaluation.result import Evaluation

#: Epochs of fine-tuning in the BarcodeBERT and BarcodeMAE papers.
FINETUNE_EPOCHS = 35


def _warn(message: str) -> None:
    warnings.warn(message, InputWarning, stacklevel=4)


def evaluate(
    queries: Source | Sequence[Source] = (),
    *,
    index: Source | None = None,
    references: Source | None = None,
    model: Source | None = None,
    taxonomy: Source | None = None,
    taxdump: Source | None = None,
    protocols: Sequence[str] = (OPEN_WORLD,),
    against: Sequence[str] | None = None,
    deduplicate: str = "exact",
    finetune_epochs: int = FINETUNE_EPOCHS,
    sample: int | None = None,
    min_confidence: float | None = None,
    max_error: float | None = None,
    neighbours: int = NEIGHBOURS,
    temperature: float | None = None,
    whiten: int | None = None,
    offsets: int | None = None,
    device: str = "auto",
    encoding: str = "utf-8",
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
    threads: int | None = None,
    verify: bool = True,
    say: Callable[[str], None] = ignore,
    warn: Callable[[str], None] = _warn,
    progress: Callable[[int, int], None] = ignore,
) -> Evaluation:
    """Name queries whose true names are known, and measure how often the names are correct.

    >>> import barcodeembed as be
    >>> result = be.evaluate("test.tsv", index="references.bix")     # doctest: +SKIP
    >>> result.to_frame()                                            # doctest: +SKIP

    ``queries`` is one file or several, in any format that contains lineages, or with ``taxonomy``
    any sequence file. Give the references as ``index``, an index bundle, or as ``references``, a
    file of labelled barcodes, which is indexed for this evaluation only; with neither, the index
    that ships with barcodeembed is used. ``model`` is a model bundle, by default the one of the
    index or the COI model that ships.

    ``protocols`` are of `vocabulary.PROTOCOLS`. All but ``open-world`` need ``references``: with
    ``queries``, or a table that has a column ``split``. ``deduplicate`` (of
    `vocabulary.DEDUPLICATE`) and ``finetune_epochs`` are for these only. ``against`` lists other
    methods (of `vocabulary.PEERS`) for ``open-world``; None is ``kmer`` if the index contains
    sequences. ``sample`` is the largest number of queries of each category or split.
    ``min_confidence`` to ``temperature`` are as in `Classifier`, ``whiten`` as in `build_index`,
    ``offsets`` and ``device`` as in `Embedder`. ``offsets`` None is the default of ``index build``
    for references that are indexed here, and 1 for the other protocols. ``threads`` is for VSEARCH
    and BLAST; None is the number that torch uses.

    ``say`` and ``warn`` are called with messages, ``progress`` with (done, total) barcodes.

    Raises InputError, BundleError or IndexMismatch if the inputs cannot be used.
    """
    queries = [queries] if isinstance(queries, str | PathLike) else list(queries)
    check(protocols, against or (), deduplicate, queries, index=index, references=references)
    from barcodeembed.evaluation.result import SCHEMA_VERSION, Evaluation

    inputs = Inputs(queries, references, taxonomy, taxdump, encoding)
    figures: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
    papers = [name for name in protocols if name != OPEN_WORLD]
    if papers:
        from barcodeembed.embedding.embedder import Embedder
        from barcodeembed.evaluation.protocols.run import Settings, evaluate_protocols

        embedder = Embedder.load(model, device=device, verify=verify, offsets=offsets or 1)
        figures |= evaluate_protocols(
            papers,
            inputs.splits(embedder.max_bases),
            embedder,
            Settings(finetune_epochs, deduplicate, sample, seed),
            say=say,
            progress=progress,
        )
    if OPEN_WORLD in protocols:
        from barcodeembed.evaluation.open_world.reference import index_references
        from barcodeembed.evaluation.open_world.run import evaluate_open_world

        if references is not None:
            opened, embedder = index_references(
                inputs.labelled([references], say),
                model,
                name=called(references),
                whiten=whiten,
                offsets=offsets,
                device=device,
                verify=verify,
                seed=seed,
                say=say,
                warn=warn,
                progress=progress,
            )
        else:
            from barcodeembed.index.model import open_with_model

            opened, embedder = open_with_model(index, model, device=device, verify=verify)
        if against is None:
            against = () if opened.sequences is None else ("kmer",)
        figures |= evaluate_open_world(
            opened,
            embedder,
            inputs.labelled(queries),
            against=against,
            threads=threads or _threads_of_torch(),
            sample=sample,
            min_confidence=min_confidence,
            max_error=max_error,
            neighbours=neighbours,
            temperature=temperature,
            batch_size=batch_size,
            seed=seed,
            say=say,
            warn=warn,
        )
    return Evaluation(figures)


def check(
    protocols: Sequence[str],
    against: Sequence[str],
    deduplicate: str,
    queries: Sequence[Source],
    *,
    index: Source | None,
    references: Source | None,
) -> None:
    """Raise InputError if a name is unknown, or the protocols cannot run on these inputs."""
    for what, names, choices in (
        ("protocol", protocols, PROTOCOLS),
        ("against", against, PEERS),
        ("deduplicate", [deduplicate], DEDUPLICATE),
    ):
        for name in names:
            if name not in choices:
                raise InputError(f"{what}: {name!r} is not one of {', '.join(choices)}")
    papers = [name for name in protocols if name != OPEN_WORLD]
    if index is not None and references is not None:
        raise InputError("give an index or references, not both")
    if OPEN_WORLD in protocols and not queries:
        raise InputError("the protocol open-world needs --queries, labelled queries")
    if papers and references is None:
        raise InputError(f"the protocol {papers[0]} needs a file of references, not an index")
    if papers and OPEN_WORLD in protocols and "-" in [str(path) for path in (references, *queries)]:
        raise InputError(
            "standard input can be read only once, so open-world and other protocols cannot both "
            "use it"
        )


def _threads_of_torch() -> int:
    import torch

    return torch.get_num_threads()
