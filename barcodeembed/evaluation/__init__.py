"""Evaluation: labelled queries are named, and the names are compared with the true ones."""
