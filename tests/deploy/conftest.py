"""These tests use the run's shared servers, and start their own where they kill one."""

from tests.fixtures.services import clickhouse, kafka

__all__ = ["clickhouse", "kafka"]
