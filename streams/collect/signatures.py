"""Signatures: whether a webhook is from who it says. Pure: the time is an argument.

After each vendor's own description of how it signs; every comparison takes the same time whatever differs.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import unquote

TOLERANCE_S = 300
"""Age of a signature that is still taken: Stripe's and HubSpot's own five minutes."""


class Call(NamedTuple):
    """A request. `headers` by lower-case name; `url` as the sender sees it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


Signed = Callable[[Call, str, float], bool]
"""(call, secret, now in epoch seconds) -> whether the signature is right."""


def stripe(call: Call, secret: str, now: float) -> bool:
    """`Stripe-Signature: t=…,v1=…`: HMAC-SHA256 of `t.body`, in hex, one of several while a secret is rolled."""
    parts = [part.partition("=")[::2] for part in call.headers.get("stripe-signature", "").split(",")]
    stamp = next((value for name, value in parts if name.strip() == "t"), "")
    wanted = _hex(hashlib.sha256, secret, stamp.encode() + b"." + call.body)
    return _recent(stamp, now) and any(same(value, wanted) for name, value in parts if name.strip() == "v1")


def hubspot(call: Call, secret: str, now: float) -> bool:
    """v3: HMAC-SHA256 of method, address, body and time, in base 64; the time in ms."""
    stamp = call.headers.get("x-hubspot-request-timestamp", "")
    signed = f"{call.method}{unquote(call.url)}".encode() + call.body + stamp.encode()
    wanted = _base64(secret, signed)
    recent = stamp.isdecimal() and _recent(str(int(stamp) // 1000), now)
    return recent and same(call.headers.get("x-hubspot-signature-v3", ""), wanted)


def zendesk(call: Call, secret: str, now: float) -> bool:
    """HMAC-SHA256 of time and body, in base 64. Its time is text and says nothing of how old it may be."""
    stamp = call.headers.get("x-zendesk-webhook-signature-timestamp", "")
    return same(call.headers.get("x-zendesk-webhook-signature", ""), _base64(secret, stamp.encode() + call.body))


def intercom(call: Call, secret: str, now: float) -> bool:
    """`X-Hub-Signature: sha1=…`: HMAC-SHA1 of the body with the app's client secret."""
    return same(call.headers.get("x-hub-signature", ""), "sha1=" + _hex(hashlib.sha1, secret, call.body))


def segment(call: Call, secret: str, now: float) -> bool:
    """`X-Signature` of a webhook destination: HMAC-SHA1 of the body."""
    return same(call.headers.get("x-signature", ""), _hex(hashlib.sha1, secret, call.body))


def maxio(call: Call, secret: str, now: float) -> bool:
    """`X-Chargify-Webhook-Signature-Hmac-Sha-256`: HMAC-SHA256 of the body with the site's shared key."""
    given = call.headers.get("x-chargify-webhook-signature-hmac-sha-256", "")
    return same(given, _hex(hashlib.sha256, secret, call.body))


SIGNED: dict[str, Signed] = {
    "stripe": stripe, "hubspot": hubspot, "zendesk": zendesk, "intercom": intercom, "segment": segment, "maxio": maxio,
}  # fmt: skip
"""How the webhooks of a source are signed; those of all others carry a key."""


def same(given: str, wanted: str) -> bool:
    """Whether two texts are one, in a time that does not tell how far they agree."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def _recent(stamp: str, now: float) -> bool:
    return stamp.isdecimal() and len(stamp) < 16 and abs(now - int(stamp)) <= TOLERANCE_S


def _hex(algorithm: Callable[..., object], secret: str, data: bytes) -> str:
    return hmac.new(secret.encode(), data, algorithm).hexdigest()  # type: ignore[arg-type]


def _base64(secret: str, data: bytes) -> str:
    return b64encode(hmac.new(secret.encode(), data, hashlib.sha256).digest()).decode()
