"""What a measure is worth at an instant: computed from every input so far, as its sentence in the language says."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, log
from typing import Any, NamedTuple

from schemas.definition.model import Definition, EntityDefinition, Measure, MemberFilter
from schemas.event import Event
from schemas.member import MemberFacts
from schemas.time import parse_time
from tests.model.reading import at_path, day_of, selected

DAY = 86_400_000
Value = float | str | bool | None


class Input(NamedTuple):
    """An event, or a member's facts; inputs are folded in (t, id) order."""

    t: int
    id: str
    event: Event | None = None
    facts: MemberFacts | None = None
    of: frozenset[str] = frozenset()  # the selections that the event belongs to
    gone: str | None = None  # a member who left
    instead: str | None = None  # the member whom these facts stand for from now on

    @classmethod
    def happened(cls, definition: Definition, event: Event) -> Input:
        return cls(event.at, event.id, event, None, selected(definition, event))

    @classmethod
    def told(cls, facts: MemberFacts) -> Input:
        return cls(facts.at, facts.id, None, facts)


@dataclass
class Standing:
    """A member of an account by its newest facts, active on the newest day that any of them said."""

    facts: MemberFacts
    day: int | None


@dataclass
class Past:
    """All inputs of an entity so far, oldest first, since its life began."""

    definition: Definition
    entity: EntityDefinition
    inputs: list[Input] = field(default_factory=list)
    absorbed: list[tuple[int, Past]] = field(default_factory=list)  # with how many inputs there were by then
    _known: dict[tuple[int, int, int, str], Value] = field(default_factory=dict)

    def day(self, at: int) -> int:
        return day_of(self.definition.clock.timezone, at)

    def measure(self, name: str) -> Measure:
        return next(m for m in self.entity.measures if m.name == name)

    def value(self, name: str, now: int) -> Value:
        """A measure's value at an instant; None is unknown. Only inputs and days change it: once a day is enough."""
        key = (len(self.inputs), len(self.absorbed), self.day(now), name)
        if key not in self._known:
            self._known[key] = self._computed(self.measure(name), now)
        return self._known[key]

    def _computed(self, m: Measure, now: int) -> Value:
        value = _BY_KIND[m.kind](self, m, now)
        return self.value(m.fallback, now) if value is None and m.fallback is not None else value

    # --- which inputs count ------------------------------------------------------------------------------------------

    def hits(self, m: Measure, now: int) -> list[Input]:
        """The inputs that a measure looks at, inside its window or after its flag rose, those of absorbed pasts included."""
        found = [i for i in self.together() if m.of in i.of]
        if m.since is not None:
            return self._since(m)
        if m.within is not None:
            oldest = self.day(now) - m.within // DAY + 1
            found = [i for i in found if self.day(i.t) >= oldest]
        return found

    def together(self) -> list[Input]:
        """All inputs, those of absorbed pasts included, oldest first; of one instant, its own word is the last."""
        others = [i for _, past in reversed(self.absorbed) for i in past.together()]
        return sorted([*others, *self.inputs], key=lambda i: i.t)

    def traits(self) -> dict[str, Any]:
        """What is known of the person; its own word over that of those that it absorbed."""
        found = {k: v for _, past in reversed(self.absorbed) for k, v in past.traits().items()}
        return found | {k: v for i in self.inputs if i.event is not None for k, v in i.event.traits.items()}

    def _steps(self) -> list[Input | Past]:
        """Its own inputs, and each absorbed past where it was absorbed."""
        found: list[Input | Past] = []
        for n in range(len(self.inputs) + 1):
            found += [past for at, past in self.absorbed if at == n]
            found += self.inputs[n : n + 1]
        return found

    def values(self, m: Measure, now: int) -> list[Any]:
        found = [at_path(i.event, m.path) for i in self.hits(m, now) if i.event is not None]
        return [value for value in found if value is not None]

    def _flag(self, name: str, since: Measure | None = None) -> tuple[int, int | None, list[Input] | None]:
        """When a flag last heard something, since when it is up, and what `since` counts since it rose, if it ever did.

        Two pasts: the newest word counts; if both say it is up, it is since the earlier; and both count what they counted.
        """
        m, word, up, counted = self.measure(name), -1, None, None
        for step in self._steps():
            if isinstance(step, Past):
                word, up, counted = _either(word, up, counted, step._flag(name, since))
                continue
            if step.of & set(m.clear):
                word, up = step.t, None
            elif step.of & set(m.sets or (m.of,)):
                word, up, counted = step.t, up or step.t, counted if up else []
            if since is not None and since.of in step.of and counted is not None:
                counted = [*counted, step]
        return word, up, counted

    def _since(self, m: Measure) -> list[Input]:
        return self._flag(m.since or "", m)[2] or []

    def up_since(self, name: str) -> int | None:
        """When a flag that is up was raised, ms; None while it is down."""
        return self._flag(name)[1]

    def last_activity(self) -> Input | None:
        """The newest input that counts as activity: of an account, facts that say on which day a member was active."""
        name = self.entity.activity
        if name == "members":
            told = [i for i in self.inputs if i.facts is not None and i.instead is None]
            active = [i for i in told if i.facts is not None and i.facts.active_day is not None]
        else:
            active = [i for i in self.together() if name in i.of]
        return active[-1] if active else None

    def members(self) -> dict[str, Standing]:
        found: dict[str, Standing] = {}
        for item in self.inputs:
            if item.gone is not None:
                found.pop(item.gone, None)
            if item.facts is None:
                continue
            facts = item.facts
            before = [found[u].day for u in (facts.user, item.instead) if u in found]
            if item.instead is not None:
                found.pop(item.instead, None)
            days = [day for day in (facts.active_day, *before) if day is not None]
            found[facts.user] = Standing(facts, max(days, default=None))
        return found


def _either(
    word: int, up: int | None, counted: list[Input] | None, other: tuple[int, int | None, list[Input] | None]
) -> tuple[int, int | None, list[Input] | None]:
    """One flag of two pasts."""
    newer, older = (word, up), other[:2]
    if newer[0] < older[0]:
        newer, older = older, newer
    since = newer[1] if older[1] is None or newer[1] is None else min(newer[1], older[1])
    both = None if counted is None and other[2] is None else [*(other[2] or []), *(counted or [])]
    return newer[0], since, both


def _first(past: Past, m: Measure, now: int) -> Value:
    return min((i.t for i in past.hits(m, now)), default=None)


def _count(past: Past, m: Measure, now: int) -> Value:
    return len(past.hits(m, now))


def _sum(past: Past, m: Measure, now: int) -> Value:
    return sum(value for value in past.values(m, now) if isinstance(value, int | float))


def _distinct(past: Past, m: Measure, now: int) -> Value:
    return min(len(set(past.values(m, now))), m.cap)


def _latest(past: Past, m: Measure, now: int) -> Value:
    found = past.values(m, now)
    if not found:
        return None
    newest: Value = parse_time(found[-1]) if m.as_time else found[-1]
    return newest


def _active_days(past: Past, m: Measure, now: int) -> Value:
    return len({past.day(i.t) for i in past.hits(m, now)})


def _active_weeks(past: Past, m: Measure, now: int) -> Value:
    return len({(past.day(now) - past.day(i.t)) // 7 for i in past.hits(m, now)})


def _flag(past: Past, m: Measure, now: int) -> Value:
    return past.up_since(m.name) is not None


def _members(past: Past, m: Measure, now: int) -> Value:
    wanted = m.members
    assert wanted is not None
    return sum(_counts(wanted, member, past.day(now)) for member in past.members().values())


def _churn(past: Past, m: Measure, now: int) -> Value:
    """From every active day anew: of the events looked at, or of any member."""
    assert m.churn is not None
    if m.of is None:
        told = [i.facts.active_day for i in past.inputs if i.facts is not None]
        days = {day for day in told if day is not None}
    else:
        days = {past.day(i.t) for i in past.hits(m, now)}
    if len(days) < m.churn.after:
        return None
    counts = [(sum(exp((d - past.day(now) - 0.5) / decay) for d in days), weight) for decay, weight in m.churn.terms]
    score = m.churn.intercept + sum(weight * log(count + 0.1) for count, weight in counts)
    return round(1 / (1 + exp(-score)), 4)


def _counts(wanted: MemberFilter, member: Standing, today: int) -> bool:
    facts = member.facts
    return (
        (not wanted.stage or facts.stage in wanted.stage)
        and (not wanted.risk or facts.risk in wanted.risk)
        and (not wanted.level or facts.level in wanted.level)
        and (wanted.admin is None or facts.admin == wanted.admin)
        and (not wanted.reached or any(stage in wanted.reached for stage in facts.reached))
        and (
            wanted.active_within is None
            or (member.day is not None and member.day > today - wanted.active_within // DAY)
        )
    )


_BY_KIND = {
    "first": _first, "count": _count, "sum": _sum, "distinct": _distinct, "latest": _latest,
    "active_days": _active_days, "active_weeks": _active_weeks, "flag": _flag, "members": _members,
    "churn": _churn,
}  # fmt: skip
