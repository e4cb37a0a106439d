# evaluate_marker DATA MARKER INDEX RESULT [OPTION...]: name the held-out barcodes of a marker, for the scripts
# of markers. Writes RESULT.json and RESULT.md. DATA has a folder for each marker with val_*.tsv.gz.
evaluate_marker() {
    folder=$1/$2
    # blastn takes a second or more for each query of a large reference.
    case $2 in 12S | 16S) sample="--sample 250" ;; *) sample= ;; esac
    index=$3 result=$4
    shift 4
    for kind in seen unseen_species unseen_genus; do
        if [ -f "$folder/val_$kind.tsv.gz" ]; then set -- "$@" --queries "$folder/val_$kind.tsv.gz"; fi
    done
    barcodeembed evaluate "$index" "$@" $sample --json "$result.json" -o "$result.md"
}
