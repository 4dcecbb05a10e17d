"""Published records: the checked-in schemas are those of the code, samples fit them, and ids hash the content alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.alert import Alert, alert_id
from schemas.deadletter import DeadLetter, dead_letter_id
from schemas.member import MemberFacts
from schemas.records import FOLDER, RECORDS, schemas, write
from schemas.shape import ShapeError
from schemas.snapshot import Snapshot
from schemas.transition import Transition, transition_id

NOON = 1_714_564_800_123
BECAUSE = [
    {"measure": "core_7", "value": 3, "op": ">=", "threshold": 3, "holds": True},
    {"measure": "nps", "value": None, "op": "<=", "threshold": 6, "holds": "unknown"},
]


def a_transition(**given: Any) -> Transition:
    record = Transition(
        id="", kind="user", entity="u1", account="a1", machine="stage", from_="activation", to="engagement",
        name="first value", label=None, at=NOON, detected_at=NOON + 87, seq=3, dwell_s=3600.5, definition="saas", version=1,
        digest="d" * 64, cause={"event": "e9"}, because=BECAUSE, signals=["thin_use"], evidence=["e7", "e9"],
        carry={"plan": "pro", "mrr": 12_00}, origin="live", valid=True, supersedes=None,
    )  # fmt: skip
    record = replace(record, **given)
    record.id = transition_id(record)
    return record


def an_alert(**given: Any) -> Alert:
    record = Alert(
        id="", name="account_at_risk", status="opened", opens="", kind="account", entity="a1", account="a1",
        severity="high", title="Acme: silent 14d", signals=["silent_14d"], because=BECAUSE, evidence=["e7"],
        clears_when="idle < 1d", do="call", act_by=NOON + 172_800_000, owner="kim", carry={"name": "Acme"},
        transition="0" * 32, at=NOON, detected_at=NOON + 87, definition="saas", version=1, origin="live",
    )  # fmt: skip
    record = replace(record, **given)
    record.id = alert_id(record)
    record.opens = record.opens or record.id
    return record


def a_snapshot() -> Snapshot:
    machines = {"stage": {"state": "adoption", "since": "2024-05-01T12:00:00.000Z"}}
    return Snapshot("account", "a1", "a1", NOON, "saas", 1, machines, ["thin_use"], {"nps": None, "seats": 7}, {})


def a_fact(**given: Any) -> MemberFacts:
    content: dict[str, Any] = {
        "user": "u1", "account": "a1", "at": NOON, "stage": "adoption", "reached": ["activation", "adoption"],
        "risk": "healthy", "level": "manager", "admin": False, "active_day": 19_844, "event": "e9",
    }  # fmt: skip
    return MemberFacts.of(**{**content, **given})


def a_dead_letter() -> DeadLetter:
    return DeadLetter(
        dead_letter_id("topic-id", 3, 41, 0), "not_utf8", "byte 0 is not UTF-8: ä", "source", 3, 41, 0, NOON, None, b"\xff\x00",
        (("trace", b"\x01"), ("trace", b"2")),
    )  # fmt: skip


SAMPLES: dict[str, Callable[[], Any]] = {
    "transition": a_transition, "alert": an_alert, "snapshot": a_snapshot, "member": a_fact, "dead-letter": a_dead_letter,
}  # fmt: skip

DOCS = (Path(__file__).parents[2] / "docs" / "records.md").read_text(encoding="utf-8")


def validator(name: str) -> Draft202012Validator:
    schema = orjson.loads((FOLDER / f"{name}.schema.json").read_bytes())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_checked_in_schemas_are_those_of_the_code(tmp_path: Path) -> None:
    write(tmp_path)
    fresh = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    assert kept == fresh, "schemas/json is out of date: run `python -m schemas.records`"
    assert set(kept) == set(schemas())


@pytest.mark.parametrize("name", RECORDS)
def test_a_sample_fits_its_schema_and_comes_back_the_same(name: str) -> None:
    sample = SAMPLES[name]()
    assert list(validator(name).iter_errors(orjson.loads(sample.to_json()))) == []
    assert type(sample).from_json(sample.to_json()) == sample


@pytest.mark.parametrize("name", RECORDS)
def test_every_field_is_described_in_the_schema_and_in_the_docs(name: str) -> None:
    for field in RECORDS[name].fields:
        assert field.schema["description"]
        assert f"`{field.name}`" in DOCS, f"docs/records.md does not name {field.name} of {name}"


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_without_a_required_field_fits_neither_schema_nor_reader(name: str) -> None:
    sample = SAMPLES[name]()
    for field in RECORDS[name].fields:
        if field.required:
            told = orjson.loads(sample.to_json())
            del told[field.name]
            assert not validator(name).is_valid(told)
            with pytest.raises(ShapeError, match=field.name):
                type(sample).from_json(orjson.dumps(told))


@pytest.mark.parametrize("name", RECORDS)
def test_a_field_of_the_wrong_type_is_named(name: str) -> None:
    sample = SAMPLES[name]()
    for field in RECORDS[name].fields:
        told = orjson.loads(sample.to_json())
        told[field.name] = 1.5 if told.get(field.name) != 1.5 and field.name != "dwell_s" else "x"
        assert not validator(name).is_valid(told)
        with pytest.raises(ShapeError, match=field.name):
            type(sample).from_json(orjson.dumps(told))


def test_a_field_that_a_newer_writer_added_is_passed_over() -> None:
    told = {**orjson.loads(a_transition().to_json()), "colour": "red"}
    assert validator("transition").is_valid(told)
    assert Transition.from_json(orjson.dumps(told)) == a_transition()


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff", b'{"id":'])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(ShapeError):
        Transition.from_json(data)


def test_a_transition_is_written_in_the_order_of_the_contract() -> None:
    told = orjson.loads(a_transition().to_json())
    assert list(told) == [
        "id", "kind", "entity", "account", "machine", "from", "to", "name", "label", "at", "detected_at", "seq", "dwell_s",
        "definition", "version", "digest", "cause", "because", "signals", "evidence", "carry", "origin", "valid",
        "supersedes",
    ]  # fmt: skip
    assert (told["at"], told["detected_at"]) == ("2024-05-01T12:00:00.123Z", "2024-05-01T12:00:00.210Z")


APART = {"detected_at": NOON + 5_000, "seq": 9, "valid": False, "supersedes": "1" * 32, "origin": "correction"}


@pytest.mark.parametrize("name", APART)
def test_how_a_transition_was_seen_does_not_change_its_id(name: str) -> None:
    assert a_transition(**{name: APART[name]}).id == a_transition().id


@pytest.mark.parametrize("field", RECORDS["transition"].fields, ids=lambda f: f.name)
def test_everything_else_about_a_transition_changes_its_id(field: Any) -> None:
    if field.attribute in {*APART, "id"}:
        return
    value = getattr(a_transition(), field.attribute)
    other: Any = {str: "other", int: NOON + 1, float: 0.25, dict: {"event": "other"}, list: [], type(None): "other"}
    other = "account" if field.attribute == "kind" else other[type(value)]
    assert a_transition(**{field.attribute: other}).id != a_transition().id


def test_a_consumer_can_compute_the_id_from_the_json_alone() -> None:
    told = orjson.loads(a_transition().to_json())
    content = {k: v for k, v in told.items() if k not in {*APART, "id"}}
    data = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    assert blake2b(data, digest_size=16).hexdigest() == told["id"]


def test_an_id_stays_the_same_over_versions_of_this_code() -> None:
    """A change here makes every consumer see everything twice: it needs a migration, not a new number."""
    assert a_transition().id == "33900f1875f8961ce41fc891a557e70d"
    assert an_alert().id == "1ac6ee42600e533d96481c3a8e6617c8"
    assert a_fact().id == "519440174504d28a76b99c206f7cdd01"


def test_an_opening_alert_opens_itself() -> None:
    opened = an_alert()
    assert opened.opens == opened.id
    assert alert_id(opened) == opened.id  # also once `opens` is filled in


def test_the_end_of_an_alert_has_an_id_of_its_own_and_keeps_the_first_one() -> None:
    opened = an_alert()
    ends = [an_alert(status=status, opens=opened.id) for status in ("resolved", "retracted")]
    assert len({opened.id, *(end.id for end in ends)}) == 3
    assert {end.opens for end in ends} == {opened.id}
    assert an_alert(status="resolved", opens="f" * 32).id != ends[0].id


def test_a_fact_taken_back_keeps_its_id() -> None:
    assert replace(a_fact(), valid=False).id == a_fact().id
    assert a_fact(active_day=19_845).id != a_fact().id


def test_the_account_agent_tells_a_fact_from_an_event_by_its_first_bytes() -> None:
    assert a_fact().to_json().startswith(b'{"fact":')


def test_a_dead_letter_keeps_the_original_bytes_and_headers() -> None:
    letter = a_dead_letter()
    key, value, headers = letter.to_record()
    assert (key, value) == (None, b"\xff\x00")
    assert headers[-2:] == (("trace", b"\x01"), ("trace", b"2"))
    assert dict(headers)["reason"] == b"not_utf8"
    assert DeadLetter.from_record(key, value, headers) == letter


@given(
    st.none() | st.binary(max_size=40), st.none() | st.binary(max_size=40), st.text(max_size=20),
    st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=5)), max_size=3),
)  # fmt: skip
def test_any_dead_letter_survives_kafka_and_a_file(
    key: bytes | None, value: bytes | None, detail: str, headers: list[tuple[str, bytes]]
) -> None:
    letter = replace(a_dead_letter(), key=key, value=value, detail=detail, headers=tuple(headers))
    assert DeadLetter.from_record(*letter.to_record()) == letter
    assert DeadLetter.from_json(letter.to_json()) == letter


def test_the_same_place_is_the_same_dead_letter_and_another_place_another() -> None:
    places = [("t", 0, 0, 0), ("t", 0, 0, 1), ("t", 0, 1, 0), ("t", 1, 0, 0), ("u", 0, 0, 0)]
    assert len({dead_letter_id(*place) for place in places}) == len(places)
    assert dead_letter_id("t", 0, 0, 0) == dead_letter_id("t", 0, 0, 0)


def test_a_record_that_is_no_dead_letter_is_refused() -> None:
    with pytest.raises(ValueError, match="no dead letter"):
        DeadLetter.from_record(None, b"x", [("reason", b"not_json")])
    broken = [(n, b"x") for n, _ in a_dead_letter().to_record()[2][:8]]
    with pytest.raises(ValueError):
        DeadLetter.from_record(None, b"x", broken)
