"""Selections: which of a definition's named choices of events an event belongs to, and what the measures read from it.

An event becomes a Hit: the little that the measures of one kind of entity need, a JSON list, so that recent inputs are
cheap to keep and to fold again.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

from schemas.definition.model import Condition, Definition, EntityDefinition, Selection
from schemas.event import Event
from streams.journey.identity import Names, account_names, user_names

_SHAPES: Final = 20_000
"""Different (name, type, actor, place) remembered; a source that invents names without end starts the table afresh."""

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, ">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt,
    "in": lambda value, choices: value in choices,
}  # fmt: skip


class Hit:
    """An event as one kind of entity sees it. Never changed once it is made; a class, as Output is one.

    t        sort time in ms: the event time, or later for a late event, which may not move the past
    id       the event's id
    at       event time in ms
    bits     the selections it belongs to, one bit each
    values   what it says at each path that a measure reads, or None where all are missing
    account  the account named on it
    attrs    traits that the definition carries, or reads levels from
    received when it was received, ms, or None
    names    the identifiers that it names beside its entity's, which are to forward to it; None for most
    packed   its row as JSON, once somebody needed it
    """

    __slots__ = ("account", "at", "attrs", "bits", "id", "names", "packed", "received", "t", "values")

    def __init__(
        self, t: int, id: str, at: int, bits: int, values: list[Any] | None, account: str | None,
        attrs: dict[str, Any] | None, received: int | None, names: Names | None = None,
    ) -> None:  # fmt: skip
        self.t = t
        self.id = id
        self.at = at
        self.bits = bits
        self.values = values
        self.account = account
        self.attrs = attrs
        self.received = received
        self.names = names
        self.packed: bytes | None = None

    def row(self) -> tuple[Any, ...]:
        """As it is kept in a record: what the class is made from, in order."""
        return (
            self.t, self.id, self.at, self.bits, self.values, self.account, self.attrs, self.received, self.names
        )  # fmt: skip

    def moved(self, t: int) -> Hit:
        """The same, to be sorted at another time."""
        return Hit(t, *self.row()[1:])

    def called(self, id: str) -> Hit:
        """The same under another id."""
        return Hit(self.t, id, *self.row()[2:])

    def reading(self, bits: int, values: list[Any] | None, attrs: dict[str, Any] | None) -> Hit:
        """The same as another definition, or kind of entity, sees it."""
        return Hit(self.t, self.id, self.at, bits, values, self.account, attrs, self.received, self.names)


class Selections:
    """All selections of a definition, numbered; bit n of a set stands for the n-th."""

    def __init__(self, definition: Definition) -> None:
        self.names = list(definition.selections)
        self._selections = list(definition.selections.values())
        self._shapes: dict[tuple[str, str, str, str], tuple[int, list[tuple[int, Selection]]]] = {}
        self.excluded = self.mask(definition.exclude)

    def bit(self, name: str) -> int:
        return 1 << self.names.index(name)

    def mask(self, names: tuple[str, ...]) -> int:
        return sum(self.bit(name) for name in set(names))

    def match(self, event: Event) -> int:
        """The set of selections that the event belongs to."""
        shape = (event.name, event.type, event.actor, event.place)
        known = self._shapes.get(shape)
        if known is None:
            known = self._learn(shape)
        bits, conditional = known
        for bit, selection in conditional:
            if all(_holds(condition, event) for condition in selection.where):
                bits |= bit
        return bits

    def _learn(self, shape: tuple[str, str, str, str]) -> tuple[int, list[tuple[int, Selection]]]:
        if len(self._shapes) >= _SHAPES:
            self._shapes.clear()
        bits, conditional = 0, []
        for n, selection in enumerate(self._selections):
            if _fits(selection, shape):
                if selection.where:
                    conditional.append((1 << n, selection))
                else:
                    bits |= 1 << n
        self._shapes[shape] = known = (bits, conditional)
        return known


class Reader:
    """Makes an event a Hit for one kind of entity."""

    def __init__(self, selections: Selections, entity: EntityDefinition, attrs: tuple[str, ...]) -> None:
        self.paths = list(dict.fromkeys(m.path for m in entity.measures if m.path))
        self.used = selections.mask(used_selections(entity))
        self._attrs = attrs
        self._read = [(selections.bit(m.of), self.paths.index(m.path)) for m in entity.measures if m.path and m.of]
        self._wanted: dict[int, list[tuple[int, tuple[str, ...]]]] = {}
        self._selections = selections.names
        self._names = user_names if entity.kind == "user" else account_names
        self.counts: dict[tuple[str, str], int] = {}

    def hit(self, event: Event, bits: int) -> Hit:
        used = bits & self.used
        values = self._values(event, used) if used else None
        traits = event.traits
        attrs = {name: traits[name] for name in self._attrs if name in traits} if traits else None
        return Hit(
            event.at,
            event.id,
            event.at,
            used,
            values,
            event.account,
            attrs or None,
            event.received_at,
            self._names(event, self.counts),
        )

    def _values(self, event: Event, used: int) -> list[Any] | None:
        """What the measures of these selections read, each in its place; None where all of it is missing."""
        wanted = self._wanted.get(used)
        if wanted is None:
            places = sorted({place for bit, place in self._read if used & bit})
            wanted = self._wanted[used] = [(place, self.paths[place]) for place in places]
        values: list[Any] | None = None
        for place, path in wanted:
            value = dig(event, path)
            if value is not None:
                if values is None:
                    values = [None] * len(self.paths)
                values[place] = value
        return values

    def written(self, hit: Hit) -> dict[str, Any]:
        """A hit by names instead of numbers, to be sent to another entity; `read` is the way back."""
        values = zip(self.paths, hit.values, strict=True) if hit.values is not None else ()
        return {
            "at": hit.at, "of": [name for n, name in enumerate(self._selections) if hit.bits >> n & 1],
            "values": [(path, value) for path, value in values if value is not None], "account": hit.account,
            "attrs": hit.attrs, "received": hit.received, "names": hit.names,
        }  # fmt: skip

    def read(self, t: int, key: str, said: dict[str, Any], via: str) -> Hit:
        """What `written` gave, as it came for the receiver, who was named by this kind of identifier."""
        bits = sum(1 << n for n, name in enumerate(self._selections) if name in said["of"])
        known = {tuple(path): value for path, value in said["values"]}
        values = [known.get(path) for path in self.paths] if known else None
        names = {**(said["names"] or {}), "as": via, "via": via}
        return Hit(t, key, said["at"], bits, values, said["account"], said["attrs"], said["received"], names)


def used_selections(entity: EntityDefinition) -> tuple[str, ...]:
    """The selections that a kind of entity looks at: those of its measures and its activity."""
    used = [name for m in entity.measures for name in (m.of, *m.sets, *m.clear) if name is not None]
    return tuple(dict.fromkeys([*used, *([entity.activity] if entity.activity != "members" else [])]))


def dig(event: Event, path: tuple[str, ...]) -> Any:
    """The value at a path such as properties.plan.name; None where any part is missing."""
    value: Any = event.traits if path[0] == "traits" else event.properties
    for part in path[1:]:
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _fits(selection: Selection, shape: tuple[str, str, str, str]) -> bool:
    wanted = (selection.names, selection.types, selection.actors, selection.places)
    return all(not choices or value in choices for choices, value in zip(wanted, shape, strict=True))


def _holds(condition: Condition, event: Event) -> bool:
    value = dig(event, condition.path)
    try:
        return value is not None and bool(_COMPARE[condition.op](value, condition.value))
    except TypeError:  # "12" >= 5: of two kinds, so not comparable, so no match
        return False
