#!/bin/sh
# Measure one model for all markers beside a model for each, and models that were trained without names.
#
#   sh benchmarks/markers_shared.sh [DATA] [OUT] [MARKERS]
#
# DATA, OUT and MARKERS are as in benchmarks/markers.sh. The shared model is trained on the references of all
# markers together, for as many steps as all of their own models. A species or genus of several markers is one
# taxon, so its barcodes of different markers get similar vectors. OUT/shared and OUT/unnamed get results;
# OUT/unnamed has models of each marker that were trained without names, with the same steps and batches.
set -eu
data=${1:-../shared/data/markers}
out=${2:-markers}
markers=${3:-12S 16S ITS ITS1 ITS2 rbcL trnH-psbA trnL}
here=$(dirname "$0")
. "$here/evaluate_marker.sh"
mkdir -p "$out/shared" "$out/unnamed"

views="--set shortest=0.3 --set keep=0.6 --set errors=0.03"
train() {
    barcodeembed pretrain "$1" -o "$2" --preset tiny --objective "$3" $views --steps "$4" \
        --batch-size 128 --precision bf16 --seed 0
}

if [ ! -d "$out/shared.model" ]; then
    gzip -dc "$data/${markers%% *}/reference.tsv.gz" | head -n 1 > "$out/all.tsv"
    for marker in $markers; do
        gzip -dc "$data/$marker/reference.tsv.gz" | tail -n +2 >> "$out/all.tsv"
    done
    train "$out/all.tsv" "$out/shared.model" taxonomy $((600 * $(echo $markers | wc -w)))
fi
for marker in $markers; do
    [ -d "$out/unnamed/$marker.model" ] ||
        train "$data/$marker/reference.tsv.gz" "$out/unnamed/$marker.model" contrastive 600
    for trained in shared unnamed; do
        model=$out/shared.model
        [ $trained = shared ] || model=$out/unnamed/$marker.model
        made=$out/$trained/$marker
        [ -d "$made.bix" ] ||
            barcodeembed index build "$data/$marker/reference.tsv.gz" -m "$model" -o "$made.bix"
        [ -f "$made.json" ] || evaluate_marker "$data" "$marker" "$made.bix" "$made" --against none
    done
done
python "$here/markers.py" "$out" --models
python "$here/cross_markers.py" "$out/shared.model" "$data"
