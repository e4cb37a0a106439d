"""Vectors as arrays: unit length, exact search, whitening, prototypes."""
