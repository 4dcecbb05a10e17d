"""The one live run that several integration tests look at."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.company_run import Finished, play_company


@pytest.fixture(scope="session")
def company_live(kafka: str, clickhouse: Any) -> Finished:
    """The company, played through two workers and a sink."""
    return play_company(kafka, clickhouse.url)
