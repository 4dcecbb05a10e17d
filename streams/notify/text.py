"""What a person reads of a message: a subject line and a few lines below it. Pure."""

from __future__ import annotations

from urllib.parse import quote

from streams.commands.show import clearing, money, reasons
from streams.notify.desk import Item, Message
from streams.notify.rules import Record, Rules

MOST = 20
"""Alerts told one by one in a message; chat systems cut long ones, and nobody reads the twenty-first."""


def subject(message: Message) -> str:
    """`[high] Acme: silent 14d`; of several, how many and whose."""
    first = message.records[0]
    if len(message.items) == 1:
        mark = {"opened": first["severity"], "closed": first["status"], "digest": "still open"}[message.kind]
        return f"[{mark}] {first['title']}"
    what = {"opened": "alerts", "closed": "alerts ended", "digest": "alerts still open from before"}[message.kind]
    owner = {record["owner"] for record in message.records}
    return f"[{worst(message.records)}] {len(message.items)} {what}" + (
        f" of {message.owner}" if owner == {message.owner} and message.owner else ""
    )


def worst(records: list[Record]) -> str:
    order = ("critical", "high", "medium", "low", "info")
    return min((str(record["severity"]) for record in records), key=order.index)


def body(message: Message, rules: Rules) -> str:
    """Each alert with its reason and its link; all there is to know where it is only one."""
    shown = message.items[:MOST]
    blocks = [_whole(item, rules) if len(message.items) == 1 else _short(item, rules) for item in shown]
    left = len(message.items) - len(shown)
    return "\n\n".join([*blocks, *([f"and {left} more"] if left else [])])


def link(record: Record, rules: Rules) -> str:
    """Address of the explanation; empty where the rules name none."""
    named = {
        "kind": record["kind"],
        "entity": record["entity"],
        "account": record["account"] or "",
        "alert": record["opens"],
    }
    return rules.link.format(**{name: quote(value, safe="") for name, value in named.items()}) if rules.link else ""


def _whole(item: Item, rules: Rules) -> str:
    record, carry = item.record, item.record["carry"]
    rows = [
        (record["kind"], f"{carry.get('name', record['entity'])} ({record['entity']})"),
        ("owner", record["owner"]),
        ("MRR", money(carry.get("mrr"), carry.get("currency")) if carry.get("mrr") is not None else None),
        ("renews", str(carry["renews_at"])[:10] if carry.get("renews_at") else None),
        ("why", ", ".join(signal.replace("_", " ") for signal in record["signals"])),
        ("values", reasons(record["because"])),
        ("clears when", clearing(record["clears_when"]) if record["clears_when"] else None),
        ("do", record["do"]),
        ("by", str(record["act_by"])[:10] if record["act_by"] else None),
        ("since", str(record["at"])[:16].replace("T", " ") + " UTC"),
        ("more", link(record, rules)),
    ]
    return "\n".join(f"{label}: {value}" for label, value in rows if value)


def _short(item: Item, rules: Rules) -> str:
    record = item.record
    told = [f"[{record['severity']}] {record['title']}", reasons(record["because"]), link(record, rules)]
    return "\n".join(line for line in told if line)
