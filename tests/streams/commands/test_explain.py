"""An entity's journey is told whole, from files and from ClickHouse alike; only what is true, and what is not known is said."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from clickhouse_connect.driver.client import Client
from rich.console import Console

from sinks.clickhouse.connect import connect
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.rows import rows_of
from sinks.clickhouse.writer import ClickHouseWriter
from streams.commands.explain import explain_entity, lines, unknown
from streams.commands.found import Found, NotAReplay, in_clickhouse, in_folder, journeys
from streams.delivery.contracts import Output, Record
from streams.replay import Replay, replay_to
from tests.streams.commands import tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A replay of tiny's people."""
    home = tmp_path_factory.mktemp("explain")
    source = tiny.write(home / "in.jsonl", tiny.lines(tiny.ada()))
    replay_to(source, "canonical", tiny.definition(), home / "out")
    return home / "out"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A ClickHouse that a sink has filled with the same replay."""
    client = connect(f"chdb://{tmp_path_factory.mktemp('clickhouse')}")
    migrate(client, "explained", lambda line: None)
    writer, offset = ClickHouseWriter(client), iter(range(10_000))

    def store(output: Output) -> None:
        if output.topic == "members":
            return
        found = rows_of(output.topic, Record(output.topic, 0, next(offset), 1, output.key, output.value))
        assert isinstance(found, list), found
        for row in found:
            writer.write(row.table, [row.values])

    Replay(tiny.definition(), "canonical", store).run(tiny.lines(tiny.ada()))
    yield client
    client.close()


def told(entity: str, folder: Path) -> tuple[int, str]:
    out = io.StringIO()
    status = explain_entity(entity, None, folder, Console(file=out, width=200))
    return status, out.getvalue()


def test_each_step_is_told_with_rule_values_dwell_cause_and_evidence(folder: Path) -> None:
    status, text = told("ada", folder)
    assert status == 0
    step = text[text.index("2024-01-16 00:00:00  risk: healthy → at_risk") :].split("\n\n")[0].splitlines()
    assert [" ".join(line.split()) for line in step] == [
        "2024-01-16 00:00:00 risk: healthy → at_risk quiet",
        "after 15 d in healthy",
        "because idle 14 d >= 14 d",
        "cause time alone, due at 2024-01-16 00:00:00",
        "evidence e2",
    ]


def test_steps_come_in_the_order_in_which_they_happened(folder: Path) -> None:
    text = told("ada", folder)[1]
    states = ["· → awareness", "awareness → activation", "healthy → at_risk", "alert user_at_risk opened",
              "activation → churn", "at_risk → healthy", "alert user_at_risk resolved", "churn → activation"]  # fmt: skip
    assert sorted(states, key=text.index) == states


def test_an_alert_is_told_with_what_ends_it(folder: Path) -> None:
    text = told("ada", folder)[1]
    assert "when idle < 1 d (now 14 d)" in text
    assert "call, by 2024-01-23" in text


def test_where_it_stands_now_comes_last(folder: Path) -> None:
    tail = told("ada", folder)[1].split("now (as of 2024-02-10)")[1]
    assert "activation since 2024-02-10" in tail
    assert "healthy since 2024-02-01" in tail
    assert "days_28 1" in tail


def test_an_account_is_told_like_a_user(folder: Path) -> None:
    status, text = told("acme", folder)
    assert status == 0
    assert text.startswith("acme, account; definition tiny version 1")
    assert "awareness → engagement   a user" in text


def test_an_id_of_a_user_and_an_account_tells_both() -> None:
    found = Found([transition(1, kind="account"), transition(2, kind="user")], [], [], [])
    assert [journey.kind for journey in journeys(found)] == ["user", "account"]


def test_an_unknown_id_is_status_1_and_the_nearest_ids_are_named(folder: Path) -> None:
    status, text = told("adaa", folder)
    assert status == 1
    assert "'adaa'" in text
    assert "the nearest ids are ada" in text
    assert "nearest" not in told("zzzzzzzzzz", folder)[1]


def test_an_id_that_is_part_of_another_is_not_taken_for_it(folder: Path) -> None:
    assert told("ad", folder)[0] == 1


def test_a_folder_that_is_no_replay_is_status_2(tmp_path: Path) -> None:
    status, text = told("ada", tmp_path)
    assert status == 2
    assert "journeys replay" in text
    with pytest.raises(NotAReplay):
        in_folder(tmp_path, "ada")


def transition(n: int, seq: int = 1, valid: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{n:032x}", "kind": "user", "entity": "ada", "account": None, "machine": "stage", "from": None,
        "to": "awareness", "name": "begins", "label": None, "at": "2024-01-01T00:00:00.000Z", "seq": seq, "dwell_s": None,
        "definition": "tiny", "version": 1, "cause": {"event": "e1"}, "because": [], "signals": [], "evidence": [],
        "carry": {}, "origin": "live", "valid": valid,
    } | more  # fmt: skip


def test_what_was_taken_back_is_not_told_but_mentioned() -> None:
    found = Found(
        [
            transition(1),
            transition(2, 2, **{"from": "awareness", "to": "churn"}),
            transition(2, 3, valid=False, **{"from": "awareness", "to": "churn"}),
            transition(3, 4, origin="correction", **{"from": "awareness", "to": "activation"}),
        ],
        [], [], [],
    )  # fmt: skip
    text = "\n".join(line.plain for line in lines("ada", journeys(found)[0]))
    assert "churn" not in text
    assert "awareness → activation   begins   a correction" in text
    assert "one record was taken back" in text


def test_what_was_restored_is_told_and_nothing_is_mentioned() -> None:
    found = Found([transition(1), transition(1, 3), transition(1, 2, valid=False)], [], [], [])
    text = "\n".join(line.plain for line in lines("ada", journeys(found)[0]))
    assert "· → awareness" in text
    assert "taken back" not in text


def test_a_retracted_alert_is_not_told(folder: Path) -> None:
    found = in_folder(folder, "ada")
    opened = next(record for record in found.alerts if record["status"] == "opened")
    back = opened | {"id": "f" * 32, "status": "retracted"}
    text = "\n".join(line.plain for line in lines("ada", journeys(found._replace(alerts=[opened, back]))[0]))
    assert "alert user_at_risk" not in text
    assert "one record was taken back" in text


def test_an_alert_that_nothing_has_ended_stands_open(folder: Path) -> None:
    found = in_folder(folder, "ada")
    opened = [record for record in found.alerts if record["status"] == "opened"]
    text = "\n".join(line.plain for line in lines("ada", journeys(found._replace(alerts=opened))[0]))
    assert "user_at_risk (opened 2024-01-16)" in text


def test_who_is_gone_is_told_as_gone_with_where_to() -> None:
    end = transition(
        2, 2, cause={"link": "e9"}, label="merged", into="ada@acme.com", **{"from": "awareness", "to": None}
    )
    text = "\n".join(line.plain for line in lines("ada", journeys(Found([transition(1), end], [], [], []))[0]))
    assert text.endswith("gone: merged into ada@acme.com on 2024-01-01")


def test_clickhouse_tells_the_same_story_as_the_folder(folder: Path, client: Client) -> None:
    for entity in ("ada", "bob", "acme"):
        from_files, from_tables = in_folder(folder, entity), in_clickhouse(client, entity)
        stories = [[line.plain for j in journeys(f) for line in lines(entity, j)] for f in (from_files, from_tables)]
        assert stories[0] == stories[1]
        assert len(stories[0]) > 5


def test_clickhouse_names_the_nearest_ids_of_one_that_it_does_not_have(client: Client) -> None:
    found = in_clickhouse(client, "ADAA")
    assert journeys(found) == []
    assert found.near[0] == "ada"
    assert "ada" in unknown("ADAA", found.near)


def test_an_id_is_data_and_never_sql(client: Client) -> None:
    assert journeys(in_clickhouse(client, "x' OR '1'='1")) == []


def test_a_name_with_quotes_and_umlauts_is_found_in_files(tmp_path: Path) -> None:
    name = 'Zoë "Z" O\'Brien'
    source = tiny.write(tmp_path / "in.jsonl", tiny.lines([tiny.event(1, "Signed Up", name, 0)]))
    replay_to(source, "canonical", tiny.definition(), tmp_path / "out")
    status, text = told(name, tmp_path / "out")
    assert status == 0
    assert orjson.loads((tmp_path / "out" / "entities.jsonl").read_bytes())["entity"] == name
    assert text.startswith(name)
