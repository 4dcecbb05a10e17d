"""Replay: source records through the same core without Kafka, as fast as it goes. `plant` and `run` are compiled."""

from schemas.native import prefer

prefer(__name__, __path__)
