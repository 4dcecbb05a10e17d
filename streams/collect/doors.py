"""Doors: the addresses that vendors' SDKs send to, where each has its key, and what it answers. Data, and its readers."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import orjson

from schemas.sources.precedence import look

SEGMENT = ("segment", "rudderstack", "june")


class Door(NamedTuple):
    """An address. `sources`: whose SDKs send there, told apart by their keys.

    keys    where the body has the key, beside the Authorization header and the query
    answer  what a sender takes for yes; None is no content (204)
    call    the `type` that the address stands for, put into a body that has none
    brief   the answer to who does not ask for more with verbose=1
    query   whether a call may also be a GET with its form in the address
    form    whether that form is the message itself, field by field
    pixel   whether a GET is an image on a page, and so answered with one
    """

    sources: tuple[str, ...]
    keys: tuple[str, ...]
    answer: dict[str, Any] | None
    call: str | None = None
    brief: str | None = None
    query: bool = False
    form: bool = False
    pixel: bool = False


_SEGMENT = Door(SEGMENT, ("writeKey",), {"success": True})
_POSTHOG = Door(("posthog",), ("api_key", "token", "batch.0.properties.token"), {"status": 1})
_MIXPANEL = Door(
    ("mixpanel",), ("0.properties.token", "properties.token", "0.$token", "$token"),
    {"status": 1, "error": None, "code": 200}, brief="1", query=True,
)  # fmt: skip
_SNOWPLOW = Door(("snowplow",), ("data.0.aid", "aid"), {})
_AMPLITUDE = Door(("amplitude",), ("api_key",), {"code": 200})

_CALLS = {
    "track": "track", "identify": "identify", "group": "group", "page": "page", "screen": "screen", "alias": "alias",
    "t": "track", "i": "identify", "g": "group", "p": "page", "s": "screen", "a": "alias",
}  # fmt: skip
"""Segment's single calls, in full and as its browser library shortens them."""

DOORS: dict[str, Door] = {
    **dict.fromkeys(("/v1/batch", "/sdk/batch"), _SEGMENT),  # the latter is where June's own clients send to
    **{f"/v1/{name}": _SEGMENT._replace(call=call) for name, call in _CALLS.items()},
    # images: a mail or a page without scripts
    **{
        f"/v1/pixel/{name}": _SEGMENT._replace(call=call, query=True, pixel=True)
        for name, call in _CALLS.items()
        if len(name) > 1
    },
    **dict.fromkeys(("/capture", "/e", "/i/v0/e"), _POSTHOG),
    # PostHog's batches and Amplitude's large ones have one address: their keys tell them apart
    "/batch": Door(("posthog", "amplitude"), ("api_key",), {"status": 1, "code": 200}),
    **dict.fromkeys(("/track", "/engage", "/groups"), _MIXPANEL),
    "/import": _MIXPANEL._replace(brief=None),
    "/2/httpapi": _AMPLITUDE,
    "/com.snowplowanalytics.snowplow/tp2": _SNOWPLOW,
    "/i": _SNOWPLOW._replace(query=True, form=True, pixel=True),
    **dict.fromkeys(("/api/track", "/api/add_user_properties"), Door(("heap",), ("app_id",), {})),
    "/mp/collect": Door(("ga4", "ga360"), (), None),
}
"""By path without the slash at its end."""

FIELDS = 128
"""Fields of a form. Snowplow's protocol has about a hundred."""

_QUERY = ("api_secret", "key", "write_key", "api_key")


def presented(door: Door | None, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> Iterator[str]:
    """The keys that a call shows, most likely first. `door` None is a webhook: its body has none."""
    yield from _authorization(headers.get("authorization", ""))
    yield from (query[name] for name in _QUERY if query.get(name))
    if door is not None and door.keys:
        told = _body(body)
        for path in door.keys:
            found = look(told, path)
            if type(found) is str and found:
                yield found


def _authorization(value: str) -> Iterator[str]:
    """Basic: the user, and `user:password`; Bearer: the token."""
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "bearer":
        yield rest.strip()
    elif scheme.lower() == "basic":
        try:
            told = b64decode(rest.strip(), validate=True).decode()
        except (Error, ValueError):
            return
        user = told.partition(":")[0]
        yield from (text for text in (user, told) if text)


def _body(body: bytes) -> Any:
    """JSON, or the JSON in the `data` of a form, or the form; None for what is none of them."""
    try:
        if body[:1] in (b"{", b"["):
            return orjson.loads(body)
        form = {name: values[0] for name, values in parse_qs(body.decode(), max_num_fields=FIELDS).items()}
        told = form.get("data")
        if told is None:
            return form
        return orjson.loads(told if told[:1] in ("{", "[") else b64decode(told + "=" * (-len(told) % 4)))
    except (ValueError, Error):  # JSON's and the decoding's errors are of the first
        return None


def verbose(body: bytes) -> bool:
    """Whether a form asks for an answer in JSON."""
    return b"verbose=1" in body or b"verbose=2" in body


def raw(door: Door | None, body: bytes) -> bytes:
    """What becomes the record: the body, with the call's type where the address alone says it; a form as an object."""
    if door is None or (door.call is None and not door.form):
        return body
    told = _body(body)
    if door.form:
        return orjson.dumps(told) if type(told) is dict else body
    if door.pixel and type(told) is dict:
        return orjson.dumps({**told, "type": door.call})
    return body if type(told) is not dict or "type" in told else orjson.dumps({"type": door.call, **told})
