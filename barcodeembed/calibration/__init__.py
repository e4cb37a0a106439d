"""Calibration of an index on its own references."""
