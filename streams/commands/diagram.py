"""`journeys diagram`: a definition's machines as Mermaid state diagrams, with the rules behind the arrows. Generated, so never wrong."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.definition import words
from schemas.definition.model import AlertRule, Definition, EntityDefinition, Machine

KEYWORDS = frozenset({
    "as", "class", "classdef", "default", "direction", "end", "fork", "join", "choice", "note", "state", "style", "hide", "scale",
})  # fmt: skip
"""Words that Mermaid takes for its own at the beginning of a line; a state called so is drawn under another id."""


def page(definition: Definition, name: str) -> str:
    """A whole definition as a page of Markdown. `name` is what `journeys diagram` was asked for."""
    entities = [definition.user, *([definition.account] if definition.account is not None else [])]
    lines = [
        f"# The journeys of `{definition.name}`",
        "",
        f"Written by `journeys diagram {name}` from version {definition.version}; change the definition, not this page.",
    ]
    for entity in entities:
        lines += ["", f"## {entity.kind.capitalize()}s", *_entity(entity)]
    if definition.alerts:
        lines += ["", "## Alerts", "", *_alerts(definition.alerts)]
    return "\n".join(lines) + "\n"


def _entity(entity: EntityDefinition) -> Iterator[str]:
    for machine in entity.machines:
        yield from ("", f"### `{machine.name}`", "")
        if machine.only_in:
            where = " and ".join(f"`{name}` is {' or '.join(states)}" for name, states in machine.only_in)
            yield from (f"Only while {where}; elsewhere it is back in {machine.states[0]}.", "")
        yield from ("```mermaid", *mermaid(machine), "```", "")
        yield from _rules(machine)
        if machine is entity.machines[0] and entity.signals:
            yield from ("", "### Signals", "", "| signal | holds while |", "|---|---|")
            yield from (f"| {signal.name} | {_code(words.condition(signal.when))} |" for signal in entity.signals)


def mermaid(machine: Machine) -> Iterator[str]:
    """One machine as a state diagram: its states in file order, an arrow for each rule and state it leaves."""
    yield "stateDiagram-v2"
    for state in machine.states:
        if _id(state) != state:
            yield f'    state "{state}" as {_id(state)}'
    drawn = {machine.states[0]} | {state for rule in machine.rules for state in (*rule.from_states, rule.to)}
    yield from (f"    {_id(state)}" for state in machine.states if state not in drawn)
    yield f"    [*] --> {_id(machine.states[0])}"
    for rule in machine.rules:
        for state in rule.from_states:
            yield f"    {_id(state)} --> {_id(rule.to)}: {_label(rule.name)}"


def _id(state: str) -> str:
    return f"s_{state}" if state.lower() in KEYWORDS else state


def _label(name: str) -> str:
    """A name on an arrow: what Mermaid would take for syntax as its own escapes."""
    return "".join(f"#{ord(c)};" if c in '#:;"<>{}%' else c for c in name)


def _rules(machine: Machine) -> Iterator[str]:
    yield from ("| from | to | rule | when |", "|---|---|---|---|")
    for rule in machine.rules:
        held = f", for {words.duration(rule.hold)}" if rule.hold else ""
        label = f" ({rule.label})" if rule.label else ""
        when = _code(words.condition(rule.when)) + held
        yield f"| {', '.join(rule.from_states)} | {rule.to} | {_cell(rule.name + label)} | {when} |"


def _alerts(alerts: tuple[AlertRule, ...]) -> Iterator[str]:
    yield from ("| alert | opens when | severity | act within | do |", "|---|---|---|---|---|")
    for alert in alerts:
        place = (
            f"signal {alert.enters} holds" if alert.machine == "signals" else f"`{alert.machine}` enters {alert.enters}"
        )
        within = "" if alert.act_within is None else words.duration(alert.act_within)
        yield f"| {alert.name} | {alert.kind}: {place} | {alert.severity} | {within} | {_cell(alert.do)} |"


def _code(text: str) -> str:
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
