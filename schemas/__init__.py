"""Bytes to values and back: events, published records, the journey definition. No Faust, no network, no clock."""

from schemas.native import prefer

prefer(__name__, __path__)
