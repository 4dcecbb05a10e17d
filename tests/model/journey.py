"""One entity's journey by the rules: inputs in order, and between them every instant at which time may move it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.definition.expression import Compare
from schemas.definition.model import AlertRule, Definition, EntityDefinition, Kind, Machine, Rule
from schemas.member import Level, MemberFacts
from streams.journey.identity import fact_as, left
from tests.model.conditions import Seen, comparisons, holds, moves
from tests.model.measures import Input, Past
from tests.model.reading import level_of, start_of


class Moved(NamedTuple):
    """A transition. `cause` is (event | member | timer, its id or instant)."""

    kind: Kind
    entity: str
    account: str | None
    machine: str
    from_: str | None
    to: str | None
    name: str
    label: str | None
    at: int
    dwell_s: float | None
    cause: tuple[str, str | int]
    signals: tuple[str, ...]


class Alarm(NamedTuple):
    """An alert's life: when it opened, and when it resolved, or None while it is open."""

    name: str
    entity: str
    opened: int
    resolved: int | None


@dataclass
class Told:
    """What came of one entity. `blocked`: since when a rule that held could not fire, its target entered already."""

    moved: list[Moved] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    facts: list[MemberFacts] = field(default_factory=list)
    handed: list[tuple[str, Input]] = field(default_factory=list)  # to which account, where identity changed
    blocked: int | None = None


@dataclass
class Life:
    """Everything between an entity's first input and its being forgotten."""

    past: Past
    begun: int
    states: dict[str, str] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    reached: dict[str, set[str]] = field(default_factory=dict)
    held: dict[tuple[str, str], int] = field(default_factory=dict)
    signals: list[str] = field(default_factory=list)
    opened: dict[str, int] = field(default_factory=dict)
    closed: dict[str, int] = field(default_factory=dict)
    home: str | None = None
    accounts: dict[str, int] = field(default_factory=dict)  # the newest day of activity told to each, -1 before any
    status: object = None


class Journey:
    """Runs one entity. `run` may be called once."""

    def __init__(self, definition: Definition, kind: Kind, key: str) -> None:
        entity = definition.user if kind == "user" else definition.account
        assert entity is not None
        self.definition, self.kind, self.key = definition, kind, key
        self.entity: EntityDefinition = entity
        self.life: Life | None = None
        self.told = Told()
        guards = [(m.name, rule.when) for m in entity.machines for rule in m.rules]
        guards += [("", cap.when) for m in entity.measures for cap in m.caps]
        guards += [(entity.machines[0].name, signal.when) for signal in entity.signals]
        self._moving = [(m, c) for m, g in guards for c in comparisons(g) if moves(c.left) or moves(c.right)]
        self._alerts = [rule for rule in definition.alerts if rule.kind == kind]

    def run(self, inputs: list[Input], until: int) -> Told:
        """Inputs in any order; time ends at `until` (ms), what is due then included."""
        for item in sorted(inputs, key=lambda i: (i.t, i.id)):
            self.take(item)
        self._pass(until)
        if self.life is not None:
            self.told.alarms += [Alarm(name, self.key, at, None) for name, at in self.life.opened.items()]
        return self.told

    def take(self, item: Input) -> None:
        """The next input in order, after all that time alone brings about before it."""
        self._pass(item.t)
        if item.gone is None or self.life is not None:
            self._take(item)

    # --- identity ----------------------------------------------------------------------------------------------------

    def leave(self, now: int, event: str, into: str) -> Life | None:
        """It turned out to be another: the life that it had until now, None where there was none."""
        self._pass(now)
        life, self.told_now = self.life, now
        if life is None:
            return None
        for machine in self.entity.machines:
            self._enter(life, machine, None, "ends", "merged", now, ("link", event))
        self._close(life, now)
        for account in life.accounts:
            gone = left(self.key, account, now, event, into)
            self.told.handed.append((account, Input(now, gone.id, gone=self.key)))
        self.life = None
        return life

    def absorb(self, now: int, event: str, other: Life, loser: str) -> None:
        """Another turned out to be it: what that one did counts here, and the machines go on from where they are."""
        self._pass(now)
        cause = ("link", event)
        life = self._alive(now, cause)
        life.past.absorbed.append((len(life.past.inputs), other.past))
        for machine, states in other.reached.items():
            life.reached[machine] |= states
        life.home = life.home or other.home
        self.told_now = now
        self._step(life, now, cause, None, event)
        for account, day in other.accounts.items():
            life.accounts[account] = day = max(day, life.accounts.get(account, -1))
            facts = self._facts(life, account, now, None if day < 0 else day, event)
            self.told.handed.append(
                (account, Input.told(facts)._replace(id=fact_as(facts, {"instead": loser}).id, instead=loser))
            )

    # --- inputs and instants -----------------------------------------------------------------------------------------

    def _pass(self, until: int) -> None:
        """Let time pass: step at every instant at which something may change by time alone."""
        now = self.told_now
        while self.life is not None:
            now = self._next(self.life, now)
            if now > until:
                return
            self.told_now = now
            if self._forgotten_at(self.life) <= now:
                self._end(self.life, now)
            else:
                self._step(self.life, now, ("timer", now), None)

    told_now = 0

    def _take(self, item: Input) -> None:
        cause = ("event" if item.event is not None else "member", item.id)
        life = self._alive(item.t, cause, item.event.account if item.event is not None else None)
        life.past.inputs.append(item)
        self.told_now = item.t
        self._step(life, item.t, cause, item)

    def _alive(self, now: int, cause: tuple[str, str | int], account: str | None = None) -> Life:
        """Its life, begun now where there was none. `account`: the one named with what came."""
        life = self.life
        if life is None:
            life = self.life = Life(Past(self.definition, self.entity), now)
        life.home = account or life.home
        if not life.states:
            for machine in self.entity.machines:
                self._enter(life, machine, machine.states[0], "begins", None, now, cause)
        return life

    def _step(
        self, life: Life, now: int, cause: tuple[str, str | int], item: Input | None, behind: str | None = None
    ) -> None:
        for n, machine in enumerate(self.entity.machines):
            self._move(life, machine, now, cause)
            if n == 0:
                seen = self._seen(life, machine.name)
                life.signals = [s.name for s in self.entity.signals if holds(s.when, seen, now)]
        for rule in self._alerts:
            self._alert(life, rule, now)
        if self.kind == "user":
            self._tell(life, now, item, behind)

    def _next(self, life: Life, now: int) -> int:
        """The first instant after `now` at which anything may be different although nothing happens."""
        zone = self.definition.clock.timezone
        marks = [start_of(zone, life.past.day(now) + 1), max(self._forgotten_at(life), now + 1)]
        for machine in self.entity.machines:
            marks += [life.held.get((machine.name, r.name), now) + r.hold for r in machine.rules]
        marks += [life.closed[rule.name] + rule.cooldown for rule in self._alerts if rule.name in life.closed]
        mark = min(m for m in marks if m > now)
        return min([mark, *(self._flip(life, m, c, now, mark - 1) for m, c in self._moving)])

    def _flip(self, life: Life, machine: str, c: Compare, now: int, last: int) -> int:
        """The first instant until `last` at which a comparison is otherwise than now; beyond it if none is."""
        seen = self._seen(life, machine)
        was = holds(c, seen, now)
        if holds(c, seen, last) == was:
            return last + 1
        low, high = now, last
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if holds(c, seen, middle) == was else (low, middle)
        return high

    # --- machines ----------------------------------------------------------------------------------------------------

    def _seen(self, life: Life, machine: str) -> Seen:
        return Seen(life.past, machine, life.states, life.since, life.reached, set(life.signals))

    def _move(self, life: Life, machine: Machine, now: int, cause: tuple[str, str | int]) -> None:
        """The first rule that holds fires, again and again; outside `only_in` the machine returns to its start."""
        if any(life.states[other] not in states for other, states in machine.only_in):
            self._restart(life, machine)
            if life.states[machine.name] != machine.states[0]:
                self._enter(life, machine, machine.states[0], "outside", None, now, cause)
            return
        entered: set[str] = set()
        while True:
            ready = [rule for rule in machine.rules if self._fires(life, machine, rule, now)]
            rule = next((rule for rule in ready if rule.to not in entered), None)
            if rule is None:
                if ready and self.told.blocked is None:
                    self.told.blocked = now
                return
            entered.add(rule.to)
            self._enter(life, machine, rule.to, rule.name, rule.label, now, cause)
            self._restart(life, machine)

    def _fires(self, life: Life, machine: Machine, rule: Rule, now: int) -> bool:
        """Whether the rule's guard holds, and has held for as long as it must, since the first instant that it did."""
        key = (machine.name, rule.name)
        if life.states[machine.name] not in rule.from_states:
            return False
        if not holds(rule.when, self._seen(life, machine.name), now):
            life.held.pop(key, None)
            return False
        return now >= life.held.setdefault(key, now) + rule.hold

    def _restart(self, life: Life, machine: Machine) -> None:
        for rule in machine.rules:
            life.held.pop((machine.name, rule.name), None)

    def _enter(
        self, life: Life, machine: Machine, to: str | None, name: str, label: str | None, now: int,
        cause: tuple[str, str | int],
    ) -> None:  # fmt: skip
        was = life.states.get(machine.name)
        dwell = None if was is None else round((now - life.since[machine.name]) / 1000, 3)
        account = life.home if self.kind == "user" else None
        self.told.moved.append(
            Moved(
                self.kind, self.key, account, machine.name, was, to, name, label, now, dwell, cause, tuple(life.signals)
            )
        )
        life.since[machine.name] = now
        if to is not None:
            life.states[machine.name] = to
            life.reached.setdefault(machine.name, set()).add(to)

    def _forgotten_at(self, life: Life) -> int:
        forget, stage = self.entity.forget, self.entity.machines[0].name
        if forget is None or life.states[stage] != forget.stage:
            return 1 << 60
        active = life.past.last_activity()
        return max(life.begun, active.t if active is not None else 0) + forget.idle

    def _end(self, life: Life, now: int) -> None:
        for machine in self.entity.machines:
            self._enter(life, machine, None, "ends", "forgotten", now, ("timer", now))
        self._close(life, now)
        self.life = None

    def _close(self, life: Life, now: int) -> None:
        for name, opened in life.opened.items():
            self.told.alarms.append(Alarm(name, self.key, opened, now))

    # --- alerts, and what accounts are told --------------------------------------------------------------------------

    def _alert(self, life: Life, rule: AlertRule, now: int) -> None:
        inside = rule.enters in life.signals if rule.machine == "signals" else life.states[rule.machine] == rule.enters
        if rule.name in life.opened and not inside:
            self.told.alarms.append(Alarm(rule.name, self.key, life.opened.pop(rule.name), now))
            life.closed[rule.name] = now
        elif rule.name not in life.opened and inside:
            closed = life.closed.get(rule.name)
            if closed is None or now >= closed + rule.cooldown:
                life.opened[rule.name] = now

    def _status(self, life: Life) -> tuple[str, list[str], str | None, Level, bool]:
        level, admin = level_of(self.definition.levels, life.past.traits())
        stage = self.entity.machines[0]
        reached = [state for state in stage.states if state in life.reached[stage.name]]
        return life.states[stage.name], reached, life.states.get("risk"), level, admin

    def _facts(self, life: Life, account: str, now: int, day: int | None, behind: str | None) -> MemberFacts:
        stage, reached, risk, level, admin = self._status(life)
        return MemberFacts.of(
            user=self.key, account=account, at=now, stage=stage, reached=reached, risk=risk, level=level, admin=admin,
            active_day=day, event=behind,
        )  # fmt: skip

    def _tell(self, life: Life, now: int, item: Input | None, behind: str | None) -> None:
        """A changed status goes to every account; a new active day, or a first mention, to the account it names."""
        event = item.event if item is not None else None
        status = self._status(life)
        due: dict[str, int | None] = dict.fromkeys(life.accounts) if status != life.status else {}
        life.status = status
        if event is not None and event.account is not None and event.account not in life.accounts:
            due[event.account] = None
            life.accounts[event.account] = -1
        if item is not None and self.entity.activity in item.of and life.home is not None:
            today = life.past.day(now)
            if today > life.accounts[life.home]:
                due[life.home] = life.accounts[life.home] = today
        active = life.past.last_activity()
        behind = behind or (event.id if event is not None else active.id if active is not None else None)
        self.told.facts += [self._facts(life, account, now, day, behind) for account, day in due.items()]


__all__ = ["Alarm", "Journey", "Moved", "Told"]
