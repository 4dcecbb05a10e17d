"""The collector: doors, keys, what is refused and how, and that yes is said only once Kafka has it."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from schemas.sources import decode
from streams.collect.doors import DOORS
from streams.collect.limits import Rate
from streams.collect.server import Collector, Key, KeysError, keys_of

NOW = 1_777_636_800.0
NOON_S = 1_777_636_800
KEYS = [
    Key("segment", "wk", "raw"), Key("june", "wk-june", "june"), Key("ga4", "ga-secret", "ga"), Key("stripe", "whsec", "billing"),
    Key("stripe", "whsec-new", "billing"), Key("chargebee", "hook:pass", "billing"), Key("delighted", "dk", "surveys"),
    Key("mixpanel", "mp", "people"), Key("snowplow", "app", "web"),
]  # fmt: skip


class Kafka:
    """Records by topic; `fails` raises instead, `slow` waits first."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes]] = []
        self.fails: Exception | None = None
        self.slow = asyncio.Event()
        self.slow.set()

    async def write(self, topic: str, value: bytes) -> None:
        await self.slow.wait()
        if self.fails is not None:
            raise self.fails
        self.records.append((topic, value))


Client = TestClient[Any, Any]


def run(story: Callable[[Client, Kafka], Awaitable[None]], rate: int = 500, largest: int = 1_000_000) -> None:
    async def told() -> None:
        kafka = Kafka()
        collector = Collector(KEYS, kafka.write, rate, now=lambda: NOW)
        async with TestClient(TestServer(collector.app(largest))) as client:
            await story(client, kafka)

    asyncio.run(told())


def basic(user: str, password: str = "") -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


async def why(response: ClientResponse) -> str:
    return str((await response.json())["error"])


TRACK = {"userId": "u1", "event": "x", "timestamp": "2026-05-01T12:00:00Z", "messageId": "m1"}


def test_the_key_tells_which_of_several_sources_sends_to_a_door() -> None:
    async def story(client: Client, kafka: Kafka) -> None:
        await client.post("/v1/batch", json={"batch": []}, headers=basic("wk"))
        await client.post("/v1/batch/", json={"batch": [], "writeKey": "wk-june"})
        assert [topic for topic, _ in kafka.records] == ["raw", "june"]

    run(story)


def test_a_single_call_has_the_type_that_its_address_stands_for() -> None:
    async def story(client: Client, kafka: Kafka) -> None:
        for path in ("/v1/track", "/v1/t"):
            assert (await client.post(path, json=TRACK, headers=basic("wk"))).status == 200
        for _, value in kafka.records:
            (event,) = decode("segment", value)
            assert event.user == "u1"  # type: ignore[union-attr]

    run(story)


def test_a_call_to_google_analytics_is_known_by_its_secret_and_answered_with_nothing() -> None:
    async def story(client: Client, kafka: Kafka) -> None:
        response = await client.post(
            "/mp/collect?measurement_id=G-1&api_secret=ga-secret", json={"client_id": "c", "events": []}
        )
        assert (response.status, await response.read()) == (204, b"")
        assert [topic for topic, _ in kafka.records] == ["ga"]

    run(story)


def test_a_packed_body_is_unpacked_and_a_large_one_refused_before_it_is_read() -> None:
    async def story(client: Client, kafka: Kafka) -> None:
        packed = gzip.compress(orjson.dumps({"batch": [TRACK]}))
        headers = {**basic("wk"), "Content-Encoding": "gzip"}
        assert (await client.post("/v1/batch", data=packed, headers=headers)).status == 200
        assert orjson.loads(kafka.records[0][1]) == {"batch": [TRACK]}
        bomb = await client.post("/v1/batch", data=gzip.compress(b" " * 100_000), headers=headers)
        large = await client.post("/v1/batch", data=b"x" * 5_000, headers=basic("wk"))
        assert (bomb.status, large.status) == (413, 413)
        assert "4,000 bytes; send smaller batches, or raise `largest` of [collect]" in await why(large)
        assert len(kafka.records) == 1

    run(story, largest=4_000)


@pytest.mark.parametrize("fails", [OSError("NotEnoughReplicas"), TimeoutError()])
def test_what_kafka_has_not_taken_is_not_acknowledged(fails: Exception) -> None:
    async def story(client: Client, kafka: Kafka) -> None:
        kafka.fails = fails
        response = await client.post("/v1/batch", json={"batch": []}, headers=basic("wk"))
        assert (response.status, response.headers["Retry-After"]) == (503, "5")
        kafka.fails = None
        assert (await client.post("/v1/batch", json={"batch": []}, headers=basic("wk"))).status == 200

    run(story)


def test_no_answer_is_given_while_kafka_has_not_answered() -> None:
    async def story(client: Client, kafka: Kafka) -> None:
        kafka.slow.clear()
        waiting = asyncio.ensure_future(client.post("/v1/batch", json={"batch": []}, headers=basic("wk")))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        kafka.slow.set()
        assert (await waiting).status == 200

    run(story)


def test_a_flood_is_told_to_wait_key_by_key() -> None:
    async def story(client: Client, kafka: Kafka) -> None:
        statuses = [(await client.post("/v1/batch", json={"batch": []}, headers=basic("wk"))).status for _ in range(5)]
        assert statuses == [200, 200, 200, 200, 429]
        last = await client.post("/v1/batch", json={"batch": []}, headers=basic("wk"))
        assert last.headers["Retry-After"] == "1"
        assert (await client.post("/v1/batch", json={"batch": [], "writeKey": "wk-june"})).status == 200

    run(story, rate=2)


def test_more_bytes_on_their_way_than_can_be_held_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.collect.server.BUSY", 20)

    async def story(client: Client, kafka: Kafka) -> None:
        kafka.slow.clear()
        first = asyncio.ensure_future(client.post("/v1/batch", json={"batch": []}, headers=basic("wk")))
        await asyncio.sleep(0.05)
        second = await client.post("/v1/batch", json={"batch": []}, headers=basic("wk"))
        kafka.slow.set()
        assert (second.status, "slower" in await why(second)) == (503, True)
        assert (await first).status == 200

    run(story)


def test_a_webhook_needs_its_vendors_signature() -> None:
    body = b'{"id":"evt_1","object":"event"}'

    def signed(secret: str, stamp: int = int(NOW)) -> dict[str, str]:
        digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        return {"Stripe-Signature": f"t={stamp},v1={digest}"}

    async def story(client: Client, kafka: Kafka) -> None:
        old, unsigned = signed("whsec", int(NOW) - 301), {"Authorization": "Bearer whsec"}
        for headers, status in (
            (signed("whsec"), 200),
            (signed("whsec-new"), 200),
            (signed("x"), 401),
            (old, 401),
            (unsigned, 401),
        ):
            assert (await client.post("/webhooks/stripe", data=body, headers=headers)).status == status
        assert kafka.records == [("billing", body), ("billing", body)]

    run(story)


def test_a_webhook_that_is_not_signed_carries_a_key() -> None:
    async def story(client: Client, kafka: Kafka) -> None:
        assert (await client.post("/webhooks/chargebee", data=b"{}", headers=basic("hook", "pass"))).status == 200
        assert (await client.post("/webhooks/chargebee", data=b"{}", headers=basic("hook"))).status == 401
        assert (await client.post("/webhooks/delighted?key=dk", data=b"{}")).status == 200
        assert (await client.post("/webhooks/nobody?key=dk", data=b"{}")).status == 401

    run(story)


def test_mixpanels_calls_may_stand_in_the_address_and_are_answered_as_briefly_as_asked() -> None:
    async def story(client: Client, kafka: Kafka) -> None:
        told = orjson.dumps({"event": "x", "properties": {"token": "mp", "time": NOON_S, "distinct_id": "u1"}})
        form = {"data": b64encode(told).decode()}
        brief, full = (
            await client.get("/track", params=form),
            await client.get("/track", params={**form, "verbose": "1"}),
        )
        assert (await brief.text(), (await full.json())["status"]) == ("1", 1)
        assert (await client.get("/v1/track", headers=basic("wk"))).status == 405
        (event,) = decode("mixpanel", kafka.records[0][1])
        assert event.user == "u1"  # type: ignore[union-attr]

    run(story)


def test_snowplow_may_send_a_form_in_the_address_of_an_image() -> None:
    async def story(client: Client, kafka: Kafka) -> None:
        form = {
            "e": "se",
            "aid": "app",
            "eid": "e1",
            "duid": "d1",
            "uid": "u1",
            "se_ac": "exported",
            "ttm": str(NOON_S * 1000),
        }
        image = await client.get("/i", params=form)
        assert (image.status, image.content_type, (await image.read())[:6]) == (200, "image/gif", b"GIF89a")
        assert image.headers["Cache-Control"] == "no-store"
        assert (await client.get("/i", params={**form, "aid": "other"})).status == 401
        (event,) = decode("snowplow", kafka.records[0][1])
        assert (event.name, event.user, event.anonymous, event.at) == ("exported", "u1", "d1", NOON_S * 1000)  # type: ignore[union-attr]

    run(story)


def test_segments_image_holds_a_call_and_its_key_in_base_64() -> None:
    async def story(client: Client, kafka: Kafka) -> None:
        told = orjson.dumps({**TRACK, "writeKey": "wk"})
        image = await client.get("/v1/pixel/track", params={"data": b64encode(told).decode().rstrip("=")})
        assert (image.status, image.content_type) == (200, "image/gif")
        assert (await client.get("/v1/pixel/track", params={"data": "?"})).status == 401
        (event,) = decode("segment", kafka.records[0][1])
        assert (event.type, event.user, event.id) == ("track", "u1", "m1")  # type: ignore[union-attr]

    run(story)


def test_what_there_is_no_door_for_is_said_and_browsers_may_ask() -> None:
    async def story(client: Client, kafka: Kafka) -> None:
        lost = await client.post("/v2/batch", data=b"{}")
        assert (lost.status, "/v1/batch" in await why(lost)) == (404, True)
        assert (await client.post("/v1/batch", data=b"  ", headers=basic("wk"))).status == 400
        asked = await client.options("/v1/t")
        assert (asked.status, asked.headers["Access-Control-Allow-Origin"]) == (204, "*")
        assert (await client.get("/health")).status == 200
        assert kafka.records == []

    run(story)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (None, "JOURNEYS_COLLECT_KEYS is empty"),
        (" , ", "JOURNEYS_COLLECT_KEYS is empty"),
        ("segment", "'segment' has no key; write source:key"),
        ("stripe:x", "names 'stripe', and no [[sources]] has that source"),
    ],
)
def test_wrong_keys_are_said_before_the_door_opens(told: str | None, says: str) -> None:
    with pytest.raises(KeysError) as raised:
        keys_of(told, {"segment": "raw"})
    assert says in str(raised.value)


def test_a_key_may_hold_a_colon_and_a_source_several_keys() -> None:
    found = keys_of("chargebee:user:pass, segment:a,segment:b", {"segment": "raw", "chargebee": "billing"})
    assert [(key.source, key.secret, key.topic) for key in found] == [
        ("chargebee", "user:pass", "billing"), ("segment", "a", "raw"), ("segment", "b", "raw"),
    ]  # fmt: skip


def test_a_bucket_fills_again_with_time_and_never_beyond_its_brim() -> None:
    rate = Rate(2)
    assert [rate.take("k", 0.0) for _ in range(5)] == [0, 0, 0, 0, 0.5]
    assert rate.take("k", 0.5) == 0
    assert [rate.take("k", 1_000.0) for _ in range(5)] == [0, 0, 0, 0, 0.5]


def test_every_door_is_some_sources() -> None:
    assert all(path == path.rstrip("/") and door.sources for path, door in DOORS.items())
