"""The index of reference barcodes: build it, store it as a bundle, search it, edit it."""
