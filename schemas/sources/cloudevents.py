"""CloudEvents 1.0 in both of Kafka's modes: structured (all in the value) and binary (attributes in ce_ headers).

- (source, id) is the event's id: an id alone is unique within its source only
- which mode it is says the content-type header; without headers, as in a file, the value says it itself
- a binary event without data is the end of a key on a compacted topic: a tombstone, and skipped
- who it is about is in the data, or in the extensions userid and accountid; `subject` only where it says of which kind it
  is (`users/7`, `accounts/acme`), as it may be anything
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from collections.abc import Iterator
from typing import Any

from schemas.event import Event
from schemas.sources.envelope import INNER, from_json
from schemas.sources.outcome import Headers, Refused, Skipped
from schemas.sources.precedence import RECORD, Precedence
from schemas.sources.reading import Object, parse, sized
from schemas.sources.terms import word
from schemas.sources.vendor import Message, Skip, Vendor

PRECEDENCE = Precedence(
    time=("time", RECORD),
    id=("{source}#{id}",),
    user=("userid", "data.user_id", "data.userId", "data.user.id", "subjects.user"),
    anonymous=("anonymousid", "data.anonymous_id", "data.anonymousId"),
    account=("accountid", "data.account_id", "data.accountId", "data.account.id", "subjects.account"),
)
"""`subjects` is the subject by the kind that stands before its slash."""

_STRUCTURED = "application/cloudevents"
_PREFIX = "ce_"

_KINDS = {"user": "user", "users": "user", "account": "account", "accounts": "account", "companies": "account"}


def _unpack(value: bytes | None, headers: Headers) -> Any:
    told = {name.lower(): raw or b"" for name, raw in headers}
    content = told.get("content-type", b"").decode("latin-1").lower()
    attributes = {name[len(_PREFIX) :]: _text(raw) for name, raw in told.items() if name.startswith(_PREFIX)}
    if content.startswith(_STRUCTURED) or "specversion" not in attributes:
        return from_json(value)
    if not value:
        raise Skip(Skipped("tombstone", "a binary event without data"))
    return {**attributes, "datacontenttype": content, "data": _data(sized(value), content)}


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as wrong:
        raise Refused("not_utf8", f"byte {wrong.start} of a header is not UTF-8") from None


def _data(value: bytes, content: str) -> Any:
    """The data of a binary event: JSON unless its type says that it is none."""
    if not content or "json" in content:
        return parse(value, INNER)
    return value.decode("utf-8", "replace")


def _read(message: Message) -> Iterator[Event]:
    body = message.body
    if body.get("specversion") != "1.0":
        raise Refused("wrong_type", f'specversion is {str(body.get("specversion"))[:20]!r}; write "1.0"')
    if "data_base64" in body and "data" not in body:
        body = {**body, "data": _from_base64(body["data_base64"])}
    kind, _, rest = word(body.get("subject")).partition("/")
    subjects = {_KINDS[kind]: rest} if rest and kind in _KINDS else {}
    message.body = {**body, "subjects": subjects}
    data = body.get("data")
    properties: Object = data if type(data) is dict else {} if data is None else {"data": data}
    yield message.event(message.text("type"), properties)


def _from_base64(value: Any) -> Any:
    try:
        return parse(b64decode(word(value), validate=True), INNER)
    except (Error, ValueError):
        raise Refused("bad_envelope", "data_base64 is no base 64") from None


CLOUDEVENTS = Vendor("cloudevents", PRECEDENCE, _read, unpack=_unpack)

SOURCE = CLOUDEVENTS.source(
    "CloudEvents 1.0",
    names={},
    order="none is given; the same millisecond falls back to source and id",
    cannot="who it is about, unless data, extension or subject say it in one of the ways listed",
    proven="documented example",
    example="https://github.com/cloudevents/spec/blob/c2845a4/cloudevents/formats/json-format.md",
    signs=(("specversion", "type", "source", "id"),),
)
