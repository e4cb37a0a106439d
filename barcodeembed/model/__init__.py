"""The encoder: its configuration, its layers, and the bundle that it is kept in."""
