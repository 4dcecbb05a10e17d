"""Fixtures of the whole suite: one Kafka and one ClickHouse for a run."""

pytest_plugins = ["tests.fixtures.services"]
