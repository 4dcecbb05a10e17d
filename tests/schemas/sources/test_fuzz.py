"""Every decoder, on anything: it never raises, answers with outcomes only, and answers the same twice."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.event import Event
from schemas.sources import SOURCES, canonical, decode
from schemas.sources.outcome import REASONS, Decoded, Failure, Watermark
from schemas.time import EARLIEST, LATEST

FIELDS = [
    "id", "event", "user", "anonymous", "account", "at", "type", "properties", "traits", "actor", "place", "received_at",
    "source", "messageId", "userId", "anonymousId", "groupId", "previousId", "timestamp", "originalTimestamp", "sentAt",
    "receivedAt", "context", "name", "batch",
]  # fmt: skip
WORDS = [
    "track", "identify", "group", "page", "screen", "alias", "watermark", "u1", "null", "", "staff", "crm",
    "2024-05-01T12:00:00.000Z", "2024-05-01T12:00:60Z", "2024-05-01", "Invoice Paid",
]  # fmt: skip

scalars = (
    st.sampled_from(WORDS) | st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.just(1_714_564_800)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=12,
)
likely = st.fixed_dictionaries(
    {
        "type": st.sampled_from(WORDS[:7]), "event": st.sampled_from(WORDS), "at": st.just(1_714_564_800) | scalars,
        "timestamp": st.just("2024-05-01T12:00:00.000Z") | scalars, "userId": scalars, "user": scalars,
    },
    optional={name: values for name in FIELDS if name not in ("type", "event", "at", "timestamp", "userId", "user")},
)  # fmt: skip
batches = st.fixed_dictionaries({"batch": st.lists(likely | values, max_size=3)}, optional={"sentAt": scalars})


def check(found: Decoded) -> None:
    for outcome in found:
        match outcome:
            case Event():
                assert outcome.user or outcome.anonymous or outcome.account
                assert outcome.name
                assert outcome.id
                assert EARLIEST <= outcome.at < LATEST
                assert canonical.decode(canonical.encode(outcome)) == [outcome]
            case Failure(reason, detail):
                assert reason in REASONS
                assert detail
            case Watermark(at):
                assert EARLIEST <= at < LATEST
            case _:
                raise AssertionError(f"not an outcome: {outcome!r}")


@pytest.mark.parametrize("source", SOURCES)
@given(data=st.binary(max_size=60) | st.none())
@settings(max_examples=100)
def test_any_bytes_have_an_outcome(source: str, data: bytes | None) -> None:
    found = decode(source, data, None, (), 1_714_564_800_000, max_future=0)
    assert len(found) == 1
    check(found)


@pytest.mark.parametrize("source", SOURCES)
@given(value=likely | values | batches, indent=st.booleans())
@settings(max_examples=150)
def test_any_json_has_outcomes_and_the_same_ones_twice(source: str, value: Any, indent: bool) -> None:
    data = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else 0)
    found = decode(source, data, b"key", [("header", b"x")], 1_714_564_800_000, max_future=600_000)
    check(found)
    assert decode(source, data, b"key", [("header", b"x")], 1_714_564_800_000, max_future=600_000) == found
    if not (isinstance(value, dict) and "batch" in value):
        assert len(found) == 1


@pytest.mark.parametrize("source", SOURCES)
@given(line=likely, cut=st.integers(0, 400), byte=st.integers(0, 255))
@settings(max_examples=100)
def test_a_record_cut_short_or_with_a_byte_turned_has_an_outcome(source: str, line: Any, cut: int, byte: int) -> None:
    data = orjson.dumps(line)
    check(decode(source, data[:cut]))
    at = cut % len(data)
    check(decode(source, data[:at] + bytes([byte]) + data[at + 1 :]))
