"""Pretraining: the encoded corpus, batches, the loop, checkpoints and several processes."""
