"""Rows: every published record becomes the row of its table, and whatever is not one is rejected with a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.alert import Alert
from schemas.deadletter import DeadLetter
from schemas.definition.parse import load
from schemas.event import Event
from schemas.snapshot import Snapshot
from schemas.transition import Transition
from sinks.clickhouse.rows import TOPICS, Rejected, Row, event_row, rows_of, stage_rows
from sinks.clickhouse.tables import TABLES
from sinks.memory import check
from streams.delivery.contracts import Record

AT = 1_714_564_800_000
"""2024-05-01T12:00:00Z."""

_TOLD: dict[str, Any] = {"kind": "user", "definition": "saas", "version": 1, "origin": "live", "detected_at": AT + 1000}
TRANSITION: dict[str, Any] = orjson.loads(
    Transition(
        **_TOLD, id="0123456789abcdef0123456789abcdef", entity="u1", account=None, machine="stage", from_=None,
        to="awareness", name="begins", label=None, at=AT + 250, seq=1, dwell_s=None, digest="d", cause={"event": "e1"},
        because=[{"measure": "n", "value": 1, "op": ">=", "threshold": 1, "holds": True}], signals=[], evidence=["e1"],
        carry={"plan": "pro"}, valid=True, supersedes=None,
    ).to_json()
)  # fmt: skip
ALERT: dict[str, Any] = orjson.loads(
    Alert(
        **_TOLD | {"kind": "account"}, id="a" * 32, name="account_at_risk", status="opened", opens="a" * 32,
        entity="acme", account="acme", severity="high", title="Acme: silent", signals=["silent_14d"], because=[],
        evidence=["e1"], clears_when="idle < 1d", do="call", act_by=AT + 2 * 86_400_000, owner="ana",
        carry={"mrr": 1200}, transition="b" * 32, at=AT,
    ).to_json()
)  # fmt: skip
SNAPSHOT: dict[str, Any] = orjson.loads(
    Snapshot(
        kind="account", entity="acme", account="acme", as_of=AT, definition="saas", version=1,
        machines={"stage": {"state": "adoption", "since": "2024-04-01T00:00:00.000Z"}}, signals=["silent_14d"],
        measures={"weekly": 3}, carry={"mrr": 1200},
    ).to_json()
)  # fmt: skip


def record(topic: str, value: Any, key: bytes | None = b"k", headers: tuple[tuple[str, bytes], ...] = ()) -> Record:
    body = value if value is None or isinstance(value, bytes) else orjson.dumps(value)
    return Record(topic, 3, 42, AT, key, body, headers)


def named(row: Row) -> dict[str, Any]:
    """A row as {column: value}, after a check that ClickHouse could store it."""
    check(TABLES[row.table], row.values)
    return dict(zip(TABLES[row.table].names, row.values, strict=True))


def one(topic: str, value: Any, **more: Any) -> dict[str, Any]:
    found = rows_of(topic, record(topic, value, **more))
    assert isinstance(found, list), found
    return named(found[0])


def test_a_transition_keeps_every_field() -> None:
    found = one("transitions.user", TRANSITION)
    assert found["id"] == bytes.fromhex(TRANSITION["id"])
    assert (found["from_state"], found["to_state"], found["at"]) == (None, "awareness", AT + 250)
    assert orjson.loads(found["because"]) == TRANSITION["because"]
    assert orjson.loads(found["cause"]) == {"event": "e1"}
    assert found["evidence"] == ["e1"]
    renamed = {"from": "from_state", "to": "to_state"}
    assert {renamed.get(name, name) for name in TRANSITION} == set(found) - {"into"}
    assert found["into"] is None


def test_a_transition_that_ends_as_merged_keeps_who_goes_on() -> None:
    assert one("transitions.user", TRANSITION | {"label": "merged", "into": "u2"})["into"] == "u2"


def test_an_alert_keeps_every_field_and_its_place_in_the_log() -> None:
    found = one("alerts", ALERT)
    assert set(found) == {*ALERT, "position"}
    assert found["position"] == AT << 64 | 42
    assert found["act_by"] == AT + 2 * 86_400_000


@pytest.mark.parametrize("told", [b"", b"soon", b"-1", b"9" * 40])
def test_a_record_that_does_not_say_when_its_state_was_written_goes_by_its_own_time(told: bytes) -> None:
    assert one("state.user", SNAPSHOT, headers=(("written", told),))["position"] == AT << 64 | 42


@pytest.mark.parametrize("value", [SNAPSHOT, None])
def test_the_later_of_two_records_is_the_one_whose_state_was_written_later(value: Any) -> None:
    """However late it was sent: a worker that slept sends its old ones after its heir's."""
    assert one("state.user", value, headers=(("written", b"%d" % (AT - 9)),))["position"] == AT - 9 << 64 | 42


def test_a_snapshot_of_an_account_is_where_it_stands_and_its_day() -> None:
    found = rows_of("state.account", record("state.account", SNAPSHOT))
    assert isinstance(found, list)
    standing, day = (named(row) for row in found)
    assert [row.table for row in found] == ["entities", "account_days"]
    assert standing["states"] == {"stage": "adoption"}
    assert day["day"] == AT // 86_400_000


def test_a_snapshot_of_a_user_has_no_day() -> None:
    found = rows_of("state.user", record("state.user", SNAPSHOT | {"kind": "user"}))
    assert isinstance(found, list)
    assert [row.table for row in found] == ["entities"]


def test_a_null_snapshot_says_that_the_entity_is_gone() -> None:
    found = one("state.user", None, key=b"u1")
    assert (found["entity"], found["gone"], found["as_of"]) == ("u1", True, AT)


@pytest.mark.parametrize("key", [None, b"", b"\xff"])
def test_a_null_snapshot_without_a_readable_key_is_rejected(key: bytes | None) -> None:
    assert rows_of("state.user", record("state.user", None, key=key)) == Rejected(
        "bad_id", "the key is not UTF-8" if key == b"\xff" else "a null record without a key ends nobody"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": "xyz"}, "bad_id"),
        ({"id": "g" * 32}, "bad_id"),
        ({"id": None}, "wrong_type"),
        ({"entity": 7}, "wrong_type"),
        ({"at": "yesterday"}, "bad_time"),
        ({"at": "1850-01-01T00:00:00Z"}, "bad_time"),
        ({"seq": -1}, "out_of_range"),
        ({"seq": True}, "wrong_type"),
        ({"version": 2**32}, "out_of_range"),
        ({"dwell_s": "long"}, "wrong_type"),
        ({"valid": 1}, "wrong_type"),
        ({"evidence": ["a", 1]}, "wrong_type"),
        ({"into": 7}, "wrong_type"),
    ],
)
def test_a_field_that_fits_no_column_rejects_the_record(change: dict[str, Any], reason: str) -> None:
    found = rows_of("transitions.user", record("transitions.user", TRANSITION | change))
    assert isinstance(found, Rejected)
    assert found.reason == reason
    assert next(iter(change)) in found.detail


@pytest.mark.parametrize(("value", "reason"), [(None, "no_value"), (b"{", "not_json"), (b"[]", "wrong_type")])
def test_what_is_no_json_object_is_rejected(value: bytes | None, reason: str) -> None:
    found = rows_of("alerts", record("alerts", value))
    assert isinstance(found, Rejected)
    assert found.reason == reason


def test_a_topic_nobody_knows_is_rejected() -> None:
    assert rows_of("members", record("members", {})) == Rejected("unknown_topic", "members")


LETTER = DeadLetter(
    "c" * 32, "not_json", "line 1", "segment", 2, 77, 1, 1_700_000_000_000, b"\xfe", b"\xff\x00{",
    (("reason", b"the original's own header"),),
)  # fmt: skip
HEADERS = LETTER.to_record()[2]


def test_a_dead_letter_keeps_the_original_bytes_and_where_they_came_from() -> None:
    found = one("dead-letters", b"\xff\x00{", key=b"\xfe", headers=HEADERS)
    assert (found["value"], found["key"]) == (b"\xff\x00{", b"\xfe")
    assert (found["topic"], found["partition"], found["offset"], found["item"]) == ("segment", 2, 77, 1)
    assert (found["reason"], found["at"]) == ("not_json", 1_700_000_000_000)


def test_a_dead_letter_with_broken_headers_is_kept_all_the_same() -> None:
    found = one("dead-letters", None, key=None, headers=(("id", b"?"), ("partition", b"-5"), ("offset", b"9" * 40)))
    assert (found["partition"], found["offset"], found["topic"], found["value"]) == (3, 42, "dead-letters", None)
    assert len(found["id"]) == 16


def test_an_event_sent_twice_is_one_row_and_another_entity_another() -> None:
    event = Event("m1", "Signed Up", "track", AT, user="u1", properties={"plan": "pro"})
    first, again = event_row(event), event_row(event._replace(received_at=AT + 5))
    other = event_row(event._replace(user="u2"))
    assert named(first)["id"] == named(again)["id"] != named(other)["id"]
    assert named(first)["event_id"] == "m1"
    assert orjson.loads(named(first)["properties"]) == {"plan": "pro"}


def test_an_account_s_own_event_belongs_to_no_user() -> None:
    found = named(event_row(Event("m1", "Deal Won", "track", AT, account="acme")))
    assert (found["entity"], found["user"], found["account"]) == ("", None, "acme")


SAMPLES = {
    "transitions.user": TRANSITION, "transitions.account": TRANSITION, "alerts": ALERT, "state.user": SNAPSHOT,
    "state.account": SNAPSHOT, "dead-letters": TRANSITION,
}  # fmt: skip
JUNK = st.one_of(
    st.none(), st.integers(), st.text(max_size=10), st.booleans(), st.floats(),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn, topic: str) -> bytes | None:
    """A sample with a field or two turned into something else, or no sample at all."""
    if draw(st.booleans()):
        return draw(st.one_of(st.none(), st.binary(max_size=30)))
    names = st.sampled_from(sorted(SAMPLES[topic]))
    return json.dumps(SAMPLES[topic] | draw(st.dictionaries(names, JUNK, max_size=2))).encode()


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(TOPICS).flatmap(lambda topic: st.tuples(st.just(topic), bodies(topic))),
    st.one_of(st.none(), st.binary(max_size=8)),
    st.lists(st.tuples(st.sampled_from(["id", "offset", "timestamp"]), st.binary(max_size=34)), max_size=3),
)
def test_whatever_arrives_is_a_row_that_fits_or_a_reason(
    published: tuple[str, bytes | None], key: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    topic, value = published
    found = rows_of(topic, Record(topic, 0, 0, AT, key, value, headers))
    if topic == "dead-letters":
        assert isinstance(found, list)
    if isinstance(found, list):
        for row in found:
            check(TABLES[row.table], row.values)


def test_the_stages_of_a_definition_are_written_in_file_order() -> None:
    definition = load(Path("schemas/definitions/saas.yaml"))
    found = [named(row) for row in stage_rows(definition, AT)]
    users = [row["state"] for row in found if (row["kind"], row["machine"]) == ("user", "stage")]
    assert users == ["awareness", "activation", "engagement", "adoption", "retention", "churn"]
    assert {row["state"] for row in found if row["lost"]} == {"churn"}
    assert {row["digest"] for row in found} == {definition.digest}
