#!/bin/sh
# Try barcodeembed on the simulated data in this folder, with the COI model that ships: build an
# index of the references, name the reads, and make a report to open in a browser. This takes about
# half a minute on two cores.
#
#   sh data/demo.sh [OUT]
set -eu
data=$(dirname "$0")/simulated
out=${1:-demo}
mkdir -p "$out"

barcodeembed index build "$data/reference.fasta" -o "$out/reference.bix"
barcodeembed classify "$data/reads.fasta" -i "$out/reference.bix" -o "$out/names.tsv"
barcodeembed report "$out/names.tsv" --to html -o "$out/names.html" -q

cut -f 1-6 "$out/names.tsv" | head -n 6
echo "Open $out/names.html in a browser." >&2
