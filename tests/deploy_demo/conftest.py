"""The generated company, made once for all tests of the demo's data."""

from __future__ import annotations

import pytest

from deploy.demo.company import Company


@pytest.fixture(scope="session")
def made() -> Company:
    return Company()
