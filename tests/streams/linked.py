"""A crowd whose people and accounts go by several names, as source records: some forgotten, many merged."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson

from schemas.definition.model import Definition
from schemas.definition.parse import parse

DAY = 86_400_000
BEGIN = 1_711_184_400_000

TEXT = """\
language: 1
definition: linked
version: 1
clock: {timezone: UTC, grace: 12h, wall: off}
events:
  every: {type: [track, identify, alias, group]}
user:
  activity: every
  forget: {stage: new, idle: 30d}
  measures:
    ever: {count: every}
  stage:
    states: [new, regular, loyal, gone]
    transitions:
      - {name: returns, from: new, to: regular, when: ever >= 2}
      - {name: stays, from: regular, to: loyal, when: ever >= 4}
      - {name: leaves, from: [regular, loyal], to: gone, when: idle >= 20d}
      - {name: resurrects, from: gone, to: regular, when: idle < 1d}
  risk:
    only_in: {stage: [regular, loyal]}
    states: [healthy, at_risk]
    transitions:
      - {name: quiet, from: healthy, to: at_risk, when: idle >= 8d}
      - {name: back, from: at_risk, to: healthy, when: idle < 1d}
account:
  activity: members
  forget: {stage: small, idle: 40d}
  measures:
    all:   {members: {}}
    loyal: {members: {stage: loyal}}
  stage:
    states: [small, large]
    transitions:
      - {name: grows, from: small, to: large, when: all >= 2}
      - {name: shrinks, from: large, to: small, when: all < 2}
"""


def definition(grace: str = "12h", forget: bool = True) -> Definition:
    text = TEXT.replace("grace: 12h", f"grace: {grace}")
    return parse(text if forget else "".join(line for line in text.splitlines(keepends=True) if "forget" not in line))


def crowd(seed: int, n: int = 250, people: int = 15) -> list[bytes]:
    """Records of people of four accounts over some four months, in event-time order."""
    luck = Random(seed)
    times = sorted(BEGIN + luck.randrange(120 * DAY) for _ in range(n))
    return [orjson.dumps(_event(luck, i, at, luck.randrange(people))) for i, at in enumerate(times)]


def _event(luck: Random, number: int, at: int, person: int) -> dict[str, Any]:
    who, account = f"u{person}", f"a{person % 4}"
    event: dict[str, Any] = {
        "id": f"e{number:04}",
        "event": "Alpha",
        "at": at / 1000,
        "account": luck.choice((account, None)),
    }
    match luck.choice(
        ("stranger", "anonymous", "anonymous", "both", "user", "user", "mail", "known", "alias", "group")
    ):
        case "stranger":
            event["anonymous"] = f"stranger-{number}"
        case "anonymous":
            event["anonymous"] = f"{who}-anon"
        case "both":
            event |= {"user": who, "anonymous": f"{who}-anon"}
        case "user":
            event["user"] = who
        case "mail":
            event |= {"anonymous": f"{who}-anon", "type": "identify", "traits": {"email": f"{who}@acme.test"}}
        case "known":
            event |= {"user": who, "type": "identify", "traits": {"email": f"{who}@acme.test"}}
        case "alias":
            event |= {"user": who, "type": "alias", "properties": {"previous_id": f"{who}-old"}}
        case "group":
            event |= {
                "user": who,
                "type": "group",
                "account": f"a{person % 2}",
                "traits": {"crm_company": f"a{person % 2 + 2}"},
            }
    return event
