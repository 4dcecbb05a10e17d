"""Event: the one canonical input of the engine, whatever vendor it came from."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

EventType = Literal["track", "identify", "group", "page", "screen", "alias"]
Actor = Literal["user", "system", "staff"]
Place = Literal["product", "website", "mail", "billing", "crm", "support"]


class Event(NamedTuple):
    """What happened, decoded. Immutable; a tuple because a million of them are built a minute.

    Times are milliseconds since the epoch, UTC. `user`, `anonymous` and `account` are canonical
    identifiers (placeholder ids such as `null` never get this far). At least one of the three is set.
    """

    id: str
    name: str
    type: EventType
    at: int
    user: str | None = None
    anonymous: str | None = None
    account: str | None = None
    properties: dict[str, Any] = {}  # noqa: RUF012 - never mutated: decoders always pass their own
    traits: dict[str, Any] = {}  # noqa: RUF012 - of the user; of the account where type is "group"
    actor: Actor = "user"
    place: Place = "product"
    received_at: int | None = None
    source: str = "canonical"

    @property
    def entity(self) -> str | None:
        """The user this event belongs to: the known id, else the anonymous one; None for an account's own event."""
        return self.user if self.user is not None else self.anonymous
