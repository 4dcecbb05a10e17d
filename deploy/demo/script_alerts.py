"""From an account's promised path to the alerts that it must raise: one open at a time, none within its cool-down."""

from __future__ import annotations

from deploy.demo.script import DAY, UNTIL, Expected, Moment, ScriptError, both, exactly, expect
from deploy.demo.script_paths import Span, Trouble

COOLDOWN = {"account_at_risk": 7 * DAY, "expansion_ready": 28 * DAY, "champion_quiet": 28 * DAY}


def alert_path(name: str, inside: list[Span]) -> list[Expected]:
    """The life of one alert. `inside`: the spans in which there is reason for it, oldest first."""
    path: list[Expected] = []
    rested: Moment | None = None  # from when on it may open again
    for span in inside:
        ends = span.ends or exactly(UNTIL)
        opens = span.begins if rested is None else both(span.begins, rested)
        if opens.earliest > ends.latest or opens.earliest >= UNTIL:
            continue  # the reason is gone before the cool-down is over: nothing is ever said
        if opens.latest >= ends.earliest:
            raise ScriptError(f"whether {name} opens again before {ends} is left open")
        path.append(expect("alerts", "opened", name, opens))
        if ends.earliest < UNTIL:
            path.append(expect("alerts", "resolved", name, ends))
            rested = ends.later(COOLDOWN[name])
    return path


def spans_in(path: list[Expected], state: str) -> list[Span]:
    """The spans of a machine's path in which it is in a state."""
    moments = [(step.to, Moment(step.at_earliest, step.at_latest)) for step in path]
    ends = (moments[n + 1][1] if n + 1 < len(moments) else None for n in range(len(moments)))
    return [Span(when, end) for (to, when), end in zip(moments, ends, strict=True) if to == state]


def spans_of(signal: str, troubles: list[Trouble], customer: list[Span]) -> list[Span]:
    """The spans in which a signal holds while the account is a customer."""
    found = []
    for trouble in troubles:
        for scope in customer:
            begun = scope.begins.latest <= trouble.begins.earliest
            if trouble.signal == signal and begun and (scope.ends is None or scope.ends.after(trouble.begins)):
                found.append(Span(trouble.begins, trouble.ends))
    return sorted(found, key=lambda span: span.begins)
