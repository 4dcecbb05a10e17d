"""Malformed records: each source offset has exactly one outcome, and what is refused is kept byte for byte with a reason."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.alert import Alert
from schemas.deadletter import DeadLetter
from schemas.definition.model import Definition
from schemas.definition.parse import load
from schemas.snapshot import Snapshot
from schemas.sources.outcome import REASONS
from schemas.transition import Transition
from streams.delivery.clock import ClockSettings
from streams.delivery.contracts import Dead, Output, Record, Redirect
from streams.delivery.decode_task import DecodeTask
from streams.delivery.settings import TaskSettings
from streams.journey.users import Decoder, UsersLogic
from streams.replay.run import Replay
from tests.streams.delivery.harness import Driven

NOW = 1_714_564_800_000
"""2024-05-01T12:00:00Z: Kafka's timestamp of every record here, and the time of the good ones."""

MEGABYTE = 1_048_576


@cache
def saas() -> Definition:
    return load(Path(__file__).parents[2] / "schemas" / "definitions" / "saas.yaml")


def good(**changed: Any) -> bytes:
    """A record that is an event, with some of its fields changed; ... leaves a field out."""
    event = {"id": "e1", "event": "Report Created", "user": "u1", "account": "a1", "at": NOW / 1000, **changed}
    return orjson.dumps({k: v for k, v in event.items() if v is not ...})


CANONICAL: dict[str, tuple[bytes | None, str]] = {
    "bad UTF-8": (b'{"id": "\xff\xfe", "event": "Report Created"}', "not_utf8"),
    "latin-1": ('{"event": "Öffnung"}'.encode("latin-1"), "not_utf8"),
    "cut off": (good()[:-7], "not_json"),
    "empty": (b"", "not_json"),
    "text": (b"Report Created", "not_json"),
    "NaN": (b'{"id": "e1", "event": "Report Created", "user": "u1", "at": NaN}', "not_json"),
    "infinite": (b'{"id": "e1", "event": "Report Created", "user": "u1", "at": 1e999}', "not_json"),
    "two objects": (good() + good(), "not_json"),
    "a tombstone": (None, "no_value"),
    "null": (b"null", "wrong_type"),
    "a list": (b"[1, 2]", "wrong_type"),
    "a number": (b"7", "wrong_type"),
    "properties a list": (good(properties=[1]), "wrong_type"),
    "traits text": (good(traits="pro"), "wrong_type"),
    "name a number": (good(event=7), "wrong_type"),
    "user an object": (good(user={"id": "u1"}), "wrong_type"),
    "type unknown": (good(type="trak"), "wrong_type"),
    "type a list": (good(type=["track"]), "wrong_type"),
    "actor unknown": (good(actor="robot"), "wrong_type"),
    "no name": (good(event=...), "missing_name"),
    "a blank name": (good(event="  "), "missing_name"),
    "nobody": (good(user=..., account=...), "missing_entity"),
    "user null": (good(user=None, account=None), "missing_entity"),
    "user `null`": (good(user="null", account=...), "placeholder_id"),
    "user `anonymous`": (good(user="Anonymous", account=...), "placeholder_id"),
    "user all zeros": (good(user="00000000-0000-0000-0000-000000000000", account=...), "placeholder_id"),
    "no time": (good(at=...), "bad_time"),
    "time in ms": (good(at=NOW), "bad_time"),
    "time zero": (good(at=0), "bad_time"),
    "time before 1990": (good(at="1969-12-31T23:59:59Z"), "bad_time"),
    "time negative": (good(at=-(2**63)), "bad_time"),
    "time huge": (good(at=2**64 - 1), "bad_time"),
    "time out of every range": (good(at=1e300), "bad_time"),
    "time a boolean": (good(at=True), "bad_time"),
    "time in words": (good(at="yesterday"), "bad_time"),
    "tomorrow": (good(at=NOW / 1000 + 86_400), "future"),
    "a year ahead": (good(at="2025-05-01T12:00:00Z"), "future"),
    "1 MB of open lists": (b"[" * MEGABYTE, "too_deep"),
    "1 MB of nesting": (b"[" * (MEGABYTE // 2) + b"]" * (MEGABYTE // 2), "too_deep"),
    "nesting that parses": (b'{"properties": {"a": ' + b"[" * 200 + b"]" * 200 + b"}}", "too_deep"),
    "more than 1 MB": (good(properties={"text": "x" * MEGABYTE}), "too_big"),
}
"""What arrives instead of an event, and the reason for which it is refused."""

SEGMENT: dict[str, tuple[bytes | None, str]] = {
    "bad UTF-8": (b'{"type": "track", "event": "\xe9"}', "not_utf8"),
    "a tombstone": (None, "no_value"),
    "batch an object": (b'{"batch": {}}', "wrong_type"),
    "no type": (orjson.dumps({"event": "X", "userId": "u1", "timestamp": "2024-05-01T12:00:00Z"}), "wrong_type"),
    "no name": (
        orjson.dumps({"type": "track", "userId": "u1", "timestamp": "2024-05-01T12:00:00Z"}), "missing_name"
    ),
    "nobody": (
        orjson.dumps({"type": "track", "event": "X", "timestamp": "2024-05-01T12:00:00Z"}), "missing_entity"
    ),
    "a placeholder": (
        orjson.dumps({"type": "track", "event": "X", "userId": "null", "timestamp": "2024-05-01T12:00:00Z"}),
        "placeholder_id",
    ),
    "no time": (orjson.dumps({"type": "track", "event": "X", "userId": "u1"}), "bad_time"),
    "a wrong time": (
        orjson.dumps({"type": "track", "event": "X", "userId": "u1", "timestamp": "13.01.2024"}), "bad_time"
    ),
}  # fmt: skip


def record(offset: int, value: bytes | None, topic: str = "direct") -> Record:
    return Record(topic, 0, offset, NOW, b"key-%d" % offset, value, (("trace", b"\x00\xff"),))


def mixed() -> list[Record]:
    """Every kind of malformed record, each after a good one; one excluded and one that nobody looks at among them."""
    values: list[bytes | None] = []
    for n, (value, _) in enumerate(CANONICAL.values()):
        values += [good(id=f"good-{n}", user=f"u{n % 3}"), value]
    values += [good(actor="staff"), good(user=..., event="Nobody Asked")]
    return [record(offset, value) for offset, value in enumerate(values)]


def letters(outputs: list[Output]) -> list[DeadLetter]:
    return [DeadLetter.from_record(o.key, o.value, o.headers) for o in outputs if o.topic == "dead-letters"]


def outcomes(counts: Counter[tuple[str, str]]) -> Counter[str]:
    """How many records had each outcome, without its label."""
    found: Counter[str] = Counter()
    for (name, _), n in counts.items():
        found[name] += n
    return found


# --- the decoder ---


def test_every_reason_but_those_of_other_sources_is_tried() -> None:
    assert {reason for _, reason in CANONICAL.values()} == set(REASONS) - {"bad_envelope", "gap"}


@pytest.mark.parametrize("name", CANONICAL)
def test_a_malformed_record_is_one_dead_letter_with_its_reason(name: str) -> None:
    value, reason = CANONICAL[name]
    (found,) = Decoder(saas(), "canonical").route(record(0, value))
    assert isinstance(found, Dead)
    assert found.reason == reason
    assert len(found.detail) < 300  # it goes into a header and onto a person's screen


@pytest.mark.parametrize("name", SEGMENT)
def test_a_malformed_segment_call_is_one_dead_letter_with_its_reason(name: str) -> None:
    value, reason = SEGMENT[name]
    assert [o.reason for o in Decoder(saas(), "segment").route(record(0, value)) if isinstance(o, Dead)] == [reason]


@pytest.mark.parametrize("late", [600_000, 600_001])
def test_an_event_may_be_ten_minutes_ahead_of_its_record(late: int) -> None:
    (found, *_) = Decoder(saas(), "canonical").route(record(0, good(at=(NOW + late) / 1000)))
    assert isinstance(found, Dead) is (late > 600_000)


def test_a_good_record_is_no_dead_letter() -> None:
    assert all(isinstance(o, Redirect) for o in Decoder(saas(), "canonical").route(record(0, good())))


# --- through delivery ---


def by_decode(records: list[Record], slices: int) -> tuple[list[Output], Counter[tuple[str, str]], dict[str, int]]:
    task = DecodeTask(Decoder(saas(), "canonical").route, "direct", 0, {"events": 1, "members": 1})
    outputs: list[Output] = []
    committed: dict[str, int] = {}
    for begin in range(0, len(records), slices):
        work = task.process("direct", records[begin : begin + slices], 0, False)
        outputs += work.outputs
        committed |= work.commit or {}
    return outputs, task.counts, committed


def by_user(records: list[Record], slices: int) -> tuple[list[Output], Counter[tuple[str, str]], dict[str, int]]:
    logic = UsersLogic(saas(), {"direct": "canonical"})
    driven = Driven(logic=logic, settings=TaskSettings({"members": 1}, clock=ClockSettings(wall=False))).take_over()
    for begin in range(0, len(records), slices):
        driven.take(*records[begin : begin + slices])
    driven.do(driven.task.drain(0))
    return driven.published, driven.task.counts, driven.committed


@pytest.mark.parametrize("through", [by_decode, by_user])
def test_each_offset_has_exactly_one_outcome(through: Any) -> None:
    records = mixed()
    outputs, counts, committed = through(records, 1_000)
    found = outcomes(counts)
    assert counts["read", "direct"] == len(records)
    assert found["dead"] + found["dropped"] + found["ok"] + found["redirected"] == len(records)
    assert found["dead"] == len(CANONICAL)
    assert {label: n for (name, label), n in counts.items() if name == "dead"} == Counter(
        reason for _, reason in CANONICAL.values()
    )
    assert {label: n for (name, label), n in counts.items() if name == "dropped"} == {
        "excluded:staff": 1, "account_event_unused": 1,
    }  # fmt: skip
    assert [letter.offset for letter in letters(outputs)] == list(range(1, 2 * len(CANONICAL), 2))
    assert committed == {"direct": len(records)}


@pytest.mark.parametrize("through", [by_decode, by_user])
def test_a_dead_letter_keeps_the_original_bytes_and_where_they_came_from(through: Any) -> None:
    records = mixed()
    outputs, _, _ = through(records, 7)
    for letter, (_, reason) in zip(letters(outputs), CANONICAL.values(), strict=True):
        original = records[letter.offset]
        assert (letter.key, letter.value, letter.headers) == (original.key, original.value, original.headers)
        assert (letter.topic, letter.partition, letter.timestamp) == ("direct", 0, NOW)
        assert letter.reason == reason
        assert DeadLetter.from_json(letter.to_json()) == letter


@pytest.mark.parametrize("through", [by_decode, by_user])
def test_a_second_pass_gives_the_same_dead_letters(through: Any) -> None:
    first, second = (through(mixed(), slices)[0] for slices in (1_000, 3))
    assert [o for o in first if o.topic == "dead-letters"] == [o for o in second if o.topic == "dead-letters"]
    assert len({letter.id for letter in letters(first)}) == len(CANONICAL)


def test_both_ways_into_the_engine_refuse_the_same() -> None:
    decoded, direct = (letters(through(mixed(), 1_000)[0]) for through in (by_decode, by_user))
    assert decoded == direct


def test_good_records_among_malformed_ones_take_effect() -> None:
    alone = [r for r in mixed() if r.value is not None and b'"good-' in r.value]
    published, expected = (
        {orjson.loads(o.value or b"")["id"] for o in by_user(records, 1_000)[0] if o.topic == "transitions.user"}
        for records in (mixed(), alone)
    )
    assert len(alone) == len(CANONICAL)
    assert published == expected != set()


# --- batches of many items ---


def call(n: int, **changed: Any) -> dict[str, Any]:
    made = {"type": "track", "event": "Report Created", "userId": f"u{n}", "messageId": f"m{n}",
            "timestamp": "2024-05-01T12:00:00.000Z", **changed}  # fmt: skip
    return {k: v for k, v in made.items() if v is not ...}


def test_one_bad_item_of_a_batch_makes_it_a_bad_record_and_the_others_still_count() -> None:
    value = orjson.dumps({"batch": [call(1), call(2, userId=...), call(3)]})
    task = DecodeTask(Decoder(saas(), "segment").route, "direct", 0, {"events": 1})
    outputs = task.process("direct", [record(5, value)], 0, False).outputs
    assert {o.key for o in outputs if o.topic == "events" and o.key is not None} == {b"u1", b"u3"}
    (letter,) = letters(outputs)
    assert (letter.offset, letter.index, letter.reason, letter.value) == (5, 1, "missing_entity", value)
    assert task.counts == {("read", "direct"): 1, ("dead", "missing_entity"): 1}


def test_each_bad_item_of_a_batch_is_a_letter_of_its_own() -> None:
    value = orjson.dumps({"batch": [7, call(1, timestamp="never"), call(2, event=...), None]})
    task = DecodeTask(Decoder(saas(), "segment").route, "direct", 0, {"events": 1})
    found = letters(task.process("direct", [record(0, value)], 0, False).outputs)
    assert [(letter.index, letter.reason) for letter in found] == [
        (0, "wrong_type"), (1, "bad_time"), (2, "missing_name"), (3, "wrong_type"),
    ]  # fmt: skip
    assert len({letter.id for letter in found}) == 4
    assert outcomes(task.counts) == {"read": 1, "dead": 1}


def test_an_empty_batch_is_dropped_and_counted() -> None:
    task = DecodeTask(Decoder(saas(), "segment").route, "direct", 0, {"events": 1})
    task.process("direct", [record(0, b'{"batch": []}')], 0, False)
    assert task.counts == {("read", "direct"): 1, ("dropped", "nothing"): 1}


# --- whatever arrives ---


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good record with some bytes cut out, changed or put in."""
    value = bytearray(draw(st.sampled_from([good(), good(properties={"n": 1}), orjson.dumps({"batch": [call(1)]})])))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(value)))
        value[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(value)


@given(st.lists(st.one_of(damaged(), st.binary(max_size=40)), min_size=1, max_size=6), st.sampled_from([1, 2, 6]))
@settings(max_examples=150, deadline=None)
def test_no_bytes_at_all_stop_the_engine_or_are_lost(values: list[bytes], slices: int) -> None:
    records = [record(offset, value) for offset, value in enumerate(values)]
    for through in (by_decode, by_user):
        outputs, counts, _ = through(records, slices)
        found = outcomes(counts)
        assert found["read"] == len(records)
        assert found["dead"] + found["dropped"] + found["ok"] + found["redirected"] + found["clock"] == len(records)
        assert len({letter.offset for letter in letters(outputs)}) == found["dead"]


ODD = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from(["", "10", "ten", "2024-05-01", 2**53, 1e308, -1e308]), st.text(max_size=4),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=3,
)  # fmt: skip
"""A JSON value of any type and size."""

ASKED = ("seats", "mrr", "renews_at", "score", "quota_used", "currency", "plan", "feature", "step", "test")
CARRIED = ("title", "role", "owner", "plan", "name", "segment", "email")
STORY = (
    "Subscription Created", "Signed Up", "Report Created", "NPS Answered", "Feature Used", "Subscription Updated",
    "Cancellation Requested", "Invoice Overdue",
)  # fmt: skip


@given(
    st.lists(
        st.tuples(
            st.sampled_from(STORY), st.dictionaries(st.sampled_from(ASKED), ODD, max_size=4),
            st.dictionaries(st.sampled_from(CARRIED), ODD, max_size=3), st.integers(0, 20),
        ),
        min_size=3, max_size=8,
    )
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_properties_and_traits_of_any_type_give_records_that_keep_their_contract(
    told: list[tuple[str, dict[str, Any], dict[str, Any], int]],
) -> None:
    """Well formed as an event, absurd as a value: nothing stops, states are written and read back, records validate."""
    outputs: list[Output] = []
    replay = Replay(saas(), "canonical", outputs.append, chunk=1)
    at, lines = NOW // 1000, []
    for n, (name, properties, traits, days) in enumerate(told):
        at += days * 86_400
        for kind in ("track", "group"):
            event = {"id": f"e{n}-{kind}", "event": name, "type": kind, "user": "u1", "account": "a1", "at": at}
            lines.append(orjson.dumps({**event, "properties": properties, "traits": traits}))
    replay.run(_reloading(replay, lines), until=at * 1000 + 100 * 86_400_000)
    assert replay.result.ok + replay.result.dropped.total() == len(lines)
    for output in outputs:
        if output.topic in _SHAPES and output.value is not None:
            _SHAPES[output.topic].from_json(output.value)


_SHAPES: dict[str, Any] = {
    "transitions.user": Transition, "transitions.account": Transition, "alerts": Alert, "state.user": Snapshot,
    "state.account": Snapshot,
}  # fmt: skip


def _reloading(replay: Replay, lines: list[bytes]) -> Any:
    """The lines, with every entity written down and read back before each."""
    for line in lines:
        for plant in (replay.users, replay.accounts):
            assert plant is not None
            for key, entity in list(plant.entities.items()):
                plant.entities[key] = plant.logic.load(key, plant.logic.dump(entity))
        yield line


@pytest.mark.parametrize(
    ("said", "owner"), [("kim", "kim"), (4711, "4711"), ({"id": 1}, None), ([1], None), (True, None)]
)
def test_an_alert_has_an_owner_that_is_text_or_nobody(said: Any, owner: str | None) -> None:
    """Found here: an owner that is an object made an alert that no consumer could read."""
    told = [
        ("Subscription Created", "track", {}), ("Account Identified", "group", {"owner": said}),
        ("Onboarding Kickoff", "track", {}), ("Cancellation Requested", "track", {}),
    ]  # fmt: skip
    lines = [
        orjson.dumps({"id": f"e{n}", "event": name, "type": kind, "account": "a1", "at": NOW // 1000 + n, "traits": traits})
        for n, (name, kind, traits) in enumerate(told)
    ]  # fmt: skip
    outputs: list[Output] = []
    Replay(saas(), "canonical", outputs.append).run(lines, until=NOW + 86_400_000)
    alerts = [Alert.from_json(o.value or b"") for o in outputs if o.topic == "alerts"]
    assert [alert.owner for alert in alerts] == [owner]
