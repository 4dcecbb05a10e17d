"""The fold: one entity's state moved by one input or one instant. Every rule of the definition is applied here and nowhere else.

Order within one input: timers due before it or at the same instant, then the measures, then the machines in file order
(signals after the first), each to a fixed point, then the alerts. What happened is returned as changes; a change's id is
a hash of its content, so the same history gives the same ids whoever folds it, whenever.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from schemas.alert import Alert
from schemas.definition.model import Definition, EntityDefinition, Kind
from schemas.member import MemberFacts
from schemas.transition import Transition
from streams.delivery.contracts import NEVER
from streams.journey.alerts import Alerts
from streams.journey.calendar import DAY, Calendar
from streams.journey.guards import Guards
from streams.journey.levels import Matcher
from streams.journey.machines import CompiledMachine, CompiledRule, CompiledSignal, compile_machines, compile_signals
from streams.journey.measures import added
from streams.journey.publish import Publisher
from streams.journey.rollup import Member, Rollups
from streams.journey.selections import Hit, Reader, Selections
from streams.journey.state import State
from streams.journey.terms import Terms

AWAKE = 35 * DAY
"""An account that nothing was heard of for so long is not written down every day any more: a month's windows are empty."""


class Change(NamedTuple):
    """Something to publish: its id says what it is, so two folds are compared by ids. `opening`: what an alert resolves."""

    kind: Literal["transition", "alert", "fact"]
    id: str
    record: Transition | Alert | MemberFacts
    opening: Alert | None = None


class Fact(NamedTuple):
    """A member's facts as an account's input. `event` is the user's event behind it."""

    t: int
    id: str
    user: str
    member: Member
    event: str | None
    received: int | None = None


class Out:
    """What a fold produced, in order: changes, and the mornings at which an account was written down."""

    __slots__ = ("behind", "changes", "days", "entity")

    def __init__(self, entity: str) -> None:
        self.entity = entity
        self.behind: str | None = None  # id of the event behind the input being folded
        self.changes: list[Change] = []
        self.days: list[tuple[int, dict[str, Any]]] = []


class Members:
    """The members that an account's fold sees: those of this fold over those settled beside the account."""

    def get(self, user: str) -> Member | None:
        raise NotImplementedError

    def put(self, user: str, member: Member) -> None:
        raise NotImplementedError


class Fold:
    """A definition's rules for one kind of entity, compiled. Holds no entity: safe to share between all of them."""

    def __init__(self, definition: Definition, kind: Kind, selections: Selections) -> None:
        entity = definition.user if kind == "user" else definition.account
        if entity is None:
            raise ValueError(f"definition {definition.name} has no {kind} section")
        self.definition = definition
        self.entity: EntityDefinition = entity
        self.calendar = Calendar(definition.clock.timezone)
        self.level = Matcher(definition.levels) if kind == "user" and definition.levels else None
        self.attrs = self._attrs()
        self.reader = Reader(selections, entity, self.attrs)
        self.terms = Terms(entity, selections, self.reader, self.calendar)
        self.guards = Guards(self.terms)
        self.machines = compile_machines(entity, self.guards)
        self.signals = compile_signals(entity, self.guards)
        self._holding = self.guards.holding([signal.when for signal in entity.signals])
        self._flips = self.guards.flips([signal.when for signal in entity.signals])
        self.publisher = Publisher(definition, entity, self.terms, self.machines, self.signals)
        self.alerts = Alerts(definition, entity, self.publisher, self.machines, self.signals)
        self._active = 0 if entity.activity == "members" else selections.bit(entity.activity)
        self._is_account = kind == "account"
        self._forget = entity.forget
        self._moved_by = self._measures_by_rollup(self.terms.rollups)
        self._risk = next((m.number for m in self.machines if m.name == "risk"), None)

    def _attrs(self) -> tuple[str, ...]:
        measures = {m.name for m in self.entity.measures}
        levels = self.definition.levels
        wanted = [name for name in self.entity.carry if name not in measures]
        if self.level is not None and levels is not None:
            wanted += [levels.trait, *([levels.admin_trait] if levels.admin_trait else [])]
        return tuple(dict.fromkeys(wanted))

    def _measures_by_rollup(self, rollups: Rollups) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in rollups.bases]
        for measure in self.entity.measures:
            if measure.members is not None:
                found[rollups.index(measure.members)].append(self.terms.index[measure.name])
        return found

    def fresh(self) -> State:
        return State(len(self.entity.measures), len(self.machines), self.terms.rollups.fresh())

    # --- versions ----------------------------------------------------------------------------------------------------

    def adopt(
        self, s: State, names: list[str | None], closed: list[tuple[Alert, Alert]], now: int, cause: dict[str, Any], out: Out
    ) -> None:  # fmt: skip
        """Take over a state that another definition kept. `names`: of its states there; None: the machine is new here.

        `closed`: alerts that are no more, (the record that resolves one, the one that opened it).
        """
        today = self.calendar.day(now)
        for machine, was in zip(self.machines, names, strict=True):
            m = machine.number
            if was is None:
                self._enter(s, machine, 0, None, now, today, cause, [], out)
            elif was != machine.states[s.states[m]]:
                to, since = s.states[m], s.since[m]
                s.states[m] = len(machine.states)
                named = machine._replace(states=(*machine.states, was))
                self._enter(s, named, to, None, now, today, cause, [], out)
                s.since[m] = since  # under another name it is where it was
        self._run(s, now, today, cause, out)
        opened = self.alerts.update(s, now, today, out.entity, out.changes)  # of rules that are new
        for alert, opening in [*closed, *opened]:
            out.changes.append(Change("alert", alert.id, alert, opening))
        if not self._is_account:
            self._tell(s, now, None, None, s.last_id, out)
        s.deadline = self._deadline(s, now, today)

    def leave(self, s: State, machines: tuple[int, ...], now: int, cause: dict[str, Any], out: Out) -> None:
        """End machines that the definition after this one has no more."""
        for m in machines:
            self._enter(s, self.machines[m], None, None, now, self.calendar.day(now), cause, [], out, label="dropped")

    # --- inputs ------------------------------------------------------------------------------------------------------

    def take(self, s: State, hit: Hit, out: Out) -> None:
        """An event. `hit.t` is not before `s.now`."""
        self.until(s, hit.t, out)
        self._open(s, hit.t, {"event": hit.id}, hit.id, out, None if self._is_account else hit.account)
        today = self.calendar.day(hit.t)
        day = today if hit.at == hit.t else self.calendar.day(hit.at)
        if hit.bits:
            self._measure(s, hit, day)
        if hit.attrs:
            self._remember(s, hit.attrs)
        active = hit.bits & self._active
        if active and hit.at >= s.last:
            s.last, s.last_id = hit.at, hit.id
        self._run(s, hit.t, today, {"event": hit.id}, out)
        if not self._is_account:
            self._tell(s, hit.t, hit.account, day if active else None, hit.id, out)
        s.deadline = self._deadline(s, hit.t, today)

    def take_fact(self, s: State, fact: Fact, members: Members, out: Out) -> None:
        """A member's facts, into an account. `fact.t` is not before `s.now`."""
        self.until(s, fact.t, out)
        self._open(s, fact.t, {"member": fact.id}, fact.event, out)
        today = self.calendar.day(fact.t)
        old, new = members.get(fact.user), fact.member._replace(life=s.begun)
        if old is not None and old.life != s.begun:
            old = None
        if new.day is not None and self._active == 0:
            s.last, s.last_id = max(s.last, fact.t), fact.event
        if old is not None and old.day is not None and (new.day is None or new.day < old.day):
            new = new._replace(day=old.day)
        members.put(fact.user, new)
        for k in self.terms.rollups.move(s.rollups, old, new, today):
            for i in self._moved_by[k]:
                s.evidence[i] = fact.event
        self._run(s, fact.t, today, {"member": fact.id}, out)
        s.deadline = self._deadline(s, fact.t, today)

    def until(self, s: State, instant: int, out: Out) -> None:
        """Fire what is due at or before an instant, each at its own deadline."""
        while s.begun >= 0 and s.deadline <= instant:
            if s.deadline < 0:  # just loaded: not computed yet
                s.deadline = self._deadline(s, s.now, self.calendar.day(s.now))
                continue
            self._wake(s, s.deadline, out)

    def _wake(self, s: State, now: int, out: Out) -> None:
        today = self.calendar.day(now)
        s.now, out.behind = now, None
        cause = {"timer": now}
        if self._forget is not None and now >= self._forgotten_at(s):
            self._end(s, now, cause, out)
            return
        self._run(s, now, today, cause, out)
        if not self._is_account:
            self._tell(s, now, None, None, s.last_id, out)
        elif now == self.calendar.start(today):
            out.days.append((now, self.publisher.snapshot(s, now, today)))
        s.deadline = self._deadline(s, now, today)

    def _open(
        self, s: State, now: int, cause: dict[str, Any], event: str | None, out: Out, account: str | None = None
    ) -> None:
        """The first input enters every machine's initial state; so does the first one after the entity was forgotten."""
        out.behind = event
        if s.ended >= 0:
            s.__init__(len(s.cells), len(s.states), self.terms.rollups.fresh())  # type: ignore[misc]
        s.touched = s.now = now
        if account is not None:
            s.home = account
        if s.begun < 0:
            s.begun = now
            for machine in self.machines:
                self._enter(s, machine, 0, None, now, self.calendar.day(now), cause, [event] if event else [], out)

    def _measure(self, s: State, hit: Hit, day: int) -> None:
        cells, evidence, values, at = s.cells, s.evidence, hit.values, hit.at
        for i, gauge, value, path, numeric, since in self.terms.updates(hit.bits):
            if path is not None:
                value = values[path] if values is not None else None
                if value is None or (numeric and not isinstance(value, (int, float))):
                    continue
            if since is not None:
                cells[i] = _counted_since(cells[i], cells[since], value)
            else:
                cells[i] = gauge.hit(cells[i], day, at, value)
            evidence[i] = hit.id

    def _remember(self, s: State, attrs: dict[str, Any]) -> None:
        s.attrs.update(attrs)
        if self.level is not None:
            s.level, s.admin = self.level.level_of(s.attrs)

    # --- machines ----------------------------------------------------------------------------------------------------

    def _run(self, s: State, now: int, today: int, cause: dict[str, Any], out: Out) -> None:
        before, moved = s.signals, len(out.changes)
        for machine in self.machines:
            if machine.number == 1 and self.signals:
                s.signals = self._holding(s, now, today)  # type: ignore[assignment]
            if machine.only_in and not machine.runs(s):
                if s.states[machine.number]:
                    self._move(s, machine, 0, None, now, today, cause, out)
                self._release(s, machine)
            else:
                self._settle(s, machine, now, today, cause, out)
        if len(self.machines) == 1 and self.signals:
            s.signals = self._holding(s, now, today)  # type: ignore[assignment]
        if self.alerts.rules and (len(out.changes) > moved or s.signals != before or self.alerts.waiting(s)):
            for alert, opening in self.alerts.update(s, now, today, out.entity, out.changes[moved:]):
                out.changes.append(Change("alert", alert.id, alert, opening))

    def _settle(
        self, s: State, machine: CompiledMachine, now: int, today: int, cause: dict[str, Any], out: Out
    ) -> None:
        """Let the first rule that holds win, until none does; no state is entered twice by one input."""
        m, entered = machine.number, 0
        while True:
            for rule in machine.leaving[s.states[m]]:
                if self._fires(s, rule, now, today) and not entered >> rule.to & 1:
                    entered |= 1 << rule.to
                    self._move(s, machine, rule.to, rule, now, today, cause, out)
                    break
            else:
                return

    def _fires(self, s: State, rule: CompiledRule, now: int, today: int) -> bool:
        holds = rule.holds(s, now, today)
        if not rule.hold:
            return bool(holds)
        if not holds:
            s.holds.pop(rule.key, None)
            return False
        return now - s.holds.setdefault(rule.key, now) >= rule.hold

    def _move(
        self, s: State, machine: CompiledMachine, to: int, rule: CompiledRule | None, now: int, today: int,
        cause: dict[str, Any], out: Out,
    ) -> None:  # fmt: skip
        evidence = rule.explained.evidence(s) if rule is not None else []
        if rule is not None and rule.explained.signals:
            evidence += [
                found for signal in self.signals if s.signals & signal.bit for found in signal.explained.evidence(s)
            ]
        if out.behind is not None:
            evidence.append(out.behind)
        self._enter(s, machine, to, rule, now, today, cause, list(dict.fromkeys(evidence)), out)
        self._release(s, machine)

    def _release(self, s: State, machine: CompiledMachine) -> None:
        """What held for a while in the state that was left holds no longer."""
        if s.holds:
            prefix = machine.name + "/"
            s.holds = {key: since for key, since in s.holds.items() if not key.startswith(prefix)}

    def _enter(
        self, s: State, machine: CompiledMachine, to: int | None, rule: CompiledRule | None, now: int, today: int,
        cause: dict[str, Any], evidence: list[str], out: Out, label: str | None = None,
    ) -> None:  # fmt: skip
        m = machine.number
        record = self.publisher.transition(s, machine, to, rule, now, today, cause, evidence, out.entity, label)
        out.changes.append(Change("transition", record.id, record))
        s.since[m] = now
        if to is not None:
            s.states[m] = to
            s.reached[m] |= 1 << to

    # --- what others are told ----------------------------------------------------------------------------------------

    def _tell(self, s: State, now: int, account: str | None, day: int | None, event: str | None, out: Out) -> None:
        """Tell a user's accounts its status where it changed, and one of them a new day of activity."""
        if account is None and day is not None:
            account = s.home
        if not s.accounts and account is None:
            return
        risk = self._risk
        status = [s.states[0], s.reached[0], None if risk is None else s.states[risk], s.level, s.admin]
        told_all = status == s.told
        s.told = status
        for name in list(s.accounts) if not told_all else ():
            if name != account:
                self._say(s, now, name, None, event, out)
        if account is None:
            return
        known = s.accounts.get(account)
        fresh_day = day if day is not None and (known is None or day > known) else None
        if known is None or fresh_day is not None or not told_all:
            s.accounts[account] = fresh_day if fresh_day is not None else -1 if known is None else known
            self._say(s, now, account, fresh_day, event, out)

    def _say(self, s: State, now: int, account: str, day: int | None, event: str | None, out: Out) -> None:
        record = self.publisher.fact(s, now, account, day, event, out.entity, self._risk)
        out.changes.append(Change("fact", record.id, record))

    # --- time --------------------------------------------------------------------------------------------------------

    def _deadline(self, s: State, now: int, today: int) -> int:
        if s.ended >= 0:
            return NEVER
        soonest = self._flips(s, now, today) if self.signals else NEVER
        for machine in self.machines:
            ask = machine.soonest[s.states[machine.number]]
            if ask is not None and (not machine.only_in or machine.runs(s)):
                found = ask(s, now, today)
                if found < soonest:
                    soonest = found
        if self.alerts.rules and self.alerts.waiting(s):
            soonest = min(soonest, self.alerts.next(s, now))
        if self._is_account and now - s.touched < AWAKE:
            soonest = min(soonest, self.calendar.start(today + 1))
        if self._forget is not None:
            soonest = min(soonest, max(self._forgotten_at(s), now + 1))
        return soonest

    def _forgotten_at(self, s: State) -> int:
        forget = self._forget
        if forget is None or self.machines[0].states[s.states[0]] != forget.stage:
            return NEVER
        return max(s.last, s.begun) + forget.idle

    def _end(self, s: State, now: int, cause: dict[str, Any], out: Out) -> None:
        """The entity never went anywhere: it leaves every machine and is no more."""
        today, moved = self.calendar.day(now), len(out.changes)
        evidence = [s.last_id] if s.last_id else []
        for machine in self.machines:
            self._enter(s, machine, None, None, now, today, cause, evidence, out, label="forgotten")
        for alert, opening in self.alerts.end(s, now, today, out.entity, out.changes[moved:]):
            out.changes.append(Change("alert", alert.id, alert, opening))
        s.ended, s.deadline = now, NEVER


def _counted_since(cell: Any, flag: Any, value: float) -> Any:
    """A count since a flag was last set: [how often it was set by then, amount], begun again whenever it is set anew."""
    times = flag[2] if flag is not None else 0
    if not times:
        return cell
    return [times, added(cell[1] if cell is not None and cell[0] == times else 0, value)]


__all__ = ["Change", "CompiledSignal", "Fact", "Fold", "Members", "Out"]
