"""Two definitions over the same records: what differs, and why. Pure, above the core and the replay."""
