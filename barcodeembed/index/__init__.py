"""Reference barcodes, embedded: building, the bundle on disk, exact search."""
