"""The rules that make every transition exist once, as plain code over small interfaces; run by the shell and by the simulation."""
