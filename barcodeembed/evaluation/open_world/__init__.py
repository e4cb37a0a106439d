"""The open-world evaluation: an index and other methods name the same labelled queries."""
