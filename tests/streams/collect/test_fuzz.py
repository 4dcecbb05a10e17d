"""Whatever is sent to `journeys collect`, it answers: never a 500, and what it said yes to is written."""

from __future__ import annotations

import asyncio
import os

import orjson
import pytest
from aiohttp import web

from streams.collect import server
from streams.collect.doors import DOORS
from streams.collect.server import Collector, Key
from streams.collect.signatures import SIGNED
from tests.fuzzing import Answer, Fuzzer, Request, ask, besiege, nothing_raised

CALL = {"userId": "u1", "event": "x", "timestamp": "2026-05-01T12:00:00Z", "writeKey": "wk", "api_key": "wk"}
BODY = orjson.dumps(CALL)
GOOD = b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
KEYS = [
    Key(source, "wk", "raw")
    for source in ("segment", "posthog", "mixpanel", "snowplow", "amplitude", "ga4", "chargebee")
]
PATHS = (*DOORS, "/webhooks/chargebee", *(f"/webhooks/{source}" for source in SIGNED))
QUERIES = ("api_secret", "key", "write_key", "api_key", "data", "e", "aid")
BODIES = (
    BODY,
    orjson.dumps({"batch": [CALL]}),
    b"data=e30&api_key=wk",
    b'[{"properties":{"token":"wk"}}]',
    b"e=pv&aid=wk",
)
HEADERS = (
    {}, {"Authorization": "Basic d2s6"}, {"Authorization": "Bearer wk"}, {"Authorization": "Bearer wk", "Expect": "\xff"},
    {"Authorization": "Bearer \xff"}, {"Stripe-Signature": "t=1,v1=\xff", "X-Hub-Signature": "\xff", "X-Signature": "\xff"},
    {"X-Hubspot-Request-Timestamp": "²", "X-Hubspot-Signature-V3": "\xff", "X-Zendesk-Webhook-Signature": "\xff"},
)  # fmt: skip

ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "400"))


async def opened(taken: list[bytes]) -> tuple[web.AppRunner, int]:
    async def write(topic: str, value: bytes) -> None:
        taken.append(value)

    collector = Collector(KEYS + [Key(source, "wk", "raw") for source in SIGNED], write, 10_000)
    runner = web.AppRunner(collector.app(100_000), access_log=None, lingering_time=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, runner.addresses[0][1]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_door_answers_whatever_it_is_sent(seed: int) -> None:
    taken: list[bytes] = []
    said_yes = 0

    def counted(answer: Answer, request: Request) -> None:
        nonlocal said_yes
        said_yes += answer.status in (200, 204) and not request.raw.startswith(b"OPTIONS")

    async def besieged() -> None:
        runner, port = await opened(taken)

        async def good() -> None:
            assert (await ask(port, Request(GOOD, True))).status == 200

        with nothing_raised():
            statuses = await besiege(port, Fuzzer(seed, PATHS, QUERIES, BODIES, HEADERS), ROUNDS, good, also=counted)
        assert {200, 204, 400, 401, 404, 405, 417} <= statuses.keys(), statuses
        assert 503 not in statuses
        await runner.cleanup()

    asyncio.run(besieged())
    assert len(taken) >= said_yes + ROUNDS // 20  # who sends half a request goes before it is answered


def test_who_never_sends_the_rest_of_a_body_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BODY_S", 0.2)

    async def half() -> None:
        runner, port = await opened([])
        assert (await ask(port, Request(GOOD[:-10], True))).status == 408
        await runner.cleanup()

    asyncio.run(half())
