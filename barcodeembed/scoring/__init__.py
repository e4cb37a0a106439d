"""From the closest references to a name and a status: functions on arrays."""
