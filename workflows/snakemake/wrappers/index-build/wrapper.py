"""Snakemake wrapper of ``barcodeembed index build``."""

from snakemake.shell import shell

model = f"--model {snakemake.input.model}" if snakemake.input.get("model") else ""
taxonomy = f"--taxonomy {snakemake.input.taxonomy}" if snakemake.input.get("taxonomy") else ""
extra = snakemake.params.get("extra", "")
log = snakemake.log_fmt_shell(stdout=False, stderr=True)

shell(
    "barcodeembed index build {snakemake.input.references} {taxonomy} {model} {extra} "
    "--threads {snakemake.threads} -o {snakemake.output.index} {log}"
)
