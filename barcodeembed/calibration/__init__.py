"""What an index learns from its own references."""
