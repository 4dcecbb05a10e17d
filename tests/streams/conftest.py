"""The engine on the run's shared Kafka, in topics of each test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.streams.cluster import Cluster


@pytest.fixture
def cluster(kafka: str, tmp_path: Path) -> Iterator[Cluster]:
    found = Cluster(kafka, tmp_path)
    yield found
    found.close()
