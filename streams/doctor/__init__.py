"""The doctor: a deployment looked at end to end, and what to do about each finding."""
