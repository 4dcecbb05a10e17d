"""The company as its vendors send it: every record is read, ids differ per vendor, and stitched the paths are the written ones."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import orjson
import pytest

from deploy.demo.company import Company
from deploy.demo.script import DAY, START, Expected
from deploy.demo.wire.books import Sent
from deploy.demo.wire.company import SOURCES, records
from schemas.definition.parse import load
from schemas.event import Event
from schemas.sources import decode, decoder
from schemas.sources.guess import guesses
from schemas.time import parse_time
from streams.delivery.contracts import Output
from streams.replay.run import Replay

SAAS = Path(__file__).parents[2] / "schemas" / "definitions" / "saas.yaml"

DIGEST = "605a97f1a2089cd0ee53f498539f281a0051bfac81ce1bd216b4d9b0b847ce04"
"""SHA-256 of all records of seed 7, source and value. A change of a format changes it: check the paths, then write it anew."""

MACHINES = ("stage", "risk", "expansion")

SECOND = 1_000
"""Stripe, Zendesk and Delighted tell whole seconds, in whose milliseconds the decoders write what came first."""

OWN_IDS = frozenset({"segment", "posthog", "cloudevents", "zendesk"})
"""Who knows the company's own id of an account: its product and services, and Zendesk, where somebody entered it."""

Path_ = list[tuple[str, str | None, int]]
"""(state, rule, ms) of each step of a machine after the initial one."""


@pytest.fixture(scope="module")
def wire(made: Company) -> list[Sent]:
    return records(made)


def test_the_same_seed_gives_the_same_records_byte_for_byte(wire: list[Sent]) -> None:
    found = hashlib.sha256()
    for record in wire:
        found.update(record.source.encode() + b" " + record.value + b"\n")
    assert found.hexdigest() == DIGEST


@pytest.fixture(scope="module")
def accounts(wire: list[Sent]) -> set[str]:
    """All names that accounts go by, as events have them. All that is sent is read, as events of its time."""
    names: set[str] = set()
    for record in wire:
        for found in decode(SOURCES[record.source], record.value):
            assert isinstance(found, Event), (record, found)
            assert record.at <= found.at < record.at + SECOND, (record, found)
            names |= set() if found.account is None else {found.account}
    return names


def test_every_vendor_speaks_and_is_known_by_its_records(wire: list[Sent]) -> None:
    lines: dict[str, list[bytes]] = defaultdict(list)
    for record in wire:
        lines[record.source].append(record.value)
    assert set(lines) == set(SOURCES)
    guessed = {source: guesses(values[:50])[0].source for source, values in lines.items() if source != "calendar"}
    assert guessed == {source: source for source in guessed}
    assert all(orjson.loads(value)["livemode"] is True for value in lines["stripe"])


def test_most_vendors_have_ids_of_their_own_for_an_account(made: Company, wire: list[Sent], accounts: set[str]) -> None:
    owners = {a.id.encode() for a in made.accounts}
    knows = {r.source for r in wire if any(b'"' + owner + b'"' in r.value for owner in owners)}
    assert knows == OWN_IDS
    spaces = Counter(name.rpartition(":")[0] or ("own" if name.startswith("a-") else "domain") for name in accounts)
    assert spaces == {
        "own": 40, "domain": 35, "hubspot": 40, "salesforce": 40, "salesforce:opportunity": 38, "stripe": 39, "zendesk": 32,
    }  # fmt: skip


def replayed(wire: list[Sent], until: int) -> tuple[dict[tuple[str, str], Path_], list[dict[str, Any]]]:
    """({(account, machine): its path}, all valid transitions) of a replay of all sources at once."""
    newest: dict[str, dict[str, Any]] = {}

    def write(output: Output) -> None:
        if output.topic.startswith("transitions") and output.value is not None:
            record = orjson.loads(output.value)
            newest[record["id"]] = record  # a later record of the same id corrects it

    lines = ((record.source, record.value) for record in wire if record.at < until)
    Replay(load(SAAS), SOURCES, write).run(lines, until)
    valid = [record for record in newest.values() if record["valid"]]
    paths: dict[tuple[str, str], Path_] = defaultdict(list)
    for record in sorted(valid, key=lambda r: (parse_time(r["at"]), r["seq"])):
        if record["kind"] == "account" and record["from"] is not None:
            paths[record["entity"], record["machine"]].append(
                (record["to"], record["name"], parse_time(record["at"]) or 0)
            )
    return paths, valid


def holds(step: Expected, taken: tuple[str, str | None, int]) -> bool:
    to, name, at = taken
    when = step.at_earliest - SECOND <= at <= step.at_latest + SECOND
    return when and step.to == to and step.name in (None, name)


def as_written(expected: list[Expected], path: Path_) -> bool:
    return len(expected) == len(path) and all(map(holds, expected, path))


@pytest.fixture(scope="module")
def stitched(made: Company, wire: list[Sent]) -> tuple[dict[tuple[str, str], Path_], list[dict[str, Any]]]:
    return replayed(wire, made.until)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_account_takes_the_written_path_and_no_other_step(made: Company, stitched: Any, machine: str) -> None:
    paths, _ = stitched
    wrong = [a.id for a in made.accounts if not as_written(a.machine(machine), paths[a.id, machine])]
    assert not wrong


def test_every_other_name_of_an_account_ends_in_it(made: Company, stitched: Any) -> None:
    _, valid = stitched
    own = {a.id for a in made.accounts}
    into = {t["entity"]: t["into"] for t in valid if t["kind"] == "account" and t.get("into") is not None}
    begun = {t["entity"] for t in valid if t["kind"] == "account"}
    assert begun == own | set(into)
    for name in into:
        end = name
        while end in into:
            end = into[end]
        assert end in own, name


def test_who_filled_a_form_is_one_person_from_the_first_visit_to_the_last_click(made: Company, stitched: Any) -> None:
    _, valid = stitched
    into = {t["entity"]: t["into"] for t in valid if t["kind"] == "user" and t.get("into") is not None}
    leads = {d.lead.email: d.lead.id for d in made.diaries if d.lead.email in into}
    assert len(leads) > 30  # who signs up only after a quarter of silence had been forgotten as a visitor
    assert all(into[mail] == lead for mail, lead in leads.items())


def test_without_stitching_the_paths_are_others(
    made: Company, wire: list[Sent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same records while no event names a second identifier: half a year is enough, in which all but a few buy."""
    for names in ("user_names", "account_names"):
        monkeypatch.setattr(f"streams.journey.selections.{names}", lambda event, counts: None)
    until = START + 120 * DAY
    paths, _ = replayed(wire, until)

    def expected(account: Any) -> list[Expected]:
        return [step for step in account.machine("stage") if step.at_latest + SECOND < until]

    busy = [account for account in made.accounts if expected(account)]
    right = [account.id for account in busy if as_written(expected(account), paths[account.id, "stage"])]
    assert len(busy) > 30
    assert not right


def test_the_mapping_of_the_calendar_is_a_source_like_any_other() -> None:
    assert decoder(SOURCES["calendar"]) is not None
