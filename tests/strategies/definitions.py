"""Random valid definitions, small and lively: written as YAML and parsed, as if a person had written them.

Counts are 1-3, windows 1-14 days, silences 1-10 days: with events some days apart, timers, transitions and
resurrections are common. Events are called `EVENTS`; `properties.x` is one of `WORDS`, `properties.n` a small number.
"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from schemas.definition.model import Definition
from schemas.definition.parse import parse

EVENTS = ("Alpha", "Beta", "Gamma", "Delta")
"""The names that events of a history should have."""

WORDS = ("red", "green", "blue", "grey")
"""Values for `properties.x`."""

_SELECTIONS = """\
events:
  every: {type: track}
  alpha: {name: Alpha}
  beta:  {name: Beta}
  other: {name: [Gamma, Delta]}
  big:   {name: [Alpha, Beta], where: {properties.n: ">= 2"}}
  red:   {where: {properties.x: red}}
"""
_CHOICES = ("every", "alpha", "beta", "other", "big", "red")

_days = st.integers(1, 10).map(lambda n: f"{n}d")
_windows = st.sampled_from([1, 2, 3, 5, 7, 14]).map(lambda n: f"{n}d")
_counts = st.integers(1, 3)
_selection = st.sampled_from(_CHOICES)


@st.composite
def measures(draw: st.DrawFn) -> dict[str, tuple[str, str]]:
    """{name: (kind, YAML)}: at least one count and one first, then up to four of any kind."""
    kinds = ["count", "first", *draw(st.lists(st.sampled_from(_KINDS), min_size=0, max_size=4))]
    return {f"m{n}": (kind, draw(_measure(kind))) for n, kind in enumerate(kinds)}


_KINDS = (
    "count",
    "ever",
    "sum",
    "distinct",
    "active_days",
    "active_weeks",
    "flag",
    "latest",
    "recent",
    "since",
    "churn",
)


@st.composite
def _measure(draw: st.DrawFn, kind: str) -> str:
    of, within = draw(_selection), draw(_windows)
    match kind:
        case "first":
            return f"{{first: {of}}}"
        case "count":
            return f"{{count: {of}, within: {within}}}"
        case "ever":
            return f"{{count: {of}}}"
        case "sum":
            return f"{{sum: properties.n, of: {of}, within: {within}}}"
        case "distinct":
            return f"{{distinct: properties.x, of: {of}, within: {within}, cap: {draw(st.integers(1, 4))}}}"
        case "active_days":
            return f"{{active_days: {of}, within: {within}}}"
        case "active_weeks":
            return f"{{active_weeks: {of}, within: {draw(st.sampled_from([7, 14, 21]))}d}}"
        case "latest":
            return f"{{latest: properties.n, of: {of}}}"
        case "recent":
            return f"{{latest: properties.n, of: {of}, within: {within}}}"
        case "since":
            return f"{{count: {of}, since: flagged}}"
        case "churn":
            after = draw(st.sampled_from(["", ", after: 2"]))
            return f"{{churn: {of}, horizon: {within}{after}, coefficients: {{intercept: 0.5, 3d: -1.5, 10d: -0.5}}}}"
    sets = draw(st.lists(_selection, min_size=1, max_size=2, unique=True))
    clear = [name for name in draw(st.lists(_selection, max_size=2, unique=True)) if name not in sets]
    cleared = ", clear: [" + ", ".join(clear) + "]" if clear else ""
    return "{flag: {set: [" + ", ".join(sets) + "]" + cleared + "}}"


@st.composite
def guards(draw: st.DrawFn, names: dict[str, tuple[str, str]], more: tuple[str, ...], depth: int = 2) -> str:
    """A condition over these measures. `more`: conditions that only this place knows, such as `reached(s2)`."""
    shape = draw(st.sampled_from(["atom"] * 4 + ["and", "or", "not"])) if depth else "atom"
    if shape == "atom":
        return draw(_atoms(names, more))
    if shape == "not":
        return f"not ({draw(guards(names, more, depth - 1))})"
    parts = [draw(guards(names, more, depth - 1)) for _ in range(2)]
    return "(" + f" {shape} ".join(parts) + ")"


@st.composite
def _atoms(draw: st.DrawFn, names: dict[str, tuple[str, str]], more: tuple[str, ...]) -> str:
    if draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from([f"idle >= {draw(_days)}", f"idle < {draw(_days)}", *more]))
    name = draw(st.sampled_from(sorted(names)))
    kind = names[name][0]
    if kind == "flag":
        return draw(st.sampled_from([name, f"not {name}", f"{name} and age({name}) >= {draw(_days)}"]))
    if kind == "first":
        return draw(
            st.sampled_from([f"known({name})", f"age({name}) >= {draw(_days)}", f"age({name}) < {draw(_days)}"])
        )
    if kind == "churn":
        risk = draw(st.sampled_from(["0.3", "0.5", "0.7", "0.9"]))
        return draw(st.sampled_from([f"{name} >= {risk}", f"{name} > {risk}", f"{name} < {risk}", f"{risk} <= {name}"]))
    n, other = draw(_counts), draw(st.sampled_from([m for m, (k, _) in names.items() if k not in ("flag", "first")]))
    return draw(
        st.sampled_from([
            f"{name} >= {n}", f"{name} >= {n}", f"{name} < {n}", f"{name} == {n}", f"{name} == 0",
            f"1 <= {name} <= {n}", f"{name} + {other} >= {n + 1}", f"{name} / {other} >= 0.5",
            f"min({name}, {other}) >= 1", f"known({name})",
        ])
    )  # fmt: skip


@st.composite
def definition_texts(draw: st.DrawFn) -> str:
    """The YAML of one definition."""
    states = [f"s{n}" for n in range(draw(st.integers(2, 4)))]
    names = draw(measures())
    if any(kind == "since" for kind, _ in names.values()):
        names["flagged"] = ("flag", "{flag: {set: alpha, clear: beta}}")
    signals = draw(_signals(names, states))
    lines = [
        "language: 1", "definition: random", "version: 1",
        f"clock: {{timezone: {draw(st.sampled_from(['UTC', 'UTC', 'UTC', 'Europe/Berlin']))}, grace: 1h, wall: off}}",
        _SELECTIONS.rstrip(), "user:", f"  activity: {draw(st.sampled_from(['every', 'every', 'alpha']))}",
    ]  # fmt: skip
    if draw(st.integers(0, 4)) == 0:
        lines.append(f"  forget: {{stage: s0, idle: {draw(st.integers(5, 20))}d}}")
    lines += ["  measures:", *(f"    {name}: {body}" for name, (_, body) in names.items())]
    lines += ["  stage:", f"    states: [{', '.join(states)}]", "    transitions:", *draw(_stage_rules(names, states))]
    lines += ["  signals:" if signals else "", *(f'    {name}: "{when}"' for name, when in signals.items())]
    if draw(st.booleans()):
        lines += draw(_risk(names, states, tuple(signals)))
    return "\n".join(line for line in lines if line) + "\n"


@st.composite
def _stage_rules(draw: st.DrawFn, names: dict[str, tuple[str, str]], states: list[str]) -> list[str]:
    """Forward step by step; usually a way out by silence and a way back by activity; sometimes any other step."""
    more = (f"in_state >= {draw(_days)}", f"in_state < {draw(_days)}", *(f"reached({state})" for state in states[1:]))
    last, found = states[-1], []
    lively = draw(st.integers(0, 3)) > 0
    steps = list(pairwise(states))[: len(states) - 2 if lively and len(states) > 2 else None]
    for a, b in steps:
        found.append((a, b, draw(st.one_of(_easy(names), guards(names, more)))))
    if lively:
        sources = states[1:-1] or states[:1]
        found.append((f"[{', '.join(sources)}]", last, f"idle >= {draw(_days)}"))
        found.append((last, draw(st.sampled_from(states[:-1])), "idle < 1d"))
    for _ in range(draw(st.integers(0, 2))):
        a, b = draw(st.permutations(states))[:2]
        found.append((a, b, draw(guards(names, more))))
    return [_rule(f"r{n}", *step, draw(_holds())) for n, step in enumerate(found)]


def _easy(names: dict[str, tuple[str, str]]) -> st.SearchStrategy[str]:
    """A guard that a few events make true."""
    counted = [name for name, (kind, _) in names.items() if kind in ("count", "ever", "active_days", "distinct")]
    return st.builds(lambda name, n: f"{name} >= {n}", st.sampled_from(counted), _counts)


def _holds() -> st.SearchStrategy[str]:
    return st.sampled_from(["", "", "", "", "1d", "36h"])


def _rule(name: str, source: str, to: str, when: str, hold: str) -> str:
    held = f", hold: {hold}" if hold else ""
    return f'      - {{name: {name}, from: {source}, to: {to}, when: "{when}"{held}}}'


@st.composite
def _signals(draw: st.DrawFn, names: dict[str, tuple[str, str]], states: list[str]) -> dict[str, str]:
    more = (f"stage == {states[-1]}", f"stage != {states[0]}", f"age(stage) >= {draw(_days)}", f"reached({states[-1]})")
    return {f"g{n}": draw(guards(names, more, 1)) for n in range(draw(st.integers(0, 3)))}


@st.composite
def _risk(draw: st.DrawFn, names: dict[str, tuple[str, str]], states: list[str], signals: tuple[str, ...]) -> list[str]:
    more = [f"in_state >= {draw(_days)}", f"stage in [{states[-1]}, {states[0]}]", "reached(watch)"]
    more += ["count(signals) >= 1", "count(signals) == 0", *signals] if signals else []
    allowed = draw(st.lists(st.sampled_from(states), min_size=1, unique=True))
    watch = f"idle >= {draw(_days)}" if draw(st.booleans()) else draw(guards(names, tuple(more)))
    silent = f"idle >= {draw(_days)} and ({draw(guards(names, tuple(more), 1))})"
    back = draw(st.one_of(st.just("idle < 1d"), guards(names, tuple(more), 1)))
    rules = [
        _rule("quiet", "healthy", "watch", watch, draw(_holds())),
        _rule("silent", "[healthy, watch]", "at_risk", silent, ""),
        _rule("back", "[watch, at_risk]", "healthy", back, draw(_holds())),
    ]
    only_in = f"    only_in: {{stage: [{', '.join(allowed)}]}}" if draw(st.booleans()) else ""
    return ["  risk:", only_in, "    states: [healthy, watch, at_risk]", "    transitions:", *rules]


def definitions() -> st.SearchStrategy[Definition]:
    """Random valid definitions; `.text` is the YAML, to print when a test fails."""
    return definition_texts().map(parse)
