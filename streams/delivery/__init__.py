"""The rules that make every transition exist once, as plain code; run by the shell and by the simulation."""

from schemas.native import prefer

prefer(__name__, __path__)
