"""The fold: one entity's state moved by one input or one instant. Every rule of the definition is applied here and nowhere else.

Order within one input: timers due before it or at the same instant, then the measures, then the machines in file order
(signals after the first), each to a fixed point, then the alerts. What happened is returned as changes; a change's id is
a hash of its content, so the same history gives the same ids whoever folds it, whenever.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any, Final

from schemas.alert import Alert
from schemas.definition.model import Definition, EntityDefinition, Kind
from schemas.member import MemberFacts
from streams.delivery.contracts import NEVER
from streams.journey.alerts import Alerts
from streams.journey.calendar import DAY, Calendar
from streams.journey.changes import Change, Fact, Out
from streams.journey.guards import Guards
from streams.journey.identity import Merge, fact_as
from streams.journey.levels import Matcher
from streams.journey.machines import CompiledMachine, CompiledRule, CompiledSignal, compile_machines, compile_signals
from streams.journey.measures import added
from streams.journey.members import Members
from streams.journey.merge import absorb
from streams.journey.publish import Publisher
from streams.journey.rollup import GONE, Member, Rollups
from streams.journey.selections import Hit, Reader, Selections
from streams.journey.state import State
from streams.journey.terms import Terms
from streams.journey.touch import ALL, Touch

AWAKE: Final = 35 * DAY
"""An account that nothing was heard of for so long is not written down every day any more: a month's windows are empty."""


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
        touch = Touch(entity)
        self.machines = compile_machines(entity, self.guards, touch)
        self.signals = compile_signals(entity, self.guards)
        self._flips = self.guards.flips([signal.when for signal in entity.signals])
        self._flips_today = self.guards.today().flips([signal.when for signal in entity.signals])
        self._signals_touch = reduce(or_, (touch.flips(signal.when) for signal in entity.signals), 0)
        self._activity, self._of_signals, self._of_states = touch.activity, touch.signals, touch.states
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
                named = replace(machine, states=(*machine.states, was))
                self._enter(s, named, to, None, now, today, cause, [], out)
                s.since[m] = since  # under another name it is where it was
        self._run(s, now, today, ALL, cause, out)
        opened = self.alerts.update(s, now, today, out.entity, out.changes)  # of rules that are new
        for alert, opening in [*closed, *opened]:
            out.changes.append(Change("alert", alert, opening))
        if not self._is_account:
            self._tell(s, now, None, None, s.last_id, True, out)
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
        touched = self._measure(s, hit, day) if hit.bits else 0
        if hit.attrs:
            self._remember(s, hit.attrs)
        active = hit.bits & self._active
        if active and hit.at >= s.last:
            touched |= self._activity if s.last >= 0 else ALL
            s.last, s.last_id = hit.at, hit.id
        moved = self._run(s, hit.t, today, touched, {"event": hit.id}, out)
        if not self._is_account:
            self._tell(s, hit.t, hit.account, day if active else None, hit.id, moved or bool(hit.attrs), out)

    def take_fact(self, s: State, fact: Fact, members: Members, out: Out) -> None:
        """A member's facts, into an account. `fact.t` is not before `s.now`."""
        how = fact.how or {}
        gone = "gone" in how
        if gone and (s.begun < 0 or s.ended >= 0):
            return  # there is nobody whom it could leave
        self.until(s, fact.t, out)
        self._open(s, fact.t, {"member": fact.id}, fact.event, out)
        today = self.calendar.day(fact.t)
        old, new = members.get(fact.user), fact.member.living(s.begun)
        if old is not None and old.life != s.begun:
            old = None
        touched = 0
        if how and how.keys() != {"via"}:
            new = self._handed(s, how, old, new, members, today)
            touched = ALL
        elif new.day is not None and self._active == 0:
            touched = self._activity if s.last >= 0 else ALL
            s.last, s.last_id = max(s.last, fact.t), fact.event
        if old is not None and old.day is not None and (new.day is None or new.day < old.day):
            new = new.active(old.day)
        members.put(fact.user, GONE if gone else new)
        if fact.member.day is not None:
            touched |= self._be_active(s, fact.member.day, fact.t, fact.event)
        for k in self.terms.rollups.move(s.rollups, old, None if gone else new, today):
            for i in self._moved_by[k]:
                s.evidence[i] = fact.event
                touched |= 1 << i
        self._run(s, fact.t, today, touched, {"member": fact.id}, out)

    def _be_active(self, s: State, day: int, at: int, event: str | None) -> int:
        """Count a member's activity in where a measure of the account follows it; the measures whose values it changed."""
        touched = 0
        for i, gauge in self.terms.by_activity:
            found = gauge.hit(s.cells[i], day, at, 1)
            if found is not s.cells[i]:
                s.cells[i] = found
                touched |= 1 << i
            s.evidence[i] = event
        return touched

    def _handed(
        self, s: State, how: dict[str, str], old: Member | None, new: Member, members: Members, today: int
    ) -> Member:
        """What becomes of a member whose fact is no news of its own: it stands for another, or is handed over."""
        if "older" in how and old is not None:
            return old.active(_later(old.day, new.day))
        other = members.get(how["instead"]) if "instead" in how else None
        if other is not None and other.life == s.begun:
            members.put(how["instead"], GONE)
            self.terms.rollups.move(s.rollups, other, None, today)
            new = new.active(_later(new.day, other.day))
        return new

    def take_merge(self, s: State, merge: Merge, out: Out) -> None:
        """The state of an identifier that turned out to be this entity: the measures combine, the machines go on."""
        now, said = merge.t, merge.said
        event: str = said["event"]
        self.until(s, now, out)
        self._open(s, now, {"link": event}, event, out)
        today = self.calendar.day(now)
        absorb(self.terms, self.machines, s, said)
        if self.level is not None:
            s.level, s.admin = self.level.level_of(s.attrs)
        self._run(s, now, today, ALL, {"link": event}, out)
        if not self._is_account:
            self._tell(s, now, None, None, event, True, out)
            self._stand_in(s, now, said["accounts"], said["loser"], event, out)

    def _stand_in(self, s: State, now: int, accounts: dict[str, int], loser: str, event: str, out: Out) -> None:
        """Tell the accounts of a user that this one was that it takes that one's place, in one move."""
        for name, day in accounts.items():
            day = s.accounts[name] = max(day, s.accounts.get(name, -1))
            fact = self.publisher.fact(s, now, name, None if day < 0 else day, event, out.entity, self._risk)
            out.changes.append(Change("message", fact_as(MemberFacts.from_json(fact.to_json()), {"instead": loser})))
        if accounts:
            risk = None if self._risk is None else s.states[self._risk]
            s.told = [s.states[0], s.reached[0], risk, s.level, s.admin]

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
        moved = self._run(s, now, today, ALL, cause, out)
        if not self._is_account:
            self._tell(s, now, None, None, s.last_id, moved, out)
        elif now == self.calendar.start(today):
            out.days.append((now, self.publisher.standing(s, now, today)))

    def _open(
        self, s: State, now: int, cause: dict[str, Any], event: str | None, out: Out, account: str | None = None
    ) -> None:
        """The first input enters every machine's initial state; so does the first one after the entity was forgotten."""
        out.behind = event
        if s.ended >= 0:
            s.begin(len(s.cells), len(s.states), self.terms.rollups.fresh())
        if self._is_account and now - s.touched >= AWAKE:
            s.touch = ALL  # its mornings begin again
        s.touched = s.now = now
        if account is not None:
            s.home = account
        if s.begun < 0:
            s.begun = now
            for machine in self.machines:
                self._enter(s, machine, 0, None, now, self.calendar.day(now), cause, [event] if event else [], out)

    def _measure(self, s: State, hit: Hit, day: int) -> int:
        """Count an event in; the measures whose values it may have changed."""
        cells, evidence, values, at, touched = s.cells, s.evidence, hit.values, hit.at, 0
        for update in self.terms.updates(hit.bits):
            i, value, path, since = update.number, update.value, update.path, update.since
            if path is not None:
                value = values[path] if values is not None else None
                if value is None or (update.numeric and not isinstance(value, (int, float))):
                    continue
            cell = cells[i]
            found = (
                update.gauge.hit(cell, day, at, value) if since is None else _counted_since(cell, cells[since], value)
            )
            if found is not cell:
                cells[i] = found
                touched |= 1 << i
            evidence[i] = hit.id
        return touched

    def _remember(self, s: State, attrs: dict[str, Any]) -> None:
        s.attrs.update(attrs)
        if self.level is not None:
            s.level, s.admin = self.level.level_of(s.attrs)

    # --- machines ----------------------------------------------------------------------------------------------------

    def _run(self, s: State, now: int, today: int, touched: int, cause: dict[str, Any], out: Out) -> bool:
        """Let the machines move where one of these changes may make them; whether any did."""
        if s.touch == ALL:
            touched = ALL
        elif touched != ALL and not touched & s.touch:
            return False
        before, moved = s.signals, len(out.changes)
        s.touch = 0
        if touched == ALL:
            s.dues = [-1] * len(s.dues)
        for machine in self.machines:
            m = machine.number
            if m == 1 and self.signals and touched & self._signals_touch:
                touched |= self._signal(s, now, today)
            if machine.only_in and not machine.runs(s):
                if s.states[m]:
                    self._move(s, machine, 0, None, now, today, cause, out)
                    touched |= self._of_states
                self._release(s, machine)
            elif touched & machine.touch[s.states[m]]:
                s.dues[m] = -1
                if self._settle(s, machine, now, today, cause, out):
                    touched |= self._of_states
        if self.signals and touched & self._signals_touch:
            s.dues[-1] = -1
            if len(self.machines) == 1:
                self._signal(s, now, today)
        changed = len(out.changes) > moved
        if self.alerts.rules and (changed or s.signals != before or self.alerts.waiting(s)):
            for alert, opening in self.alerts.update(s, now, today, out.entity, out.changes[moved:]):
                out.changes.append(Change("alert", alert, opening))
        s.deadline = self._deadline(s, now, today)
        return changed

    def _signal(self, s: State, now: int, today: int) -> int:
        """Look at the signals anew; what their change touches."""
        before, holding = s.signals, 0
        for signal in self.signals:
            if signal.holds.of(s, now, today):
                holding |= signal.bit
        s.signals = holding
        return self._of_signals if holding != before else 0

    def _settle(
        self, s: State, machine: CompiledMachine, now: int, today: int, cause: dict[str, Any], out: Out
    ) -> bool:
        """Let the first rule that holds win, until none does; no state is entered twice by one input."""
        m, entered = machine.number, 0
        while True:
            for rule in machine.leaving[s.states[m]]:
                if self._fires(s, rule, now, today):
                    if entered >> rule.to & 1:
                        s.touch = ALL  # held back: the next input may find it
                        continue
                    entered |= 1 << rule.to
                    self._move(s, machine, rule.to, rule, now, today, cause, out)
                    break
            else:
                return entered != 0

    def _fires(self, s: State, rule: CompiledRule, now: int, today: int) -> bool:
        holds = rule.holds.of(s, now, today)
        if not rule.hold:
            return holds
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
        cause: dict[str, Any], evidence: list[str], out: Out, label: str | None = None, into: str | None = None,
    ) -> None:  # fmt: skip
        m = machine.number
        record = self.publisher.transition(s, machine, to, rule, now, today, cause, evidence, out.entity, label, into)
        out.changes.append(Change("transition", record))
        s.since[m] = now
        if to is not None:
            s.states[m] = to
            s.reached[m] |= 1 << to

    # --- what others are told ----------------------------------------------------------------------------------------

    def _tell(
        self, s: State, now: int, account: str | None, day: int | None, event: str | None, changed: bool, out: Out
    ) -> None:
        """Tell a user's accounts its status where it changed, and one of them a new day of activity.

        `changed`: the status may have.
        """
        if account is None and day is not None:
            account = s.home
        if not s.accounts and account is None:
            return
        if not changed and (account is None or (account in s.accounts and (day is None or day <= s.accounts[account]))):
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
        out.changes.append(Change("fact", record))

    # --- time --------------------------------------------------------------------------------------------------------

    def _deadline(self, s: State, now: int, today: int) -> int:
        """The next instant at which a guard may hold by itself; notes what else may make one hold.

        Of a machine whose guards nothing touched it is what it was: only activity can have moved it, and to a later one.
        """
        if s.ended >= 0:
            return NEVER
        awake = self._is_account and now - s.touched < AWAKE
        soonest, touch, dues = self.calendar.start(today + 1) if awake else NEVER, 0, s.dues
        if self.signals:
            touch = self._signals_touch
            if dues[-1] <= now:
                dues[-1] = (self._flips_today if awake else self._flips).of(s, now, today)
            soonest = min(soonest, dues[-1])
        for machine in self.machines:
            if not machine.only_in or machine.runs(s):
                m, state = machine.number, s.states[machine.number]
                touch |= machine.touch[state]
                if dues[m] <= now:
                    ask = machine.today[state] if awake else machine.soonest[state]
                    dues[m] = NEVER if ask is None else ask.of(s, now, today)
                soonest = min(soonest, dues[m])
        s.touch |= touch
        if self.alerts.rules and self.alerts.waiting(s):
            soonest = min(soonest, self.alerts.next(s, now))
        if self._forget is not None:
            soonest = min(soonest, max(self._forgotten_at(s), now + 1))
        return soonest

    def _forgotten_at(self, s: State) -> int:
        forget = self._forget
        if forget is None or self.machines[0].states[s.states[0]] != forget.stage:
            return NEVER
        return max(s.last, s.begun) + forget.idle

    def _end(
        self, s: State, now: int, cause: dict[str, Any], out: Out, label: str = "forgotten", into: str | None = None
    ) -> None:
        """The entity never went anywhere, or turned out to be another one: it leaves every machine and is no more."""
        today, moved = self.calendar.day(now), len(out.changes)
        evidence = [cause["link"]] if "link" in cause else [s.last_id] if s.last_id and "timer" in cause else []
        for machine in self.machines:
            self._enter(s, machine, None, None, now, today, cause, evidence, out, label, into)
        for alert, opening in self.alerts.end(s, now, today, out.entity, out.changes[moved:]):
            out.changes.append(Change("alert", alert, opening))
        s.ended, s.deadline = now, NEVER


def _later(a: int | None, b: int | None) -> int | None:
    return max((day for day in (a, b) if day is not None), default=None)


def _counted_since(cell: Any, flag: Any, value: Any) -> Any:
    """A count since a flag was last set: [how often it was set by then, amount], begun again whenever it is set anew."""
    times = flag[2] if flag is not None else 0
    if not times:
        return cell
    return [times, added(cell[1] if cell is not None and cell[0] == times else 0, value)]


__all__ = ["Change", "CompiledSignal", "Fact", "Fold", "Members", "Out"]
