"""A ClickHouse database filled as the sink would: a data set replayed through the core, its records and events as rows."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from typing import Any

from clickhouse_connect.driver.client import Client

from deploy.demo import community
from deploy.demo.company import Company
from schemas.definition.model import Definition
from schemas.event import Event
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.rows import event_row, rows_of, stage_rows
from sinks.clickhouse.writer import ClickHouseWriter
from streams.delivery.contracts import Dead, Output, Record
from streams.delivery.dead import dead_letter
from streams.journey.users import Decoder
from streams.replay.run import Replay
from streams.sink_app import events_of


@cache
def company_lines(*accounts: str) -> list[bytes]:
    """The events of some accounts of the demo's company, by a part of their id; they know nothing of the others."""
    made = Company()
    chosen = re.compile("|".join(accounts).encode())
    return [line for line in map(made.line, made.events()) if chosen.search(line)]


@cache
def community_lines(people: str) -> list[bytes]:
    """The events of some of the real community's people, by a pattern at the beginning of their id."""
    chosen = re.compile(f'"user":"{people}'.encode())
    return [line for line in community.events() if chosen.search(line)]


PROBABILITY = "{churn: %s, horizon: 30d, after: 3, publish: true, coefficients: {intercept: 0.5, 7d: -0.5, 28d: -1.0}}"


def with_churn(saas: str) -> str:
    """saas.yaml with the churn probability `goes` of accounts and of users: none that is shipped has one beside a health."""
    for before, of in (("    days_7: ", "active"), ("    nps:  ", "members")):
        assert saas.count(before) == 1
        saas = saas.replace(before, f"    goes: {PROBABILITY % of}\n{before}")
    return saas


class Filling:
    """Rows on their way into one database, in the order in which they were published."""

    def __init__(self, client: Client, definition: Definition) -> None:
        self.client, self.definition = client, definition
        self._writer = ClickHouseWriter(client)
        self._rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self._offset = 0
        for row in stage_rows(definition, round(time.time() * 1000)):
            self._rows[row.table].append(row.values)

    def published(self, output: Output) -> None:
        self._offset += 1
        record = Record(
            output.topic, 0, self._offset, round(time.time() * 1000), output.key, output.value, output.headers
        )
        found = rows_of(output.topic, record)
        assert isinstance(found, list), found
        for row in found:
            self._rows[row.table].append(row.values)

    def happened(self, lines: Iterable[bytes], until: int) -> None:
        read = events_of(Decoder(self.definition, "canonical"))
        for n, line in enumerate(lines):
            for event in read(Record("source", 0, n, 0, None, line)):
                if isinstance(event, Event) and event.at <= until:
                    self._rows["events"].append(event_row(event).values)

    def unreadable(self, records: Iterable[Record]) -> None:
        """Records that cannot be read, as the dead letters that the engine makes of them."""
        decoder = Decoder(self.definition, "canonical")
        for record in records:
            for n, outcome in enumerate(decoder.route(record)):
                assert isinstance(outcome, Dead), outcome
                self.published(dead_letter(record, record.topic, n, outcome))

    def write(self) -> None:
        for table, rows in self._rows.items():
            self._writer.write(table, rows)
        self._rows.clear()


def fill(client: Client, database: str, definition: Definition, lines: list[bytes], until: int) -> None:
    """A fresh database with everything that a replay up to `until` (ms) publishes and the sink stores."""
    migrate(client, database, lambda _line: None)
    filling = Filling(client, definition)
    Replay(definition, "canonical", filling.published).run(lines, until)
    filling.happened(lines, until)
    filling.write()
