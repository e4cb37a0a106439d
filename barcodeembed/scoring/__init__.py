"""From neighbours to a decision: functions on arrays."""
