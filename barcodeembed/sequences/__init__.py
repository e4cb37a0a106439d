"""Read barcodes: containers, formats, cleaning, orientation, and positions in the marker."""
