"""Classify queries: neighbours, vote, probabilities, decision, and the quality of the query."""
