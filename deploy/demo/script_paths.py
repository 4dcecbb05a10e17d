"""From what goes wrong in a story to the risk and expansion path that the business rules promise for it.

Written from the meaning of the rules in `saas.yaml`, for stories whose troubles have a beginning and an end that the
script knows. It sees no event and no measure: a second opinion on the engine, not a copy of it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from deploy.demo.script import DAY, UNTIL, Expected, Moment, ScriptError, both, exactly, expect

NOTICE = 90 * DAY
"""A trouble this close to the renewal is a risk, not something to watch."""

CALM = 3 * DAY
"""How long an account must be without trouble to be healthy again."""

STEADY = 7 * DAY
"""How long an account must be full before it is ready to expand."""


class Span(NamedTuple):
    """From one moment to another; `ends` None: to the end of the story."""

    begins: Moment
    ends: Moment | None


class Trouble(NamedTuple):
    """A signal that holds for a while. `grave`: it alone is a risk (a cancellation, a month of silence)."""

    signal: str
    begins: Moment
    ends: Moment | None
    grave: bool = False
    counts: bool = True  # a month of silence is grave, but the signal for silence began two weeks before


class Terms(NamedTuple):
    """A renewal date that is known from `since` on."""

    since: Moment
    renews_at: int


class _Point(NamedTuple):
    when: Moment
    order: int
    kind: Literal["ends", "terms", "opens", "begins", "notice", "closes"]
    trouble: Trouble | None = None
    renews_at: int | None = None


def risk_path(scopes: list[Span], troubles: list[Trouble], terms: list[Terms]) -> list[Expected]:
    """The risk machine's path. `scopes`: while the account is a customer."""
    sweep = _Sweep()
    for point in sorted(_points(scopes, troubles, terms), key=lambda p: (p.when.earliest, p.order)):
        if point.when.earliest >= UNTIL:
            break
        sweep.take(point)
    sweep.finish()
    return sweep.path


def _points(scopes: list[Span], troubles: list[Trouble], terms: list[Terms]) -> list[_Point]:
    points = []
    for scope in scopes:
        points.append(_Point(scope.begins, 2, "opens"))
        if scope.ends is not None:
            points.append(_Point(scope.ends, 5, "closes"))
    for trouble in troubles:
        points.append(_Point(trouble.begins, 3, "begins", trouble))
        if trouble.ends is not None:
            points.append(_Point(trouble.ends, 0, "ends", trouble))
    for term in terms:
        points.append(_Point(term.since, 1, "terms", renews_at=term.renews_at))
        notice = exactly(term.renews_at - NOTICE)
        if notice.after(term.since):
            points.append(_Point(notice, 4, "notice", renews_at=term.renews_at))
    return points


class _Sweep:
    """Walks through a story's turning points in order and notes how the risk machine must move."""

    def __init__(self) -> None:
        self.path: list[Expected] = []
        self._state = "healthy"
        self._open = False
        self._holding: list[Trouble] = []
        self._renews_at: int | None = None
        self._calm: Moment | None = None  # when the account is healthy again, if nothing comes in between

    def take(self, point: _Point) -> None:
        if point.kind not in ("terms", "notice") or self._calm is None or point.when.after(self._calm):
            self._become_healthy(point.when)
        match point.kind:
            case "opens":
                self._open = True
            case "closes":
                self._close(point.when)
            case "begins" if point.trouble is not None:
                self._holding.append(point.trouble)
            case "ends" if point.trouble is not None:
                self._holding.remove(point.trouble)
            case "terms" | "notice":
                if point.kind == "notice" and point.renews_at != self._renews_at:
                    return
                self._renews_at = point.renews_at
        if self._open:
            self._decide(point.when)

    def finish(self) -> None:
        if self._calm is not None and self._calm.latest < UNTIL:
            self._become_healthy(self._calm)
        elif self._calm is not None and self._calm.earliest < UNTIL:
            raise ScriptError("the story ends while an account is about to recover")

    def _become_healthy(self, now: Moment) -> None:
        calm = self._calm
        if calm is None or calm.earliest > now.latest:
            return
        if calm.latest > now.earliest and calm != now:
            raise ScriptError(f"recovery {calm} and the next turning point {now} are too close to tell apart")
        self._move("healthy", "clear", calm)
        self._calm = None

    def _decide(self, when: Moment) -> None:
        count = sum(trouble.counts for trouble in self._holding)
        if count == 0 and self._state != "healthy" and not any(t.grave for t in self._holding):
            self._calm = self._calm or when.later(CALM)
            return
        if count:
            self._calm = None
        if self._state == "at_risk":
            return
        if any(trouble.grave for trouble in self._holding):
            self._move("at_risk", "leaving", when)
        elif count >= 3:
            self._move("at_risk", "many", when)
        elif count and self._near_renewal(when):
            self._move("at_risk", "renewal", when)
        elif count and self._state == "healthy":
            self._move("watch", "first", when)

    def _near_renewal(self, when: Moment) -> bool:
        if self._renews_at is None:
            return False
        near = {0 <= self._renews_at - instant <= NOTICE for instant in when}
        if len(near) > 1:
            raise ScriptError("a trouble begins on the very day that the notice period begins")
        return near.pop()

    def _close(self, when: Moment) -> None:
        if self._state != "healthy":
            self._move("healthy", None, when)
        self._open, self._calm = False, None

    def _move(self, to: str, name: str | None, when: Moment) -> None:
        self._state = to
        self.path.append(expect("risk", to, name, when))


class Full(NamedTuple):
    """While an account would be ready to expand if it were healthy; `ends`: it bought seats."""

    begins: Moment
    ends: Moment | None


def expansion_path(
    scopes: list[Span], risk: list[Expected], full: list[Full], blocked: list[Full], capped: list[Span]
) -> list[Expected]:
    """The expansion machine's path. `scopes`: from adoption to churn; `blocked`: while locked features are wanted;
    `capped`: while an unpaid invoice keeps the health score down, so that nothing new gets ready."""
    path: list[Expected] = []
    for calm in _healthy(scopes, risk):
        for fullness in full:
            path += _ready(calm, fullness, capped)
        for wanted in blocked:
            path += _ready_at_once(calm, wanted)
    return sorted(path, key=lambda e: e.at_earliest)


def _healthy(scopes: list[Span], risk: list[Expected]) -> list[Span]:
    """The spans, within the scopes, in which the account is healthy."""
    found = []
    for scope in scopes:
        begins: Moment | None = scope.begins
        for step in risk:
            when = Moment(step.at_earliest, step.at_latest)
            if scope.ends is not None and when.after(scope.ends):
                break
            if step.to == "healthy":
                begins = both(scope.begins, when)
            elif begins is not None:
                if when.after(begins):
                    found.append(Span(begins, when))
                begins = None
        if begins is not None:
            found.append(Span(begins, scope.ends))
    return found


def _ready(calm: Span, full: Full, capped: list[Span]) -> list[Expected]:
    begins = both(calm.begins, full.begins)
    for cap in capped:
        if cap.ends is not None and cap.begins.earliest < begins.latest + STEADY and cap.ends.latest > begins.earliest:
            begins = both(begins, cap.ends)
    ends, name = _first_end(calm.ends, full.ends)
    ready = begins.later(STEADY)
    if ready.earliest >= ends.latest:
        return []
    if ready.latest >= ends.earliest:
        raise ScriptError(f"whether an account gets ready before {ends} is left open")
    return _enter_and_leave(ready, "full", ends, name)


def _ready_at_once(calm: Span, wanted: Full) -> list[Expected]:
    begins = both(calm.begins, wanted.begins)
    ends, name = _first_end(calm.ends, wanted.ends)
    return [] if begins.latest >= ends.earliest else _enter_and_leave(begins, "blocked", ends, name)


def _first_end(calm: Moment | None, other: Moment | None) -> tuple[Moment, str | None]:
    """Which end comes first: trouble (the machine is out of its scope, no rule) or what made the account ready is gone."""
    never = exactly(UNTIL)
    return (calm or never, None) if (calm or never) <= (other or never) else (other or never, "cooled")


def _enter_and_leave(begins: Moment, name: str, ends: Moment, why: str | None) -> list[Expected]:
    path = [expect("expansion", "ready", name, begins)]
    if ends.earliest < UNTIL:
        path.append(expect("expansion", "none", why, ends))
    return path
