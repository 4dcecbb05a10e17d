"""Hypothesis strategies for whole companies: a random definition with accounts and alerts, and a history as it arrives.

A history comes in turns: some events, some of them late within the grace period or sent twice, and how far time has
come. Days between events are often exact, a millisecond more or less, so that they meet the deadlines of timers.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from schemas.definition.model import Definition
from schemas.definition.parse import parse
from schemas.event import Event, EventType
from schemas.time import rfc3339
from streams.journey.identity import Message
from tests.strategies.definitions import EVENTS, WORDS, definition_texts

HOUR = 3_600_000
DAY = 24 * HOUR
START = 19_805 * DAY + 9 * HOUR
"""2024-03-23 09:00 UTC: Berlin's clocks go forward eight days later, in the midst of most histories."""

TITLES = ("CEO", "Head of Sales", "Clerk", "")
GRACES = {"1h": HOUR, "12h": 12 * HOUR, "3d": 3 * DAY}


@dataclass(frozen=True)
class Turn:
    """What arrives together. `until`: the watermark then, ms. `reload`: entities go to bytes and back before it.

    `requests`: (kind, request to erase); they come after the events.
    """

    events: tuple[Event, ...]
    until: int
    reload: bool
    requests: tuple[tuple[str, Message], ...] = ()


@dataclass(frozen=True)
class History:
    """Events as they arrive. `events`: each once, in event-time order; `until`: where time ends."""

    events: tuple[Event, ...]
    turns: tuple[Turn, ...]
    until: int


# --- definitions -----------------------------------------------------------------------------------------------------

_LEVELS = """\
levels:
  trait: title
  executive: ["C?O", "VP *"]
  manager: ["Head of *"]
  user: ["?*"]
  admin: {trait: role, is: [admin]}
"""

_days = st.integers(1, 10).map(lambda n: f"{n}d")


@st.composite
def company_texts(draw: st.DrawFn) -> str:
    """The YAML of a definition: always users; alerts; in two of three accounts, whose members count."""
    text = draw(definition_texts())
    grace = draw(st.sampled_from(sorted(GRACES)))
    text = text.replace("grace: 1h", f"grace: {grace}")
    alerts = draw(_user_alerts(text))
    if draw(st.integers(0, 2)):
        text = text.replace("user:\n", _LEVELS + "user:\n", 1)
        text += draw(_account("  risk:" in text))
        alerts += draw(_account_alerts())
    return text + ("alerts:\n" + "".join(alerts) if alerts else "")


def companies() -> st.SearchStrategy[Definition]:
    """Random valid definitions with accounts and alerts; `.text` is the YAML."""
    return company_texts().map(lambda text: parse(text))


@st.composite
def _user_alerts(draw: st.DrawFn, text: str) -> list[str]:
    cooldown = draw(st.sampled_from(["", ", cooldown: 2d", ", cooldown: 5d", ", cooldown: 9d"]))
    found = [f"  - {{name: stuck, user: stage, enters: s1, severity: low{cooldown}}}\n"]
    if "  risk:" in text:
        found.append(f"  - {{name: losing, user: risk, enters: at_risk, severity: high{cooldown}}}\n")
    if "  signals:" in text:
        found.append(f"  - {{name: sign, user: signals, enters: g0, severity: info{cooldown}}}\n")
    return draw(st.lists(st.sampled_from(found), min_size=1, unique=True))


@st.composite
def _account_alerts(draw: st.DrawFn) -> list[str]:
    cooldown = draw(st.sampled_from(["", ", cooldown: 3d"]))
    found = [
        f"  - {{name: quiet_account, account: signals, enters: quiet, severity: medium{cooldown}}}\n",
        f"  - {{name: account_at_risk, account: risk, enters: at_risk, severity: high{cooldown}, act_within: 2d}}\n",
    ]
    return draw(st.lists(st.sampled_from(found), min_size=1, unique=True))


@st.composite
def _account(draw: st.DrawFn, risk: bool) -> str:
    """An account: its own events, its members, and both together. Every measure is used by a guard."""
    n, m = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    member = draw(st.sampled_from(["stage: s1", "reached: s1", "stage: [s0, s1]", "level: executive", "admin: true"]))
    if risk and draw(st.booleans()):
        member = "risk: [watch, at_risk]"
    grown = draw(st.sampled_from([f"some >= {n}", f"recent >= {m}", f"some >= {n} and contract", "some / all >= 0.5"]))
    lost = draw(st.sampled_from([f"idle >= {draw(_days)}", "not contract", "recent == 0", "health < 50"]))
    hold = draw(st.sampled_from(["", "", ", hold: 2d"]))
    forget = f"\n  forget: {{stage: lead, idle: {draw(_days)}}}" if draw(st.integers(0, 3)) == 0 else ""
    return f"""\
account:
  activity: {draw(st.sampled_from(["members", "members", "alpha"]))}{forget}
  measures:
    all:      {{members: {{}}}}
    some:     {{members: {{{member}}}}}
    recent:   {{members: {{active_within: {draw(_days)}}}}}
    both:     {{members: {{{member}, active_within: {draw(_days)}}}}}
    contract: {{flag: {{set: {draw(st.sampled_from(["red", "alpha"]))}, clear: other}}}}
    grew:     {{count: every, since: contract}}
    due:      {{latest: properties.due, of: every, as: time}}
    plan:     {{latest: properties.n, of: alpha, else: all}}
    tickets:  {{count: beta, within: {draw(_days)}}}
    leaving:  {{churn: members, horizon: 7d, coefficients: {{intercept: 0.5, 4d: -1.2}}}}
    health:
      score:
        usage:   {{weight: 3, value: recent / plan, from: 0, to: 1}}
        support: {{weight: 1, value: tickets, from: 2, to: 0}}
      caps: [{{when: idle >= {draw(_days)}, at: 25}}]
  stage:
    states: [lead, customer, success, gone]
    transitions:
      - {{name: grows, from: lead, to: customer, when: "{grown}"}}
      - {{name: wins, from: customer, to: success, when: "grew >= {m} or both >= {n}"{hold}}}
      - {{name: loses, from: [customer, success], to: gone, when: "{lost}"}}
      - {{name: returns, from: gone, to: customer, when: "idle < 1d and {grown}", label: won_back}}
  signals:
    quiet: idle >= {draw(_days)}
    fading: both == 0 and some >= 1
    renewing: 0d <= until(due) <= {draw(_days)}
    overdue: contract and age(contract) >= {draw(_days)}
    likely: leaving >= 0.8
  risk:
    only_in: {{stage: [customer, success]}}
    states: [healthy, at_risk]
    transitions:
      - {{name: worry, from: healthy, to: at_risk, when: count(signals) >= {n}}}
      - {{name: calm, from: at_risk, to: healthy, when: count(signals) == 0{hold}}}
"""


# --- histories -------------------------------------------------------------------------------------------------------

_gaps = st.one_of(
    st.sampled_from([0, 0, 1, 5_000, HOUR, 5 * HOUR, DAY - 1, DAY, DAY + 1, 36 * HOUR]),
    st.tuples(st.integers(1, 12), st.sampled_from([-1, 0, 0, 1, 7 * HOUR])).map(lambda g: g[0] * DAY + g[1]),
    st.integers(0, 3 * DAY),
)


@st.composite
def _events(draw: st.DrawFn, accounts: bool) -> list[Event]:
    """5 to 16 events of up to three people, in event-time order."""
    at, found = START, []
    people = draw(st.sampled_from([["u1"], ["u1"], ["u1", "u2"], ["u1", "u2", "u3"]]))
    for n in range(draw(st.integers(5, 16))):
        at += draw(_gaps)
        found.append(draw(_event(f"e{n:02}", at, people, accounts)))
    return found


_TYPES: list[EventType] = ["track", "track", "track", "track", "page"]


@st.composite
def _event(draw: st.DrawFn, key: str, at: int, people: list[str], accounts: bool) -> Event:
    properties: dict[str, object] = {}
    if draw(st.booleans()):
        properties["n"] = draw(st.sampled_from([1, 1, 2, 3, -2]))
    if draw(st.booleans()):
        properties["x"] = draw(st.sampled_from(WORDS))
    traits: dict[str, object] = {}
    account = None
    if accounts:
        account = draw(st.sampled_from([None, "a1", "a1", "a2"]))
        if draw(st.integers(0, 3)) == 0:
            properties["due"] = rfc3339(at + draw(st.integers(-2, 15)) * DAY)
        if draw(st.integers(0, 3)) == 0:
            traits = {"title": draw(st.sampled_from(TITLES)), "role": draw(st.sampled_from(["admin", "guest"]))}
    kind: EventType = draw(st.sampled_from(_TYPES))
    return Event(
        f"{draw(st.sampled_from('abc'))}{key}", draw(st.sampled_from(EVENTS)), kind, at, draw(st.sampled_from(people)),
        None, account, properties, traits,
    )  # fmt: skip


@st.composite
def histories(draw: st.DrawFn, definition: Definition) -> History:
    """Events for a definition, as they arrive: nothing beyond the grace period, whatever the watermark says."""
    events = draw(_events(definition.account is not None))
    grace = definition.clock.grace
    late = st.sampled_from([0, 0, 0, 0, 1, grace // 2, grace - 1, grace])
    arriving = [event for _, _, event in sorted((e.at + draw(late), n, e) for n, e in enumerate(events))]
    turns: list[Turn] = []
    until = seen = START - DAY
    while arriving:
        size = draw(st.integers(1, 4))
        now, arriving = arriving[:size], arriving[size:]
        again = [e for turn in turns for e in turn.events if e.at >= until - grace]
        seen = max(seen, *(e.at for e in now))
        doubled = draw(st.lists(st.sampled_from([*now, *again]), max_size=2)) if draw(st.booleans()) else []
        furthest = min((e.at for e in arriving), default=seen) + grace
        until = max(until, min(furthest, draw(st.sampled_from([seen, seen, seen - HOUR, furthest, seen + 5 * DAY]))))
        turns.append(Turn((*now, *doubled), until, draw(st.integers(0, 2)) == 0))
    end = max(until, seen) + draw(st.sampled_from([HOUR, 3 * DAY, 15 * DAY, 40 * DAY]))
    return History(tuple(events), (*turns, Turn((), end, draw(st.booleans()))), end)


def in_order(history: History) -> History:
    """The same events, all at once and in order: the plainest delivery there is."""
    return History(history.events, (Turn(history.events, history.until, False),), history.until)
