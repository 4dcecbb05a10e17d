"""Signatures: each vendor's is right for its secret, body and time alone; Stripe's as its own library makes it."""

from __future__ import annotations

import hmac
from base64 import b64encode

import pytest

from streams.collect.signatures import SIGNED, TOLERANCE_S, Call, stripe

NOW = 1_777_636_800
BODY = b'{"id":"evt_1","object":"event"}'
URL = "https://in.acme.io/webhooks/hubspot?x=a%20b"


def digest(algorithm: str, data: bytes) -> bytes:
    return hmac.new(b"secret", data, algorithm).digest()


def signed(source: str) -> dict[str, str]:
    """The headers of a webhook that is signed with `secret` at NOW."""
    stamp = "2026-05-01T12:00:00Z"
    return {
        "stripe": {"stripe-signature": f"t={NOW},v0=x,v1={digest('sha256', f'{NOW}.'.encode() + BODY).hex()}"},
        "hubspot": {
            "x-hubspot-request-timestamp": f"{NOW}000",
            "x-hubspot-signature-v3": b64encode(
                digest("sha256", b"POSThttps://in.acme.io/webhooks/hubspot?x=a b" + BODY + f"{NOW}000".encode())
            ).decode(),
        },
        "zendesk": {
            "x-zendesk-webhook-signature-timestamp": stamp,
            "x-zendesk-webhook-signature": b64encode(digest("sha256", stamp.encode() + BODY)).decode(),
        },
        "intercom": {"x-hub-signature": "sha1=" + digest("sha1", BODY).hex()},
        "segment": {"x-signature": digest("sha1", BODY).hex()},
        "maxio": {"x-chargify-webhook-signature-hmac-sha-256": digest("sha256", BODY).hex()},
    }[source]


@pytest.mark.parametrize("source", SIGNED)
def test_a_signature_is_right_for_its_secret_and_body_alone(source: str) -> None:
    check, call = SIGNED[source], Call("POST", URL, signed(source), BODY)
    assert check(call, "secret", NOW)
    assert not check(call, "another", NOW)
    assert not check(call._replace(body=BODY + b" "), "secret", NOW)
    assert not check(call._replace(headers={}), "secret", NOW)
    assert not check(call._replace(headers=dict.fromkeys(call.headers, "é,=,t=²")), "secret", NOW)


@pytest.mark.parametrize("source", ["stripe", "hubspot"])
def test_a_signature_that_is_old_or_of_the_future_is_refused(source: str) -> None:
    check, call = SIGNED[source], Call("POST", URL, signed(source), BODY)
    for seconds, right in ((TOLERANCE_S, True), (TOLERANCE_S + 1, False), (-TOLERANCE_S - 1, False)):
        assert check(call, "secret", NOW + seconds) is right


def test_stripes_own_library_signs_the_same() -> None:
    # stripe 16.1.0: WebhookSignature._compute_signature("1777636800." + body, "whsec_test")
    known = "49f80e9a276b8a2506a84bcce7aaa35701565c44ba608dc64df7cbb8604eb303"
    assert stripe(Call("POST", "", {"stripe-signature": f"t={NOW},v1={known}"}, BODY), "whsec_test", NOW)


def test_the_address_is_part_of_hubspots_signature() -> None:
    call = Call("POST", URL.replace("in.", "out."), signed("hubspot"), BODY)
    assert not SIGNED["hubspot"](call, "secret", NOW)
