"""What each protocol needs in the splits."""

from __future__ import annotations

from barcodeembed.errors import InputError
from barcodeembed.evaluation.protocols.splits import Split, Splits

#: The rank that is predicted in each split: the genus of unseen species, the species of seen ones.
PREDICTED = (("test_unseen", "genus"), ("test", "species"))


def check_splits(protocol: str, splits: Splits) -> None:
    """Raise InputError if the splits do not contain what a protocol needs."""

    def has(name: str, column: str) -> bool:
        return any(getattr(splits.get(name, Split()), column))

    def need(found: bool, what: str) -> None:
        if not found:
            raise InputError(f"--protocol {protocol} needs {what}, but there are none")

    if protocol in ("probe", "finetune"):
        need(has("train", "species"), "records of train with a species")
        need(has("test", "species"), "records of test (seen species) with a species")
    elif protocol == "knn":
        need(
            any(has("train", rank) and has(name, rank) for name, rank in PREDICTED),
            "records of train, and of test or test_unseen, with a species or a genus",
        )
    elif protocol == "bins":
        from barcodeembed.evaluation.protocols.clusters import check_scikit_learn

        check_scikit_learn()
        need(has("train", "bin"), "BINs of train (a column dna_bin, bin_uri or bin)")
        need(has("test", "bin") or has("test_unseen", "bin"), "BINs of test or test_unseen")
