"""Privacy: fields of source records hashed or dropped as a record is read, before anything is decoded, stored or logged.

Done on the bytes, so that events, states, dead letters and messages about them have all seen the hidden record alone.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection
from hashlib import sha256
from typing import Any

import orjson

from streams.batch.fetch import Batch
from streams.delivery.contracts import Record
from streams.settings import PrivacyFields, Settings

HIDDEN = b"no JSON: its bytes were dropped, as [privacy] is set"
"""Instead of a value that cannot be looked into; it becomes a dead letter."""

MARK = "h_"
DIGITS = 32
"""Of a hash: 128 bits, so that two of a billion people do not get the same."""

_HASHED = re.compile(rf"{MARK}[0-9a-f]{{{DIGITS}}}")


class Privacy:
    """Of these settings. Fields are named as the source writes them, wherever they stand in a record's JSON."""

    def __init__(self, fields: PrivacyFields, sources: Collection[str]) -> None:
        self._hash, self._drop = frozenset(fields.hashed), frozenset(fields.dropped)
        self._key = (fields.key or "").encode()
        self._sources = frozenset(sources) if self._hash or self._drop else frozenset[str]()

    def batch(self, batch: Batch) -> Batch:
        """The batch as it may be seen; topics of ours hold what was hidden already."""
        if batch.topic not in self._sources:
            return batch
        return batch._replace(records=[self.record(record) for record in batch.records])

    def record(self, record: Record) -> Record:
        """A record with its fields hidden; its key and headers too, where they are one of the values."""
        if record.value is None:
            return record
        raws: dict[bytes, bytes | None] = {}
        try:
            value = orjson.dumps(self._walk(orjson.loads(record.value), raws))
        except (ValueError, TypeError, RecursionError):  # orjson's errors are ValueError and TypeError
            return record._replace(key=None, value=HIDDEN, headers=())
        headers = [(name, raws.get(content, content) or b"") for name, content in record.headers]
        key = record.key if record.key is None else raws.get(record.key, record.key)
        return record._replace(key=key, value=value, headers=headers)

    def hashed(self, value: str) -> str:
        """What stands for a text. Upper and lower case, and blanks around, make no difference: addresses are typed."""
        if _HASHED.fullmatch(value):  # a dead letter that is sent again has seen us before
            return value
        return MARK + hmac.new(self._key, value.strip().casefold().encode(), sha256).hexdigest()[:DIGITS]

    def _walk(self, found: Any, raws: dict[bytes, bytes | None]) -> Any:
        if isinstance(found, list):
            return [self._walk(item, raws) for item in found]
        if not isinstance(found, dict):
            return found
        kept = {}
        for name, value in found.items():
            if name in self._drop:
                self._hide(value, raws, drop=True)
            elif name in self._hash:
                kept[name] = self._hide(value, raws, drop=False)
            else:
                kept[name] = self._walk(value, raws)
        return kept

    def _hide(self, value: Any, raws: dict[bytes, bytes | None], drop: bool) -> Any:
        """Every scalar of a value hashed; its names stay. `raws` learns what was hidden, and what stands for it."""
        if isinstance(value, list):
            return [self._hide(item, raws, drop) for item in value]
        if isinstance(value, dict):
            return {name: self._hide(item, raws, drop) for name, item in value.items()}
        if value is None or isinstance(value, bool):
            return value
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        stands_for = self.hashed(text)
        raws[text.encode()] = None if drop else stands_for.encode()
        return stands_for


def privacy(settings: Settings) -> Privacy:
    return Privacy(settings.privacy, [source.topic for source in settings.sources])
