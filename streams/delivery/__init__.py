"""The rules that make every transition exist once, as plain code; run by the shell and by the simulation."""
