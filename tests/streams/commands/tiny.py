"""A small definition and a few people, whose journeys can be followed by eye."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson

from schemas.definition.model import Definition
from schemas.definition.parse import parse

DAY = 86_400
START = 1_704_067_200
"""2024-01-01, in epoch seconds."""

TEXT = """\
language: 1
definition: tiny
version: 1
clock: {timezone: UTC, grace: 1d, max_future: 10m, disorder: 2s, wall: off}
events:
  signed_up: {name: Signed Up}
  report: {name: Report Created}
  any: {name: [Signed Up, Report Created]}
user:
  activity: any
  measures:
    signed: {first: signed_up}
    days_28: {active_days: any, within: 28d, publish: true}
  stage:
    states: [awareness, activation, churn]
    transitions:
      - {name: uses it, from: awareness, to: activation, when: known(signed) and days_28 >= 2}
      - {name: goes, from: activation, to: churn, when: idle >= 30d}
      - {name: comes back, from: churn, to: activation, when: idle < 1d, label: resurrected}
  risk:
    only_in: {stage: [activation]}
    states: [healthy, at_risk]
    transitions:
      - {name: quiet, from: healthy, to: at_risk, when: idle >= 14d}
      - {name: back, from: at_risk, to: healthy, when: idle < 1d}
account:
  activity: members
  measures:
    users: {members: {stage: activation}}
  stage:
    states: [awareness, engagement]
    transitions:
      - {name: a user, from: awareness, to: engagement, when: users >= 1}
alerts:
  - {name: user_at_risk, user: risk, enters: at_risk, severity: high, cooldown: 1d, act_within: 7d,
     title: "{entity} has gone quiet", do: call}
"""


def definition() -> Definition:
    return parse(TEXT)


def event(n: int, name: str, user: str, day: float, account: str | None = None, **more: Any) -> dict[str, Any]:
    """An event on a day (may be a fraction) after the start."""
    found = {"id": f"e{n}", "event": name, "user": user, "at": START + day * DAY, **more}
    return found if account is None else {**found, "account": account}


def ada() -> list[dict[str, Any]]:
    """Ada of acme signs up, works on a second day, is silent for 14 and then 30 days, comes back; bob only signs up."""
    return [
        event(1, "Signed Up", "ada", 0, "acme"),
        event(2, "Report Created", "ada", 1, "acme"),
        event(3, "Signed Up", "bob", 1.5, "acme"),
        event(4, "Report Created", "ada", 40, "acme"),
    ]


BAD = (b'{"id": "x1", "event": "Signed Up", "user": "eve"}', b"not json", b"[1, 2]", b'\xff{"a": 1}')
"""Records without a time, of no JSON, of no object, of no UTF-8: four dead letters."""


def lines(events: list[dict[str, Any]]) -> list[bytes]:
    return [orjson.dumps(found) for found in events]


def write(path: Path, records: list[bytes]) -> Path:
    """A .jsonl, or a .jsonl.gz by its name."""
    data = b"\n".join(records) + b"\n"
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]
