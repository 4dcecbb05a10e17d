"""Source segment: each call, times in their order of precedence, batches item by item, and refusals."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.event import Event
from schemas.sources import segment
from schemas.sources.outcome import Failure, Reason

NOON = 1_714_564_800_000
TRACK: dict[str, Any] = {
    "type": "track", "event": "Report Created", "messageId": "ajs-1", "userId": "u1", "anonymousId": "an1",
    "timestamp": "2024-05-01T12:00:00.000Z", "receivedAt": "2024-05-01T12:00:02.000Z",
    "context": {"groupId": "a1", "library": {"name": "analytics.js"}, "traits": {"title": "CEO"}},
    "integrations": {"All": True}, "properties": {"feature": "export"},
}  # fmt: skip


def read(message: Any, **given: Any) -> Any:
    """The one outcome of a record."""
    (found,) = segment.decode(orjson.dumps(message), **given)
    return found


def call(kind: str, *without: str, **given: Any) -> dict[str, Any]:
    message = {**TRACK, "type": kind, **given}
    return {k: v for k, v in message.items() if k not in without and (k != "event" or kind == "track")}


def test_a_track_call_is_an_event_of_its_user_and_account() -> None:
    assert read(TRACK) == Event(
        "ajs-1", "Report Created", "track", NOON, "u1", "an1", "a1", {"feature": "export"}, {"title": "CEO"}, "user",
        "product", NOON + 2_000, "segment",
    )  # fmt: skip


def test_an_identify_call_brings_traits_of_the_user() -> None:
    found = read(call("identify", traits={"title": "VP"}))
    assert (found.name, found.type, found.traits) == ("Identified", "identify", {"title": "VP"})


def test_a_group_call_names_its_account_itself() -> None:
    found = read(call("group", groupId="a2", traits={"name": "Acme"}))
    assert (found.name, found.type, found.account, found.traits) == (
        "Account Identified",
        "group",
        "a2",
        {"name": "Acme"},
    )
    assert read(call("group")).account == "a1"  # else its context does
    assert read(call("group", context={})).reason == "missing_entity"
    assert read(call("group", groupId="null", context={})).reason == "placeholder_id"


@pytest.mark.parametrize(("kind", "name"), [("page", "Page Viewed"), ("screen", "Screen Viewed")])
def test_a_page_or_screen_call_keeps_the_name_of_what_was_seen(kind: str, name: str) -> None:
    found = read(call(kind, name="Pricing", properties={"path": "/pricing"}))
    assert (found.name, found.properties) == (name, {"path": "/pricing", "name": "Pricing"})
    assert read(call(kind, name="Pricing", properties={"name": "told"})).properties == {"name": "told"}


def test_a_page_is_the_products_for_a_known_user_and_the_websites_for_anybody_else() -> None:
    assert read(call("page")).place == "product"
    assert read(call("page", "userId")).place == "website"
    assert read(call("page", userId="anonymous")).place == "website"
    assert read(call("screen", "userId")).place == "product"


def test_place_and_actor_may_be_told_in_the_context() -> None:
    found = read(call("page", context={"place": "website", "actor": "staff"}))
    assert (found.place, found.actor) == ("website", "staff")
    found = read(call("track", event="Invoice Paid", context={"place": "Mars", "actor": 7}))
    assert (found.place, found.actor) == ("billing", "user")


def test_an_alias_call_keeps_the_previous_id() -> None:
    found = read(call("alias", previousId="an1"))
    assert (found.name, found.type, found.user, found.properties["previous_id"]) == (
        "User Aliased",
        "alias",
        "u1",
        "an1",
    )
    assert read(call("alias")).reason == "missing_entity"
    assert read(call("alias", previousId="undefined")).reason == "placeholder_id"
    assert read(call("alias", "userId", previousId="an1")).reason == "missing_entity"


def test_numbers_as_user_ids_become_text() -> None:
    assert read(call("track", userId=1234)).user == "1234"


@pytest.mark.parametrize(
    ("times", "at"),
    [
        ({"timestamp": "2024-05-01T12:00:00.000Z", "originalTimestamp": "2020-01-01T00:00:00Z"}, NOON),
        (
            {  # the device is a year behind: three seconds passed between event and sending, and that is right
                "originalTimestamp": "2023-05-01T12:00:00.000Z",
                "sentAt": "2023-05-01T12:00:03.000Z",
                "receivedAt": "2024-05-01T12:00:04.000Z",
            },
            NOON + 1_000,
        ),
        ({"originalTimestamp": "2024-05-01T12:00:00Z", "receivedAt": "2024-05-01T13:00:00Z"}, NOON),
        ({"receivedAt": "2024-05-01T12:00:00Z", "sentAt": "2024-05-01T11:00:00Z"}, NOON),
        ({"sentAt": "2024-05-01T12:00:00Z"}, NOON),
    ],
)
def test_times_are_taken_in_their_order_of_precedence(times: dict[str, str], at: int) -> None:
    assert read({**call("track", "timestamp", "receivedAt"), **times}).at == at


REFUSED: list[tuple[Reason, dict[str, Any]]] = [
    ("bad_time", call("track", "timestamp", "receivedAt")),
    ("bad_time", call("track", timestamp="soon")),
    ("bad_time", call("track", timestamp=NOON)),
    ("bad_time", call("track", receivedAt="soon")),
    (
        "bad_time",
        call("track", "timestamp", originalTimestamp="2099-05-01T00:00:00Z", sentAt="1990-05-01T00:00:00Z"),
    ),
    ("missing_name", call("track", event=None)),
    ("missing_name", call("track", event="")),
    ("missing_entity", call("track", "userId", "anonymousId", context={})),
    ("placeholder_id", call("track", userId="null", anonymousId="undefined", context={"groupId": "0"})),
    ("wrong_type", call("track", event={})),
    ("wrong_type", call("track", userId=["u1"])),
    ("wrong_type", call("track", context="web")),
    ("wrong_type", call("track", context={"groupId": {}})),
    ("wrong_type", call("track", context={"traits": 1})),
    ("wrong_type", call("track", properties=[])),
    ("wrong_type", call("identify", traits=[])),
    ("wrong_type", call("delete")),
    ("wrong_type", {**TRACK, "type": None}),
    ("wrong_type", {**TRACK, "type": ["track"]}),
    ("wrong_type", {**TRACK, "batch": {}}),
]


@pytest.mark.parametrize(("reason", "message"), REFUSED)
def test_what_is_wrong_is_refused_with_a_reason_and_words_for_a_person(reason: Reason, message: dict[str, Any]) -> None:
    found = read(message)
    assert isinstance(found, Failure)
    assert found.reason == reason
    assert found.detail


def test_one_bad_item_of_a_batch_leaves_the_others_alone() -> None:
    items = [TRACK, call("track", timestamp="soon"), 7, call("identify", messageId="ajs-2", traits={})]
    found = segment.decode(orjson.dumps({"batch": items, "sentAt": "2024-05-01T12:00:01Z"}))
    assert [f.id if isinstance(f, Event) else f.reason for f in found] == ["ajs-1", "bad_time", "wrong_type", "ajs-2"]


def test_a_batch_lends_its_items_what_they_do_not_say() -> None:
    item = call("track", "timestamp", "receivedAt", "context", originalTimestamp="2023-05-01T12:00:00Z")
    envelope = {
        "batch": [item], "sentAt": "2023-05-01T12:00:03Z", "receivedAt": "2024-05-01T12:00:03Z",
        "context": {"groupId": "a9"},
    }  # fmt: skip
    found = read(envelope)
    assert (found.at, found.account, found.received_at) == (NOON, "a9", NOON + 3_000)


def test_an_empty_batch_is_nothing() -> None:
    assert segment.decode(b'{"batch":[]}') == []


def test_an_item_without_an_id_gets_the_same_one_in_any_batch() -> None:
    item = call("page", "messageId", name="Pricing")
    turned = dict(reversed(item.items()))
    alone = read({"batch": [item]})
    with_another = segment.decode(orjson.dumps({"batch": [TRACK, turned]}))[1]
    assert isinstance(with_another, Event)
    assert alone.id == with_another.id


def test_a_future_call_is_refused() -> None:
    assert read(TRACK, timestamp=NOON - 1, max_future=0).reason == "future"
    assert isinstance(read(TRACK, timestamp=NOON, max_future=0), Event)
