"""`journeys validate D --against SAMPLE`: what is wrong between a definition and the data it is meant for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, NamedTuple

import orjson

from schemas.definition.model import Definition, EntityDefinition
from streams.commands.sample import Sample, look
from streams.delivery.contracts import Output
from streams.replay.run import Replay, Replayed

MOSTLY = 0.9
"""A condition that is unknown in nine of ten looks is a rule that cannot work."""


class Finding(NamedTuple):
    """One line of the report. `error` means the definition cannot mean this data."""

    error: bool
    what: str


class Report(NamedTuple):
    """What the data says of the definition: plain figures, then what is wrong."""

    figures: list[tuple[str, str]]
    findings: list[Finding]


def against(definition: Definition, lines: list[bytes], source: str, until: int | None = None) -> Report:
    """Replay a sample and hold the definition against what happened."""
    sample = look(lines, source)
    seen = Seen()
    replay = Replay(definition, source, seen.take)
    result = replay.run(lines, until)
    counts = replay.users.logic.counts + (replay.accounts.logic.counts if replay.accounts else Counter())
    findings = [
        *_selections(definition, counts, sample),
        *_rules(definition, seen),
        *_coverage(definition, sample, seen),
        *_unknowns(seen),
        *_refused(result, sample),
    ]
    return Report(_figures(definition, sample, seen, result, counts), findings)


class Seen:
    """What a replay published, counted."""

    def __init__(self) -> None:
        self.fired: Counter[tuple[str, str, str]] = Counter()
        self.entered: Counter[tuple[str, str, str]] = Counter()
        self.alerts: Counter[tuple[str, str]] = Counter()
        self.levels: dict[str, str] = {}
        self.unknown: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self._takers: dict[str, Callable[[dict[str, Any]], None]] = {
            "transitions.user": self._transition, "transitions.account": self._transition, "alerts": self._alert,
        }  # fmt: skip

    def take(self, output: Output) -> None:
        take = self._takers.get(output.topic)
        if take is not None and output.value is not None:
            take(orjson.loads(output.value))

    def _transition(self, record: dict[str, Any]) -> None:
        kind, machine = record["kind"], record["machine"]
        self.fired[kind, machine, record["name"]] += 1
        if record["to"] is not None:
            self.entered[kind, machine, record["to"]] += 1
        for row in record["because"]:
            self.asked[row["measure"]] += 1
            self.unknown[row["measure"]] += row["holds"] == "unknown"

    def _alert(self, record: dict[str, Any]) -> None:
        self.alerts[record["name"], record["status"]] += 1


def _selections(definition: Definition, counts: Counter[tuple[str, str]], sample: Sample) -> list[Finding]:
    found = []
    for name, selection in definition.selections.items():
        if counts["matches", name]:
            continue
        near = [n for wanted in selection.names for n in get_close_matches(wanted, sample.names, 2, 0.6)]
        hint = (
            f"; the sample has {', '.join(dict.fromkeys(near))}" if near else "; nothing in the sample is named like it"
        )
        line = f" (line {selection.span.line})" if selection.span else ""
        found.append(Finding(True, f"events.{name}{line} matches no event of the sample{hint}"))
    return found


def _rules(definition: Definition, seen: Seen) -> list[Finding]:
    found = []
    for entity in _entities(definition):
        for machine in entity.machines:
            for rule in machine.rules:
                if not seen.fired[entity.kind, machine.name, rule.name]:
                    where = f" (line {rule.span.line})" if rule.span else ""
                    found.append(Finding(False, f"{entity.kind}.{machine.name}: rule {rule.name!r}{where} never fired"))
            for state in machine.states:
                if not seen.entered[entity.kind, machine.name, state]:
                    found.append(Finding(False, f"{entity.kind}.{machine.name}: nobody reached {state!r}"))
    return found


def _coverage(definition: Definition, sample: Sample, seen: Seen) -> list[Finding]:
    found = []
    share = len(sample.users_with_account) / len(sample.users) if sample.users else 0.0
    if definition.account is not None and share < 0.5:
        found.append(
            Finding(False, f"only {share:.0%} of the users are seen with an account: account journeys see little")
        )
    if definition.levels is not None and not sample.traits[definition.levels.trait]:
        near = get_close_matches(definition.levels.trait, sample.traits, 2, 0.4)
        hint = f"; traits seen: {', '.join(near or [name for name, _ in sample.traits.most_common(5)]) or 'none'}"
        found.append(Finding(False, f"levels.trait {definition.levels.trait!r} is on no identify event{hint}"))
    return found


def _unknowns(seen: Seen) -> list[Finding]:
    return [
        Finding(False, f"{measure!r} was unknown in {seen.unknown[measure] / n:.0%} of the looks at it")
        for measure, n in seen.asked.items()
        if seen.unknown[measure] / n >= MOSTLY
    ]


def _refused(result: Replayed, sample: Sample) -> list[Finding]:
    found = [Finding(False, f"{n} records refused: {reason}") for reason, n in result.dead.items()]
    if not sample.events:
        found.append(Finding(True, "no record of the sample could be decoded; is this the right --source?"))
    return found


def _figures(
    definition: Definition, sample: Sample, seen: Seen, result: Replayed, counts: Counter[tuple[str, str]]
) -> list[tuple[str, str]]:
    users, accounts = len(sample.users), len(sample.accounts)
    share = f"{len(sample.users_with_account) / users:.0%}" if users else "-"
    opened = sum(n for (_, status), n in seen.alerts.items() if status == "opened")
    rate = f"{100 * opened / accounts / sample.weeks:.2f}" if accounts else "-"
    figures = [
        ("records", f"{result.read:,} ({result.ok:,} ok)"), ("users", f"{users:,}, {share} with an account"),
        ("accounts", f"{accounts:,}"), ("transitions", f"{sum(seen.fired.values()):,}"),
        ("alerts opened", f"{opened:,}, {rate} per 100 accounts and week"),
    ]  # fmt: skip
    figures += [(f"events.{name}", f"{counts['matches', name]:,} matches") for name in definition.selections]
    return figures + [(f"{k}.{m}: {rule}", f"{n:,} times") for (k, m, rule), n in sorted(seen.fired.items())]


def _entities(definition: Definition) -> list[EntityDefinition]:
    return [definition.user, *([definition.account] if definition.account is not None else [])]
