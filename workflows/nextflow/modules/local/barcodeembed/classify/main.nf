process BARCODEEMBED_CLASSIFY {
    tag "${meta.id} ${shard}/${shards}"
    label 'process_medium'

    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(reads), val(shard), val(shards)
    path index

    output:
    tuple val(meta), path("*.tsv.gz"), path("*.shard.json"), emit: shard
    tuple val("${task.process}"), val('barcodeembed'), eval("barcodeembed --version | sed 's/barcodeembed //'"), emit: versions_barcodeembed, topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def prefix = task.ext.prefix ?: "${meta.id}"
    def references = index ? "-i ${index}" : ''
    """
    barcodeembed classify \\
        ${reads} \\
        ${references} \\
        ${args} \\
        --shard ${shard}/${shards} \\
        --threads ${task.cpus} \\
        -o ${prefix}.${shard}.tsv.gz
    """

    stub:
    def prefix = task.ext.prefix ?: "${meta.id}"
    """
    echo "" | gzip > ${prefix}.${shard}.tsv.gz
    echo '{}' > ${prefix}.${shard}.tsv.gz.shard.json
    """
}
