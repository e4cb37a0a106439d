"""The protocols of the BarcodeBERT and BarcodeMAE papers."""
