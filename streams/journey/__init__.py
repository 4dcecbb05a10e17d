"""The pure journey core: measures, guards, machines, timers, explanation. Standard library and schemas only."""

from schemas.native import prefer

prefer(__name__, __path__)
