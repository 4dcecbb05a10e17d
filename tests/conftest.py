"""Fixtures of the whole suite: one Kafka and one ClickHouse for a run.

The tests themselves run the core as plain Python, which they can look into and change; the workers that they start run it
compiled where it was built, and `tests/deploy/test_native.py` holds the two together.
"""

import os
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, settings

given = os.environ.pop("JOURNEYS_NATIVE", None)
os.environ["JOURNEYS_NATIVE"] = given or "0"

from schemas import native  # noqa: E402

if given is None:
    del os.environ["JOURNEYS_NATIVE"]

assert given is not None or native.state == "switched off"

# Both go by the wall clock: on a machine with other work they would fail for the neighbours' sake.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

pytest_plugins = ["tests.fixtures.services"]


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What `pytest -n 2 --dist loadgroup` keeps together: a file, for its fixtures; all files that need Kafka, in one
    worker, because they start processes, kill them and wait for them, and would starve each other. A file that does the
    same without the shared Kafka says `xdist_group("processes")` itself."""
    files = defaultdict[str, list[pytest.Item]](list)
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            files[item.nodeid.partition("::")[0]].append(item)
    for file, its in files.items():
        shares_kafka = any("kafka" in getattr(item, "fixturenames", ()) for item in its)
        for item in its:
            item.add_marker(pytest.mark.xdist_group("processes" if shares_kafka else file))
