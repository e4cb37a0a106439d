"""Training data: barcodes, batches, masks and views of them."""
