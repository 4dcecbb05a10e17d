"""An entity's journey is told whole, from files and from ClickHouse alike; only what is true, and what is not known is said."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from clickhouse_connect.driver.client import Client
from rich.console import Console

from schemas.definition.model import Definition
from schemas.event import Event
from schemas.sources import canonical
from schemas.time import parse_time
from sinks.clickhouse import journey
from sinks.clickhouse.connect import connect
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.rows import event_row, rows_of
from sinks.clickhouse.writer import ClickHouseWriter
from streams.commands.explain import explain_entity, lines, unknown
from streams.commands.found import Found, NotAReplay, in_clickhouse, in_folder, journeys
from streams.delivery.contracts import Output, Record
from streams.replay.files import replay_to
from streams.replay.run import Replay
from tests.streams import linked
from tests.streams.commands import tiny
from tests.streams.journey.test_from_domain import domains


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
    stored(client, tiny.definition(), tiny.lines(tiny.ada()))
    yield client
    client.close()


def stored(client: Client, definition: Definition, lines: list[bytes]) -> None:
    """What a sink would make of a replay of these records."""
    writer, offset = ClickHouseWriter(client), iter(range(10_000))

    def store(output: Output) -> None:
        if output.topic in ("members", "events"):
            return
        found = rows_of(output.topic, Record(output.topic, 0, next(offset), 1, output.key, output.value))
        assert isinstance(found, list), found
        for row in found:
            writer.write(row.table, [row.values])

    Replay(definition, "canonical", store).run(lines)


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


def test_clickhouse_tells_into_whom_somebody_was_merged_as_the_folder_does(client: Client, tmp_path: Path) -> None:
    named: list[dict[str, object]] = [{"anonymous": "someone"}, {"anonymous": "someone", "user": "eve"}]
    records = [
        orjson.dumps({"id": f"m{day}", "event": "Alpha", "at": f"2024-03-0{day + 1}T00:00:00Z", **who})
        for day, who in enumerate(named)
    ]
    replay_to(tiny.write(tmp_path / "in.jsonl", records), "canonical", linked.definition(), tmp_path / "out")
    stored(client, linked.definition(), records)
    from_files, from_tables = in_folder(tmp_path / "out", "someone"), in_clickhouse(client, "someone")
    stories = [[line.plain for j in journeys(f) for line in lines("someone", j)] for f in (from_files, from_tables)]
    assert stories[0] == stories[1]
    assert stories[1][-1] == "gone: merged into eve on 2024-03-02"
    in_order = [sorted(found.transitions, key=lambda record: record["id"]) for found in (from_files, from_tables)]
    assert in_order[0] == in_order[1]


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


# --- as of an instant, and what would be next ---


def test_what_is_found_by_its_domain_is_folded_from_the_whole_folder(tmp_path: Path) -> None:
    told_of = [
        orjson.dumps({"id": f"s{n}", "event": name, "user": f"u{n}", "at": f"2024-03-0{n}T00:00:00Z",
                      "traits": {"email": f"u{n}@acme.com"}})
        for n, name in ((1, "Signed Up"), (2, "Signed Up"), (3, "Paid"))
    ]  # fmt: skip
    replay_to(tiny.write(tmp_path / "in.jsonl", told_of), "canonical", domains(), tmp_path / "out")
    assert next_of("acme.com", tmp_path / "out")[2] == (
        "expansion none → ready they come by themselves: 1 more event of signed_up in 30d"
    )


def as_of(entity: str, folder: Path, at: str | None) -> tuple[int, str]:
    out = io.StringIO()
    status = explain_entity(entity, None, folder, Console(file=out, width=200), parse_time(at) if at else None)
    return status, out.getvalue()


def next_of(entity: str, folder: Path, at: str | None = None) -> list[str]:
    """The lines after `next`."""
    text = as_of(entity, folder, at)[1]
    return [" ".join(line.split()) for line in text[text.index("\nnext") :].strip().splitlines()]


def test_what_would_have_to_happen_is_told_for_each_transition_and_open_alert(folder: Path) -> None:
    assert next_of("ada", folder, "2024-01-20T00:00:00Z") == [
        "next (as of 2024-01-20 00:00)",
        "stage activation → churn goes: silent for 12 d more",
        "risk at_risk → healthy back: active once",
        "alert user_at_risk ends: active once",
    ]
    assert next_of("bob", folder, "2024-01-20T00:00:00Z")[1:] == [
        "stage awareness → activation uses it: 1 more active day in 28d"
    ]


def test_without_a_time_it_is_told_as_of_the_end(folder: Path) -> None:
    assert next_of("ada", folder)[:2] == [
        "next (as of 2024-02-10 00:00)", "stage activation → churn goes: silent for 30 d more",
    ]  # fmt: skip


def test_what_came_after_the_time_is_left_out(folder: Path) -> None:
    text = as_of("ada", folder, "2024-01-10T00:00:00Z")[1]
    assert "awareness → activation" in text
    assert "at_risk since" not in text
    assert "2024-01-16" not in text


def test_before_its_first_step_there_is_nothing_to_tell(folder: Path) -> None:
    assert as_of("ada", folder, "2023-12-01T00:00:00Z") == (
        1, "there is nothing on record of 'ada' before 2023-12-01T00:00:00.000Z\n",
    )  # fmt: skip


def test_an_account_is_folded_with_all_its_members(folder: Path) -> None:
    assert next_of("acme", folder, "2024-01-01T12:00:00Z")[1:] == [
        "stage awareness → engagement a user: 1 more member (stage activation)"
    ]
    assert next_of("acme", folder)[1:] == ["nothing leads on from where it stands"]


def test_where_the_input_is_gone_the_story_is_told_all_the_same(tmp_path: Path) -> None:
    source = tiny.write(tmp_path / "in.jsonl", tiny.lines(tiny.ada()))
    replay_to(source, "canonical", tiny.definition(), tmp_path / "out")
    source.unlink()
    status, text = told("ada", tmp_path / "out")
    assert status == 0
    assert "next cannot be told: its input" in text
    assert "awareness → activation" in text


def test_events_that_do_not_lead_to_what_was_published_tell_nothing(tmp_path: Path) -> None:
    source = tiny.write(tmp_path / "in.jsonl", tiny.lines(tiny.ada()))
    replay_to(source, "canonical", tiny.definition(), tmp_path / "out")
    tiny.write(source, tiny.lines(tiny.ada()[:1]))
    assert (
        "next cannot be told: the events on record do not lead to where it stands" in told("ada", tmp_path / "out")[1]
    )


def test_clickhouse_has_the_events_of_users_and_of_accounts_with_their_members(client: Client) -> None:
    found = [event for line in tiny.lines(tiny.ada()) for event in canonical.decode(line) if isinstance(event, Event)]
    bare = [event._replace(account=None) for event in found[1:2]]  # ada was elsewhere that time
    ClickHouseWriter(client).write("events", [event_row(event).values for event in [found[0], *bare, *found[2:]]])
    assert journey.events(client, "user", "ada") == [found[0], *bare, found[3]]
    assert journey.events(client, "account", "acme") == [found[0], *bare, *found[2:]]
    assert journey.events(client, "user", "x' OR '1'='1") == []
    assert journey.newest_event(client) == found[3].at


def on_record(client: Client, text: str, records: Iterable[bytes], home: Path, patched: pytest.MonkeyPatch) -> Path:
    """Settings of this definition, over a ClickHouse with the events of these records."""
    for line in records:
        for event in canonical.decode(line):
            assert isinstance(event, Event)
            ClickHouseWriter(client).write("events", [event_row(event).values])
    (home / "d.yaml").write_text(text)
    settings = home / "settings.toml"
    settings.write_text(f'definition = "{home}/d.yaml"\n')
    patched.setattr("sinks.clickhouse.connect.connect", lambda *where, **how: client)
    patched.setattr(client, "close", lambda: None)
    return settings


def test_from_clickhouse_the_same_is_told_as_from_the_folder(
    folder: Path, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the settings, as the command does it: the story, and what would be next, from the events on record."""
    settings = on_record(client, tiny.TEXT, tiny.lines(tiny.ada()), tmp_path, monkeypatch)
    for entity, at in (("ada", "2024-01-20T00:00:00Z"), ("acme", "2024-01-20T00:00:00Z"), ("bob", None)):
        out = io.StringIO()
        assert explain_entity(entity, settings, None, Console(file=out, width=200), parse_time(at) if at else None) == 0
        assert out.getvalue() == as_of(entity, folder, at)[1]
        assert "\nnext (as of" in out.getvalue()


def asked(
    client: Client, definition: Definition, records: list[bytes], entity: str, home: Path, patched: pytest.MonkeyPatch
) -> tuple[list[str], list[str]]:
    """What is told of an entity from ClickHouse, and from a folder, line by line."""
    home.mkdir(exist_ok=True)
    stored(client, definition, records)
    settings = on_record(client, definition.text, records, home, patched)
    end = max(parse_time(orjson.loads(line)["at"]) or 0 for line in records)
    replay_to(tiny.write(home / "in.jsonl", records), "canonical", definition, home / "out")
    outs = []
    for where in ((settings, None), (None, home / "out")):
        out = io.StringIO()
        assert explain_entity(entity, *where, Console(file=out, width=200), end) == 0
        # a folder has a snapshot of the very end, the tables the last that was published
        outs.append([line for line in out.getvalue().splitlines() if not line.startswith("now (as of")])
    return outs[0], outs[1]


def test_from_clickhouse_what_is_found_by_its_domain_is_told_whole(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [
        orjson.dumps({"id": "d1", "event": "Signed Up", "user": "uma@initech.com", "at": "2024-03-01T00:00:00Z"})
    ]
    records.append(orjson.dumps({"id": "d2", "event": "Paid", "user": "uma@initech.com", "at": "2024-03-02T00:00:00Z"}))
    tables, files = asked(client, domains(), records, "initech.com", tmp_path, monkeypatch)
    assert tables == files
    assert any(line.startswith("next (as of") for line in tables)


def test_from_clickhouse_what_came_by_other_names_is_told_whole(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"event": "Alpha", "account": "a-linked"}
    known = {"user": "zoe", "anonymous": "zoe-anon", "type": "identify", "traits": {"email": "zoe@linked.test"}}
    events = [{"anonymous": "zoe-anon"}, {"anonymous": "zoe-anon"}, known, {"user": "zoe"}, {"anonymous": "zoe-anon"}]
    records = [
        orjson.dumps({"id": f"z{n}", "at": f"2024-05-0{n + 1}T00:00:00Z", **told, **one})
        for n, one in enumerate(events)
    ]
    definition = linked.definition()
    for entity in ("zoe", "a-linked"):
        tables, files = asked(client, definition, records, entity, tmp_path / entity, monkeypatch)
        assert tables == files
        assert any(line.startswith("next (as of") for line in tables), tables
