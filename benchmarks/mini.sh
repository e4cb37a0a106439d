#!/bin/sh
# Run the main commands on 3,008 real barcodes, in less than ten minutes on two cores: pretrain,
# index, classify in a pipe, and evaluate with other programs.
#
#   sh benchmarks/mini.sh [DATA] [OUT]
#
# DATA contains reference.tsv.gz and val_*.tsv.gz (default ../shared/data/coi/mini). VSEARCH and
# blastn (Debian: vsearch, ncbi-blast+) are measured if they are installed.
set -eu
data=${1:-../shared/data/coi/mini}
out=${2:-mini}
mkdir -p "$out"

barcodeembed pretrain "$data/reference.tsv.gz" -o "$out/model" --preset tiny --steps 2400 \
    --anchor --evaluate-every 400 --report-every 400 --seed 0
barcodeembed index build "$data/reference.tsv.gz" -m "$out/model" -o "$out/reference.bix"

for queries in val_seen val_unseen_species val_unseen_genus; do
    gzip -dc "$data/$queries.tsv.gz" |
        barcodeembed classify - -i "$out/reference.bix" > "$out/$queries.tsv"
done

peers=kmer
command -v vsearch > /dev/null && peers=$peers,vsearch
command -v blastn > /dev/null && peers=$peers,blastn
barcodeembed evaluate "$out/reference.bix" --queries "$data/val_seen.tsv.gz" \
    --queries "$data/val_unseen_species.tsv.gz" --queries "$data/val_unseen_genus.tsv.gz" \
    --against "$peers" --json "$out/evaluation.json" | tee "$out/evaluation.md"
