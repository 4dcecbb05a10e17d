"""Definitions of a few lines, for tests of one rule of the core at a time."""

from __future__ import annotations

from functools import cache

from schemas.definition.model import Definition
from schemas.definition.parse import parse
from streams.journey.fold import Fold
from streams.journey.state import State
from tests.streams.journey.harness import START, Person

_HEAD = """\
language: 1
definition: small
version: 1
clock: {{timezone: {zone}, grace: {grace}}}
events:
  any:   {{type: track}}
  open:  {{name: Opened}}
  close: {{name: Closed}}
"""

STAGE = """\
  stage:
    states: [first, second]
    transitions:
      - {name: opens, from: first, to: second, when: known(opened)}
"""

MEASURES = "    opened: {first: open}\n"


@cache
def small(measures: str = "", rest: str = STAGE, tail: str = "", zone: str = "UTC", grace: str = "1h") -> Definition:
    """A definition whose users have `opened`, these measures (lines of YAML) and these machines; `tail` follows."""
    lines = "".join(f"    {line.strip()}\n" for line in measures.splitlines() if line.strip())
    user = f"user:\n  activity: any\n  measures:\n{MEASURES}{lines}{rest}"
    return parse(_HEAD.format(zone=zone, grace=grace) + user + tail)


def ruled(when: str, measures: str = "", hold: str = "", **given: str) -> Definition:
    """One rule, named `rule`, from `first` to `second`, and one back by an event."""
    held = f", hold: {hold}" if hold else ""
    rest = f"""\
  stage:
    states: [first, second]
    transitions:
      - {{name: rule, from: first, to: second, when: "{when}"{held}}}
"""
    return small(measures, rest, **given)


class Asked:
    """A person of whom conditions are asked directly, as of an instant."""

    def __init__(self, measures: str, **given: str) -> None:
        self.person = Person(small(measures, **given), account=None)
        self.fold: Fold = self.person.logic.fold

    @property
    def state(self) -> State:
        assert self.person.entity.head is not None
        return self.person.entity.head

    def value(self, measure: str, day: float) -> object:
        """What a measure is on a day after the start."""
        now = START + round(day * 86_400_000)
        return self.fold.terms.terms[measure].value.of(self.state, now, self.fold.calendar.day(now))
