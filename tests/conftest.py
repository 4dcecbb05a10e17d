"""Fixtures of the whole suite: one Kafka and one ClickHouse for a run.

The tests themselves run the core as plain Python, which they can look into and change; the workers that they start run it
compiled where it was built, and `tests/deploy/test_native.py` holds the two together.
"""

import os
from typing import Any

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


PROCESSES = (
    "tests/chaos/",
    "tests/deploy/",
    "tests/deploy_demo/test_feed.py",
    "tests/docs/",
    "tests/integration/",
    "tests/sinks/clickhouse/test_outage.py",
    "tests/streams/batch/test_changelog.py",
    "tests/streams/batch/test_consumer.py",
    "tests/streams/board/",
    "tests/streams/collect/test_run.py",
    "tests/streams/collect/test_sdks.py",
    "tests/streams/commands/test_tail.py",
    "tests/streams/delivery/test_attributes.py",
    "tests/streams/notify/test_run.py",
    "tests/streams/test_copier.py",
    "tests/streams/test_engine.py",
    "tests/streams/test_sink.py",
    "tests/streams/test_sink_assignment.py",
    "tests/streams/test_topics.py",
    "tests/streams/test_worker.py",
)
"""What starts processes, kills them and waits for them. Two of these at once would starve each other."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    files = {item.nodeid.partition("::")[0] for item in items if "kafka" in getattr(item, "fixturenames", ())}
    if missing := [file for file in sorted(files) if not file.startswith(PROCESSES)]:
        raise pytest.UsageError(f"{missing[0]} uses Kafka: name it in PROCESSES of tests/conftest.py")


# Our own and not pytest-xdist's `loadgroup`: that one writes the group into the test's id in a way which pytest 9.2 does
# not read, and then keeps nothing together.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For `pytest -n 2`: the tests of a file stay together, for its fixtures; those of `PROCESSES` in one worker."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "processes" if file.startswith(PROCESSES) else file

    return Together(config, log)
