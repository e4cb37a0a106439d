#!/bin/sh
# Make the COI model and the prototypes that ship with the package, and measure both on whole and on
# damaged queries.
#
#   sh benchmarks/coi.sh [DATA] [OUT]
#
# DATA contains reference.tsv.gz, pretrain_only.tsv.gz, supplement.tsv.gz and val_*.tsv.gz (default
# ../shared/data/coi); the validation tables are only used as queries. Existing outputs are not made
# again, and an interrupted pretraining run is resumed. At the end, copy OUT/coi.model and
# OUT/coi.bix to barcodeembed/shipped.
set -eu
data=${1:-../shared/data/coi}
out=${2:-coi}
here=$(dirname "$0")
mkdir -p "$out"

[ -d "$out/model" ] ||
    barcodeembed pretrain "$data/reference.tsv.gz" "$data/pretrain_only.tsv.gz" \
        "$data/supplement.tsv.gz" -o "$out/model" --preset aligned --objective taxonomy \
        --set shortest=0.15 --set keep=0.6 --set errors=0.06 --set indels=0.01 \
        --set ambiguous=0.1 --steps 11026 --batch-size 1024 --learning-rate 0.0015 --warmup 0.03 \
        --precision bf16 --seed 0 --resume
[ -d "$out/coi.model" ] ||
    barcodeembed convert "$out/model" -o "$out/coi.model" --weights bf16
[ -d "$out/reference.bix" ] ||
    barcodeembed index build "$data/reference.tsv.gz" -m "$out/coi.model" -o "$out/reference.bix"
[ -d "$out/coi.bix" ] || {
    barcodeembed index build "$data/reference.tsv.gz" -m "$out/coi.model" -o "$out/coi.bix" \
        --prototypes species --without-model --coverage "$(cat "$here/coverage.txt")"
    python "$here/kingdoms.py" "$out/coi.bix"
}

against=none
evaluate() { # index, model, folder of queries, name of the result, further options
    index=$1 model=$2 queries=$3 result=$4
    shift 4
    barcodeembed evaluate "$out/$index" -m "$out/$model" --queries "$queries/val_seen.tsv.gz" \
        --queries "$queries/val_unseen_species.tsv.gz" \
        --queries "$queries/val_unseen_genus.tsv.gz" \
        --against "$against" --json "$out/$result.json" -o "$out/$result.md" "$@"
}
[ -d "$out/damaged" ] || python "$here/damage.py" "$data"/val_*.tsv.gz --to "$out/damaged"
for index in reference coi; do
    evaluate "$index.bix" coi.model "$data" "$index-whole"
    for kind in 300bp 200bp 150bp errors1 errors3 reverse; do
        evaluate "$index.bix" coi.model "$out/damaged/$kind" "$index-$kind" --sample 2000
    done
    # With a bound on the fraction of incorrect names.
    for bound in 0.02 0.05 0.1; do
        evaluate "$index.bix" coi.model "$data" "$index-bound-$bound" --max-error "$bound"
    done
done

# A model trained without names, for comparison. It does not ship.
[ -d "$out/label-free" ] ||
    barcodeembed pretrain "$data/reference.tsv.gz" "$data/pretrain_only.tsv.gz" \
        "$data/supplement.tsv.gz" -o "$out/label-free" --preset aligned --objective contrastive \
        --set shortest=0.5 --set keep=0.6 --set errors=0.05 --set indels=0.003 \
        --set synonymous=0.5 --steps 600 --batch-size 256 --precision bf16 --seed 0 --resume
[ -d "$out/label-free.bix" ] ||
    barcodeembed index build "$data/reference.tsv.gz" -m "$out/label-free" \
        -o "$out/label-free.bix" --precision bf16
evaluate label-free.bix label-free "$data" label-free-whole

# Other programs, if they are installed. blastn takes one second or more per query.
if command -v vsearch > /dev/null && command -v blastn > /dev/null; then
    against=vsearch,blastn
    evaluate reference.bix coi.model "$data" reference-peers --sample 150
    barcodeembed evaluate "$out/reference.bix" -m "$out/coi.model" --sample 1000 --against blastn \
        --queries "$data/val_seen.tsv.gz" --json "$out/seen-blastn.json" -o "$out/seen-blastn.md"
fi
