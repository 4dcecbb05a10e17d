"""Examples of what trackers of behaviour write: Segment and its like, PostHog, ThriveStack."""

from __future__ import annotations

from typing import Any

import orjson

from tests.schemas.sources.examples import RECORD_TIME, Example, Full, Given

SEGMENT_SPEC = "https://github.com/segmentio/segment-docs/blob/747b35d8f/src/connections/spec/common.md"
RUDDERSTACK = "https://github.com/rudderlabs/rudder-transformer/blob/develop/test/integrations/destinations/delighted/processor/data.ts"
POSTHOG = "https://github.com/PostHog/posthog.com/blob/2a0718f/contents/docs/api/capture.mdx"
THRIVESTACK = "https://docs.app.thrivestack.ai/public/api/track.html"

NOON = 1_714_564_800_000
"""2024-05-01T12:00:00Z"""

SEGMENT_CALL: dict[str, Any] = {
    "anonymousId": "507f191e810c19729de860ea",
    "context": {
        "active": True,
        "campaign": {"name": "TPS Innovation Newsletter", "source": "Newsletter", "medium": "email"},
        "ip": "8.8.8.8", "library": {"name": "analytics.js", "version": "2.11.1"}, "locale": "en-US",
        "groupId": "12345", "timezone": "Europe/Amsterdam",
    },
    "integrations": {"All": True, "Mixpanel": False},
    "event": "Report",
    "messageId": "022bb90c-bbac-11e4-8dfc-aa07a5b093db",
    "receivedAt": "2015-12-10T04:08:31.909Z", "sentAt": "2015-12-10T04:08:31.581Z",
    "timestamp": "2015-12-10T04:08:31.905Z", "type": "track", "userId": "97980cfea0067", "version": 2,
}  # fmt: skip

POSTHOG_CAPTURE: dict[str, Any] = {
    "api_key": "<ph_project_api_key>", "event": "event name", "distinct_id": "user distinct id",
    "properties": {"account_type": "pro", "$groups": {"company": "<company_name>"}},
    "timestamp": "2020-08-16T09:03:11.913767",
}  # fmt: skip

AUGUST = 1_597_568_591_914

EXAMPLES = [
    *(
        Example(
            source, SEGMENT_SPEC, SEGMENT_CALL,
            [{"id": "022bb90c-bbac-11e4-8dfc-aa07a5b093db", "user": "97980cfea0067", "account": "12345",
              "anonymous": "507f191e810c19729de860ea", "at": 1_449_720_511_905, "received_at": 1_449_720_511_909}],
        )
        for source in ("segment", "june")  # June's Node client is Segment's, with another address in it
    ),
    Example(
        "rudderstack", RUDDERSTACK,
        {
            "channel": "web",
            "context": {"app": {"build": "1.0.0", "name": "RudderLabs JavaScript SDK", "namespace": "com.rudderlabs.javascript"},
                        "library": {"name": "RudderLabs JavaScript SDK", "version": "1.0.0"}, "locale": "en-US", "ip": "0.0.0.0"},
            "messageId": "84e26acc-56a5-4835-8233-591137fca468", "session_id": "3049dc4c-5a95-4ccd-a3e7-d74a7e411f22",
            "originalTimestamp": "2019-10-14T09:03:17.562Z", "type": "identify", "userId": "abc@123.com",
            "traits": {"firstName": "James", "lastName": "Doe", "phone": "+91237416221", "last_sent_at": "1626698350"},
            "integrations": {"All": True}, "sentAt": "2019-10-14T09:03:22.563Z",
        },
        [{"name": "Identified", "type": "identify", "user": "abc@123.com", "at": 1_571_043_797_562,
          "id": "84e26acc-56a5-4835-8233-591137fca468", "traits": {"firstName": "James"}}],
    ),
    Example(
        "posthog", POSTHOG, POSTHOG_CAPTURE,
        [{"name": "event name", "type": "track", "user": "user distinct id", "account": "<company_name>", "at": AUGUST,
          "properties": {"account_type": "pro"}}],
    ),
    Example(
        "posthog", POSTHOG,
        {"api_key": "<ph_project_api_key>", "historical_migration": False, "batch": [
            {"event": "batched_event_name_1", "properties": {"distinct_id": "user distinct id", "account_type": "pro"},
             "timestamp": "2020-08-16T09:03:11.913767"},
            {"event": "batched_event_name_2", "properties": {"distinct_id": "user distinct id", "account_type": "pro"}},
        ]},
        [{"name": "batched_event_name_1", "user": "user distinct id", "at": AUGUST},
         {"name": "batched_event_name_2", "user": "user distinct id", "at": RECORD_TIME}],
    ),
    Example(
        "posthog", POSTHOG,
        {"api_key": "<ph_project_api_key>", "event": "$create_alias", "distinct_id": "123", "properties": {"alias": "456"}},
        [{"name": "User Aliased", "type": "alias", "user": "456", "properties": {"previous_id": "123"}}],
    ),
    Example(
        "posthog", POSTHOG,
        {"api_key": "<ph_project_api_key>", "event": "$groupidentify", "distinct_id": "groups_setup_id",
         "properties": {"$group_type": "company", "$group_key": "acme", "$group_set": {
             "name": "acme", "subscription": "premium"}}},
        [{"name": "Account Identified", "type": "group", "user": None, "account": "acme",
          "traits": {"subscription": "premium"}}],
    ),
    Example(
        "posthog", POSTHOG,
        {"api_key": "<ph_project_api_key>", "event": "$identify", "distinct_id": "user distinct id",
         "properties": {"$set": {"is_cool": "true"}}, "timestamp": "2020-08-16T09:03:11.913767"},
        [{"name": "Identified", "type": "identify", "user": "user distinct id", "traits": {"is_cool": "true"}}],
    ),
    Example(
        "posthog", POSTHOG,
        {"api_key": "<ph_project_api_key>", "event": "event name", "distinct_id": "user distinct id",
         "properties": {"$process_person_profile": False}, "timestamp": "2020-08-16T09:03:11.913767"},
        [{"name": "event name", "user": None, "anonymous": "user distinct id"}],
    ),
    Example(
        "thrivestack", THRIVESTACK,
        [{"event_name": "feature_used", "properties": {"feature_name": "export"}, "user_id": "18f716ac-37a4-464f-adb7",
          "context": {"group_id": "ac8db7ba-5139-4911-ba6e", "device_id": "dev_1", "session_id": "ses_1", "source": "product"},
          "timestamp": "2024-05-01T12:00:00.000Z"}],
        [{"name": "Feature Used", "user": "18f716ac-37a4-464f-adb7", "anonymous": "dev_1", "place": "product",
          "account": "ac8db7ba-5139-4911-ba6e", "at": NOON}],
    ),
]  # fmt: skip

SEGMENT_TURNS: dict[str, dict[str, Any]] = {
    "time": {
        "timestamp": NOON,
        # the device is a year behind, and three seconds passed between event and sending
        "originalTimestamp": NOON + 1_000, "receivedAt": NOON + 4_000, "sentAt": NOON - 31_622_397_000,
    },
    "id": {"messageId": "ajs-1"},
    "user": {"userId": "u1"},
    "anonymous": {"anonymousId": "an1"},
    "account": {"groupId": "a2", "context.groupId": "a1"},
}  # fmt: skip

SEGMENT_FULL: dict[str, Any] = {
    "type": "group", "messageId": "ajs-1", "userId": "u1", "anonymousId": "an1", "groupId": "a2", "channel": "web",
    "timestamp": "2024-05-01T12:00:00.000Z", "originalTimestamp": "2023-05-01T12:00:00.000Z",
    "sentAt": "2023-05-01T12:00:03.000Z", "receivedAt": "2024-05-01T12:00:04.000Z", "context": {"groupId": "a1"},
}  # fmt: skip

FULL = [
    Full(
        "canonical", {"id": "e1", "event": "x", "user": "u1", "anonymous": "an1", "account": "a1", "at": NOON / 1000},
        {"time": {"at": NOON}, "id": {"id": "e1"}, "user": {"user": "u1"}, "anonymous": {"anonymous": "an1"},
         "account": {"account": "a1"}},
    ),
    *(
        Full(source, SEGMENT_FULL, SEGMENT_TURNS, {"account": {"type": "track", "event": "x"}})
        for source in ("segment", "rudderstack", "june")
    ),
    Full(
        "posthog",
        {"event": "x", "uuid": "01-7", "distinct_id": "d1", "timestamp": "2024-05-01T12:00:00Z",
         "now": "2024-05-01T12:00:01Z", "created_at": "2024-05-01 12:00:02.000000",
         "properties": {"$user_id": "u1", "$anon_distinct_id": "an1", "$device_id": "dev1", "distinct_id": "d2",
                        "$group_0": "g0", "$groups": {"company": "c1", "organization": "c2", "organisation": "c3",
                                                      "account": "c4", "workspace": "c5", "tenant": "c6", "customer": "c7"}}},
        {
            "time": {"timestamp": NOON, "now": NOON + 1_000, "created_at": NOON + 2_000, "@record": RECORD_TIME},
            "id": {"uuid": "01-7"},
            "user": {"properties.$user_id": "u1", "distinct_id": "d1", "properties.distinct_id": "d2"},
            "anonymous": {
                "properties.$anon_distinct_id": "an1", "properties.$device_id": "dev1",
                "distinct_id": Given({"properties.$is_identified": False, "properties.$user_id": None}, "d1"),
                "properties.distinct_id": Given({"properties.$is_identified": False, "properties.$user_id": None}, "d2"),
            },
            "account": {
                "properties.$groups.company": "c1", "properties.$groups.organization": "c2",
                "properties.$groups.organisation": "c3", "properties.$groups.account": "c4",
                "properties.$groups.workspace": "c5", "properties.$groups.tenant": "c6",
                "properties.$groups.customer": "c7", "properties.$group_0": "g0",
            },
        },
    ),
    Full(
        "thrivestack",
        {"event_name": "x", "user_id": "u1", "group_id": "g1", "timestamp": "2024-05-01T12:00:00Z",
         "context": {"device_id": "d1", "group_id": "g2"}},
        {"time": {"timestamp": NOON, "@record": RECORD_TIME}, "user": {"user_id": "u1"},
         "anonymous": {"context.device_id": "d1"}, "account": {"group_id": "g1", "context.group_id": "g2"}},
    ),
]  # fmt: skip


def posthog_envelope(call: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A call as PostHog's own ingestion topic carries it: JSON as text within JSON."""
    return {
        "uuid": "0190-7", "distinct_id": call["distinct_id"], "ip": "127.0.0.1", "data": orjson.dumps(call).decode(),
        "now": "2024-05-01T12:00:05Z", "sent_at": None, "token": "phc_1", "event": call["event"], **more,
    }  # fmt: skip


def posthog_row(call: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A call as PostHog's events topic for ClickHouse carries it."""
    return {
        "uuid": "0190-8", "event": call["event"], "distinct_id": call["distinct_id"], "team_id": 1,
        "properties": orjson.dumps(call["properties"]).decode(), "timestamp": "2024-05-01 12:00:00.250000",
        "person_id": "0185-p", "created_at": "2024-05-01 12:00:06.000000", "person_mode": "full",
        "person_properties": '{"email":"ada@acme.io","title":"CTO"}', **more,
    }  # fmt: skip
