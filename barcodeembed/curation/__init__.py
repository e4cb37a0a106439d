"""Checking a reference: what in it contradicts the rest."""
