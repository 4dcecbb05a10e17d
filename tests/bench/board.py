"""`make bench-board`: every query of the board on 100,000 accounts, timed; a table, and a failure where one takes too long.

The rows are made inside ClickHouse: accounts with their people on paths through the ladder of saas.yaml, a year of events,
a month of daily snapshots. `--accounts` makes fewer, which is what the test does.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from clickhouse_connect.driver.client import Client
from rich.console import Console
from rich.table import Table

from deploy.local.clickhouse import LocalClickHouse
from schemas.definition.parse import load
from sinks.clickhouse import journey, queries
from sinks.clickhouse.board import accounts, entity, journeys, operations, overview, people
from sinks.clickhouse.board.scope import Scope
from sinks.clickhouse.connect import connect
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.rows import stage_rows
from sinks.clickhouse.writer import ClickHouseWriter
from streams.board.subject import Subject

LIMIT_MS = 300
USERS = 3
"""People an account."""

EVENTS = 16
"""Events a person and year."""

DAYS = 30
"""Daily snapshots an account."""

SAAS = Path(__file__).parents[2] / "schemas" / "definitions" / "saas.yaml"

_ACCOUNT = "concat('a-', leftPad(toString(number), 7, '0'))"
_LADDERS = {
    "account": "['awareness','consideration','conversion','onboarding','adoption','retention','advocacy']",
    "user": "['awareness','activation','engagement','adoption','retention']",
}
_OWNERS = "['Ines Okafor','Luca Brandt','Maya Lindqvist','Tomas Rivera','Yuki Hartmann']"
_CARRY = f"""concat('{{"name":"Company ', toString(number), '","owner":"', {_OWNERS}[1 + cityHash64(number, 'o') % 5], '","plan":"',
    ['team','self-serve'][1 + cityHash64(number, 'p') % 2], '","mrr":', toString(5000 + cityHash64(number, 'm') % 300000),
    ',"currency":"', ['EUR','USD','GBP'][1 + cityHash64(number, 'c') % 3], '","renews_at":"',
    formatDateTime(now() + INTERVAL cityHash64(number, 'r') % 365 DAY, '%Y-%m-%dT%H:%i:%S.000Z'), '","segment":"',
    ['small','mid-market','enterprise'][1 + cityHash64(number, 's') % 3], '"}}')"""
_MEASURES = """concat('{"touched":"2025-01-06T08:23:12.000Z","evaluating":false,"contract":true,"cancelling":false,"overdue":false,
"kicked_off":true,"plan":"team","mrr":173800,"currency":"EUR","quota":0.4,"members":3,"seats":5,"activated":2,"admins":1,"weekly":',
    toString(cityHash64(number, 'w') % 4), ',"monthly":3,"managers_28":1,"executives":1,"executives_30":', toString(number % 2),
    ',"champions":1,"champions_14":1,"grew":1,"advocated":0,"tickets":0,"premium":0,"nps":8,"health":',
    toString(cityHash64(number, 'h') % 1000 / 10), '}')"""
_TITLES = "['VP Operations','Team Lead','Analyst','Buyer','Head of Care','Planner','Chief Data Officer','']"


def _who(kind: str) -> str:
    """An entity of a kind, from its number."""
    return _ACCOUNT if kind == "account" else "concat('u-', leftPad(toString(number), 8, '0'))"


def _rung(kind: str) -> str:
    return f"cityHash64(number, '{kind}') % {7 if kind == 'account' else 5}"


_CHURNED = "(cityHash64(number, 'gone') % 12 = 0)"
_RISK = "['healthy','healthy','healthy','watch','at_risk'][1 + cityHash64(number, 'risk') % 5]"
_START = "(now64(3) - INTERVAL 1 + cityHash64(number, 'start') % 700 DAY)"


def _transitions(kind: str, n: int) -> Iterator[str]:
    """The paths: up the ladder to each one's rung, some to churn; beside it the risk, from healthy to what it is now."""
    ladder = _LADDERS[kind]
    account = _ACCOUNT if kind == "account" else f"concat('a-', leftPad(toString(intDiv(number, {USERS})), 7, '0'))"
    head = (
        "INSERT INTO transitions (id, kind, entity, account, machine, from_state, to_state, name, at, detected_at, seq, dwell_s,"
        " definition, version, digest, cause, because, signals, evidence, carry, origin, valid)"
    )
    tail = (
        '86400 * 5, \'saas\', 1, \'d\', \'{}\', \'[{"measure":"core_7","op":">=","threshold":3,"value":3,"holds":true}]\','
        " [], [concat('e-', toString(number))], '{}', 'live', true"
    )
    path = f"arrayConcat(arraySlice({ladder}, 1, 1 + {_rung(kind)}), if({_CHURNED}, ['churn'], []))"
    yield (
        f"{head} SELECT sipHash128('{kind}', number, 'stage', k), '{kind}', {_who(kind)}, {account}, 'stage',"
        " if(k = 1, NULL, path[k - 1]), path[k], 'rule',"
        f" least({_START} + INTERVAL k * 9 DAY, now64(3)) AS at, at, k, {tail} FROM (SELECT number, {path} AS path"
        f" FROM numbers({n})) ARRAY JOIN arrayEnumerate(path) AS k"
    )
    risks = f"arrayDistinct(['healthy', {_RISK}])"
    yield (
        f"{head} SELECT sipHash128('{kind}', number, 'risk', k), '{kind}', {_who(kind)}, {account}, 'risk',"
        f" if(k = 1, NULL, path[k - 1]), path[k], 'rule', least({_START} + INTERVAL k * 20 DAY, now64(3)) AS at, at, k, {tail}"
        f" FROM (SELECT number, {risks} AS path FROM numbers({n})) ARRAY JOIN arrayEnumerate(path) AS k"
    )


def statements(n: int) -> Iterator[str]:
    """The inserts that make `n` accounts and all that belongs to them."""
    for kind, many in (("account", n), ("user", n * USERS)):
        stage = f"if({_CHURNED}, 'churn', {_LADDERS[kind]}[1 + {_rung(kind)}])"
        account = _ACCOUNT if kind == "account" else f"concat('a-', leftPad(toString(intDiv(number, {USERS})), 7, '0'))"
        carry = (
            _CARRY if kind == "account"
            else """concat('{"email":"person', toString(number), '@example.com","title":"', """
            f"""{_TITLES}[1 + cityHash64(number, 't') % 8], '"}}')"""
        )  # fmt: skip
        measures = _MEASURES if kind == "account" else """concat('{"setup":', toString(number % 6), '}')"""
        yield (
            "INSERT INTO entities (kind, entity, account, gone, as_of, states, since, signals, measures, carry, definition,"
            f" version, position) SELECT '{kind}', {_who(kind)}, {account}, false, now64(3), map('stage', {stage}, 'risk', {_RISK}),"
            f" map('stage', {_START}, 'risk', {_START}), if({_RISK} = 'healthy', [], ['silent_14d', 'no_executive_30d']), {measures},"
            f" {carry}, 'saas', 1, number FROM numbers({many})"
        )
        yield from _transitions(kind, many)
    yield (
        "INSERT INTO events (id, event_id, entity, name, type, at, user, account, properties, traits, actor, place, source)"
        f" SELECT sipHash128(number, i), concat('e-', toString(number), '-', toString(i)), {_who('user')} AS who,"
        " ['Feature Used','Report Created','Screen Viewed','Data Exported'][1 + i % 4], 'track',"
        " now64(3) - INTERVAL cityHash64(number, i) % 31536000 SECOND, who,"
        f" concat('a-', leftPad(toString(intDiv(number, {USERS})), 7, '0')), '{{\"feature\":\"f1\"}}', '{{}}', 'user', 'product',"
        f" 'canonical' FROM numbers({n * USERS}) ARRAY JOIN range({EVENTS}) AS i"
    )
    yield (
        "INSERT INTO account_days (account, day, as_of, states, since, signals, measures, carry, definition, version, position)"
        f" SELECT {_ACCOUNT}, today() - d, now64(3), map('stage', 'adoption', 'risk', {_RISK}), map('stage', {_START}), [],"
        f" {_MEASURES}, '{{}}', 'saas', 1, number FROM numbers({n}) ARRAY JOIN range({DAYS}) AS d"
    )
    yield (
        "INSERT INTO alerts (id, opens, name, status, kind, entity, account, severity, title, signals, because, evidence,"
        " clears_when, do, owner, carry, at, detected_at, definition, version, origin, position)"
        f" SELECT sipHash128(number, s), sipHash128(number, 0), 'account_at_risk', ['opened','resolved'][1 + s], 'account', {_ACCOUNT},"
        f" {_ACCOUNT}, 'high', concat('Company ', toString(number), ': silent'), ['silent_14d'], '[]', [], 'idle < 14 d', 'call',"
        f" {_OWNERS}[1 + cityHash64(number, 'o') % 5], '{{}}', {_START} + INTERVAL s DAY AS at, at, 'saas', 1, 'live', s FROM numbers({n})"
        f" ARRAY JOIN if({_RISK} = 'at_risk', [0], if(number % 3 = 0, [0, 1], [])) AS s"
    )


def make(client: Client, database: str, n: int) -> None:
    """A database with `n` accounts, their people and their history."""
    migrate(client, database, lambda _line: None)
    now = round(time.time() * 1000)
    ClickHouseWriter(client).write("stages", [row.values for row in stage_rows(load(SAAS), now)])
    for statement in statements(n):
        client.command(statement)


class Asked(NamedTuple):
    """A query of a page."""

    page: str
    name: str
    ask: Callable[[], Any]


def asked(client: Client) -> list[Asked]:
    """Every query that the board asks, as its pages ask it, with and without a filter."""
    now = journey.newest_event(client) or round(datetime.now(UTC).timestamp() * 1000)
    subject = Subject.of(load(SAAS))
    found: list[Asked] = []

    def add(page: str, query: Callable[..., Any], *args: Any, note: str = "", **named: Any) -> None:
        found.append(Asked(page, f"{query.__name__}{note}", partial(query, client, *args, **named)))

    everything, owned = Scope(now, days=30), Scope(now, owner="Ines Okafor", days=30)
    renewing = Scope(now, states=(("risk", "at_risk"),), renews=90)
    for scope, note in ((everything, ""), (owned, ", of an owner")):
        for kind in ("account", "user"):
            for query in (overview.standing, overview.funnel, overview.flow):
                add("overview", query, scope, kind, note=f" {kind}s{note}")
            for query in (journeys.dwell, journeys.cohorts, journeys.growth):
                add("journeys", query, scope, kind, note=f" {kind}s{note}")
        for query in (overview.money, overview.risk_days, overview.open_alerts):
            add("overview", query, scope, note=note)
        add("journeys", journeys.habit, scope, subject.seen, note=note)
    for query in (overview.order, overview.feed, overview.version):
        add("overview", query)
    for sort in accounts.SORTS:
        add("accounts", accounts.page, everything, sort, True, 50, note=f" by {sort}")
    add("accounts", accounts.page, renewing, "mrr", True, 50, note=" at risk, renewing")
    add("accounts", accounts.page, Scope(now, search="company 4242"), "name", False, 50, note=" searched")
    add("accounts", accounts.count, everything)
    add("accounts", accounts.choices)
    ids = [row["account"] for row in accounts.page(client, everything, "mrr", True, 50)]
    add("accounts", accounts.reasons, ids)
    add("accounts", accounts.histories, ids, "health", now)
    add("accounts", accounts.active_by_level, ids, subject.levels, subject.seen, now)
    one = ids[0]
    add("account", queries.standing, "account", one)
    for query in (entity.steps, entity.alerts):
        add("account", query, "account", one)
    add("account", entity.members_steps, one)
    add("account", entity.days, one, now)
    for query in (people.members, people.member_counts):
        add("account", query, one, subject.levels, subject.seen, now)
    user = people.members(client, one, subject.levels, subject.seen, now)[0]["entity"]
    add("user", people.active_days, user, subject.seen, now)
    add("user", entity.newest_events, user)
    for kind, whose in (("user", user), ("account", one)):
        add(kind, entity.events_of, kind, whose, ["e-1-1", "e-2-2"])
    add("user", people.levels_of, ["VP Operations"], subject.levels)
    add("find", entity.find, "person4242")
    for query in (operations.pulse, operations.latency, operations.throughput, operations.dead_letters):
        add("operations", query)
    for query in (operations.definitions, operations.held, operations.stock):
        add("operations", query)
    add("operations", operations.kinds_of_events, now)
    add("operations", operations.matches, now, subject.looking_inside())
    return found


class Timed(NamedTuple):
    """Some runs of a query, ms: the best, the median, and the least CPU time that ClickHouse took (None where it is not ours).

    The best is the query's own on a quiet machine; on a busy one neighbours add to it, and the CPU time is what remains.
    """

    best: float
    median: float
    cpu: float | None

    @property
    def slow(self) -> bool:
        """Whether it takes too long by the clock, and would do so without neighbours: its CPU time is too long as well."""
        return self.best >= LIMIT_MS and (self.cpu is None or self.cpu >= LIMIT_MS)


def timed(one: Asked, times: int = 5, server: psutil.Process | None = None) -> Timed:
    """Run a query once to warm up, and then so many times."""
    one.ask()
    taken, used = [], []
    for _ in range(times):
        began, before = time.perf_counter(), _cpu(server)
        one.ask()
        taken.append(1000 * (time.perf_counter() - began))
        used.append(1000 * (_cpu(server) - before))
    return Timed(min(taken), statistics.median(taken), min(used) if server else None)


def _cpu(server: psutil.Process | None) -> float:
    """Seconds of CPU that a process has had."""
    if server is None:
        return 0.0
    had = server.cpu_times()
    return float(had.user + had.system)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-board", description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--clickhouse", help="an existing one; without it the local one is started")
    options = parser.parse_args()
    console = Console(highlight=False)
    if options.clickhouse:
        return run(console, options.clickhouse, options.accounts)
    with LocalClickHouse(say=console.print) as local:
        # its guard has the same words in its command line, and is its parent
        engine = next(
            child
            for child in psutil.Process().children(recursive=True)
            if "deploy.local.clickhouse_server" in child.cmdline() and not child.children()
        )
        return run(console, local.url, options.accounts, engine)


def run(console: Console, url: str, n: int, server: psutil.Process | None = None) -> int:
    client = connect(url)
    began = time.perf_counter()
    make(client, "board_bench", n)
    rows = {table: held.raw for table, held in queries.counts(client).items() if held.raw}
    made = ", ".join(f"{count:,} {table}" for table, count in rows.items())
    console.print(f"made in {time.perf_counter() - began:.0f} s: {made}")
    table = Table(box=None)
    for column in ("page", "query", "best ms", "median ms", "CPU ms"):
        table.add_column(column, justify="right" if column.endswith("ms") else "left")
    slow = late = 0
    for one in asked(client):
        told = timed(one, server=server)
        slow += told.slow
        late += told.best >= LIMIT_MS
        mark = " too slow" if told.slow else " late" if told.best >= LIMIT_MS else ""
        cpu = "–" if told.cpu is None else f"{told.cpu:,.0f}"
        table.add_row(one.page, one.name, f"{told.best:,.0f}{mark}", f"{told.median:,.0f}", cpu)
    console.print(table)
    client.command("DROP DATABASE board_bench")
    said = (
        f"{slow} of {table.row_count} queries take {LIMIT_MS} ms or more" if slow else f"no query takes {LIMIT_MS} ms"
    )
    by_neighbours = (
        f"; {late - slow} took longer by the clock, for want of CPU on a busy machine" if late > slow else ""
    )
    console.print(said + by_neighbours)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
