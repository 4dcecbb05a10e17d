"""A selection as SQL takes the events that the core takes, whatever they say at the paths that it looks at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from schemas.definition.model import Condition, Selection
from schemas.event import Event
from sinks.clickhouse.connect import connect
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.queries import ask
from sinks.clickhouse.rows import event_row
from sinks.clickhouse.writer import ClickHouseWriter
from streams.board.subject import seen
from streams.journey.selections import Selections
from tests.streams.commands import tiny

AT = 1_704_067_200_000
SAID: list[Any] = [
    0, 1, 2, 1.5, -3, True, False, "", "1", "true", "full", "fuller", "grün", None, [], [1], ["full"], {}, {"kind": 1},
]  # fmt: skip
PATHS = (("properties", "kind"), ("traits", "kind"), ("properties", "plan", "kind"), ("properties", 'k"ü'))
ASKED: list[tuple[str, Any]] = [
    *product(["==", "!=", ">=", ">", "<=", "<"], [1, 1.5, 0, "full", "1"]),
    *product(["==", "!="], [True, False]),
    ("in", ("full", "grün")),
    ("in", (1, "full", True)),
]


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    return {path[0]: nested(path[1:], value) if path[1:] else value}


def events() -> list[Event]:
    """Each value at each path, something else at the path's beginning, and nothing at all."""
    found = [Event("none", "Report Run", "track", AT, user="u")]
    for (where, *rest), value in product(PATHS, SAID):
        found.append(
            Event(f"e{len(found)}", "Report Run", "track", AT, user="u", **{where: nested(tuple(rest), value)})
        )
    for n, value in enumerate(SAID):
        found.append(Event(f"p{n}", "Report Run", "track", AT, user="u", properties={"plan": value}))
    return found


@pytest.fixture(scope="module")
def stored(clickhouse: Any) -> Iterator[Client]:
    client = connect(clickhouse.url)
    migrate(client, f"seen_{os.getpid()}", lambda _line: None)
    ClickHouseWriter(client).write("events", [event_row(event).values for event in events()])
    yield client
    client.close()


@pytest.mark.parametrize("path", PATHS, ids=".".join)
def test_a_selection_with_a_condition_takes_what_the_core_takes(stored: Client, path: tuple[str, ...]) -> None:
    chosen = {f"s{n}": Selection(f"s{n}", where=(Condition(path, *one),)) for n, one in enumerate(ASKED)}  # type: ignore[arg-type]
    core = Selections(replace(tiny.definition(), selections=chosen, exclude=()))
    conditions = {name: seen(one) for name, one in chosen.items()}
    columns = ", ".join(f"groupArrayIf(event_id, {one.condition(name)}) AS {name}" for name, one in conditions.items())
    values = {key: value for name, one in conditions.items() for key, value in one.parameters(name).items()}
    (found,) = ask(stored, f"SELECT {columns} FROM events FINAL", **values)
    for n, name in enumerate(chosen):
        expected = {event.id for event in events() if core.match(event) >> n & 1}
        assert set(found[name]) == expected, ASKED[n]
        assert expected, ASKED[n]


def test_of_several_conditions_all_must_hold_and_the_rest_too(stored: Client) -> None:
    one = Selection(
        "s", ("Report Run",), ("track",),
        where=(Condition(("properties", "kind"), ">=", 1), Condition(("properties", "kind"), "<", 2)),
    )  # fmt: skip
    core = Selections(replace(tiny.definition(), selections={"s": one}, exclude=()))
    taken = seen(one)
    rows = ask(stored, f"SELECT event_id FROM events FINAL WHERE {taken.condition()}", **taken.parameters())
    assert {row["event_id"] for row in rows} == {event.id for event in events() if core.match(event)} != set()
