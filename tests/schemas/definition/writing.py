"""Small definitions for tests: a base that is valid, and ways to put one thing into it and find where it went wrong."""

from __future__ import annotations

from schemas.definition.errors import DefinitionErrors, Problem
from schemas.definition.model import Definition
from schemas.definition.parse import parse

MARK = "¦"
"""Stands in a text right before the character that a problem should point at; taken out before the text is parsed."""

BASE = """\
language: 1
definition: base
version: 1
params:
  quiet: 14d
  few: 3
events:
  core: {name: Report Created}
  active: {type: track, actor: user}
  bought: {name: Deal Won}
  ended: {name: Subscription Ended}
user:
  activity: active
  measures:
    core_7: {count: core, within: 7d}
    weeks: {active_weeks: active, within: 28d}
    first_seen: {first: active}
    contract: {flag: {set: bought, clear: ended}}
    nps: {latest: properties.score, of: core}
    plan: {latest: properties.plan, of: bought, as: text}
    renews: {latest: properties.renews_at, of: bought, as: time}
  stage:
    states: [awareness, activation, churn]
    transitions:
      - {name: up, from: awareness, to: activation, when: "core_7 >= 1"}
      - {name: down, from: activation, to: churn, when: "idle >= 60d"}
      - {name: back, from: churn, to: activation, when: "idle < 1d"}
  signals:
    silent: idle >= quiet
    thin: core_7 < 2
  risk:
    states: [healthy, at_risk]
    transitions:
      - {name: quiet, from: healthy, to: at_risk, when: "count(signals) >= 2"}
      - {name: back, from: at_risk, to: healthy, when: "count(signals) == 0", hold: 1d}
"""

EVERY_LINE = {
    "params": "  few: 3\n",
    "events": "  ended: {name: Subscription Ended}\n",
    "measures": "    renews: {latest: properties.renews_at, of: bought, as: time}\n",
    "stage": '      - {name: back, from: churn, to: activation, when: "idle < 1d"}\n',
    "signals": "    thin: core_7 < 2\n",
    "risk": '      - {name: back, from: at_risk, to: healthy, when: "count(signals) == 0", hold: 1d}\n',
}
"""The last line of each section of BASE."""


def with_line(section: str, line: str) -> str:
    """BASE with a line more at the end of a section, or at the end of the file where the section is `end`."""
    if section == "end":
        return BASE + line + "\n"
    last = EVERY_LINE[section]
    assert BASE.count(last) == 1, f"{last!r} marks the end of {section}"
    return BASE.replace(last, last + line + "\n")


def with_guard(condition: str, machine: str = "risk") -> str:
    """BASE with a transition more, whose `when` is this text in double quotes."""
    states = {"stage": ("awareness", "churn"), "risk": ("healthy", "at_risk")}[machine]
    return with_line(machine, f'      - {{name: probe, from: {states[0]}, to: {states[1]}, when: "{condition}"}}')


def problems(text: str) -> list[Problem]:
    """All that is wrong with a text; empty for a valid one."""
    try:
        parse(text.replace(MARK, ""))
    except DefinitionErrors as errors:
        return errors.problems
    return []


def marked(text: str) -> tuple[int, int]:
    """Line and column of the mark."""
    index = text.index(MARK)
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def probe(condition: str, machine: str = "risk") -> object:
    """The guard that a condition is parsed to."""
    definition: Definition = parse(with_guard(condition, machine))
    found = next(m for m in definition.user.machines if m.name == machine)
    return next(rule.when for rule in found.rules if rule.name == "probe")
