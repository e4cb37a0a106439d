process BARCODEEMBED_INDEX_BUILD {
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
    path "versions.yml", emit: versions

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

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        barcodeembed: \$(barcodeembed --version | sed 's/barcodeembed //')
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    mkdir ${prefix}.bix
    echo '{}' > ${prefix}.bix/manifest.json
    echo '{}' > ${prefix}.json

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        barcodeembed: \$(barcodeembed --version | sed 's/barcodeembed //')
    END_VERSIONS
    """
}
