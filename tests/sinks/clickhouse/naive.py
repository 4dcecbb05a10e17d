"""A naive model of what is published: random histories with corrections, and the truth that the views must show."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from sinks.clickhouse.rows import Row, rows_of
from streams.delivery.contracts import Record

DAY = 86_400_000
START = 1_700_000_000_000
STAGES = {
    "user": ["awareness", "activation", "engagement", "adoption", "churn"],
    "account": ["awareness", "onboarding", "adoption", "retention", "churn"],
}
RISKS = ["healthy", "watch", "at_risk"]


class Step(NamedTuple):
    """One true transition."""

    at: int
    was: str | None
    to: str | None
    name: str


def rfc3339(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Story:
    """Published records in order, and beside them the chains that are true in the end."""

    rng: random.Random
    records: list[Record] = field(default_factory=list)
    truth: dict[tuple[str, str, str], list[Step]] = field(default_factory=dict)
    standing: dict[tuple[str, str], dict[str, Any] | None] = field(default_factory=dict)
    corrections: int = 0
    _seqs: dict[tuple[str, str, str], int] = field(default_factory=dict)

    # --- publishing ---------------------------------------------------------------------------------------------------

    def publish(self, topic: str, key: str, value: Any) -> None:
        offset = len(self.records)
        body = None if value is None else orjson.dumps(value)
        self.records.append(Record(topic, 0, offset, START + offset, key.encode(), body))

    def transition(self, chain: tuple[str, str, str], step: Step, was_at: int | None, valid: bool) -> None:
        kind, entity, machine = chain
        self._seqs[chain] = self._seqs.get(chain, 0) + 1
        self.publish(
            f"transitions.{kind}",
            entity,
            {
                "id": identity(chain, step), "kind": kind, "entity": entity,
                "account": f"of-{entity}" if kind == "user" else None, "machine": machine, "from": step.was,
                "to": step.to, "name": step.name, "label": None, "at": rfc3339(step.at),
                "detected_at": rfc3339(step.at + 5),
                "seq": self._seqs[chain], "dwell_s": None if was_at is None else (step.at - was_at) / 1000,
                "definition": "saas", "version": 1, "digest": "d", "cause": {"event": "e"},
                "because": [{"measure": "n", "value": 3, "op": ">=", "threshold": 3, "holds": True}], "signals": [],
                "evidence": [f"ev-{entity}"], "carry": {}, "origin": "live" if valid else "correction", "valid": valid,
                "supersedes": None,
            },
        )  # fmt: skip

    # --- histories ----------------------------------------------------------------------------------------------------

    def entity(self, kind: str, entity: str) -> None:
        """A whole life, taken back and told again from some point on, more than once perhaps."""
        begin = START + self.rng.randrange(40 * DAY)
        ends = begin + self.rng.randrange(20 * DAY, 60 * DAY) if self.rng.random() < 0.2 else None
        for machine, states in (("stage", STAGES[kind]), ("risk", RISKS)):
            chain = (kind, entity, machine)
            steps = self.life(states, begin, ends)
            self._tell(chain, [], steps)
            while self.rng.random() < 0.4:
                steps = self._retell(chain, steps, states, ends)
            self.truth[chain] = steps
        self._stand(kind, entity, ends is not None)

    def life(self, states: list[str], begin: int, ends: int | None) -> list[Step]:
        steps = [Step(begin, None, states[0], "begins")]
        self._wander(steps, states, ends)
        return steps

    def _wander(self, steps: list[Step], states: list[str], ends: int | None) -> None:
        while self.rng.random() < 0.75:
            last = steps[-1]
            at = last.at + self.rng.randrange(1, 9 * DAY)
            if ends is not None and at >= ends:
                break
            to = self.rng.choice([state for state in states if state != last.to])
            steps.append(Step(at, last.to, to, f"{last.to} to {to}"))
        if ends is not None:
            steps.append(Step(ends, steps[-1].to, None, "ends"))

    def _tell(self, chain: tuple[str, str, str], before: list[Step], new: list[Step]) -> None:
        since = before[-1].at if before else None
        for step in new:
            self.transition(chain, step, since, True)
            since = step.at

    def _retell(self, chain: tuple[str, str, str], old: list[Step], states: list[str], ends: int | None) -> list[Step]:
        """Late events change the end of a history: what never was is taken back, then what was is published."""
        self.corrections += 1
        keep = old[: self.rng.randrange(1, len(old) + 1)]
        if ends is not None and keep[-1].to is None:
            keep.pop()
        steps = list(keep)
        self._wander(steps, states, ends)
        if self.rng.random() < 0.3:
            steps = old  # back to what was said first: the same ids are restored
        for i in range(len(keep), len(old)):
            self.transition(chain, old[i], old[i - 1].at, False)
        self._tell(chain, keep, steps[len(keep) :])
        return steps

    def _stand(self, kind: str, entity: str, gone: bool) -> None:
        machines = {
            machine: {"state": steps[-1].to, "since": rfc3339(steps[-1].at)}
            for machine in ("stage", "risk")
            for steps in [self.truth[kind, entity, machine]]
        }
        for day in range(self.rng.randrange(1, 4)):
            snapshot = self.snapshot(kind, entity, machines, START + (100 + day) * DAY)
            if not gone:
                self.publish(f"state.{kind}", entity, snapshot)
                self.standing[kind, entity] = snapshot
        if gone:
            self.publish(f"state.{kind}", entity, None)
            self.standing[kind, entity] = None

    def snapshot(self, kind: str, entity: str, machines: dict[str, Any], as_of: int) -> dict[str, Any]:
        return {
            "kind": kind, "entity": entity, "account": entity if kind == "account" else None, "machines": machines,
            "signals": self.rng.sample(["silent_14d", "thin_use", "many_tickets"], self.rng.randrange(0, 3)),
            "measures": {"weekly": self.rng.randrange(9), "managers_28": self.rng.randrange(3), "health": 50.5},
            "carry": {"name": entity.title(), "owner": "ana", "mrr": self.rng.randrange(1000, 9000),
                      "renews_at": rfc3339(START + 300 * DAY)},
            "as_of": rfc3339(as_of), "definition": "saas", "version": 1,
        }  # fmt: skip


def identity(chain: tuple[str, str, str], step: Step) -> str:
    """Equal id means equal payload, so it is made of all that differs between two steps."""
    return blake2b(repr((chain, step)).encode(), digest_size=16).hexdigest()


def story(seed: int, users: int = 25, accounts: int = 25) -> Story:
    """A town of users and accounts."""
    told = Story(random.Random(seed))
    for kind, n in (("user", users), ("account", accounts)):
        for i in range(n):
            told.entity(kind, f"{kind}-{i}")
    return told


def rows(told: Story) -> list[Row]:
    """All rows of a story, in published order."""
    found: list[Row] = []
    for record in told.records:
        made = rows_of(record.topic, record)
        assert isinstance(made, list), made
        found += made
    return found
