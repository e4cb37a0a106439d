#!/bin/sh
# Measure other markers than COI: a small model of each marker, pretrained on the names of its references,
# beside k-mer counts, VSEARCH, SINTAX and blastn, on the same references and queries.
#
#   sh benchmarks/markers.sh [DATA] [OUT] [MARKERS]
#
# DATA has a folder for each marker with reference.tsv.gz and val_*.tsv.gz (default
# ../shared/data/markers). OUT gets models, indexes and results (default markers). MARKERS is a list in
# quotes (default all). What exists is kept. Programs that are not installed are left out.
set -eu
data=${1:-../shared/data/markers}
out=${2:-markers}
markers=${3:-12S 16S ITS ITS1 ITS2 rbcL trnH-psbA trnL}
here=$(dirname "$0")
. "$here/evaluate_marker.sh"
mkdir -p "$out"

against=kmer
for program in vsearch blastn; do
    if command -v $program > /dev/null; then against=$against,$program; fi
done

for marker in $markers; do
    [ -d "$out/$marker.model" ] ||
        barcodeembed pretrain "$data/$marker/reference.tsv.gz" -o "$out/$marker.model" --preset tiny \
            --objective taxonomy --set shortest=0.3 --set keep=0.6 --set errors=0.03 \
            --steps 600 --batch-size 128 --precision bf16 --seed 0
    [ -d "$out/$marker.bix" ] ||
        barcodeembed index build "$data/$marker/reference.tsv.gz" -m "$out/$marker.model" \
            -o "$out/$marker.bix"
    [ -f "$out/$marker.json" ] ||
        evaluate_marker "$data" "$marker" "$out/$marker.bix" "$out/$marker" --against "$against"
done
python "$here/markers.py" "$out"
