"""The section `alerts`: which state or signal of which kind of entity opens one, and what it says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast, get_args

from schemas.definition.entity_parser import Journey
from schemas.definition.errors import Report, nearest
from schemas.definition.expression import Span
from schemas.definition.expressions_parser import Constants
from schemas.definition.fields import Fields, items
from schemas.definition.model import AlertRule, Kind
from schemas.definition.yaml_reader import Node, Table

KEYS = ("name", "user", "account", "enters", "severity", "cooldown", "act_within", "title", "do")
SEVERITIES: tuple[str, ...] = get_args(AlertRule.__annotations__["severity"]) or (
    "info",
    "low",
    "medium",
    "high",
    "critical",
)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def parse_alerts(
    node: Node | None, journeys: Mapping[Kind, Journey], report: Report, constants: Constants
) -> tuple[AlertRule, ...]:
    found: dict[str, AlertRule] = {}
    for body in items(node, "`alerts`", report):
        fields = Fields(body, "an alert", KEYS, report, constants)
        if not isinstance(body, Table):
            continue
        rule = _alert(fields, journeys, report)
        if rule is None:
            continue
        if rule.name in found:
            report.error(
                fields.get("name") or fields.place, f"two alerts are called {rule.name!r}; each needs its own name"
            )
        found[rule.name] = rule
    return tuple(found.values())


def _alert(fields: Fields, journeys: Mapping[Kind, Journey], report: Report) -> AlertRule | None:
    name = fields.text("name", required=True)
    severity = fields.choice("severity", SEVERITIES, required=True)
    cooldown, act_within = fields.duration("cooldown") or 0, fields.duration("act_within")
    title, do = fields.text("title") or "", fields.text("do") or ""
    kinds = [one for one in ("user", "account") if one in fields]
    if len(kinds) != 1:
        report.error(
            fields.place, "an alert needs one of `user: <machine>` and `account: <machine>`, or `signals` there"
        )
        return None
    kind = cast(Kind, kinds[0])
    journey = journeys.get(kind)
    if journey is None:
        report.error(fields.get(kind) or fields.place, f"the file has no section `{kind}`")
        return None
    _title(title, fields, journey, report)
    machine = fields.choice(kind, (*journey.states, "signals"), required=True)
    if machine is None:
        return None
    states = journey.signals if machine == "signals" else journey.states[machine]
    enters = fields.choice("enters", states, required=True)
    if name is None or severity is None or enters is None:
        return None
    span = Span(fields.place.line, fields.place.column, name)
    return AlertRule(name, kind, machine, enters, severity, cooldown, act_within, title, do, span)  # type: ignore[arg-type]


def _title(title: str, fields: Fields, journey: Journey, report: Report) -> None:
    known = ("entity", "name", "signals", *journey.definition.carry)
    for word in _PLACEHOLDER.findall(title):
        if word not in known:
            near = nearest(word, known)
            message = f"`title` fills in {{{word}}}, which is neither carried nor one of entity, name, signals"
            report.error(fields.get("title") or fields.place, message, f"{{{near}}}" if near else None)
