"""From sequences to vectors."""
