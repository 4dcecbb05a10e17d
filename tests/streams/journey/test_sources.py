"""A vendor's records on their way: to their account or user, dropped with the decoder's own reason, or dead letters."""

from __future__ import annotations

from typing import Any

import orjson

from schemas.definition.model import Definition
from schemas.definition.parse import load
from schemas.sources import canonical
from streams.delivery.contracts import Dead, Drop, Record, Redirect
from streams.journey.users import Decoder
from streams.settings import SHIPPED
from streams.sink_app import events_of
from tests.schemas.sources.examples_customer import ANSWER, change
from tests.schemas.sources.examples_revenue import SUBSCRIPTION, stripe

AT = 1_788_264_000_000


def saas() -> Definition:
    return load(SHIPPED / "saas.yaml")


def record(message: Any) -> Record:
    return Record("billing", 0, 0, AT, None, orjson.dumps(message))


def test_a_purchase_is_its_accounts_input_and_an_answer_is_its_users() -> None:
    (bought,) = Decoder(saas(), "stripe").route(record(stripe("customer.subscription.created", SUBSCRIPTION)))
    assert isinstance(bought, Redirect)
    assert (bought.output.topic, bought.output.key) == ("members", b"stripe:cus_Na6dX7aXxi11N4")
    (event,) = canonical.decode(bought.output.value)
    assert event.source == "stripe"  # type: ignore[union-attr]
    (answered,) = Decoder(saas(), "delighted").route(record(ANSWER))
    assert isinstance(answered, Redirect)
    assert (answered.output.topic, answered.output.key) == ("events", b"charlie_gravis@example.com")


def test_what_a_decoder_skips_is_dropped_with_its_reason_in_engine_and_sink() -> None:
    price = record(stripe("price.created", {"id": "price_1", "object": "price"}))
    decoder = Decoder(saas(), "stripe")
    assert decoder.route(price) == [Drop("nobody")]
    assert events_of(decoder)(price) == [Drop("nobody")]


def test_test_mode_is_excluded_by_the_shipped_definition() -> None:
    trial = record(stripe("customer.subscription.created", SUBSCRIPTION, livemode=False))
    assert Decoder(saas(), "stripe").route(trial) == [Drop("excluded:tests")]


def test_a_gap_is_a_dead_letter_that_says_what_to_read_again() -> None:
    (found,) = Decoder(saas(), "salesforce").route(record(change("Account", "GAP_UPDATE", "001A")))
    assert isinstance(found, Dead)
    assert (found.reason, "001A" in found.detail) == ("gap", True)
