process BARCODEEMBED_GATHER {
    tag "${meta.id}"
    label 'process_single'

    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(tables), path(shards)

    output:
    tuple val(meta), path("${prefix}.tsv.gz"), emit: names
    tuple val("${task.process}"), val('barcodeembed'), eval("barcodeembed --version | sed 's/barcodeembed //'"), emit: versions_barcodeembed, topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    barcodeembed gather ${tables} -o ${prefix}.tsv.gz
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    echo "" | gzip > ${prefix}.tsv.gz
    """
}
