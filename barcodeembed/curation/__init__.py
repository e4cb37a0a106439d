"""Curation: records of an index whose names contradict those of other records."""
