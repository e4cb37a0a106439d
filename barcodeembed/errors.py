"""The closed family of errors that a user can cause, meet and mend.

Anything else that escapes the core is a bug and keeps its traceback.
"""

from __future__ import annotations

from os import PathLike


class BarcodeEmbedError(Exception):
    """Base of every expected error; its text is one line, fit to be shown as it is."""

    def __init__(self, message: str) -> None:
        line = " ".join(message.split())
        # Names come from files: none may move the cursor of a terminal, or fail to be encoded.
        super().__init__("".join(c if c.isprintable() else ascii(c)[1:-1] for c in line))


class InputError(BarcodeEmbedError):
    """A sequence file, table or option value cannot be used.

    The place is put before the message: ``queries.fa:1042 (ASV_77): message``.
    """

    def __init__(
        self,
        message: str,
        path: str | PathLike[str] | None = None,
        line: int | None = None,
        record: str | None = None,
    ) -> None:
        self.path, self.line, self.record = path, line, record
        place = "" if path is None else str(path)
        if line is not None:
            place += f":{line}"
        if record:
            place += f" ({record})"
        super().__init__(f"{place}: {message}" if place else message)


class InputWarning(UserWarning):
    """Something in an input was read as it was surely meant, and may still be worth a look."""


class ReferenceDataError(InputError):
    """References and their taxonomy do not fit together."""


class BundleError(BarcodeEmbedError):
    """A model or index bundle is missing, damaged, or made by a newer version."""


class IndexMismatch(BarcodeEmbedError):
    """An index was made with another model than the one given."""


class OutputError(BarcodeEmbedError):
    """An output cannot be written."""


class TrainingError(BarcodeEmbedError):
    """Pretraining cannot start, resume or go on."""
