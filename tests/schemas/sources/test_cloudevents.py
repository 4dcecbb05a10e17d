"""Source cloudevents: both modes on Kafka, tombstones, subjects, and headers that are not what they should be."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.sources import decode
from schemas.sources.outcome import Skipped
from tests.schemas.sources.examples_analytics import CLOUD_EVENT
from tests.schemas.sources.test_fuzz import check

NOON = 1_714_564_800_000

HEADERS = [
    ("ce_specversion", b"1.0"), ("ce_type", b"Report Created"), ("ce_source", b"/app"), ("ce_id", b"7"),
    ("ce_time", b"2024-05-01T12:00:00Z"), ("content-type", b"application/json; charset=utf-8"), ("ce_accountid", b"acme"),
]  # fmt: skip


def read(value: bytes | None, headers: Any = (), timestamp: int = 0) -> Any:
    (found,) = decode("cloudevents", value, None, headers, timestamp)
    return found


def test_a_binary_event_is_its_headers_and_its_data() -> None:
    found = read(b'{"user_id":"u1","feature":"export"}', HEADERS)
    assert (found.id, found.name, found.at, found.user, found.account) == (
        "/app#7",
        "Report Created",
        NOON,
        "u1",
        "acme",
    )
    assert found.properties == {"user_id": "u1", "feature": "export"}


def test_a_structured_event_is_told_by_its_content_type_whatever_its_case() -> None:
    headers = [("Content-Type", b"Application/CloudEvents+json"), ("ce_specversion", b"0.3")]
    assert read(orjson.dumps(CLOUD_EVENT), headers) == read(orjson.dumps(CLOUD_EVENT))


def test_the_time_of_the_record_stands_in_for_a_time_that_is_not_told() -> None:
    bare = [header for header in HEADERS if header[0] != "ce_time"]
    assert read(b"{}", bare, NOON).at == NOON
    assert read(b"{}", bare).reason == "bad_time"


@pytest.mark.parametrize("value", [None, b""])
def test_a_binary_event_without_data_is_a_tombstone(value: bytes | None) -> None:
    assert read(value, HEADERS) == Skipped("tombstone", "a binary event without data")
    assert read(None).reason == "no_value"


def test_an_id_is_unique_within_its_source_only() -> None:
    other = [("ce_source", b"/other") if name == "ce_source" else (name, raw) for name, raw in HEADERS]
    assert read(b"{}", HEADERS).id != read(b"{}", other).id


@pytest.mark.parametrize(
    ("subject", "user", "account"),
    [
        ("users/7", "7", None),
        ("accounts/acme", None, "acme"),
        ("orders/7", None, None),
        ("7", None, None),
        ("users/", None, None),
    ],
)
def test_a_subject_is_somebody_only_where_it_says_of_which_kind(
    subject: str, user: str | None, account: str | None
) -> None:
    found = read(orjson.dumps({**CLOUD_EVENT, "subject": subject, "anonymousid": "n1"}))
    assert (found.user, found.account, found.anonymous) == (user, account, "n1")


def test_data_may_be_in_base_64_or_no_json_at_all() -> None:
    packed = {k: v for k, v in CLOUD_EVENT.items() if k != "data"} | {
        "data_base64": b64encode(b'{"user_id":"u1"}').decode()
    }
    assert read(orjson.dumps({**packed, "subject": None})).user == "u1"
    assert read(orjson.dumps({**packed, "data_base64": "%"})).reason == "bad_envelope"
    text = [("content-type", b"text/plain") if name == "content-type" else (name, raw) for name, raw in HEADERS]
    assert read(b"hello", text).properties == {"data": "hello"}


def test_another_version_is_refused() -> None:
    assert read(orjson.dumps({**CLOUD_EVENT, "specversion": "0.3"})).reason == "wrong_type"


names = st.sampled_from(
    ["ce_specversion", "ce_type", "ce_id", "ce_source", "ce_time", "ce_subject", "content-type", "x"]
)


@given(
    value=st.binary(max_size=30) | st.just(b'{"user_id":"u1"}') | st.none(),
    headers=st.lists(st.tuples(names, st.binary(max_size=8) | st.just(b"1.0") | st.none()), max_size=7),
)
@settings(max_examples=200)
def test_any_headers_have_an_outcome(value: bytes | None, headers: Any) -> None:
    check(decode("cloudevents", value, None, headers, NOON))
