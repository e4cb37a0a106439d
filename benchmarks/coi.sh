#!/bin/sh
# Make the COI model and the taxon prototypes that ship with the package, from tables to bundles.
#
#   sh benchmarks/coi.sh [DATA] [OUT]
#
# DATA holds reference.tsv.gz, pretrain_only.tsv.gz, supplement.tsv.gz and val_*.tsv.gz (default
# ../shared/data/coi); the validation tables are only scored. A run that was stopped goes on where
# it was. Then copy OUT/coi.model and OUT/coi.bix to barcodeembed/shipped.
set -eu
data=${1:-../shared/data/coi}
out=${2:-coi}
mkdir -p "$out"

[ -e "$out/model/manifest.json" ] ||
    barcodeembed pretrain "$data/reference.tsv.gz" "$data/pretrain_only.tsv.gz" \
        "$data/supplement.tsv.gz" -o "$out/model" --preset aligned --objective taxonomy \
        --set shortest=0.5 --set keep=0.6 --set errors=0.03 --set indels=0.003 \
        --steps 5000 --batch-size 256 --precision bf16 --seed 0 --resume
barcodeembed convert "$out/model" -o "$out/coi.model" --weights bf16
