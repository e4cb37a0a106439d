"""Run with the Python of QIIME 2 by test_qiime2.py: use the plugin as its users do.

python tests/qiime2_plugin.py REFERENCES.fasta READS.fasta COUNTS.tsv OUTPUT
"""

import sys
from pathlib import Path

import pandas as pd
import qiime2
from qiime2.plugins import barcodeembed
from qiime2.sdk import Artifact, Visualization

references, reads, counts, output, encoder = map(Path, sys.argv[1:])


def fasta(path):
    """Return the records as an artifact, without what follows their names."""
    written = output / f"{path.stem}.named.fasta"
    lines = path.read_text().splitlines()
    names = (line.split(";")[0].split()[0] if line[0] == ">" else line.upper() for line in lines)
    written.write_text("\n".join(names) + "\n")
    return Artifact.import_data("FeatureData[Sequence]", str(written))


def lineages(path):
    """Return the lineages of SINTAX headers as an artifact."""
    rows = {}
    for line in path.read_text().splitlines()[::2]:
        name, lineage = line[1:].split(";tax=")
        rows[name] = "; ".join(taxon.replace(":", "__") for taxon in lineage.rstrip(";").split(","))
    table = pd.DataFrame({"Taxon": rows})
    table.index.name = "Feature ID"
    return Artifact.import_data("FeatureData[Taxonomy]", table)


model = Artifact.import_data("BarcodeModel", str(encoder))
built = barcodeembed.actions.build(fasta(references), lineages(references), model=model)
built.index.save(str(output / "index.qza"))
index = Artifact.load(str(output / "index.qza"))
index.validate("max")
table = pd.read_csv(counts, sep="\t", index_col=0).T
found = barcodeembed.actions.classify(
    fasta(reads),
    index=index,
    table=Artifact.import_data("FeatureTable[Frequency]", table),
    cluster_novel=True,
)
found.classification.view(pd.DataFrame).to_csv(output / "taxonomy.tsv", sep="\t")
metadata = found.names.view(qiime2.Metadata)
assert metadata.get_column("confidence").type == "numeric"
assert metadata.get_column("status").type == "categorical"
metadata.to_dataframe()["status"].to_csv(output / "statuses.tsv", sep="\t")
page = barcodeembed.actions.report(found.names, title="A page").visualization
page.save(str(output / "page.qzv"))
Visualization.load(str(output / "page.qzv")).export_data(str(output / "page"))
