process BARCODEEMBED_INDEXBUILD {
    tag "${meta.id}"
    label 'process_medium'

    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(references)
    path taxonomy
    path model

    output:
    tuple val(meta), path("${prefix}.bix"), emit: index
    tuple val(meta), path("${prefix}.json"), emit: json
    tuple val("${task.process}"), val('barcodeembed'), eval("barcodeembed --version | sed 's/barcodeembed //'"), emit: versions_barcodeembed, topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: "${meta.id}"
    def lineages = taxonomy ? "--taxonomy ${taxonomy}" : ''
    def encoder = model ? "-m ${model}" : ''
    """
    barcodeembed index build \\
        ${references} \\
        ${lineages} \\
        ${encoder} \\
        ${args} \\
        --threads ${task.cpus} \\
        --json ${prefix}.json \\
        -o ${prefix}.bix
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    mkdir ${prefix}.bix
    echo '{}' > ${prefix}.bix/manifest.json
    echo '{}' > ${prefix}.json
    """
}
