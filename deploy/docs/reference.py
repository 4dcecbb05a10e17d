"""docs/reference.md: every key of the definition language, as the parser knows them, with what may stand there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from schemas.definition import alerts_parser, entity_parser, machines_parser, measures_parser, migrate_parser, parse
from schemas.definition.fields import MAX_WINDOW, RESERVED
from schemas.definition.model import Clock
from schemas.definition.selections_parser import ACTORS, LEVELS, PLACES, TYPES

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"

HEAD = """\
# Reference: every key of a definition

Made from the parser by `python -m deploy.docs`; a test fails while a key that it knows is missing here. What the keys mean
together is told in [definition.md](definition.md). A duration is written `30d`, `1h`; a condition as in
[definition.md](definition.md#conditions).
"""

_FILE = {
    "language": "1",
    "definition": "text: the name, on every record",
    "version": "whole number: your label",
    "migrate": "whose states it takes over; below",
    "clock": "below",
    "params": "names for numbers and durations",
    "events": "selections; below",
    "exclude": "list of selections that are dropped before anything counts",
    "levels": "how a person's level is read; below",
    "user": "the journey of users; below",
    "account": "the journey of accounts; below",
    "alerts": "list; below",
}
_CLOCK = {
    "timezone": "zone of days and windows",
    "grace": "how late an event may still move a stage",
    "max_future": "later than that is a dead letter",
    "disorder": "how long an account waits for the order of its inputs",
    "live_within": "from how recent on a partition is live",
    "max_skew": "how far partitions may part in catch-up",
    "wall": "`off` ends time at the last event",
}
_SELECTION = {
    "name": "text or list: the event's name",
    "type": f"any of {', '.join(TYPES)}",
    "actor": f"any of {', '.join(ACTORS)}",
    "place": f"any of {', '.join(PLACES)}",
    "where": "`properties.x` or `traits.x`: a value, a list, or a comparison as text",
}
_LEVELS = {
    "trait": "text: the trait with the job title",
    **dict.fromkeys(LEVELS, "list of patterns"),
    "admin": "`{trait, is}`: a permission beside the level",
}
_ENTITY = {
    "activity": "the selection that `idle` counts from; of accounts `members` unless told",
    "forget": "`{stage, idle}`: who is removed",
    "carry": "list of measures and traits on every record",
    "from_domain": "of `account`: selections looked for at their user's domain",
    "measures": "below",
    "signals": "names with a condition each",
}
_MACHINE = {
    "states": "list; the first is where everybody begins",
    "transitions": "list of rules; below",
    "only_in": "`{machine: [states]}`: elsewhere it is in its first state",
}
_RULE = {
    "name": "text, on every record",
    "from": "a state or a list",
    "to": "a state",
    "when": "condition",
    "hold": "duration: how long it must have held without a break",
    "label": "text: what the rule calls this",
}
_ALERT = {
    "name": "text",
    "user": "a machine of users, or `signals`",
    "account": "a machine of accounts, or `signals`",
    "enters": "the state or signal that opens it",
    "severity": f"one of {', '.join(alerts_parser.SEVERITIES)}",
    "cooldown": "duration before it may open again",
    "act_within": "duration: `act_by` on the record",
    "title": "text; fills in `{entity}`, `{name}`, `{signals}` and what is carried",
    "do": "text: what to do",
}
_MIGRATE = {
    "from": "versions, or digests by 8 digits and more",
    "states": "`{user.stage.old: new}`",
    "measures": "`{user.old: new}`",
    "drop": "list of `user.machine`",
}
_MEASURE = {
    "within": f"duration of whole days, {MAX_WINDOW}d at most",
    "since": "a flag: counts from when it was set",
    "unit": "text, for people",
    "of": "selection",
    "cap": f"how many different values, {measures_parser.MAX_CAP:,} at most",
    "as": "number, text, time or bool",
    "else": "a measure used while this one is unknown",
    "caps": "list of `{when, at}`",
    "horizon": "duration of silence that the probability is of",
    "after": "active days before which it is unknown",
    "coefficients": "intercept and weights by decay",
    "fitted": "what they rest on",
}
_KINDS = {
    "first": "selection: time of its first event",
    "count": "selection: how many",
    "sum": "`properties.x`: added up",
    "distinct": "`properties.x`: how many different values",
    "latest": "`properties.x` or `traits.x`: the newest value",
    "active_days": "selection: days with an event",
    "active_weeks": "selection: weeks with an event",
    "flag": "`{set, clear}`: selections",
    "members": "`{stage, risk, level, admin, reached, active_within}`: of accounts",
    "score": "parts `{weight, value, from, to}`",
    "churn": "selection: probability of silence",
}


def page() -> str:
    """The whole page. Raises KeyError for a key of the parser that nothing is said of here."""
    default = Clock()
    clock = {name: f"{_CLOCK[name]} ({_shown(getattr(default, name))})" for name in parse.CLOCK_KEYS}
    return HEAD + "".join(
        [
            _table("The file", parse.KEYS, _FILE),
            _table("`clock`", parse.CLOCK_KEYS, clock),
            _table("A selection, under `events`", ("name", "type", "actor", "place", "where"), _SELECTION),
            _table("`levels`", ("trait", *LEVELS, "admin"), _LEVELS),
            _table(
                "`user` and `account`",
                entity_parser.ENTITY_KEYS,
                _ENTITY,
                "Every other key is the name of a machine; the first must be `stage`.",
            ),
            _measures(),
            _table("A machine", machines_parser.MACHINE_KEYS, _MACHINE),
            _table("A rule, under `transitions`", machines_parser.RULE_KEYS, _RULE),
            _table("An alert", alerts_parser.KEYS, _ALERT),
            _table("`migrate`", migrate_parser.KEYS, _MIGRATE),
            f"\n## Words that no name may be\n\n{', '.join(f'`{word}`' for word in sorted(RESERVED))}, and Python's own keywords.\n",
        ]
    )


def _table(title: str, keys: Iterable[str], told: dict[str, str], notes: str = "") -> str:
    rows = "\n".join(f"| `{key}` | {told[key]} |" for key in keys)
    return f"\n## {title}\n\n| key | what stands there |\n|---|---|\n{rows}\n" + (f"\n{notes}\n" if notes else "")


def _measures() -> str:
    lines = []
    for kind, more in measures_parser.KEYS.items():
        beside = "; ".join(f"`{key}`: {_MEASURE[key]}" for key in more) or "nothing"
        lines.append(f"| `{kind}` | {_KINDS[kind]} | {beside} |")
    head = "\n## A measure\n\nOne of these keys, what may stand beside it, and `publish: true` or `false`.\n\n"
    head += "| key | what stands there | beside it |\n|---|---|---|\n"
    return head + "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if not isinstance(value, int):
        return str(value)
    unit, size = next(
        (u, s)
        for u, s in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))
        if value % s == 0 and value >= s
    )
    return f"{value // size}{unit}"
