"""Snakemake wrapper of ``barcodeembed classify``."""

from snakemake.shell import shell

index = f"--index {snakemake.input.index}" if snakemake.input.get("index") else ""
hits = f"--hits {snakemake.output.hits}" if snakemake.output.get("hits") else ""
json = f"--json {snakemake.output.json}" if snakemake.output.get("json") else ""
extra = snakemake.params.get("extra", "")
log = snakemake.log_fmt_shell(stdout=False, stderr=True)

shell(
    "barcodeembed classify {snakemake.input.reads} {index} {extra} "
    "--threads {snakemake.threads} -o {snakemake.output.names} {hits} {json} {log}"
)
