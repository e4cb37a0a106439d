#!/bin/sh
# The main job on the simulated data beside this script: a small model is pretrained on the
# references, they are indexed with it, and the reads are named. Under a minute on two cores.
#
#   sh data/demo.sh [OUT]
set -eu
data=$(dirname "$0")/simulated
out=${1:-demo}
mkdir -p "$out"

barcodeembed pretrain "$data/reference.fasta" -o "$out/model" --preset tiny --steps 200 \
    --report-every 50
barcodeembed index build "$data/reference.fasta" -m "$out/model" -o "$out/reference.bix" --offsets 4
barcodeembed classify "$data/reads.fasta" -i "$out/reference.bix" -o "$out/names.tsv"

cut -f 1-6 "$out/names.tsv" | head
echo "... $out/names.tsv" >&2
