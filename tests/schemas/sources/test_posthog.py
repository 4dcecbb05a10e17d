"""Source posthog: who a distinct_id is, JSON within JSON, groups, aliases, and what the client sends by itself."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.sources import decode
from schemas.sources.outcome import Skipped
from tests.schemas.sources.examples_behaviour import NOON, posthog_envelope, posthog_row

CALL: dict[str, Any] = {
    "event": "report created", "distinct_id": "u1", "timestamp": "2024-05-01T12:00:00Z", "properties": {"rows": 7},
}  # fmt: skip


def read(call: dict[str, Any], **properties: Any) -> Any:
    (found,) = decode("posthog", orjson.dumps({**call, "properties": {**call["properties"], **properties}}))
    return found


@pytest.mark.parametrize(
    ("properties", "user", "anonymous"),
    [
        ({}, "u1", None),
        ({"$device_id": "dev"}, "u1", "dev"),
        ({"$device_id": "u1"}, None, "u1"),
        ({"$device_id": "u1", "$is_identified": False}, None, "u1"),
        ({"$user_id": "u1", "$device_id": "dev", "$is_identified": False}, "u1", "dev"),
        ({"$process_person_profile": False}, None, "u1"),
    ],
)
def test_a_distinct_id_is_a_user_only_once_posthog_knows_who_it_is(
    properties: dict[str, Any], user: str | None, anonymous: str | None
) -> None:
    found = read(CALL, **properties)
    assert (found.user, found.anonymous) == (user, anonymous)


def test_an_identify_call_names_both_ids_and_brings_traits() -> None:
    call = {**CALL, "event": "$identify"}
    found = read(
        call, **{"$anon_distinct_id": "dev", "$set": {"email": "a@b.c"}, "$set_once": {"email": "old", "a": 1}}
    )
    assert (found.type, found.user, found.anonymous) == ("identify", "u1", "dev")
    assert found.traits == {"email": "a@b.c", "a": 1}


def test_the_ingestion_topics_json_within_json_is_read_and_its_envelope_wins() -> None:
    call = {**CALL, "uuid": "other"}
    del call["timestamp"]
    (found,) = decode("posthog", orjson.dumps(posthog_envelope(call)))
    assert (found.id, found.at, found.user, found.properties) == ("0190-7", NOON + 5_000, "u1", {"rows": 7})


def test_the_clickhouse_topics_properties_within_json_are_read() -> None:
    (found,) = decode("posthog", orjson.dumps(posthog_row(CALL)))
    assert (found.id, found.at, found.received_at) == ("0190-8", NOON + 250, NOON + 6_000)
    assert found.traits == {"email": "ada@acme.io", "title": "CTO"}
    (nobody,) = decode("posthog", orjson.dumps(posthog_row(CALL, person_mode="propertyless")))
    assert (nobody.user, nobody.anonymous) == (None, "u1")


@pytest.mark.parametrize("text", ["{", "[1]", "7", "\ud83d"[:1].encode("utf-8", "replace").decode()])
def test_text_that_should_be_json_and_is_not_is_refused(text: str) -> None:
    (found,) = decode("posthog", orjson.dumps({**CALL, "properties": text}))
    assert found.reason in ("bad_envelope", "wrong_type")


def test_the_person_that_a_client_makes_up_for_a_group_call_is_nobody() -> None:
    call = {"event": "$groupidentify", "distinct_id": "$company_acme", "timestamp": CALL["timestamp"], "properties": {}}
    found = read(call, **{"$group_type": "company", "$group_key": "acme", "$group_set": {"plan": "pro"}})
    assert (found.user, found.anonymous, found.account, found.traits) == (None, None, "acme", {"plan": "pro"})
    group = {"$group_type": "company", "$group_key": "acme"}
    assert read({**call, "distinct_id": "33d08074-ed97-4d15-8780-5a782cfb1b57"}, **group).user is None
    assert read({**call, "distinct_id": "u1"}, **group, **{"$is_identified": True}).user == "u1"


def test_a_group_that_is_no_account_is_skipped() -> None:
    found = read({**CALL, "event": "$groupidentify"}, **{"$group_type": "project", "$group_key": "p1"})
    assert isinstance(found, Skipped)
    assert found.reason == "other_group"
    assert read(CALL, **{"$groups": {"project": "p1"}}).account is None


def test_an_alias_leads_to_the_id_that_goes_on() -> None:
    found = read({**CALL, "event": "$create_alias", "distinct_id": "old"}, alias="new")
    assert (found.user, found.properties["previous_id"]) == ("new", "old")
    found = read({**CALL, "event": "$merge_dangerously", "distinct_id": "new"}, alias="old")
    assert (found.user, found.properties["previous_id"]) == ("new", "old")
    assert read({**CALL, "event": "$create_alias"}).reason == "missing_entity"


def test_pages_are_named_and_placed() -> None:
    found = read({**CALL, "event": "$pageview"}, **{"$pathname": "/pricing", "title": "Pricing", "$device_id": "u1"})
    assert (found.name, found.type, found.place) == ("Page Viewed", "page", "website")
    assert (found.properties["path"], found.properties["name"]) == ("/pricing", "Pricing")
    assert read({**CALL, "event": "$pageview"}).place == "product"


def test_what_the_client_sends_by_itself_is_nobodys_act() -> None:
    assert read({**CALL, "event": "$feature_flag_called"}).actor == "system"
    assert read(CALL).actor == "user"
