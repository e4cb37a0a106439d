"""QIIME 2 plugin: name DNA barcodes of known and new taxa with barcodeembed."""

__version__ = "0.1.0"
