"""The naive model: what the journeys of a history are, recomputed from the full event list at every step.

Written from the rules of the definition language, not from the core, to be held against it. It keeps no cells, no
deadlines, no settled states: a measure is a sum over all inputs so far, an instant is found by trying it. Slow, and
short enough to be believed.
"""
