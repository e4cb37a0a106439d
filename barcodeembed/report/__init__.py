"""What other programs read, made from the rows of ``classify``: one file for each format.

A format is a pure function from rows to pieces of text; none needs the model or the index.
"""
