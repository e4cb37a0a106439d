include { BARCODEEMBED_CLASSIFY } from '../modules/local/barcodeembed/classify/main'
include { BARCODEEMBED_GATHER   } from '../modules/local/barcodeembed/gather/main'

workflow BARCODES {
    take:
    ch_reads // channel: [ val(meta), path(reads) ]
    ch_index // channel: path(index), or an empty list
    shards   // integer

    main:
    BARCODEEMBED_CLASSIFY(
        ch_reads
            .combine(channel.of(1..shards))
            .map { meta, reads, shard -> [meta, reads, shard, shards] },
        ch_index
    )
    // groupTuple with a size emits a sample as soon as all of its shards are there.
    BARCODEEMBED_GATHER(BARCODEEMBED_CLASSIFY.out.shard.groupTuple(size: shards))

    emit:
    names = BARCODEEMBED_GATHER.out.names // channel: [ val(meta), path(names) ]
}
