"""Ranks, lineages, and the reference formats that carry them."""
