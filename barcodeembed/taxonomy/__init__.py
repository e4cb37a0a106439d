"""Define ranks and lineages, and read the reference formats that contain them."""
