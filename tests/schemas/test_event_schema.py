"""The schema of our own JSON says what the decoder takes: where one refuses a record the other does too."""

from __future__ import annotations

from itertools import islice
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from deploy.demo import community
from schemas.event import Event
from schemas.event_schema import event_schema
from schemas.sources import canonical
from schemas.sources.outcome import Failure

FITS = Draft202012Validator(event_schema())
GOOD: dict[str, Any] = {"id": "e1", "event": "Report Created", "user": "u1", "account": "a1", "at": 1_714_564_800.5}


def decoded(record: dict[str, Any]) -> Any:
    (found,) = canonical.decode(orjson.dumps(record))
    return found


def test_what_the_encoder_writes_fits() -> None:
    event = decoded(
        {
            **GOOD,
            "type": "group",
            "traits": {"name": "Acme"},
            "actor": "system",
            "place": "crm",
            "received_at": 1_714_564_801.0,
        }
    )
    assert isinstance(event, Event)
    FITS.validate(orjson.loads(canonical.encode(event)))
    FITS.validate(orjson.loads(canonical.watermark(1_714_564_800_000)))


@pytest.mark.parametrize(
    "change",
    [
        {"at": None}, {"at": True}, {"user": None, "account": None}, {"type": "shout"}, {"actor": "robot"}, {"place": "moon"},
        {"properties": [1]}, {"traits": "none"}, {"user": {"id": 1}},
    ],
)  # fmt: skip
def test_what_does_not_fit_becomes_no_event(change: dict[str, Any]) -> None:
    record = {**GOOD, **change}
    assert not FITS.is_valid(record)
    assert isinstance(decoded(record), Failure)


@pytest.mark.parametrize(
    "change", [{"at": "2024-05-01T12:00:00Z"}, {"user": 17}, {"properties": None}, {"new": 1}, {"account": None}]
)
def test_what_fits_becomes_an_event(change: dict[str, Any]) -> None:
    record = {**GOOD, **change}
    FITS.validate(record)
    assert isinstance(decoded(record), Event)


def test_the_community_of_the_demo_fits() -> None:
    lines = list(islice(community.events(), 400))
    assert len(lines) == 400
    for line in lines:
        FITS.validate(orjson.loads(line))
