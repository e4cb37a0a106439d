"""What QIIME 2 finds: the types, formats and actions of the plugin."""

from q2_types.feature_data import FeatureData, Sequence, Taxonomy
from q2_types.feature_table import FeatureTable, Frequency
from qiime2.plugin import Bool, Choices, Citations, Float, Int, Plugin, Range, SemanticType, Str

from q2_barcodeembed import __version__, actions, formats

BarcodeIndex = SemanticType("BarcodeIndex")
BarcodeModel = SemanticType("BarcodeModel")
BarcodeNames = SemanticType("BarcodeNames")

_citations = Citations.load("citations.bib", package="q2_barcodeembed")
_threads = "Number of threads."

plugin = Plugin(
    name="barcodeembed",
    version=__version__,
    website="https://github.com/barcodeembed/barcodeembed",
    package="q2_barcodeembed",
    short_description="Name DNA barcodes of known and new taxa.",
    description=(
        "Names DNA barcodes (COI, 12S, ITS, trnL) with a calibrated confidence at every rank, and "
        "finds those of taxa that are not in the reference."
    ),
    citations=list(_citations.values()),
)

plugin.register_formats(
    formats.BarcodeIndexDirectoryFormat,
    formats.BarcodeModelDirectoryFormat,
    formats.BarcodeNamesDirectoryFormat,
)
plugin.register_semantic_types(BarcodeIndex, BarcodeModel, BarcodeNames)
for _type, _format in (
    (BarcodeIndex, formats.BarcodeIndexDirectoryFormat),
    (BarcodeModel, formats.BarcodeModelDirectoryFormat),
    (BarcodeNames, formats.BarcodeNamesDirectoryFormat),
):
    plugin.register_semantic_type_to_format(_type, _format)
plugin.register_transformer(formats.names_to_metadata)

plugin.methods.register_function(
    function=actions.build,
    inputs={
        "sequences": FeatureData[Sequence],
        "taxonomy": FeatureData[Taxonomy],
        "model": BarcodeModel,
    },
    parameters={
        "amplicon": Str,
        "prototypes": Bool,
        "threads": Int % Range(1, None),
    },
    outputs=[("index", BarcodeIndex)],
    input_descriptions={
        "sequences": "Barcodes of known organisms.",
        "taxonomy": "Their lineages, with prefixes such as k__, or with one name for each rank.",
        "model": "A model. Without it, the COI model that ships with barcodeembed.",
    },
    parameter_descriptions={
        "amplicon": "Cut the barcodes to this amplicon, for example leray.",
        "prototypes": "Keep one or a few mean vectors for each species instead of sequences.",
        "threads": _threads,
    },
    output_descriptions={"index": "The index, with what confidence and novelty are learned from."},
    name="Build an index of named barcodes",
    description="Embeds the barcodes, and calibrates confidence and novelty on them.",
)

plugin.methods.register_function(
    function=actions.classify,
    inputs={
        "reads": FeatureData[Sequence],
        "index": BarcodeIndex,
        "table": FeatureTable[Frequency],
    },
    parameters={
        "marker": Str % Choices("auto", "COI", "12S", "ITS", "ITS1", "ITS2", "trnL"),
        "min_confidence": Float % Range(0, 1, inclusive_end=True),
        "max_error": Float % Range(0.001, 1, inclusive_end=True),
        "check_chimeras": Bool,
        "cluster_novel": Bool,
        "threads": Int % Range(1, None),
    },
    outputs=[("classification", FeatureData[Taxonomy]), ("names", BarcodeNames)],
    input_descriptions={
        "reads": "The barcodes to name, in any orientation.",
        "index": "Named barcodes. Without it, the references that ship with barcodeembed.",
        "table": "Reads of each barcode in each sample, for the page of `report`.",
    },
    parameter_descriptions={
        "marker": "The marker, if there is no index; auto recognises that of each read.",
        "min_confidence": "Names with a lower confidence are left out. By default 0.75.",
        "max_error": (
            "Instead of a threshold: accept as many names as possible with at most this expected "
            "fraction of incorrect names."
        ),
        "check_chimeras": "Flag likely chimeras.",
        "cluster_novel": "Group novel barcodes into units, as taxa below their placement.",
        "threads": _threads,
    },
    output_descriptions={
        "classification": "The placement of each barcode, with its confidence.",
        "names": "All columns of barcodeembed classify; can be used as metadata of the features.",
    },
    name="Name barcodes, and find those that are new to the reference",
    description=(
        "A barcode gets the name of a species, or the deepest taxon that is certain and the rank "
        "at which it is new."
    ),
)

plugin.visualizers.register_function(
    function=actions.report,
    inputs={"names": BarcodeNames},
    parameters={"title": Str},
    input_descriptions={"names": "What `classify` found."},
    parameter_descriptions={"title": "Title of the page."},
    name="Show names as a page",
    description="Counts by status and rank, a sunburst of the taxa, and a table of all barcodes.",
)
