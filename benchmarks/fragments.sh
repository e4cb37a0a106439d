#!/bin/sh
# Measure short reads and reads with errors: ours, with all references and with what ships, and VSEARCH,
# SINTAX, blastn and MMseqs2 on the same reads and references.
#
#   sh benchmarks/fragments.sh [DATA] [OUT] [SAMPLE] [LENGTHS] [PERCENTS]
#
# DATA contains val_*.tsv.gz (default ../shared/data/coi). OUT contains reference.bix, coi.bix and
# coi.model, which benchmarks/coi.sh makes (default coi). SAMPLE is the number of queries of each file,
# drawn with seed 0 (default all). LENGTHS and PERCENTS choose cells: "313 130" "0 3" (default all).
# Existing results are kept. Programs that are not installed are left out; blastn takes most of the time.
set -eu
data=${1:-../shared/data/coi}
out=${2:-coi}
sample=${3:-1000000}
lengths=${4:-whole 421 313 200 150 130}
percents=${5:-0 1 3 5}
here=$(dirname "$0")
reads=$out/fragments

[ -d "$reads" ] || python "$here/damage.py" "$data"/val_*.tsv.gz --to "$reads" --fragments
peers=none
for program in vsearch blastn mmseqs; do
    if command -v $program > /dev/null; then peers=$peers,$program; fi
done
peers=${peers#none,}

evaluate() { # index, kind, peers
    result=$out/fragments-$1-$2
    [ -f "$result.json" ] && return
    barcodeembed evaluate "$out/$1.bix" -m "$out/coi.model" --sample "$sample" --against "$3" \
        --queries "$reads/$2/val_seen.tsv.gz" \
        --queries "$reads/$2/val_unseen_species.tsv.gz" \
        --queries "$reads/$2/val_unseen_genus.tsv.gz" --json "$result.json" -o "$result.md"
}
for length in $lengths; do
    for percent in $percents; do
        evaluate reference "$length-$percent" "$peers"
        evaluate coi "$length-$percent" none
    done
done
python "$here/fragments.py" "$out"
