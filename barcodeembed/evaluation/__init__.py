"""How right the names are: open-world metrics, and the peers on the same queries."""
