"""From neighbours to names: the vote, its calibration, identity, and the decision."""
