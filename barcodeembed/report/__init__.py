"""Reports of the rows of ``classify``, in the formats of other programs or as a page.

Each format is a function from rows to strings. Only the map of the page needs an index.
"""
