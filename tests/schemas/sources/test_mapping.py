"""Source mapping: a company's own JSON by a YAML file, every key of it, and what is said when the file is wrong."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.definition.errors import DefinitionErrors
from schemas.event import Event
from schemas.sources import decode, decoder
from schemas.sources.mapping import KEYS, parse, source_of
from tests.schemas.sources.test_fuzz import check

NOON = 1_714_564_800_000

SHOP = """
source: shop
items: events
id: ["{shop}/{order.id}", order.uuid]
time: {at: [order.placed_at, "@record"], unit: ms}
user: [customer.id, "email:{customer.email}"]
anonymous: visitor
account: ["shop:{customer.company.0.id}"]
name: "{entity}.{action}"
names: {order.placed: Subscription Created, page.seen: Page Viewed}
properties: {amount: order.total, currency: order.currency}
traits: customer
place: billing
actor: system
"""

ORDER: dict[str, Any] = {
    "entity": "order", "action": "placed", "shop": "s1", "visitor": "v1",
    "order": {"id": 7, "uuid": "u-7", "placed_at": NOON, "total": 4900, "currency": "EUR"},
    "customer": {"id": "c1", "email": "Ada@Acme.io", "company": [{"id": 12}]},
}  # fmt: skip


def read(order: Any, text: str = SHOP, **given: Any) -> Any:
    (found,) = source_of(parse(text)).decode(orjson.dumps(order), None, (), given.get("timestamp", 0), max_future=None)
    return found


def test_every_key_of_a_mapping_is_followed() -> None:
    assert read({"events": [ORDER]}) == Event(
        "s1/7", "Subscription Created", "track", NOON, "c1", "v1", "shop:12", {"amount": 4900, "currency": "EUR"},
        ORDER["customer"], "system", "billing", None, "shop",
    )  # fmt: skip


def test_the_first_way_that_leads_to_something_wins() -> None:
    bare = {**ORDER, "shop": None, "order": {"uuid": "u-7"}, "customer": {"email": "Ada@Acme.io"}}
    found = read(bare, timestamp=NOON + 5)
    assert (found.id, found.user, found.account, found.at) == ("u-7", "email:ada@acme.io", None, NOON + 5)
    assert read({**bare, "customer": {"email": "none"}}, timestamp=NOON).user is None
    assert read(bare).reason == "bad_time"  # a file has no clock


SMALLEST = "time: at\nname: what\nuser: who\n"


@pytest.mark.parametrize(
    ("unit", "at"),
    [("s", 1_714_564_800), ("ms", NOON), ("us", NOON * 1000), ("us", str(NOON * 1000)), ("s", "2024-05-01T12:00Z")],
)
def test_times_are_in_the_unit_that_the_file_declares(unit: str, at: Any) -> None:
    text = f"time: {{at: at, unit: {unit}}}\nname: what\nuser: who\n"
    assert read({"at": at, "what": "x", "who": 1}, text).at == NOON


def test_a_wrong_unit_is_no_time_rather_than_another_one() -> None:
    assert read({"at": NOON, "what": "x", "who": 1}, SMALLEST).reason == "bad_time"


def test_what_a_file_does_not_say_is_left_as_it_is() -> None:
    order = {"at": NOON / 1000, "what": "x", "who": "u1"}
    found = read(order, SMALLEST)
    assert (found.name, found.properties, found.source, found.place, found.actor) == (
        "x",
        order,
        "mapping",
        "product",
        "user",
    )
    assert len(found.id) == 32
    assert read({**order, "what": "", "who": "u1"}, SMALLEST).reason == "missing_name"
    assert read({**order, "who": "null"}, SMALLEST).reason == "placeholder_id"


def test_a_record_may_hold_one_message_a_line() -> None:
    lines = b'{"at": 1714564800, "what": "x", "who": "u1"}\n{"at": 1714564801, "what": "y", "who": "u2"}\n'
    found = source_of(parse(SMALLEST)).decode(lines, None, (), 0, max_future=None)
    assert [(event.name, event.user) for event in found if isinstance(event, Event)] == [("x", "u1"), ("y", "u2")]


WRONG = [
    ("time: at\nname: what\n", ":1:1: a mapping needs `user:`, `anonymous:` or `account:`"),
    ("name: what\nuser: who\n", ":1:1: a mapping needs `time:`"),
    ("time: at\nuser: who\n", ":1:1: a mapping needs `name:`"),
    (SMALLEST + "acount: a\n", ":4:1: a mapping has no key 'acount'. Did you mean account?"),
    ("time: {at: at, unit: msec}\nname: what\nuser: who\n", ":1:22: `unit` of `time`: unknown name 'msec'. Did you mean ms?"),
    ("time: {at: at, unit: ns}\nname: what\nuser: who\n", ":1:22: `unit` of `time`: unknown name 'ns'"),
    (SMALLEST + "account: 'shop:{a'\n", ":4:10: `account` of a mapping: 'shop:{a' is neither a path"),
    (SMALLEST + "account: 'shop:a'\n", ":4:10: `account` of a mapping: 'shop:a' looks like a template without a path"),
    (SMALLEST + "place: mars\n", ":4:8: `place` of a mapping: unknown name 'mars'"),
    (SMALLEST + "names: {a: invoice paid}\n", ":4:12: there is no event 'invoice paid' in the vocabulary. Did you mean Invoice Paid?"),
    (SMALLEST + "properties: [a]\n", ":4:13: `properties` of a mapping must be a mapping of names, not a list"),
    ("- a\n", ":1:1: a mapping must be a mapping"),
    ("", ":1:1: the file is empty"),
    ("time: [\n", "not YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "says"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_in_a_file_is_said_with_line_column_and_what_to_write(text: str, says: str) -> None:
    with pytest.raises(DefinitionErrors) as raised:
        parse(text, "shop.yaml")
    assert f"shop.yaml{says}" in str(raised.value) or says in str(raised.value)


def test_a_mapping_file_is_named_like_a_source(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(SHOP)
    (found,) = decode(f"mapping:{file}", orjson.dumps(ORDER))
    assert isinstance(found, Event)
    with pytest.raises(ValueError, match=r"nowhere\.yaml:1:1: cannot be read"):
        decoder("mapping:nowhere.yaml")


@given(text=st.text("abc:{}[]- \n'\"@.", max_size=60))
@settings(max_examples=60)
def test_any_text_is_a_mapping_or_an_error(text: str) -> None:
    with suppress(DefinitionErrors):
        parse(text)


@given(value=st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.just(NOON),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(["events", "order", "customer", "entity", "action", "id", "email", "placed_at"]), inner, max_size=5),
    max_leaves=10,
))  # fmt: skip
@settings(max_examples=60)
def test_any_json_has_outcomes(value: Any) -> None:
    try:
        data = orjson.dumps(value)
    except TypeError:  # an integer of more than 64 bits, which JSON may hold and orjson does not write
        return
    check(source_of(parse(SHOP)).decode(data, None, (), NOON, max_future=0))


def test_every_key_is_in_the_example() -> None:
    assert all(f"\n{key}:" in SHOP for key in KEYS)
