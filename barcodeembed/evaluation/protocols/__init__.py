"""The evaluation protocols of the BarcodeBERT and BarcodeMAE papers."""
