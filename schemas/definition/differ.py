"""Two definitions compared: what differs in what they say, whatever their layout; each difference in words of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from schemas.definition import words
from schemas.definition.digest import plain
from schemas.definition.model import Definition, EntityDefinition, Machine


class Difference(NamedTuple):
    """One thing that differs. `place` as a path, `user.risk: transition quiet`; None where it does not exist."""

    place: str
    old: str | None
    new: str | None

    def text(self) -> str:
        """`user.measures.core_7: count of core within 7d; now count of core within 14d`."""
        if self.old is None:
            return f"{self.place}: new: {self.new}"
        if self.new is None:
            return f"{self.place}: gone: {self.old}"
        return f"{self.place}: {self.old}; now {self.new}"


def differences(old: Definition, new: Definition) -> list[Difference]:
    """Everything in which the second says something else than the first."""
    found = list(_named("events", old.selections, new.selections, words.selection))
    found += _plainly(old, new, ("name", "clock", "exclude", "levels"))
    for kind in ("user", "account"):
        one, other = getattr(old, kind), getattr(new, kind)
        if one is not None and other is not None:
            found += _entity(kind, one, other)
        elif one is not None or other is not None:
            found.append(Difference(kind, "a section" if one else None, "a section" if other else None))
    found += _named("alerts", {a.name: a for a in old.alerts}, {a.name: a for a in new.alerts}, _shown)
    return found


def _entity(kind: str, old: EntityDefinition, new: EntityDefinition) -> Iterator[Difference]:
    yield from _plainly(old, new, ("activity", "forget", "carry", "from_domain"), f"{kind}.")
    yield from _named(
        f"{kind}.measures", {m.name: m for m in old.measures}, {m.name: m for m in new.measures}, words.measure
    )
    yield from _named(
        f"{kind}.signals", {s.name: s for s in old.signals}, {s.name: s for s in new.signals},
        lambda s: words.condition(s.when),
    )  # fmt: skip
    had, has = ({m.name: m for m in entity.machines} for entity in (old, new))
    for name in dict.fromkeys([*had, *has]):
        yield from _machine(f"{kind}.{name}", had.get(name), has.get(name))


def _machine(place: str, old: Machine | None, new: Machine | None) -> Iterator[Difference]:
    if old is None or new is None:
        shown = [None if m is None else f"a machine of {', '.join(m.states)}" for m in (old, new)]
        yield Difference(place, *shown)
        return
    yield from _plainly(old, new, ("states", "only_in"), f"{place}.")
    had, has = ({r.name: r for r in m.rules} for m in (old, new))
    yield from _named(f"{place}: transition", had, has, words.rule)


def _named(place: str, old: Mapping[str, Any], new: Mapping[str, Any], say: Any) -> Iterator[Difference]:
    """Things with names: gone, new, or saying something else."""
    for name in dict.fromkeys([*old, *new]):
        one, other = old.get(name), new.get(name)
        if plain(one) != plain(other):
            between = " " if place.endswith("transition") else "."
            yield Difference(f"{place}{between}{name}", one and say(one), other and say(other))


def _plainly(old: Any, new: Any, names: tuple[str, ...], prefix: str = "") -> Iterator[Difference]:
    for name in names:
        one, other = getattr(old, name), getattr(new, name)
        if plain(one) != plain(other):
            yield Difference(prefix + name, _shown(one), _shown(other))


def _shown(value: Any) -> str:
    """Whatever else there is, plainly."""
    if isinstance(value, tuple):
        return f"[{', '.join(_shown(item) for item in value)}]"
    if hasattr(value, "__dataclass_fields__"):
        held = (
            (name, getattr(value, name)) for name in value.__dataclass_fields__ if name not in ("span", "name", "text")
        )
        return ", ".join(f"{name} {_shown(item)}" for name, item in held if item not in ((), None))
    return str(value)
