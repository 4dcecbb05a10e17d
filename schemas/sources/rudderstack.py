"""RudderStack and June: Segment's calls under another roof, read by the decoder of Segment.

RudderStack adds `channel` and `context.sessionId`, and leaves `timestamp` to be derived from originalTimestamp, sentAt
and receivedAt, as that decoder does. June takes Segment's clients as they are: its records cannot be told from Segment's.
"""

from __future__ import annotations

from schemas.event import Event
from schemas.sources import segment
from schemas.sources.outcome import Decoded, Headers
from schemas.sources.segment import messages
from schemas.sources.vendor import Decode, Source


def _named(name: str) -> Decode:
    def decode(
        value: bytes | None, key: bytes | None = None, headers: Headers = (), timestamp: int = 0, *,
        max_future: int | None = None,
    ) -> Decoded:  # fmt: skip
        found = segment.decode(value, key, headers, timestamp, max_future=max_future)
        return [outcome._replace(source=name) if isinstance(outcome, Event) else outcome for outcome in found]

    return decode


RUDDERSTACK = Source(
    "rudderstack",
    "RudderStack",
    _named("rudderstack"),
    segment.PRECEDENCE,
    segment.SOURCE.names,
    "per user only: RudderStack keeps the order of one user's calls",
    "an account on track calls that do not carry context.groupId; merge calls of warehouses",
    "real SDK",
    "https://github.com/rudderlabs/rudder-transformer/blob/develop/test/integrations/destinations/delighted/processor/data.ts",
    (("type", "channel", "messageId"), ("type", "channel", "originalTimestamp"), ("batch.0.type", "batch.0.channel")),
    messages,
)

JUNE = Source(
    "june",
    "June.so",
    _named("june"),
    segment.PRECEDENCE,
    segment.SOURCE.names,
    "none is given",
    "anything that Segment's calls do not carry; the guess says segment for it",
    "real SDK",
    segment.SOURCE.example,
    (),
    messages,
)
