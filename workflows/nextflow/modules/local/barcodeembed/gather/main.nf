process BARCODEEMBED_GATHER {
    tag "${meta.id}"
    label 'process_single'

    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(tables), path(shards)

    output:
    tuple val(meta), path("${prefix}.tsv.gz"), emit: names
    path "versions.yml", emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    barcodeembed gather ${tables} -o ${prefix}.tsv.gz

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        barcodeembed: \$(barcodeembed --version | sed 's/barcodeembed //')
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    echo | gzip > ${prefix}.tsv.gz

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        barcodeembed: \$(barcodeembed --version | sed 's/barcodeembed //')
    END_VERSIONS
    """
}
