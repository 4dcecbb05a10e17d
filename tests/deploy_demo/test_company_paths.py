"""The company's accounts take the paths that the scripts wrote down, under the shipped definition."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from deploy.demo.company import Company
from deploy.demo.script import AccountScript, Expected
from schemas.definition.model import Definition
from schemas.definition.parse import load
from schemas.time import parse_time
from streams.delivery.contracts import Output
from streams.replay.run import Replay

SAAS = Path(__file__).parents[2] / "schemas" / "definitions" / "saas.yaml"

Record = dict[str, Any]


class Taken(NamedTuple):
    """What the accounts really did: valid transitions by (account, machine), alerts by (account, name), as published."""

    transitions: dict[tuple[str, str], list[Record]]
    alerts: dict[tuple[str, str], list[Record]]


def replay(company: Company, definition: Definition) -> Taken:
    taken = Taken(defaultdict(list), defaultdict(list))

    def write(output: Output) -> None:
        if output.value is None or output.topic not in ("transitions.account", "alerts"):
            return
        record = orjson.loads(output.value)
        if output.topic == "alerts":
            taken.alerts[record["entity"], record["name"]].append(record)
        else:
            assert record["valid"], "events come in order, so nothing is ever corrected"
            taken.transitions[record["entity"], record["machine"]].append(record)

    Replay(definition, "canonical", write).run(company.lines(), company.until)
    return taken


@pytest.fixture(scope="module")
def taken(made: Company) -> Taken:
    return replay(made, load(SAAS))


def at(record: Record) -> int:
    found = parse_time(record["at"])
    assert found is not None
    return found


def differences(expected: list[Expected], records: list[Record]) -> list[str]:
    """In words, where a path departs from the one that was written down."""
    found = [
        f"{step} but {record['to']} by {record['name']!r} at {record['at']}"
        for step, record in zip(expected, records, strict=False)
        if not step.holds(record["to"], at(record)) or step.name not in (None, record["name"])
    ]
    if len(expected) != len(records):
        found.append(f"{len(expected)} steps were written down, {len(records)} were taken")
    return found[:3]


@pytest.mark.parametrize("machine", ["stage", "risk", "expansion"])
def test_every_account_takes_the_written_path_and_no_other_step(made: Company, taken: Taken, machine: str) -> None:
    wrong = {}
    for account in made.accounts:
        first, *moves = taken.transitions[account.id, machine]
        assert first["from"] is None
        found = differences(account.machine(machine), moves)
        if found:
            wrong[account.id, account.story] = found
    assert not wrong


def test_the_stages_are_exactly_those_written_down(made: Company, taken: Taken) -> None:
    for account in made.accounts:
        assert [record["to"] for record in taken.transitions[account.id, "stage"]] == account.stage_path


def test_what_must_never_happen_does_not(made: Company, taken: Taken) -> None:
    for account in made.accounts:
        for machine, state in account.never:
            assert state not in [record["to"] for record in taken.transitions[account.id, machine]], account.id


def opens_as_written(account: AccountScript, name: str, records: list[Record]) -> bool:
    expected = [step for step in account.alerts if step.name == name]
    return [step.to for step in expected] == [r["status"] for r in records] and all(
        step.holds(record["status"], at(record)) for step, record in zip(expected, records, strict=True)
    )


@pytest.mark.parametrize("name", ["account_at_risk", "expansion_ready"])
def test_alerts_open_and_resolve_as_written_and_no_others(made: Company, taken: Taken, name: str) -> None:
    wrong = [a.id for a in made.accounts if not opens_as_written(a, name, taken.alerts[a.id, name])]
    assert not wrong


def test_a_champion_who_falls_quiet_in_a_customer_raises_the_written_alerts(made: Company, taken: Taken) -> None:
    for account in made.accounts:
        records = iter(taken.alerts[account.id, "champion_quiet"])
        for step in account.alerts:
            if step.name == "champion_quiet":
                assert any(step.holds(r["status"], at(r)) for r in records), (account.id, step)


def test_over_a_thousand_transitions_of_all_eight_stages_with_timers_among_them(taken: Taken) -> None:
    records = [record for found in taken.transitions.values() for record in found]
    assert len(records) > 1_000
    assert len({r["to"] for r in records if r["machine"] == "stage"}) == 8
    for machine in ("stage", "risk", "expansion"):
        assert any("timer" in r["cause"] for r in records if r["machine"] == machine)


def test_the_showcase_alert_names_three_signals_its_owner_and_the_renewal(made: Company, taken: Taken) -> None:
    opened = taken.alerts[made.showcase, "account_at_risk"][0]
    assert opened["signals"] == ["silent_14d", "overdue_10d", "detractor"]
    assert opened["owner"] == "Ines Okafor"
    assert opened["carry"]["renews_at"] == "2024-01-20T00:00:00.000Z"
    assert opened["evidence"]
    resolved = taken.alerts[made.showcase, "account_at_risk"][1]
    assert (resolved["status"], resolved["opens"]) == ("resolved", opened["id"])
