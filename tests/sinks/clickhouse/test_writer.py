"""One suite over both writers: ClickHouse's engine and the one in memory keep the same contract."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from schemas.event import Event
from sinks.clickhouse import queries
from sinks.clickhouse.deliver import deliver
from sinks.clickhouse.retry import BadData, Refused
from sinks.clickhouse.rows import Row, event_row, rows_of
from sinks.clickhouse.tables import TABLES
from sinks.clickhouse.writer import ClickHouseWriter, Writer
from sinks.memory import MemoryWriter
from tests.sinks.clickhouse.test_rows import ALERT, AT, HEADERS, SNAPSHOT, TRANSITION, record

Counts = Callable[[str], tuple[int, int]]
"""table -> (rows as inserted, rows that FINAL shows)."""


@pytest.fixture(params=["memory", "engine", "server"])
def writer(request: pytest.FixtureRequest) -> tuple[Writer, Counts]:
    """A writer, and how to look at what it holds. `engine` is in this process, `server` is reached over HTTP."""
    if request.param == "memory":
        memory = MemoryWriter()
        return memory, lambda table: (len(memory.raw(table)), len(memory.final(table)))
    client: Client = request.getfixturevalue("client" if request.param == "engine" else "remote")
    return ClickHouseWriter(client), lambda table: queries.counts(client)[table]


def samples() -> list[Row]:
    """A row of every table, by way of the records they come from."""
    stage = Row("stages", ("saas", 1, "d", "user", "stage", "awareness", 0, False, AT))
    found = [stage, event_row(Event("m1", "Signed Up", "track", AT, user="u1", properties={"ü": [1, None]}))]
    for topic, value in (("transitions.user", TRANSITION), ("alerts", ALERT), ("state.account", SNAPSHOT)):
        made = rows_of(topic, record(topic, value))
        assert isinstance(made, list)
        found += made
    made = rows_of("dead-letters", record("dead-letters", b"\xff\x00", headers=HEADERS))
    assert isinstance(made, list)
    return found + made


def test_every_table_has_a_sample() -> None:
    assert {row.table for row in samples()} == set(TABLES)


@pytest.mark.parametrize("row", samples(), ids=lambda row: row.table)
def test_a_row_written_twice_is_one_row(writer: tuple[Writer, Counts], row: Row) -> None:
    into, counts = writer
    into.write(row.table, [row.values])
    into.write(row.table, [row.values])
    assert counts(row.table) == (2, 1)


def test_the_highest_version_is_the_truth_whatever_came_last(writer: tuple[Writer, Counts]) -> None:
    into, counts = writer
    transition = next(row for row in samples() if row.table == "transitions").values
    seq = TABLES["transitions"].names.index("seq")
    valid = TABLES["transitions"].names.index("valid")
    for number, true in ((3, True), (4, False), (2, True)):
        values = list(transition)
        values[seq], values[valid] = number, true
        into.write("transitions", [tuple(values)])
    assert counts("transitions") == (3, 1)
    if isinstance(into, MemoryWriter):
        assert [(row[seq], row[valid]) for row in into.final("transitions")] == [(4, False)]
    else:
        assert queries.ask(into._client, "SELECT seq, valid FROM transitions FINAL") == [{"seq": 4, "valid": False}]  # type: ignore[attr-defined]


def test_no_rows_are_no_error(writer: tuple[Writer, Counts]) -> None:
    into, counts = writer
    into.write("events", [])
    assert counts("events") == (0, 0)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", b"short"),
        ("name", None),
        ("name", 5),
        ("at", "today"),
        ("evidence", [None]),
        ("seq", -1),
        ("entity", "\ud800"),
    ],
)
def test_a_value_that_fits_no_column_is_bad_data_and_nothing_is_stored(
    writer: tuple[Writer, Counts], column: str, value: Any
) -> None:
    into, counts = writer
    good = next(row for row in samples() if row.table == "transitions").values
    bad = list(good)
    bad[TABLES["transitions"].names.index(column)] = value
    with pytest.raises(BadData):
        into.write("transitions", [good, tuple(bad)])
    assert counts("transitions") == (0, 0)


def test_a_bad_row_among_good_ones_is_the_only_one_missing(writer: tuple[Writer, Counts]) -> None:
    into, counts = writer
    events = [event_row(Event(f"m{n}", "Signed Up", "track", AT, user="u1")).values for n in range(20)]
    events[13] = (*events[13][:1], None, *events[13][2:])
    assert [bad.row for bad in deliver(into, "events", events, lambda s: False)] == [13]
    assert counts("events") == (19, 19)


def test_a_table_that_does_not_exist_is_refused(writer: tuple[Writer, Counts]) -> None:
    with pytest.raises(Refused, match="the tables are transitions"):
        writer[0].write("nonsense", [(1,)])


def test_a_closed_writer_refuses(writer: tuple[Writer, Counts]) -> None:
    into, _ = writer
    into.ping()
    into.close()
    with pytest.raises(Refused, match="closed"):
        into.ping()
    with pytest.raises(Refused, match="closed"):
        into.write("events", [event_row(Event("m", "n", "track", AT, user="u")).values])


def test_a_missing_table_is_refused_with_what_to_run(client: Client) -> None:
    client.command("DROP TABLE events SYNC")
    with pytest.raises(Refused, match="journeys migrate"):
        ClickHouseWriter(client).write("events", [event_row(Event("m", "n", "track", AT, user="u")).values])


def test_a_century_of_events_fits_one_insert(client: Client) -> None:
    year = 31_557_600_000
    summers = [n * year + year // 2 for n in range(20, 130)]
    events = [event_row(Event(f"m{at}", "Signed Up", "track", at, user="u")).values for at in summers]
    ClickHouseWriter(client).write("events", events)
    assert queries.ask(client, "SELECT uniqExact(_partition_id) AS years FROM events") == [{"years": 110}]
    assert queries.counts(client)["events"] == (110, 110)


def test_what_was_written_is_read_back_as_it_was(client: Client) -> None:
    into = ClickHouseWriter(client)
    for row in samples():
        into.write(row.table, [row.values])
    (event,) = queries.evidence(client, ["m1", "no such event"])
    assert (event["name"], event["properties"]) == ("Signed Up", '{"ü":[1,null]}')
    (letter,) = queries.ask(client, "SELECT hex(value) AS value, topic, partition, offset, item FROM dead_letters")
    assert letter == {"value": "FF00", "topic": "segment", "partition": 2, "offset": 77, "item": 1}
    found = queries.transition(client, TRANSITION["id"])
    assert found is not None
    assert (found["to_state"], found["valid"], found["evidence"]) == ("awareness", True, ["e1"])
    assert queries.transition(client, "0" * 32) is None


@pytest.mark.parametrize("where", ["client", "remote"])
def test_what_was_written_is_let_go_without_a_look_of_the_garbage_collector(
    where: str, request: pytest.FixtureRequest
) -> None:
    into = ClickHouseWriter(request.getfixturevalue(where))
    row = next(row for row in samples() if row.table == "transitions")
    entity = TABLES["transitions"].names.index("entity")
    gc.disable()
    try:
        values = [(*row.values[:entity], "who this is about".upper(), *row.values[entity + 1 :]) for _ in range(3)]
        held = [sys.getrefcount(value[entity]) for value in values]
        into.write("transitions", values)
        assert [sys.getrefcount(value[entity]) for value in values] == held
    finally:
        gc.enable()
