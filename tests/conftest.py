"""Fixtures of the whole suite: one Kafka and one ClickHouse for a run.

The tests themselves run the core as plain Python, which they can look into and change; the workers that they start run it
compiled where it was built, and `tests/deploy/test_native.py` holds the two together.
"""

import os

given = os.environ.pop("JOURNEYS_NATIVE", None)
os.environ["JOURNEYS_NATIVE"] = given or "0"

from schemas import native  # noqa: E402

if given is None:
    del os.environ["JOURNEYS_NATIVE"]

assert given is not None or native.state == "switched off"

pytest_plugins = ["tests.fixtures.services"]
