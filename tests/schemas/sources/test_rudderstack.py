"""Sources rudderstack and june: Segment's decoder under another name, and the clock that RudderStack leaves uncorrected."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.sources import decode, segment
from schemas.sources.outcome import Failure
from tests.schemas.sources.examples_behaviour import NOON, SEGMENT_FULL


@pytest.mark.parametrize("source", ["rudderstack", "june"])
def test_events_are_segments_under_another_name(source: str) -> None:
    (found,) = decode(source, orjson.dumps(SEGMENT_FULL))
    (same,) = segment.decode(orjson.dumps(SEGMENT_FULL))
    assert found == same._replace(source=source)  # type: ignore[union-attr]
    (failed,) = decode(source, b"{}")
    assert isinstance(failed, Failure)


def test_a_device_whose_clock_is_a_year_behind_is_corrected() -> None:
    call: dict[str, Any] = {key: value for key, value in SEGMENT_FULL.items() if key != "timestamp"}
    (found,) = decode("rudderstack", orjson.dumps({"batch": [call]}))
    assert found.at == NOON + 1_000  # type: ignore[union-attr]
