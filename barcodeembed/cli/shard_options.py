"""Options of the commands whose input can be divided among processes, and that can be resumed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from barcodeembed.cli.checks import is_device

if TYPE_CHECKING:
    from barcodeembed.sequences.parts import Part

#: Options that do not change a row.
_WITHOUT_EFFECT = {
    *("reads", "samples", "index", "model", "output", "hits", "json", "explain"),
    *("shard", "resume", "device", "encoding", "batch_size", "threads", "no_verify"),
    *("strict", "no_clobber", "log", "quiet", "verbose", "debug"),
}


def _check_shard(text: str | None) -> str | None:
    if text is not None:
        parse_shard(text)
    return text


Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Answer only every N-th record, from the I-th on, and write FILE.shard.json; "
        "`barcodeembed gather` joins the shards 1/N to N/N.",
        callback=_check_shard,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Keep finished rows in FILE.part until all are written; if the run is interrupted, "
        "the same command continues from there.",
    ),
]


def parse_shard(text: str | None) -> Part:
    """Return the part of the records that ``--shard`` names; raise a usage error if it is none."""
    from barcodeembed.sequences.parts import ALL, Part

    if text is None:
        return ALL
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    shard, shards = map(int, found.groups()) if found else (0, 0)
    if not 1 <= shard <= shards:
        raise typer.BadParameter(f"{text!r} is not I/N with I from 1 to N, for example 2/8")
    return Part(shard, shards)


def check_shard(
    output: str,
    shard: str | None,
    resume: bool,
    hits: object = None,
    late: Mapping[str, object] | None = None,
) -> None:
    """Raise a usage error if the output cannot be a shard, or cannot be resumed.

    ``late`` are options that need all queries before the first row is written.
    """
    for option, used in (("--shard", shard is not None), ("--resume", resume)):
        if used and (output == "-" or is_device(output)):
            raise typer.BadParameter(f"{option} needs -o FILE")
        for other, value in (late or {}).items():
            if used and value:
                raise typer.BadParameter(f"{option} cannot be used with {other}")
    if shard is not None and Path(output).suffix in (".npz", ".parquet"):
        raise typer.BadParameter("--shard needs a .npy or a table; gather writes all formats")
    if shard is not None and hits is not None:
        raise typer.BadParameter("--shard cannot be used with --hits")


def settings_of(
    context: typer.Context, model: str, index: Path | None = None, samples: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what the rows of this command depend on, besides its input, as in JSON.

    These are the version, the fingerprint of the ``model``, the checksum of the ``index``, the
    names of several ``samples``, and all options that are not known to be without effect.
    """
    import json

    from barcodeembed import __version__
    from barcodeembed.bundles.manifest import MANIFEST, digest_file

    described = {
        "command": context.info_name,
        "version": __version__,
        "model": model,
        "index": index and digest_file(Path(index) / MANIFEST),
        "samples": samples,
    }
    params = context.params.items()
    described |= {name: value for name, value in params if name not in _WITHOUT_EFFECT}
    return dict(json.loads(json.dumps(described, default=str)))
