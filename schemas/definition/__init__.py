"""The journey definition: one YAML file to one validated value."""
