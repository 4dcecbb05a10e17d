"""The vendors' own Python SDKs, unmodified, telling one story to a door: `.sdks/bin/python sdks.py URL`.

It runs in an environment of its own (sdk_setup.py), where nothing of ours is. node/sdks.mjs tells the same story.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.request import Request, urlopen

AT = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
STAMP = int(AT.timestamp() * 1000)


def segment(url: str) -> None:
    from segment.analytics.client import Client

    _calls(Client("key-segment", host=url, gzip=True))


def _calls(client: Any) -> None:
    """Of Segment's client, or of one that was made from it."""
    client.identify("u1", {"title": "CTO"}, timestamp=AT)
    client.group("u1", "acme", {"plan": "pro"}, timestamp=AT)
    client.track("u1", "Report Created", {"rows": 7}, context={"groupId": "acme"}, timestamp=AT)
    client.shutdown()


def rudderstack(url: str) -> None:
    from rudderstack.analytics.client import Client

    client = Client("key-rudderstack", host=url, gzip=True)
    client.track("u1", "Report Created", {"rows": 7}, context={"groupId": "acme"}, timestamp=AT)
    client.page("u1", "Docs", "Pricing", {"path": "/pricing"}, timestamp=AT)
    client.join()


def posthog(url: str) -> None:
    from posthog import Posthog

    client = Posthog("key-posthog", host=url, gzip=True, disable_geoip=True)
    client.capture("report created", distinct_id="u1", properties={"rows": 7}, groups={"company": "acme"}, timestamp=AT)
    client.set(distinct_id="u1", properties={"email": "ada@acme.io"}, timestamp=AT)
    client.group_identify("company", "acme", {"plan": "pro"}, timestamp=AT)
    client.alias(previous_id="old", distinct_id="u1", timestamp=AT)
    client.shutdown()


def mixpanel(url: str) -> None:
    from mixpanel import Consumer, Mixpanel

    consumer = Consumer(
        events_url=f"{url}/track", people_url=f"{url}/engage", import_url=f"{url}/import", groups_url=f"{url}/groups"
    )
    client = Mixpanel("key-mixpanel", consumer=consumer)
    seconds = int(AT.timestamp())
    client.track("u1", "Report Created", {"rows": 7, "company": "acme", "time": seconds})
    client.import_data("", "u1", "Report Created", seconds, {"rows": 8}, api_secret="key-mixpanel")
    client.people_set("u1", {"$email": "ada@acme.io"}, meta={"$time": seconds})
    client.group_set("company", "acme", {"plan": "pro"}, meta={"$time": seconds})


def amplitude(url: str) -> None:
    from amplitude import Amplitude, BaseEvent, EventOptions, Identify

    client = Amplitude("key-amplitude")
    client.configuration.server_url = f"{url}/2/httpapi"
    client.track(BaseEvent("Report Created", user_id="user-1", device_id="device-1", time=STAMP, event_properties={"rows": 7},
                           groups={"company": "acme"}, insert_id="i1"))  # fmt: skip
    who = Identify()
    who.set("title", "CTO")
    client.identify(who, EventOptions(user_id="user-1", device_id="device-1", time=STAMP))
    company = Identify()
    company.set("plan", "pro")
    client.group_identify("company", "acme", company, EventOptions(time=STAMP))
    client.flush()
    client.shutdown()


def snowplow(url: str) -> None:
    from snowplow_tracker import Emitter, SelfDescribing, SelfDescribingJson, StructuredEvent, Subject, Tracker

    host, _, port = url.removeprefix("http://").partition(":")
    subject = Subject()
    subject.set_user_id("u1").set_domain_user_id("d1")
    account = SelfDescribingJson("iglu:com.acme/account/jsonschema/1-0-0", {"id": "acme"})
    report = SelfDescribingJson("iglu:com.acme/report_created/jsonschema/1-0-0", {"rows": 7})
    for method in ("post", "get"):
        emitter = Emitter(host, protocol="http", port=int(port), method=method, batch_size=1)
        tracker = Tracker("app", emitter, app_id="key-snowplow", subject=subject, encode_base64=True)
        if method == "post":
            tracker.track(SelfDescribing(event_json=report, context=[account], true_timestamp=STAMP))
        else:
            tracker.track(StructuredEvent("export", "exported", true_timestamp=STAMP))
        tracker.flush()


def june(url: str) -> None:
    from june.analytics.client import Client

    _calls(Client("key-june", host=url, gzip=True))


def heap(url: str) -> None:
    from heapapi import HeapAPIClient

    client = HeapAPIClient("key-heap")
    client.track_api, client.props_api = f"{url}/api/track", f"{url}/api/add_user_properties"
    client.track("u1", "Report Created", {"rows": 7, "company": "acme"})
    client.add_user_properties("u1", {"title": "CTO"})
    client.bulk_add_user_properties([{"identity": "u2", "properties": {"title": "CTO"}}])
    stamp = AT.isoformat()
    client.bulk_track([{"identity": "u1", "event": "Report Created", "idempotency_key": "i1", "timestamp": stamp}])


def stripe(url: str) -> None:
    """Stripe's library signs and checks; the event it has nobody send is the one of its documentation."""
    from stripe import Webhook, WebhookSignature

    customer = {"object": "customer", "id": "cus_1", "name": "Acme", "metadata": {"account_id": "acme"}}
    event = {
        "id": "evt_1",
        "object": "event",
        "created": STAMP // 1000,
        "type": "customer.created",
        "livemode": True,
        "data": {"object": customer},
    }
    body, stamp = json.dumps(event), int(time.time())
    header = f"t={stamp},v1={WebhookSignature._compute_signature(f'{stamp}.{body}', 'key-stripe')}"
    Webhook.construct_event(body, header, "key-stripe")
    with urlopen(Request(f"{url}/webhooks/stripe", body.encode(), {"Stripe-Signature": header}), timeout=20) as answer:
        assert answer.status == 200


SDKS: tuple[Callable[[str], None], ...] = (
    segment,
    rudderstack,
    posthog,
    mixpanel,
    amplitude,
    snowplow,
    june,
    heap,
    stripe,
)

if __name__ == "__main__":
    for tell in SDKS:  # one after the other: imported in threads at once, they find each other half imported
        tell(sys.argv[1])
