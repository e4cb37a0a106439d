"""Reading barcodes: containers, formats, cleaning and orientation."""
