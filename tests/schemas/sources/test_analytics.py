"""Sources snowplow, amplitude, mixpanel, ga4, heap, clarity and adobe: units, batches, whose id it is, and what is left out."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from schemas.event import Event
from schemas.sources import decode
from schemas.sources.outcome import Failure, Skipped
from schemas.sources.snowplow_fields import COLUMNS
from tests.schemas.sources.examples import changed
from tests.schemas.sources.examples_analytics import ENRICHED, GA_ROW, HIT, MIXPANEL_SIGNUP, NOON, SECONDS, XDM, tsv


def read(source: str, message: Any, timestamp: int = 0) -> list[Any]:
    body = message if isinstance(message, bytes) else orjson.dumps(message)
    return decode(source, body, None, (), timestamp)


# --- snowplow


def test_the_columns_are_where_snowplow_has_them() -> None:
    places = {
        0: "app_id", 4: "dvce_created_tstamp", 6: "event_id", 12: "user_id", 15: "domain_userid", 17: "network_userid",
        52: "contexts", 58: "unstruct_event", 119: "dvce_sent_tstamp", 122: "derived_contexts", 124: "derived_tstamp",
        126: "event_name", 129: "event_fingerprint", 130: "true_tstamp",
    }  # fmt: skip
    assert {n: COLUMNS[n] for n in places} == places
    assert len(COLUMNS) == 131


def test_a_row_with_a_column_too_many_fails_alone() -> None:
    good, bad = tsv(ENRICHED), tsv(ENRICHED) + b"\tx"
    found = read("snowplow", b"\n".join((good, bad, good)) + b"\n")
    assert [type(outcome) for outcome in found] == [Event, Failure, Event]
    assert (found[1].reason, "132 columns" in found[1].detail) == ("bad_envelope", True)


LINK = {"schema": "iglu:com.acme/report_created/jsonschema/1-0-0", "data": {"report": "r1"}}
UNSTRUCT = {"schema": "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0", "data": LINK}
CONTEXTS = {
    "schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1",
    "data": [{"schema": "iglu:com.acme/account/jsonschema/1-0-0", "data": {"id": "acme"}}],
}


@pytest.mark.parametrize("encoded", [True, False])
def test_what_a_tracker_posts_is_read_and_its_clock_corrected(encoded: bool) -> None:
    told = {"ue_pr": orjson.dumps(UNSTRUCT).decode(), "co": orjson.dumps(CONTEXTS).decode()}
    packed = {"ue_px": urlsafe_b64encode(orjson.dumps(UNSTRUCT)).decode().rstrip("="), "cx": b64(CONTEXTS)}
    behind = NOON - 31_536_000_000  # the device is a year behind
    call = {
        "e": "ue",
        "eid": "e1",
        "uid": "u1",
        "duid": "d1",
        "tv": "py-1",
        "dtm": str(behind),
        "stm": str(behind + 3_000),
    }
    post = {"schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4",
            "data": [{**call, **(packed if encoded else told)}, {**call, "e": "pv", "eid": "e2", "page": "Pricing"}]}  # fmt: skip
    event, page = read("snowplow", post, NOON)
    assert (event.name, event.properties["report"], event.account, event.at) == (
        "report_created",
        "r1",
        "acme",
        NOON - 3_000,
    )
    assert (page.name, page.type, page.properties["name"]) == ("Page Viewed", "page", "Pricing")


def b64(value: Any) -> str:
    return urlsafe_b64encode(orjson.dumps(value)).decode()


def test_structured_and_self_describing_events_are_named_by_what_they_say() -> None:
    base = {"event_id": "e", "user_id": "u1", "collector_tstamp": "2024-05-01 12:00:00.000"}
    struct = {**base, "event": "struct", "se_category": "cat", "se_action": "exported", "se_value": "1"}
    (found,) = read("snowplow", struct)
    assert (found.name, found.properties) == ("exported", {"category": "cat", "action": "exported", "value": "1"})
    alone = {"schema": "iglu:com.acme/report_created/jsonschema/1-0-0", "data": {**base, "report": "r1"}}
    (found,) = read("snowplow", alone)
    assert (found.name, found.user, found.at, found.id) == ("report_created", "u1", NOON, "e")
    (broken,) = read("snowplow", {**base, "event": "unstruct", "unstruct_event": "{"})
    assert broken.reason == "bad_envelope"


# --- amplitude


def test_calls_and_export_give_the_same_event_the_same_id() -> None:
    call = {"event_type": "x", "device_id": "d1", "insert_id": "i1", "time": NOON}
    row = {
        "event_type": "x",
        "device_id": "d1",
        "$insert_id": "i1",
        "event_time": "2024-05-01 12:00:00.000000",
        "uuid": "uu",
    }
    (sent,), (exported,) = read("amplitude", {"events": [call]}), read("amplitude", row)
    assert (sent.id, sent.at) == (exported.id, exported.at) == ("d1/i1", NOON)


def test_operations_on_a_user_become_traits_and_a_group_its_account() -> None:
    identify = {"event_type": "$identify", "user_id": "u1", "time": NOON,
                "user_properties": {"$set": {"title": "CTO"}, "$setOnce": {"title": "x", "a": 1}, "$add": {"n": 1}}}  # fmt: skip
    group = {"event_type": "$groupidentify", "device_id": "d", "time": NOON, "groups": {"company": "acme"},
             "group_properties": {"$set": {"plan": "pro"}}}  # fmt: skip
    found = read("amplitude", {"events": [identify, group, {**group, "groups": {"team": "t1"}}]})
    assert (found[0].type, found[0].traits) == ("identify", {"title": "CTO", "a": 1})
    assert (found[1].type, found[1].account, found[1].anonymous, found[1].traits) == (
        "group",
        "acme",
        None,
        {"plan": "pro"},
    )
    assert found[2] == Skipped("other_group", "a group of the type 'team', which is no account")


# --- mixpanel


@pytest.mark.parametrize("time", [SECONDS, NOON, str(SECONDS), str(NOON), float(SECONDS)])
def test_seconds_and_milliseconds_are_told_apart_by_magnitude(time: Any) -> None:
    (found,) = read("mixpanel", changed(MIXPANEL_SIGNUP, {"properties.time": time}))
    assert found.at == NOON
    assert read("mixpanel", changed(MIXPANEL_SIGNUP, {"properties.time": 10**11}))[0].reason == "bad_time"


@pytest.mark.parametrize(
    ("ids", "user", "anonymous"),
    [
        ({"distinct_id": "$device:d1"}, None, "d1"),
        ({"distinct_id": "d1", "$device_id": "d1"}, None, "d1"),
        ({"distinct_id": "u1", "$device_id": "d1"}, "u1", "d1"),
        ({"distinct_id": "d1", "$device_id": "d1", "$user_id": "u1"}, "u1", "d1"),
        ({"distinct_id": "anonymous", "$device_id": "d1"}, None, "d1"),
        ({"distinct_id": "00000000-0000-0000-0000-000000000000", "$device_id": "d1"}, None, "d1"),
    ],
)
def test_a_device_is_nobody_we_know(ids: dict[str, str], user: str | None, anonymous: str | None) -> None:
    (found,) = read("mixpanel", {"event": "x", "properties": {"time": NOON, "$insert_id": "i", **ids}})
    assert (found.user, found.anonymous) == (user, anonymous)


def test_a_distinct_id_that_is_a_placeholder_is_refused() -> None:
    (found,) = read("mixpanel", {"event": "x", "properties": {"time": NOON, "distinct_id": "null"}})
    assert found.reason == "placeholder_id"


def test_the_same_insert_id_on_another_event_is_another_event() -> None:
    first, other = read("mixpanel", [MIXPANEL_SIGNUP, {**MIXPANEL_SIGNUP, "event": "Purchase"}])
    assert first.id != other.id


@pytest.mark.parametrize("packed", [True, False])
def test_the_form_of_the_clients_of_track_is_undone(packed: bool) -> None:
    data = orjson.dumps([MIXPANEL_SIGNUP])
    body = urlencode({"data": b64encode(data) if packed else data, "verbose": 1}).encode()
    (found,) = read("mixpanel", body)
    assert found.name == "Signup"
    assert read("mixpanel", b"data=%%%")[0].reason in ("bad_envelope", "not_json")


def test_links_profiles_and_groups_of_mixpanel_are_read() -> None:
    link = {
        "event": "$identify",
        "properties": {"time": NOON, "$identified_id": "u1", "$anon_id": "d1", "distinct_id": "x"},
    }
    alias = {"event": "$create_alias", "properties": {"time": NOON, "alias": "old", "distinct_id": "new"}}
    merge = {"event": "$merge", "properties": {"time": NOON, "$distinct_ids": ["new", "old"]}}
    profile = {"$token": "t", "$distinct_id": "u1", "$set": {"$email": "a@b.c"}, "$time": SECONDS}
    group = {"$token": "t", "$group_key": "company", "$group_id": "acme", "$set": {"plan": "pro"}, "$time": SECONDS}
    found = read("mixpanel", [link, alias, merge, profile, group, {**group, "$group_key": "team"}])
    assert [(e.type, e.user, e.anonymous, e.account) for e in found[:5]] == [
        ("identify", "u1", "d1", None), ("alias", "new", None, None), ("alias", "new", None, None),
        ("identify", "u1", None, None), ("group", None, None, "acme"),
    ]  # fmt: skip
    assert [found[n].properties["previous_id"] for n in (1, 2)] == ["old", "old"]
    assert (found[3].traits, found[4].traits) == ({"email": "a@b.c"}, {"plan": "pro"})
    assert isinstance(found[5], Skipped)


# --- google analytics


def test_a_row_loaded_from_the_intraday_and_from_the_daily_table_is_one_event() -> None:
    intraday, daily = GA_ROW, {**GA_ROW, "event_timestamp": NOON * 1000, "traffic_source": {"name": "(direct)"}}
    (first,), (again,) = read("ga4", intraday), read("ga4", daily)
    assert first.id == again.id
    assert (first.name, first.at, first.anonymous, first.place) == (
        "Page Viewed",
        NOON,
        "1026454.4271112504",
        "website",
    )
    assert first.properties == {"name": "Pricing", "page_title": "Pricing", "ga_session_id": "1714564700"}


def test_events_of_one_batch_are_in_the_order_of_their_places() -> None:
    places = [(NOON, 1, 2), (NOON, 1, 10), (NOON, 2, 1), (NOON + 9, 1, 1)]
    rows = [{**GA_ROW, "batch_page_id": p, "batch_ordering_id": o, "batch_event_index": i} for p, o, i in places]
    found = [read("ga4", row)[0] for row in rows]
    assert sorted(found, key=lambda e: (e.at, e.id)) == found


def test_what_the_tag_sends_by_itself_is_nobodys_act() -> None:
    call = {"client_id": "c", "timestamp_micros": NOON * 1000, "events": [{"name": "session_start"}, {"name": "login"}]}
    start, login = read("ga4", call)
    assert (start.actor, login.actor, login.name) == ("system", "user", "Signed In")


# --- heap and clarity


def test_a_migration_is_an_alias_and_rows_are_told_by_their_fields() -> None:
    found = read("heap", [
        {"from_user_id": 1, "to_user_id": 2, "time": SECONDS},
        {"user_id": 2, "identity": "u1", "email": "a@b.c", "joindate": SECONDS},
        {"event_id": 5, "session_id": 6, "user_id": 2, "time": SECONDS, "path": "/pricing"},
        {"app_id": "1", "account_id": "acme", "properties": {"plan": "pro"}, "timestamp": SECONDS},
        {"from_user_id": 1, "to_user_id": None, "time": SECONDS},
    ])  # fmt: skip
    assert [(e.type, e.user, e.anonymous, e.account) for e in found[:4]] == [
        ("alias", None, "heap:2", None), ("identify", "u1", "heap:2", None), ("page", None, "heap:2", None),
        ("group", None, None, "acme"),
    ]  # fmt: skip
    assert found[0].properties == {"previous_id": "heap:1"}
    assert found[4].reason == "missing_entity"


def test_properties_of_many_people_may_come_in_one_call_of_heap() -> None:
    people = [{"identity": "u1", "properties": {"plan": "pro"}}, {"identity": "u2", "properties": {"plan": "free"}}]
    found = read("heap", {"app_id": "1", "users": people}, timestamp=NOON)
    assert [(e.type, e.user, e.traits) for e in found] == [
        ("identify", "u1", {"plan": "pro"}), ("identify", "u2", {"plan": "free"}),
    ]  # fmt: skip


def test_claritys_figures_are_nobodys_event() -> None:
    export = [{"metricName": "Traffic", "information": [{"totalSessionCount": "9554", "distinctUserCount": "189733"}]}]
    (found,) = read("clarity", export)
    assert isinstance(found, Skipped)
    assert found.reason == "aggregate"


# --- adobe


@pytest.mark.parametrize("field", [{"exclude_hit": "1"}, {"hit_source": "7"}, {"hit_source": 5}])
def test_a_hit_that_adobe_does_not_count_is_left_out(field: dict[str, Any]) -> None:
    (found,) = read("adobe", {**HIT, **field})
    assert found == Skipped("vendor_excluded", "a hit that Adobe does not count")


def test_a_hit_is_a_page_or_a_link() -> None:
    (page,), (link,) = read("adobe", HIT), read("adobe", {**HIT, "post_page_event": "10", "hitid_low": "9"})
    assert (page.name, page.properties["name"], page.anonymous, page.id) == (
        "Page Viewed",
        "Pricing",
        "11-22",
        "3012-4455",
    )
    assert (link.name, link.id) == ("custom link", "3012-9")


def test_the_primary_identity_of_an_unknown_name_space_is_an_anonymous_one() -> None:
    spaces = {"loyalty": [{"id": "first"}], "shop": [{"id": "second", "primary": True}], "ECID": []}
    (found,) = read("adobe", {**XDM, "xdm:identityMap": spaces})
    assert (found.user, found.anonymous) == (None, "adobe:second")
    (edge,) = read("adobe", {"events": [{"xdm": {"eventType": "x", "timestamp": "2024-05-01T12:00:00Z",
                                                 "identityMap": {"ECID": [{"id": "e1"}], "CRMID": [{"id": "u1"}]}}}]})  # fmt: skip
    assert (edge.user, edge.anonymous) == ("u1", "e1")
