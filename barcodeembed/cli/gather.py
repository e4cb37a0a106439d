"""``barcodeembed gather``: the outputs of shards in, the output of the whole input out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from barcodeembed.cli import options
from barcodeembed.cli.console import console

_VECTORS = ".npy"


def gather(
    shards: Annotated[
        list[str],
        typer.Argument(
            metavar="SHARD...", help="Outputs of classify or embed with --shard, in any order."
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="A table; .gz, .bz2 or .xz compresses it. Shards that are .npy can become any "
            "format of embed.",
        ),
    ] = "-",
    log: options.Log = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Join the outputs of all shards of one input, in the order of the input.

    \b
    Examples:
      barcodeembed classify reads.fasta --shard 1/2 -o names.1.tsv
      barcodeembed classify reads.fasta --shard 2/2 -o names.2.tsv
      barcodeembed gather names.1.tsv names.2.tsv -o names.tsv

    The result is that of one run without --shard, byte for byte. It is an error if a shard is
    missing, did not finish, was changed or is given twice, or if the shards are not of the same
    input, index, model, version and options.
    """
    options.refuse_overwriting([output], shards)
    from barcodeembed.bundles.files import open_output, write_rows
    from barcodeembed.errors import InputError
    from barcodeembed.sequences.shards import join_tables, sort_shards

    found = sort_shards(shards)
    arrays = [path.endswith(_VECTORS) for path in shards]
    if any(arrays) and not all(arrays):
        raise InputError("some shards are .npy and others are tables")
    if all(arrays):
        from barcodeembed.embedding.stored import open_shards
        from barcodeembed.embedding.vector_files import open_vectors

        dimension, batches = open_shards(found)
        with open_vectors(output, dimension) as write:
            for batch in batches:
                write(batch)
    else:
        if Path(output).suffix in (_VECTORS, ".npz", ".parquet"):
            raise InputError(f"{output} needs shards that are {_VECTORS}; these are tables")
        with open_output(output) as stream:
            write_rows(join_tables(found), stream)
    console.say(f"{found[0][1].input['records']:,} records of {len(found)} shards")
