"""The validated journey definition as values: what the parser returns and the core runs. Durations are in ms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.definition.expression import Compare, Guard, Number, Span

Kind = Literal["user", "account"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One `where` test on an event: the value at a path, `==` one, `in` several, or compared. Unknown never matches."""

    path: tuple[str, ...]
    op: Literal["==", "!=", ">=", ">", "<=", "<", "in"]
    value: Any


@dataclass(frozen=True, slots=True)
class Selection:
    """A named choice of events: every part given must match, any one of a list's values."""

    name: str
    names: tuple[str, ...] = ()  # event names; empty = any
    types: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Levels:
    """How a user's level is read from traits. `patterns` in order: (level, glob patterns), first match wins."""

    trait: str
    patterns: tuple[tuple[str, tuple[str, ...]], ...]
    admin_trait: str | None = None
    admin_values: tuple[str, ...] = ()
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class MemberFilter:
    """Which members of an account a `members` measure counts. Empty tuples mean any."""

    stage: tuple[str, ...] = ()  # current state of the member's stage machine
    risk: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    admin: bool | None = None
    reached: tuple[str, ...] = ()  # the member's stage machine has ever been in one of these
    active_within: int | None = None  # whole days of the definition's time zone, in ms


@dataclass(frozen=True, slots=True)
class ScorePart:
    """One part of a score: value scaled linearly from `low` (0) to `high` (1), clamped; unknown parts leave the sum."""

    name: str
    weight: float
    value: Number
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ScoreCap:
    """While `when` holds the score is at most `at`."""

    when: Guard
    at: float


@dataclass(frozen=True, slots=True)
class Churn:
    """How a churn probability is made of active days: 1 / (1 + exp(-(intercept + sum of weight * ln(a + 0.1)))).

    For each (decay, weight) of `terms`, a is the number of active days, each counted exp(-days ago / decay). No weight is
    above 0, so the probability only rises while nothing happens. `fitted` says what the numbers rest on; it changes nothing.
    """

    horizon: int  # ms of silence that is called churn: what the probability is of
    intercept: float
    terms: tuple[tuple[float, float], ...]  # decay in days
    after: int = 1  # active days before which it is unknown
    fitted: tuple[tuple[str, float | str], ...] = ()


MeasureKind = Literal[
    "first", "count", "sum", "distinct", "latest", "active_days", "active_weeks", "flag", "members", "score", "churn"
]


@dataclass(frozen=True, slots=True)
class Measure:
    """One incremental quantity of an entity.

    first        time (ms) of the first event of `of`
    count        events of `of` within `within` (None = ever), or since flag `since` was last set
    sum          the same, summing the number at `path`
    distinct     number of different values at `path` over events of `of` within `within`, at most `cap`
    latest       value at `path` of the newest event of `of` that has one, unknown when older than `within`
    active_days  days with at least one event of `of` among the last `within`
    active_weeks 7-day blocks, counted back from today, with at least one event of `of`, among the last `within`
    flag         true from an event of `of` (set) to one of `clear`; false before; remembers since when
    members      members of the account that `members` selects
    score        0-100, weighted parts and caps
    churn        probability, 0-1, that no event of `of` (None: of any member) follows within a horizon
    """

    name: str
    kind: MeasureKind
    of: str | None = None  # a selection's name (for a flag: what sets it)
    clear: tuple[str, ...] = ()  # flag only: selections that clear it (`of` may also be several: see sets)
    sets: tuple[str, ...] = ()  # flag only: selections that set it
    within: int | None = None
    since: str | None = None  # a flag measure of the same entity
    path: tuple[str, ...] = ()  # into the event: ("properties", "seats")
    cap: int = 64
    as_time: bool = False  # latest: the value is a time (epoch seconds, ms or RFC 3339); kept as ms
    unit: str | None = None
    fallback: str | None = None  # `else`: another measure's name, used where this one is unknown
    members: MemberFilter | None = None
    parts: tuple[ScorePart, ...] = ()
    caps: tuple[ScoreCap, ...] = ()
    churn: Churn | None = None
    publish: bool = False
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One transition of a machine: fires when `when` has held for `hold`."""

    name: str
    from_states: tuple[str, ...]
    to: str
    when: Guard
    hold: int = 0
    label: str | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """One state machine; the first state is the initial one. Outside `only_in` it returns there silently (no alert)."""

    name: str
    states: tuple[str, ...]
    rules: tuple[Rule, ...]
    only_in: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (earlier machine, its states)
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """A named reason a person can read; true or not, never a state of its own."""

    name: str
    when: Guard
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop an entity that is in `stage` and idle for `idle`: it never went anywhere."""

    stage: str
    idle: int


@dataclass(frozen=True, slots=True)
class EntityDefinition:
    """The journey of one kind of entity. Machines in file order; signals run after the machine named `stage`."""

    kind: Kind
    activity: str  # a selection's name, or "members" (accounts: a member's activity)
    measures: tuple[Measure, ...]
    machines: tuple[Machine, ...]
    signals: tuple[Signal, ...] = ()
    forget: Forget | None = None
    carry: tuple[str, ...] = ()  # a measure's name or a trait's
    from_domain: tuple[str, ...] | None = None  # accounts: selections looked for at the domain of who did it, too


@dataclass(frozen=True, slots=True)
class AlertRule:
    """Opens when `machine` of `kind` enters `enters` (or that signal begins to hold); resolves when it is left."""

    name: str
    kind: Kind
    machine: str  # a machine's name, or "signals"
    enters: str
    severity: Literal["info", "low", "medium", "high", "critical"]
    cooldown: int = 0
    act_within: int | None = None
    title: str = ""
    do: str = ""
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Migrate:
    """Which earlier definitions' states this one takes over, and what becomes of what it has no more.

    versions  labels of earlier versions of the same definition
    digests   digests of earlier definitions, or their first digits
    states    (`user.stage.old`, the state of that machine now)
    measures  (`user.old`, its name now)
    drop      machines that are gone: `user.mood`
    """

    versions: tuple[int, ...]
    digests: tuple[str, ...] = ()
    states: tuple[tuple[str, str], ...] = ()
    measures: tuple[tuple[str, str], ...] = ()
    drop: tuple[str, ...] = ()
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """How time is read."""

    timezone: str = "UTC"
    grace: int = 3_600_000
    max_future: int = 600_000
    disorder: int = 2_000  # how long an account waits for inputs that are a little late
    live_within: int = 3_600_000  # an origin is live while its newest record arrived within this of its event time
    max_skew: int = 86_400_000
    wall: bool = True


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole journey definition, valid. `digest` is its identity, `version` its label."""

    name: str
    version: int
    digest: str  # hex SHA-256 of the normalised definition
    clock: Clock
    params: dict[str, float]
    selections: dict[str, Selection]
    exclude: tuple[str, ...]  # selections whose events are dropped and counted (staff, bots, tests)
    levels: Levels | None
    user: EntityDefinition
    account: EntityDefinition | None
    alerts: tuple[AlertRule, ...]
    migrate: Migrate | None = None
    text: str = field(default="", compare=False, repr=False)


__all__ = [
    "AlertRule", "Churn", "Clock", "Compare", "Condition", "Definition", "EntityDefinition", "Forget", "Guard", "Kind", "Levels",
    "Machine", "Measure", "MemberFilter", "Migrate", "Rule", "ScoreCap", "ScorePart", "Selection", "Signal",
]  # fmt: skip
