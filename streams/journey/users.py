"""Users: the logic that follows every person. Reads events, keeps each user's journey, tells accounts about their members."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from schemas.definition.model import Definition
from schemas.event import Event
from schemas.sources import canonical, decoder
from schemas.sources.outcome import Decoded, Failure, Skipped, Watermark
from schemas.sources.outcome import Outcome as Found
from streams.delivery.contracts import (
    NEVER,
    Advanced,
    Beside,
    Clocked,
    Dead,
    Drop,
    Ok,
    Outcome,
    Output,
    Record,
    Redirect,
)
from streams.journey.erasure import Erase
from streams.journey.identity import MARKS, company_domain, entity_of
from streams.journey.logic import Journeys
from streams.journey.members import Alone
from streams.journey.selections import Selections, used_selections
from streams.journey.timeline import Entity, Input, now_at

_ALONE: Final = Alone()

WATERMARK: Final = b'{"type":"watermark"'
"""How `canonical.watermark` begins: a sender's promise, on a topic of any source."""


class Router:
    """Where an event goes: to its user, to its account, to nobody. The same for the decode agent and the fast path."""

    def __init__(self, definition: Definition) -> None:
        self.selections = Selections(definition)
        self._account = self._from_domain = 0
        if definition.account is not None:
            self._account = self.selections.mask(used_selections(definition.account))
            self._from_domain = self.selections.mask(definition.account.from_domain or ())

    def excluded(self, bits: int) -> str | None:
        """The name of the declared exclusion (staff, bots, tests) that the event falls under."""
        found = bits & self.selections.excluded
        return self.selections.names[(found & -found).bit_length() - 1] if found else None

    def account(self, event: Event, bits: int) -> Redirect | None:
        """The event as its account's own input, where its measures or attributes look at it."""
        if event.account is None:
            return self._by_domain(event) if bits & self._from_domain else None
        if not (bits & self._account or event.type == "group"):
            return None
        return Redirect(Output("members", event.account.encode(), canonical.encode(event)), event.at, "account")

    def _by_domain(self, event: Event) -> Redirect | None:
        """An event that names no account, as an input of its user's domain: an account, or one that forwards to it."""
        domain = company_domain(event)
        if domain is None:
            return None
        named = event._replace(account=domain)
        return Redirect(Output("members", domain.encode(), canonical.encode(named)), event.at, "domain")


class Decoder:
    """The decode step: one source record to what it means. Stateless, and never raises."""

    def __init__(self, definition: Definition, source: str) -> None:
        self.router = Router(definition)
        self._decode = decoder(source)
        self._max_future = definition.clock.max_future

    def events(self, record: Record) -> Decoded:
        """What the record means. A watermark is the same in every source, and in none of theirs an event."""
        found = self._decode(record.value, record.key, record.headers, record.timestamp, max_future=self._max_future)
        if len(found) == 1 and not isinstance(found[0], Event) and (record.value or b"").startswith(WATERMARK):
            return canonical.decode(record.value)
        return found

    def route(self, record: Record) -> list[Outcome]:
        """Each event re-keyed by its user, and by its account where that one looks at it."""
        return [outcome for found in self.events(record) for outcome in self._route(found)]

    def _route(self, found: Found) -> list[Outcome]:
        if not isinstance(found, Event):
            return [refused(found)]
        bits = self.router.selections.match(found)
        excluded = self.router.excluded(bits)
        if excluded is not None:
            return [Drop(f"excluded:{excluded}")]
        outcomes: list[Outcome] = []
        entity = entity_of(found)
        if entity is not None:
            outcomes.append(Redirect(Output("events", entity.encode(), canonical.encode(found)), found.at, "user"))
        to_account = self.router.account(found, bits)
        if to_account is not None:
            outcomes.append(to_account)
        return outcomes or [Drop("account_event_unused")]


def refused(found: Failure | Skipped | Watermark) -> Outcome:
    """What a decoder did not make an event of."""
    if isinstance(found, Watermark):
        return Clocked(found.at)
    return Dead(found.reason, found.detail) if isinstance(found, Failure) else Drop(found.reason)


class UsersLogic(Journeys):
    """Users of one definition. `sources`: {topic keyed by user id: its source}, decoded here without a hop.

    `home` says which partition a key belongs to, to notice a producer that hashes keys otherwise than Kafka's own.
    `followed`: whether there is a topic for what users tell their accounts.
    """

    name = "users"

    def __init__(
        self, definition: Definition, sources: dict[str, str] | None = None,
        home: Callable[[bytes], int] | None = None, followed: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(definition, "user")
        self._followed = followed
        self._decoders = {topic: Decoder(definition, source) for topic, source in (sources or {}).items()}
        self._events = Decoder(definition, "canonical")
        self._router = self._events.router
        self._home = home

    def read(self, record: Record) -> list[Outcome]:
        decoder = self._decoders.get(record.topic)
        if decoder is None:
            if record.value is not None and record.key is not None and record.value.startswith(MARKS):
                return [self.told(record.value, record.key)]
            return [outcome for found in self._events.events(record) for outcome in self._read(found)]
        return [outcome for found in decoder.events(record) for outcome in self._read_direct(found, record.partition)]

    def _read(self, found: Found) -> list[Outcome]:
        """From `events`: routed before, so only for its user."""
        if not isinstance(found, Event):
            return [refused(found)]
        bits = self.selections.match(found)
        self.matched(bits)
        entity = entity_of(found)
        if entity is None:
            return [Drop("account_event_unused")]
        return [Ok(entity.encode(), self.fold.reader.hit(found, bits), found.at)]

    def _read_direct(self, found: Found, partition: int) -> list[Outcome]:
        """From a source keyed by user id: exclusions and the account's copy are seen to here."""
        if not isinstance(found, Event):
            return [refused(found)]
        bits = self.selections.match(found)
        excluded = self._router.excluded(bits)
        if excluded is not None:
            return [Drop(f"excluded:{excluded}")]
        outcomes: list[Outcome] = []
        entity = entity_of(found)
        if entity is not None:
            key = entity.encode()
            if self._home is not None and self._home(key) != partition:
                # identified by an address: that is nobody's key in a source
                reason = "misplaced" if entity == found.entity else "identified"
                outcomes.append(Redirect(Output("events", key, canonical.encode(found)), found.at, reason))
            else:
                self.matched(bits)
                outcomes.append(Ok(key, self.fold.reader.hit(found, bits), found.at))
        to_account = self._router.account(found, bits)
        if to_account is not None:
            outcomes.append(to_account)
        return outcomes or [Drop("account_event_unused")]

    def deadline(self, entity: Entity) -> int:
        return self.timeline.deadline(entity)

    def settles(self, entity: Entity) -> int:
        return self.timeline.settles(entity)

    def advance(
        self, key: bytes, entity: Entity, inputs: list[Any], until: int, now: int, beside: Beside, heard: int = NEVER
    ) -> Advanced:  # fmt: skip
        taken: list[Input] = [now_at(item, entity, until) if isinstance(item, Erase) else item for item in inputs]
        tally = self.timeline.advance(entity, [*taken], until, _ALONE, heard)
        ended = self.timeline.ended(entity, min(until, heard))
        if not tally.changes and not self.fold.publisher.publishes:
            return Advanced([], [], ended, self.kept(entity))
        return Advanced(self.outputs(entity, tally, now), [], ended, self.kept(entity))
