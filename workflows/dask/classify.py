"""Name reads in shards on the workers of a Dask cluster, and join the tables.

    python workflows/dask/classify.py --scheduler local reads.fasta -i references.bix -o names.tsv

Needs ``pip install distributed``. All other options are those of ``barcodeembed classify``. Every
worker must see the files under the same paths, and have barcodeembed installed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from distributed import Client, LocalCluster, as_completed

#: Times that a shard is tried again after an error. A shard whose worker was lost is given to
#: another worker.
RETRIES = 2


def barcodeembed(*words: object) -> None:
    """Run a command; raise RuntimeError with what it printed if it fails."""
    command = [sys.executable, "-m", "barcodeembed", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())


def name_shard(words: Sequence[str], shard: int, shards: int, output: str) -> str:
    """Name the reads of one shard, on a worker; return the path of its table.

    If a lost worker still writes the same shard, that does no harm: a table is written under
    another name and renamed, and both have the same bytes.
    """
    barcodeembed("classify", *words, "--shard", f"{shard}/{shards}", "-o", output)
    return output


def open_client(scheduler: str, stack: ExitStack) -> Client:
    """Connect to a scheduler by its address, or start a worker for each core for ``local``."""
    if scheduler != "local":
        return stack.enter_context(Client(scheduler))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cluster = LocalCluster(n_workers=cores, threads_per_worker=1, dashboard_address=None)
    return stack.enter_context(Client(stack.enter_context(cluster)))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--scheduler", default="local", help="address of the scheduler, or local")
    parser.add_argument("--shards", type=int, help="default: two for each worker")
    parser.add_argument("-t", "--threads", default="1", help="of each shard")
    parser.add_argument("-o", "--output", required=True, help="table; its folder has the shards")
    options, words = parser.parse_known_args(arguments)
    words += ["--threads", options.threads]
    output = Path(options.output).resolve()
    with ExitStack() as stack:
        client = open_client(options.scheduler, stack)
        shards = options.shards or 2 * max(len(client.nthreads()), 1)
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=output.parent))
        tasks = [
            client.submit(
                name_shard, words, i, shards, f"{folder}/{i}.tsv.gz", pure=False, retries=RETRIES
            )
            for i in range(1, shards + 1)
        ]
        for number, task in enumerate(as_completed(tasks), 1):
            task.result()  # raises the error of a shard that failed every time
            print(f"{number} of {shards} shards", file=sys.stderr)
        barcodeembed("gather", *client.gather(tasks), "-o", output)


if __name__ == "__main__":
    main()
