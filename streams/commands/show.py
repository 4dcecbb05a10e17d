"""How transitions and alerts look on a terminal: one line each, and the card of an alert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.panel import Panel
from rich.text import Text

_COLOURS = {
    "churn": "red", "at_risk": "red", "watch": "yellow", "healthy": "green", "retention": "green", "advocacy": "magenta",
    "adoption": "cyan", "ready": "magenta",
}  # fmt: skip


def transition_line(record: Mapping[str, Any]) -> Text:
    """`2024-05-01  account  Acme  onboarding → adoption  onboarded: activated / seats 0.7 >= 0.6, …`."""
    line = Text()
    line.append(f"{record['at'][:10]}  ", "dim")
    line.append(f"{record['kind']:<8}", "dim")
    line.append(f"{_name(record):<24.24} ")
    if record["machine"] != "stage":
        line.append(f"{record['machine']}: ", "dim")
    line.append(f"{record['from'] or '·'} → ")
    line.append(record["to"] or "gone", _COLOURS.get(record["to"] or "", "bold"))
    line.append(f"   {record['name']}", "italic")
    why = reasons(record["because"])
    if why:
        line.append(f": {why}", "dim")
    if not record.get("valid", True):
        line.stylize("strike")
    return line


def reasons(because: list[dict[str, Any]]) -> str:
    """The conditions that held, in short: `idle 1209600 s >= 1209600`."""
    return ", ".join(
        f"{row['measure']} {row['value']} {row['op']} {row['threshold']}" for row in because if row["holds"] is True
    )


def alert_line(record: Mapping[str, Any]) -> Text:
    colour = {"opened": "bold red", "resolved": "green", "retracted": "dim"}[record["status"]]
    line = Text(f"{record['at'][:10]}  ", "dim")
    line.append(f"ALERT {record['status']}", colour)
    line.append(f"  {record['title']}")
    return line


def alert_card(record: Mapping[str, Any]) -> Panel:
    """Everything a person needs before acting: who, how much, until when, why, what ends it, and the events behind it."""
    carry = record["carry"]
    rows = [
        ("account", f"{carry.get('name', record['entity'])} ({record['entity']})"),
        ("owner", record.get("owner") or "-"),
        ("MRR", money(carry.get("mrr"), carry.get("currency"))),
        ("renews", str(carry.get("renews_at") or "-")[:10]),
        ("why", ", ".join(signal.replace("_", " ") for signal in record["signals"]) or "-"),
        ("values", reasons(record["because"]) or "-"),
        ("clears when", record.get("clears_when") or "-"),
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
