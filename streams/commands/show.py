"""How transitions and alerts look on a terminal: one line each, and the card of an alert."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rich.panel import Panel
from rich.text import Text

from schemas.time import EARLIEST, LATEST, rfc3339

_COLOURS = {
    "churn": "red", "at_risk": "red", "watch": "yellow", "healthy": "green", "retention": "green", "advocacy": "magenta",
    "adoption": "cyan", "ready": "magenta",
}  # fmt: skip

_LASTS = r"(?:idle|in_state|(?:age|until)\(\w+\))"
"""The measures of the language whose values are durations; records give those in seconds."""

_IS_DURATION = re.compile(rf".*\b{_LASTS}.*")
_TOLD = re.compile(rf"({_LASTS} (?:>=|>|<=|<|==|!=) )(-?[\d.]+) \(now (-?[\d.]+|None)\)")
_TRUTH = re.compile(r"== (True|False) \(now (True|False|None)\)")
_NOW = {"True": "true", "False": "false", "None": "not known"}
_WHOLE = re.compile(r"(?<![\d.])(-?\d+)\.0(?!\d)")


def transition_line(record: Mapping[str, Any], clock: bool = False) -> Text:
    """`2024-05-01  account  Acme  onboarding → adoption  onboarded: activated / seats 0.7 >= 0.6, …`.

    `clock` adds the time of day, which matters only to who follows what happens now.
    """
    line = Text()
    line.append(f"{moment(record['at'], clock)}  ", "dim")
    line.append(f"{record['kind']:<8}", "dim")
    line.append(f"{_name(record):<24.24} ")
    if record["machine"] != "stage":
        line.append(f"{record['machine']}: ", "dim")
    line.append_text(change(record))
    line.append(f"   {record['name']}", "italic")
    why = reasons(record["because"])
    if why:
        line.append(f": {why}", "dim")
    if not record.get("valid", True):
        line.stylize("strike")
    return line


def change(record: Mapping[str, Any]) -> Text:
    """`onboarding → adoption`, the new state in its colour; `·` where the entity begins."""
    text = Text(f"{record['from'] or '·'} → ")
    return text.append(record["to"] or record.get("label") or "gone", _COLOURS.get(record["to"] or "", "bold"))


def state(name: str) -> Text:
    """A state in its colour."""
    return Text(name, _COLOURS.get(name, "bold"))


def is_time(text: str) -> bool:
    """Whether a text is a time as records have them: RFC 3339, UTC."""
    return re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", text) is not None


def moment(at: str, clock: bool) -> str:
    """An RFC 3339 time for the eye: `2024-05-01`, or `2024-05-01 12:00:07`."""
    return at[:19].replace("T", " ") if clock else at[:10]


def reasons(because: list[dict[str, Any]]) -> str:
    """The conditions that held, in short: `idle 14 d >= 14 d, weeks_12 7 >= 6`."""
    return ", ".join(reason(row) for row in because if row["holds"] is True)


def reason(row: Mapping[str, Any]) -> str:
    """One condition with its value at that moment, as a person reads it."""
    measure, value, threshold = row["measure"], row["value"], row["threshold"]
    if row["op"] == "known":
        known = f" ({plain(value)})" if threshold and value is not None else ""
        return f"{measure} is {'known' if threshold else 'not known'}{known}"
    if isinstance(threshold, bool) and row["op"] == "==":
        return f"{measure} is {str(threshold).lower()}"
    if _IS_DURATION.fullmatch(measure):
        return f"{measure} {_lasted(value)} {row['op']} {_lasted(threshold)}"
    return f"{measure} {plain(value)} {row['op']} {plain(threshold)}"


def clearing(text: str) -> str:
    """What ends an alert, with its durations as words: `idle < 1 d (now 45 d)`."""

    def spoken(found: re.Match[str]) -> str:
        now = "not known" if found[3] == "None" else duration(float(found[3]))
        return f"{found[1]}{duration(float(found[2]))} (now {now})"

    text = _TRUTH.sub(lambda found: f"is {found[1].lower()} (now {_NOW[found[2]]})", text)
    return _WHOLE.sub(r"\1", _TOLD.sub(spoken, text))


def duration(seconds: float) -> str:
    """Seconds as a person says them: `14 d`, `1.5 h`, `90 s`, `2.3 y`; at most one digit behind the point."""
    sign, left = ("-" if seconds < 0 else ""), abs(seconds)
    for unit, size, least in _UNITS:
        if left >= size * least:
            n = left / size
            return f"{sign}{n:.0f} {unit}" if n >= 10 or abs(n - round(n)) < 0.05 else f"{sign}{n:.1f} {unit}"
    return f"{sign}{left:g} s"


_UNITS = (("y", 31_557_600, 2), ("d", 86_400, 1), ("h", 3_600, 1), ("min", 60, 2), ("s", 1, 1))
"""Unit, its seconds (a year of 365.25 days), and from how many of it on it is used: 400 days stay days, 90 s seconds."""


def _lasted(value: Any) -> str:
    return duration(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else plain(value)


def plain(value: Any) -> str:
    """A measure's value. A whole number as large as a date in ms is a moment: a count or a sum of money is far below."""
    match value:
        case None:
            return "not known"
        case list():
            return " or ".join(str(item) for item in value)
        case bool():
            return str(value).lower()
        case int() if EARLIEST <= value < LATEST:
            return rfc3339(value)[:10]
        case float():
            return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
        case str() if is_time(value):
            return value[:10]
    return str(value)


def alert_line(record: Mapping[str, Any], clock: bool = False) -> Text:
    """`2024-05-01  ALERT opened  Acme: champions quiet`."""
    colour = {"opened": "bold red", "resolved": "green", "retracted": "dim"}[record["status"]]
    line = Text()  # without a style of its own: that would lie under all that is appended
    line.append(f"{moment(record['at'], clock)}  ", "dim")
    line.append(f"ALERT {record['status']}", colour)
    line.append(f"  {record['title']}")
    return line


def alert_card(record: Mapping[str, Any]) -> Panel:
    """Everything a person needs before acting: who, how much, until when, why, what ends it, and the events behind it."""
    carry = record["carry"]
    rows = [
        (record["kind"], f"{carry.get('name', record['entity'])} ({record['entity']})"),
        ("owner", record.get("owner") or "-"),
        ("MRR", money(carry.get("mrr"), carry.get("currency"))),
        ("renews", str(carry.get("renews_at") or "-")[:10]),
        ("why", ", ".join(signal.replace("_", " ") for signal in record["signals"]) or "-"),
        ("values", reasons(record["because"]) or "-"),
        ("clears when", clearing(record.get("clears_when") or "-")),
        ("do", f"{record.get('do') or '-'}, by {str(record.get('act_by') or '-')[:10]}"),
        ("evidence", ", ".join(record["evidence"][:6]) or "-"),
    ]
    body = Text()
    for label, value in rows:
        body.append(f"{label:<12}", "dim")
        body.append(f"{value}\n")
    body.rstrip()
    return Panel(body, title=f"{record['name']} {record['status']} {record['at'][:10]}", border_style="red", width=110)


def money(minor: Any, currency: Any = None) -> str:
    """Minor units as money: 125000 -> 1,250.00."""
    if not isinstance(minor, (int, float)):
        return "-"
    return f"{minor / 100:,.2f} {currency or ''}".rstrip()


def _name(record: Mapping[str, Any]) -> str:
    return str(record["carry"].get("name") or record["entity"])
