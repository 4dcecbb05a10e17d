"""Vendor: what all decoders of vendors share. A record is unpacked, split into messages, and each is read into events.

A vendor's own module says how: its precedence as data, its names, and a `read` that yields what one message means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, Protocol

import orjson

from schemas.event import Actor, Event, EventType, Place
from schemas.sources.envelope import from_json
from schemas.sources.outcome import Decoded, Failure, Headers, Refused, Skipped
from schemas.sources.precedence import Precedence, Unit, entity, identity, look, moment, walk, way
from schemas.sources.reading import GZIP, LARGEST, Object, kind_of, latest, message_id, text_of, too_late
from schemas.vocabulary import IDENTITY, PLACE_OF

Proof = Literal["real SDK", "documented example", "own reading"]
"""How a decoder was held against its vendor: calls of the vendor's own client, what the vendor's or a public document
shows as an example, or only our reading of the field lists."""


class Decode(Protocol):
    """A decoder. `timestamp` is Kafka's, in ms, 0 where there is none; see `schemas.sources.decode` for `max_future`."""

    def __call__(
        self, value: bytes | None, key: bytes | None, headers: Headers, timestamp: int, *, max_future: int | None
    ) -> Decoded: ...


class Source(NamedTuple):
    """A system whose records we read, and what there is to know about reading them.

    names     its own event names that become canonical ones; all others are kept
    order     what puts two of its events of the same instant in order
    cannot    what it does not tell, or what we do not read
    example   the address of the example that the tests hold the decoder against
    signs     what a message must hold to look like this source: any of these sets of `path` or `path=text`
    messages  the messages of a record, for the guess
    """

    name: str
    title: str
    decode: Decode
    precedence: Precedence
    names: Mapping[str, str]
    order: str
    cannot: str
    proven: Proof
    example: str
    signs: tuple[tuple[str, ...], ...]
    messages: Callable[[bytes], list[Any]]


Split = Callable[[Any], list[Any]]


def alone_or_listed(payload: Any) -> list[Any]:
    """One message a record, or a list of them."""
    return payload if type(payload) is list else [payload]


def within(field: str, *lends: str) -> Split:
    """Messages that may stand in a list called `field`, to each of which its envelope lends these fields."""

    def split(payload: Any) -> list[Any]:
        if type(payload) is not dict or field not in payload:
            return alone_or_listed(payload)
        items = payload[field]
        if type(items) is not list:
            raise Refused("wrong_type", f"{field} is {kind_of(items)}; write a list")
        lent = {name: payload[name] for name in lends if payload.get(name) is not None}
        return [{**lent, **item} if lent and type(item) is dict else item for item in items]

    return split


class Message:
    """One message on its way to be events: the lookups of its source's precedence, and the building of an event."""

    __slots__ = ("_limit", "_precedence", "_record", "_source", "actor", "body", "place")

    def __init__(self, body: Object, record: int, limit: int, vendor: Vendor) -> None:
        self.body = body
        self.place, self.actor = vendor.place, vendor.actor
        self._source, self._precedence = vendor.name, vendor.precedence
        self._record, self._limit = record, limit

    def look(self, path: str) -> Any:
        """What stands at a path written with dots; None where it leads nowhere."""
        return look(self.body, path)

    def text(self, path: str) -> str:
        """The text at a path; empty where it is missing."""
        return text_of(look(self.body, path), path)

    def object(self, path: str) -> Object:
        """The object at a path; a new empty one where it is missing. Raises Refused."""
        found = look(self.body, path)
        if found is None:
            return {}
        if type(found) is not dict:
            raise Refused("wrong_type", f"{path} is {kind_of(found)}; write an object")
        return found

    def moment(self, ways: Iterable[str], unit: Unit | None = None) -> int | None:
        """The time (ms) at the first of these ways."""
        return moment(self.body, ways, unit or self._precedence.unit, self._record)

    def entity(self, *ways: str) -> str | None:
        """The identifier at the first of these ways."""
        return entity(self.body, ways)

    @property
    def at(self) -> int:
        """Event time, ms. Raises Refused."""
        at = self.moment(self._precedence.time)
        if at is None:
            raise Refused("bad_time", f"none of {', '.join(self._precedence.time)} is given")
        return at

    @property
    def id(self) -> str:
        """The event's id; where the source gives none, a hash of the message: the same content is the same event."""
        return identity(self.body, self._precedence.id) or message_id(None, "id", self.body, None)

    @property
    def user(self) -> str | None:
        return entity(self.body, self._precedence.user)

    @property
    def anonymous(self) -> str | None:
        return entity(self.body, self._precedence.anonymous)

    @property
    def account(self) -> str | None:
        return entity(self.body, self._precedence.account)

    def event(
        self, name: str, properties: Object | None = None, *, kind: EventType = "track", traits: Object | None = None,
        place: Place | None = None, actor: Actor | None = None, at: int | None = None, part: str = "",
        event_id: str | None = None, user: str | Literal[False] | None = False,
        anonymous: str | Literal[False] | None = False, account: str | Literal[False] | None = False,
    ) -> Event:  # fmt: skip
        """An event of this message. `part` tells the events of one message apart in their ids.

        `user`, `anonymous`, `account`: instead of what the precedence finds; None is nobody.
        """
        name = name.strip()
        if not name:
            raise Refused("missing_name", "the event has no name")
        when = self.at if at is None else at
        if when > self._limit:
            raise too_late(when, self._limit)
        who = self.user if user is False else user
        unknown = self.anonymous if anonymous is False else anonymous
        whose = self.account if account is False else account
        if who is None and unknown is None and whose is None:
            raise self._nobody()
        own = self.id if event_id is None else event_id
        where = place or (self.place if name in IDENTITY else PLACE_OF.get(name, self.place))
        received = self.moment(self._precedence.received)
        return Event(
            f"{own}/{part}" if part else own, name, kind, when, who, unknown, whose, properties or {}, traits or {},
            actor or self.actor, where, received, self._source,
        )  # fmt: skip

    def _nobody(self) -> Refused:
        """No way leads to anybody: to a placeholder where something is given, else to nothing."""
        ways = [*self._precedence.user, *self._precedence.anonymous, *self._precedence.account]
        for text in ways:
            for path in way(text).paths:
                if walk(self.body, path) is not None:
                    return Refused("placeholder_id", f"{'.'.join(path)} is a placeholder that stands for nobody")
        return Refused("missing_entity", f"none of {', '.join(ways)} is given")


Read = Callable[[Message], Iterator[Event]]


class Skip(Exception):
    """A Skipped on its way to `decode`. Never leaves a decoder."""

    def __init__(self, skipped: Skipped) -> None:
        super().__init__(skipped.detail)
        self.skipped = skipped


class Vendor:
    """How one vendor's records are read; `decode` is its decoder."""

    def __init__(
        self, name: str, precedence: Precedence, read: Read, *, split: Split = alone_or_listed,
        unpack: Callable[[bytes | None, Headers], Any] = from_json, place: Place = "product", actor: Actor = "user",
    ) -> None:  # fmt: skip
        self.name, self.precedence, self.place, self.actor = name, precedence, place, actor
        self._read, self._split, self._unpack = read, split, unpack

    def decode(
        self, value: bytes | None, key: bytes | None = None, headers: Headers = (), timestamp: int = 0, *,
        max_future: int | None = None,
    ) -> Decoded:  # fmt: skip
        """What one record means: outcomes of its messages, in order. Never raises. See `schemas.sources.decode`."""
        try:
            messages = self._split(self._unpack(value, headers))
        except Refused as refused:
            return [refused.failure]
        except Skip as skip:
            return [skip.skipped]
        if not messages:
            return [Skipped("empty", "a list without messages")]
        limit = latest(timestamp, max_future)
        heavy = value is not None and (len(value) > LARGEST // 2 or value.startswith(GZIP))
        return [outcome for message in messages for outcome in self._outcomes(message, timestamp, limit, heavy)]

    def _outcomes(self, body: Any, record: int, limit: int, heavy: bool) -> Decoded:
        try:
            if type(body) is not dict:
                raise Refused("wrong_type", f"a message is {kind_of(body)}; write an object")
            if heavy and len(orjson.dumps(body)) > LARGEST // 2:  # as an event it must fit into a record again
                raise Refused("too_big", f"one message of more than {LARGEST // 2} bytes")
            found: Decoded = list(self._read(Message(body, record, limit, self)))
            return found or [Failure("missing_name", "nothing in the message says what happened")]
        except Refused as refused:
            return [refused.failure]
        except Skip as skip:
            return [skip.skipped]

    def messages(self, value: bytes) -> list[Any]:
        """The messages of a record; none where it cannot be read as this vendor's."""
        try:
            return self._split(self._unpack(value, ()))
        except (Refused, Skip):
            return []

    def source(
        self, title: str, *, names: Mapping[str, str], order: str, cannot: str, proven: Proof, example: str,
        signs: tuple[tuple[str, ...], ...],
    ) -> Source:  # fmt: skip
        """The entry of this vendor in the registry."""
        return Source(
            self.name, title, self.decode, self.precedence, names, order, cannot, proven, example, signs, self.messages
        )


def page_place(name: str, user: str | None) -> Place | None:
    """A page is the product's for a known user and the website's for anybody else; None for what is no page."""
    if name != "Page Viewed":
        return None
    return "website" if user is None else "product"
