"""Labelled queries against an index, and its peers beside it."""
