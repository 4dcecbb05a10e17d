"""Source canonical: the minimal line, every optional field, each reason for refusal, and that writing undoes reading."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.event import Event
from schemas.sources import canonical, decode, decoder
from schemas.sources.outcome import Failure, Reason, Watermark
from schemas.sources.reading import ACTORS, PLACES, TYPES
from schemas.time import EARLIEST, LATEST

NOON = 1_714_564_800_000
LINE: dict[str, Any] = {"id": "e1", "event": "Report Created", "user": "u1", "account": "a1", "at": NOON / 1000}


def read(line: dict[str, Any] | bytes, **given: Any) -> Any:
    """The one outcome of a line."""
    (found,) = canonical.decode(line if isinstance(line, bytes) else orjson.dumps(line), **given)
    return found


def without(*names: str, **given: Any) -> dict[str, Any]:
    return {k: v for k, v in {**LINE, **given}.items() if k not in names}


def test_a_line_of_the_community_data_is_an_event() -> None:
    line = (
        b'{"id":"642d-change_authored-0","event":"change_authored","user":"u_fb12","account":null,"at":1312242084,'
        b'"properties":{"areas":["bin"],"files":433}}'
    )
    assert read(line) == Event(
        "642d-change_authored-0", "change_authored", "track", 1_312_242_084_000, "u_fb12",
        properties={"areas": ["bin"], "files": 433},
    )  # fmt: skip


def test_every_optional_field_is_read() -> None:
    line = {
        "id": "e2", "event": "Signed Up", "anonymous": "an1", "type": "identify", "traits": {"title": "CEO"},
        "actor": "staff", "place": "crm", "at": "2024-05-01T14:00:00.5+02:00", "received_at": NOON / 1000 + 3,
        "source": "crm-export", "properties": {},
    }  # fmt: skip
    assert read(line) == Event(
        "e2", "Signed Up", "identify", NOON + 500, None, "an1", None, {}, {"title": "CEO"}, "staff", "crm", NOON + 3_000,
        "crm-export",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "place"), [("Invoice Paid", "billing"), ("Report Created", "product"), ("x", "product")]
)
def test_a_place_that_is_not_told_comes_from_the_vocabulary(name: str, place: str) -> None:
    assert read({**LINE, "event": name}).place == place
    assert read({**LINE, "event": name, "place": "mail"}).place == "mail"


def test_an_event_without_an_id_gets_the_same_one_each_time_it_is_read() -> None:
    first, again, other = read(without("id")), read(without("id")), read(without("id", at=1_714_564_801))
    assert first.id == again.id != other.id
    assert len(first.id) == 32


def test_numbers_as_ids_become_text() -> None:
    found = read({**LINE, "id": 7, "user": 42, "account": 43.0})
    assert (found.id, found.user, found.account) == ("7", "42", "43")


def test_a_placeholder_counts_as_missing_where_somebody_else_is_named() -> None:
    found = read({**LINE, "user": "null", "anonymous": "an1", "account": "undefined"})
    assert (found.user, found.anonymous, found.account) == (None, "an1", None)
    assert found.entity == "an1"


def test_a_type_without_a_name_of_its_own_has_a_usual_one() -> None:
    assert read(without("event", type="group")).name == "Account Identified"


def test_a_watermark_is_a_promise_and_no_event() -> None:
    assert read({"type": "watermark", "at": NOON / 1000}) == Watermark(NOON)
    assert read(canonical.watermark(NOON + 7)) == Watermark(NOON + 7)
    assert read({"type": "watermark"}).reason == "bad_time"


REFUSED: list[tuple[Reason, dict[str, Any]]] = [
    ("missing_name", without("event")),
    ("missing_name", {**LINE, "event": "  "}),
    ("missing_entity", without("user", "account")),
    ("missing_entity", {**LINE, "user": None, "account": None}),
    ("placeholder_id", {**LINE, "user": "anonymous", "account": None}),
    ("placeholder_id", {**LINE, "user": 0, "account": "00000000-0000-0000-0000-000000000000"}),
    ("bad_time", without("at")),
    ("bad_time", {**LINE, "at": "yesterday"}),
    ("bad_time", {**LINE, "at": True}),
    ("bad_time", {**LINE, "at": NOON}),
    ("bad_time", {**LINE, "at": 0}),
    ("bad_time", {**LINE, "at": 4e18}),
    ("bad_time", {**LINE, "received_at": "later"}),
    ("wrong_type", {**LINE, "event": 7}),
    ("wrong_type", {**LINE, "id": ["e1"]}),
    ("wrong_type", {**LINE, "user": {"id": "u1"}}),
    ("wrong_type", {**LINE, "user": True}),
    ("wrong_type", {**LINE, "account": "x" * 513}),
    ("wrong_type", {**LINE, "properties": []}),
    ("wrong_type", {**LINE, "traits": "CEO"}),
    ("wrong_type", {**LINE, "type": "purchase"}),
    ("wrong_type", {**LINE, "type": []}),
    ("wrong_type", {**LINE, "actor": "robot"}),
    ("wrong_type", {**LINE, "place": {}}),
]


@pytest.mark.parametrize(("reason", "line"), REFUSED)
def test_what_is_wrong_is_refused_with_a_reason_and_words_for_a_person(reason: Reason, line: dict[str, Any]) -> None:
    found = read(line)
    assert isinstance(found, Failure)
    assert found.reason == reason
    assert found.detail


@pytest.mark.parametrize(
    ("reason", "value"),
    [
        ("no_value", None),
        ("too_big", b'{"event":"' + b"x" * 1_048_576 + b'"}'),
        ("not_utf8", b'{"event":"\xff"}'),
        ("not_json", b""),
        ("not_json", b"{"),
        ("not_json", b'{"at": NaN}'),
        ("not_json", b'{"event":"\\ud800"}'),
        ("too_deep", b"[" * 1_000_000),
        ("too_deep", b"[" * 500_000 + b"]" * 500_000),
        ("too_deep", b'{"a":' * 200_000),
        ("too_deep", b'{"properties":' + b"[" * 64 + b"]" * 64 + b"}"),
        ("wrong_type", b"[]"),
        ("wrong_type", b"null"),
        ("wrong_type", b'"text"'),
    ],
    ids=range(14),
)
def test_bytes_that_are_no_event_are_refused(reason: Reason, value: bytes | None) -> None:
    (found,) = canonical.decode(value)
    assert isinstance(found, Failure)
    assert found.reason == reason


@pytest.mark.parametrize(("levels", "fine"), [(62, True), (63, False)])
def test_nesting_as_deep_as_is_allowed_can_be_read_and_written_again(levels: int, fine: bool) -> None:
    nested: Any = 1
    for _ in range(levels):  # the event and its properties are two more
        nested = [nested]
    found = read({**LINE, "properties": {"deep": nested}})
    assert read(canonical.encode(found)) == found if fine else found.reason == "too_deep"


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert isinstance(read({**LINE, "properties": {"rows": [[n] for n in range(500)]}}), Event)


def test_a_future_event_is_refused_only_against_the_clock_of_its_record() -> None:
    assert read(LINE, timestamp=NOON - 600_000, max_future=600_000).at == NOON
    found = read(LINE, timestamp=NOON - 600_001, max_future=600_000)
    assert found.reason == "future"
    assert isinstance(read(LINE, timestamp=0, max_future=0), Event)  # a file has no clock
    assert isinstance(read(LINE, timestamp=1), Event)


def test_milliseconds_are_recognised_and_the_message_says_so() -> None:
    assert "milliseconds" in read({**LINE, "at": NOON}).detail


def test_what_would_be_assumed_anyway_is_not_written() -> None:
    assert orjson.loads(canonical.encode(read(LINE))) == {**LINE, "at": NOON // 1000}


identifiers = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20).map(
    lambda text: "id-" + text.strip()
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=8), json_values, max_size=4)
times = st.integers(EARLIEST, LATEST - 1)
names = st.sampled_from(["Invoice Paid", "Report Created", "Page Viewed"]) | identifiers
events = st.builds(
    Event, id=identifiers, name=names, type=st.sampled_from(sorted(TYPES)), at=times, user=st.none() | identifiers,
    anonymous=st.none() | identifiers, account=identifiers, properties=objects, traits=objects,
    actor=st.sampled_from(sorted(ACTORS)), place=st.sampled_from(sorted(PLACES)), received_at=st.none() | times,
    source=identifiers | st.sampled_from(["canonical", "segment"]),
)  # fmt: skip


@given(events)
def test_an_event_that_is_written_is_read_back_the_same(event: Event) -> None:
    assert canonical.decode(canonical.encode(event)) == [event]


def test_a_source_that_we_do_not_have_is_named_with_the_nearest_one() -> None:
    assert decode("canonical", orjson.dumps(LINE)) == [read(LINE)]
    with pytest.raises(ValueError, match="did you mean segment"):
        decoder("Segmnet")
    with pytest.raises(ValueError, match=r"write one of .*segment, .*or mapping:FILE"):
        decode("kafka", b"{}")
