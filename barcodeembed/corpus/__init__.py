"""Training data: the encoded corpus, batches, masks and views."""
