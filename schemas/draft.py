"""Drafts: records on their way out, final in content, which is written as JSON once; the rest is put before it when sent."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final, Literal

import orjson

from schemas.time import rfc3339

_dumps: Final = orjson.dumps
Origin = Literal["live", "backfill", "migration", "correction"]


class Content:
    """All of a record that never changes: its JSON with sorted keys, and the hash that is its id."""

    __slots__ = ("body", "id")

    def __init__(self, id: str, body: bytes) -> None:
        self.id = id
        self.body = body

    def behind(self, head: str) -> bytes:
        """The whole record, with what is known later put before the content: `head` is JSON without its last brace."""
        return head.encode() + b"," + self.body[1:]


def content(values: dict[str, Any]) -> Content:
    """BLAKE2b-128 over JSON with sorted keys; equal id, equal payload."""
    return _content(orjson.dumps(values, option=orjson.OPT_SORT_KEYS))


def content_in_order(values: dict[str, Any]) -> Content:
    """The same, for a third less, of values whose keys stand in order already, those of objects within included."""
    return _content(_dumps(values))


def in_order(value: Any) -> Any:
    """A JSON value with the keys of all its objects in order."""
    return orjson.loads(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


def _content(body: bytes) -> Content:
    return Content(blake2b(body, digest_size=16).hexdigest(), body)


class TransitionDraft:
    """A transition on its way out: final in content, not yet in its place in the log. Times in ms."""

    __slots__ = (
        "at",
        "content",
        "detected_at",
        "entity",
        "id",
        "machine",
        "name",
        "origin",
        "seq",
        "supersedes",
        "valid",
    )

    def __init__(self, content: Content, entity: str, machine: str, name: str, at: int) -> None:
        self.id = content.id
        self.content = content
        self.entity = entity
        self.machine = machine
        self.name = name
        self.at = at
        self.detected_at = 0
        self.seq = 0
        self.origin: Origin = "live"
        self.valid = True
        self.supersedes: str | None = None

    def undone(self) -> TransitionDraft:
        """The record that takes it back."""
        found = TransitionDraft(self.content, self.entity, self.machine, self.name, self.at)
        found.origin, found.valid = "correction", False
        return found

    def to_json(self) -> bytes:
        hint = "null" if self.supersedes is None else f'"{self.supersedes}"'
        return self.content.behind(
            f'{{"id":"{self.id}","detected_at":"{rfc3339(self.detected_at)}","seq":{self.seq},"origin":"{self.origin}",'
            f'"valid":{"true" if self.valid else "false"},"supersedes":{hint}'
        )


class FactDraft:
    """Facts on their way out: final in content; taken back where they are not `valid`."""

    __slots__ = ("account", "content", "id", "valid")

    def __init__(self, content: Content, account: str, valid: bool = True) -> None:
        self.id = content.id
        self.content = content
        self.account = account
        self.valid = valid

    def undone(self) -> FactDraft:
        """The record that takes them back."""
        return FactDraft(self.content, self.account, valid=False)

    def to_json(self) -> bytes:
        return self.content.behind(f'{{"fact":"{self.id}","valid":{"true" if self.valid else "false"}')
