"""Operations over rows whose times the test chose: latency, events by minute, dead letters, definitions."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver.client import Client
from playwright.sync_api import Browser

from deploy.local.clickhouse import ClickHouseAddress, LocalClickHouse
from schemas.definition.parse import load
from sinks.clickhouse.connect import connect
from sinks.clickhouse.migrate import migrate
from streams.board import show
from streams.delivery.contracts import Record
from tests.streams.board.conftest import COMMUNITY, SAAS, Visit, serving, visiting
from tests.streams.board.filled import Filling
from tests.streams.board.test_tasks import rows_of

LATENCIES = [7 * n * n for n in range(1, 101)]
"""ms; the slowest takes a minute, and a mean is far from the median."""

MINUTES = {0: 3, 1: 40, 17: 5, 59: 11}
"""{minutes before the newest one: events stored in it}."""

LETTERS = [
    Record("web", 2, 7, 1_700_000_000_000, b"k", b"{half a"),
    Record("web", 2, 8, 1_700_000_060_000, b"k", b"{another half"),
    Record("web", 2, 8, 1_700_000_060_000, b"k", b"{another half"),  # read again after a crash: the same letter
    Record("web", 3, 1, 1_700_000_120_000, None, b'{"event": "Nobody Did It", "at": "2023-11-14T22:13:20Z"}'),
    Record("crm", 0, 4, 1_700_000_180_000, None, b"[1, 2]"),
]


@pytest.fixture(scope="module")
def running(clickhouse: LocalClickHouse | ClickHouseAddress) -> Iterator[Client]:
    """A database in which nobody stands anywhere yet: transitions and events of the last hour, dead letters, definitions."""
    client = connect(clickhouse.url)
    migrate(client, f"operations_{os.getpid()}", lambda _line: None)
    Filling(client, load(COMMUNITY)).write()
    time.sleep(0.01)  # the next one is registered later
    filling = Filling(client, load(SAAS))
    for letters in (
        LETTERS[:2],
        LETTERS[2:],
    ):  # the one that comes twice in two inserts: one insert would drop it itself
        filling.unreadable(letters)
        filling.write()
    client.command(
        "INSERT INTO transitions (id, kind, entity, machine, to_state, at, detected_at, inserted_at, valid)"
        " WITH now64(3) - INTERVAL 10 MINUTE AS found"
        " SELECT sipHash128(ms), 'user', toString(ms), 'stage', 'awareness', found, found, found + toIntervalMillisecond(ms), true"
        f" FROM (SELECT arrayJoin({LATENCIES}) AS ms)"
    )
    newest = datetime.now(UTC).replace(second=0, microsecond=0)
    for minute, n in MINUTES.items():
        client.command(
            "INSERT INTO events (id, event_id, entity, name, at, inserted_at) SELECT sipHash128(number, m), toString(number),"
            f" 'u', 'Feature Used', now64(3) - INTERVAL 2 HOUR, toDateTime({int(newest.timestamp())}) - INTERVAL m MINUTE"
            f" FROM (SELECT number, {minute} AS m FROM numbers({n}))"
        )
    yield client
    client.command(f"DROP DATABASE `{client.database}` SYNC")
    client.close()


@pytest.fixture(scope="module")
def home(
    running: Client, clickhouse: LocalClickHouse | ClickHouseAddress, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    assert running.database is not None
    with serving(tmp_path_factory.mktemp("board"), clickhouse.url, running.database) as url:
        yield url


@pytest.fixture
def visit(browser: Browser, home: str) -> Iterator[Visit]:
    with visiting(browser, home) as found:
        found.go("/operations")
        yield found


def tile(visit: Visit, name: str) -> tuple[str, str]:
    """(the large figure, the small print) of a tile."""
    found = visit.page.locator("#pulse .tile", has=visit.page.get_by_role("heading", name=name, exact=True))
    return found.locator(".big").inner_text(), found.locator(".sub").inner_text()


def test_latency_is_the_median_the_95th_and_the_99th_of_a_hundred(visit: Visit) -> None:
    ordered = sorted(LATENCIES)
    p50, p95, p99 = (
        ordered[n] + (ordered[n + 1] - ordered[n]) * part for n, part in ((49, 0.5), (94, 0.05), (98, 0.01))
    )
    large, small = tile(visit, "Found out to stored")
    assert large == show.duration(p50 / 1000) == "18 s"
    assert small == (
        f"median of {len(LATENCIES)} transitions of the newest hour;"
        f" p95 {show.duration(p95 / 1000)}, p99 {show.duration(p99 / 1000)}"
    )
    assert p50 < p95 < p99


def test_how_long_ago_is_told_by_the_clock(visit: Visit, running: Client) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    stored, newest = running.query("SELECT max(inserted_at), max(at) FROM events").result_rows[0]
    large, small = tile(visit, "Stored last")
    assert large in {show.ago(stored, now - timedelta(seconds=n)) for n in range(30)}
    assert small.endswith(show.clock(stored))
    large, small = tile(visit, "Event time is behind by")
    assert large == show.duration((now - newest).total_seconds()) == "2 h"
    assert show.clock(newest) in small
    assert show.clock(newest) in visit.page.locator("#asof").inner_text()


def test_events_are_counted_by_the_minute_in_which_they_were_stored(visit: Visit, running: Client) -> None:
    bars = visit.page.locator("#throughput rect title").evaluate_all("all => all.map(one => one.textContent)")
    last = running.query("SELECT max(inserted_at) FROM events").result_rows[0][0]
    assert bars == [
        f"{last - timedelta(minutes=back):%H:%M}: way {MINUTES.get(back, 0)}" for back in reversed(range(60))
    ]


def test_dead_letters_are_counted_once_each_by_topic_and_reason(visit: Visit) -> None:
    once = {(letter.topic, letter.partition, letter.offset): letter for letter in LETTERS}
    by_topic = Counter(letter.topic for letter in once.values())
    large, _ = tile(visit, "Dead letters")
    assert large == str(len(once)) == "4"
    rows = rows_of(visit.page, "#letters")
    counted: Counter[str] = Counter()
    for topic, _, letters, _ in rows:
        counted[topic] += int(letters)
    assert counted == by_topic
    (halves,) = [row for row in rows if row[2] == "2"]
    assert rows[0] == halves  # the most frequent first
    assert (halves[0], halves[1].split("\n")[0]) == ("web", "not_json")
    assert halves[3] == show.clock(datetime.fromtimestamp(1_700_000_060, UTC))
    assert {row[1].split("\n")[0] for row in rows} == {"not_json", "missing_entity", "wrong_type"}


def test_definitions_are_listed_and_another_one_than_the_boards_is_said(
    visit: Visit, running: Client, browser: Browser, clickhouse: LocalClickHouse | ClickHouseAddress,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    ours, theirs = load(SAAS), load(COMMUNITY)
    shown = [(name, digest) for name, digest, _ in rows_of(visit.page, "#definitions")]
    assert shown == [(f"{one.name} {one.version}", one.digest[:12]) for one in (ours, theirs)]
    assert tile(visit, "Definition") == (f"{ours.name} {ours.version}", ours.digest[:12])
    assert visit.page.locator("main > .warning").count() == 0
    assert running.database is not None
    with serving(tmp_path_factory.mktemp("other"), clickhouse.url, running.database, definition=COMMUNITY) as other:
        with visiting(browser, other) as theirs_visit:
            said = theirs_visit.go("/operations").locator("main > .warning").inner_text()
    assert f"saas version {ours.version}, digest {ours.digest[:12]}" in said


def test_what_clickhouse_holds_is_told_in_rows_and_megabytes(visit: Visit, running: Client) -> None:
    expected = {
        table: [f"{rows:,}", f"{size / 1_000_000:,.1f}"]
        for table, rows, size in running.query(
            "SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()"
            " GROUP BY table"
        ).result_rows
        if table != "migrations"
    }
    assert {table: figures for table, *figures in rows_of(visit.page, "#held")} == expected
    assert expected["transitions"][0] == str(len(LATENCIES))
