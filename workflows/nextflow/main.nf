#!/usr/bin/env nextflow

// nextflow run workflows/nextflow --input samplesheet.csv --shards 8 -profile slurm

include { BARCODES } from './workflows/barcodes'

workflow {
    ch_reads = channel.fromPath(params.input, checkIfExists: true)
        .splitCsv(header: true)
        .map { row -> [[id: row.sample], file(row.reads, checkIfExists: true)] }
    ch_index = params.index ? channel.value(file(params.index, checkIfExists: true)) : channel.value([])
    BARCODES(ch_reads, ch_index, params.shards as Integer)
}
