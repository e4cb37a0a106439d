#!/bin/sh
# Make and measure the prototypes of other markers than COI that ship, and the table of markers.
#
#   sh benchmarks/markers_ship.sh [DATA] [OUT] [MARKERS]
#
# DATA is as in benchmarks/markers.sh, with the references of COI in DATA/../coi. OUT has the models
# that markers.sh made, and gets prototypes (MARKER.bix), results and markers.npz (default ships).
set -eu
data=${1:-../shared/data/markers}
out=${2:-ships}
markers=${3:-12S ITS ITS1 ITS2 trnL}
here=$(dirname "$0")
. "$here/evaluate_marker.sh"
mkdir -p "$out"

for marker in $markers; do
    case $marker in 12S | ITS | ITS1) model=$out/ITS2.model ;; *) model=$out/$marker.model ;; esac
    [ -d "$out/$marker.bix" ] ||
        barcodeembed index build "$data/$marker/reference.tsv.gz" -m "$model" \
            -o "$out/$marker.bix" --prototypes species --without-model
    evaluate_marker "$data" "$marker" "$out/$marker.bix" "$out/$marker" -m "$model" --against none
done
python "$here/markers.py" "$out"
set --
for marker in 12S ITS ITS1 ITS2 trnL; do set -- "$@" "$marker=$data/$marker/reference.tsv.gz"; done
python "$here/marker_odds.py" "$out/markers.npz" --main "$data/../coi/reference.tsv.gz" \
    --marker "$@"
