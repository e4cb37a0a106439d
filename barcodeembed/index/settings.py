"""What an index says of itself, and the format that it is written in."""

from __future__ import annotations

from pathlib import Path

#: The format in which indexes are written. Older ones are not read.
INDEX_FORMAT = 4


def outdated(bundle: Path) -> str:
    """Say that an index is of a format that is no longer read."""
    return (
        f"{bundle}: an index of an earlier format, which held less to decide by; "
        "make it again with `barcodeembed index build`"
    )
