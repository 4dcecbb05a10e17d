"""`make bench-board`: every query of the board on 100,000 accounts, timed; a table, and a failure where one takes too long.

The rows are made inside ClickHouse: accounts with their people on paths through the ladder of saas.yaml, one of them with
thousands, a year of events, a month of daily snapshots. `--accounts` makes fewer, which is what the test does.

The queries are heard from the board itself while its pages are visited. A query that no visit asks, and a page that is not
visited, are failures: nobody has to remember to write a new one down here.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, NamedTuple

import psutil
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from clickhouse_connect.driver.client import Client
from rich.console import Console
from rich.table import Table

from deploy.local.clickhouse import LocalClickHouse
from schemas.definition.parse import load, parse
from sinks.clickhouse import board as questions
from sinks.clickhouse import queries
from sinks.clickhouse.board import accounts, overview
from sinks.clickhouse.connect import connect
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.rows import stage_rows
from sinks.clickhouse.writer import ClickHouseWriter
from streams.board.access import Access
from streams.board.address import PAGE
from streams.board.app import Board
from streams.board.pages.account import VIEWS
from streams.board.store import Store
from streams.board.subject import Subject
from tests.streams.board.filled import with_churn

LIMIT_MS = 300
SHEET_MS = 15_000
"""A CSV of everything is taken away once, and not waited for by a page; 100,000 rows are most of it Python's."""

USERS = 3
"""People an account."""

LARGE = 5_000
"""More people of the first account: the largest customer of all."""

DEEP = 1_000
"""A page of the list of accounts far behind the first."""

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
    toString(cityHash64(number, 'h') % 1000 / 10), ',"goes":', if(number % 5 = 0, 'null', toString(cityHash64(number, 'g') % 1000 / 1000)),
    '}')"""
_TITLES = "['VP Operations','Team Lead','Analyst','Buyer','Head of Care','Planner','Chief Data Officer','']"


def _who(kind: str) -> str:
    """An entity of a kind, from its number."""
    return _ACCOUNT if kind == "account" else "concat('u-', leftPad(toString(number), 8, '0'))"


def _home(kind: str, n: int) -> str:
    """Its account. The people behind those of all `n` accounts are the first one's."""
    if kind == "account":
        return _ACCOUNT
    return f"concat('a-', leftPad(toString(if(number < {n * USERS}, intDiv(number, {USERS}), 0)), 7, '0'))"


def _many(kind: str, n: int, large: int) -> int:
    """How many of a kind belong to `n` accounts, the first of which has `large` people more."""
    return n if kind == "account" else n * USERS + large


def _rung(kind: str) -> str:
    return f"cityHash64(number, '{kind}') % {7 if kind == 'account' else 5}"


_CHURNED = "(cityHash64(number, 'gone') % 12 = 0)"
_RISK = "['healthy','healthy','healthy','watch','at_risk'][1 + cityHash64(number, 'risk') % 5]"
_START = "(now64(3) - INTERVAL 1 + cityHash64(number, 'start') % 700 DAY)"


def _transitions(kind: str, n: int, large: int) -> Iterator[str]:
    """The paths: up the ladder to each one's rung, some to churn; beside it the risk, from healthy to what it is now."""
    ladder, account, many = _LADDERS[kind], _home(kind, n), _many(kind, n, large)
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
        f" FROM numbers({many})) ARRAY JOIN arrayEnumerate(path) AS k"
    )
    risks = f"arrayDistinct(['healthy', {_RISK}])"
    yield (
        f"{head} SELECT sipHash128('{kind}', number, 'risk', k), '{kind}', {_who(kind)}, {account}, 'risk',"
        f" if(k = 1, NULL, path[k - 1]), path[k], 'rule', least({_START} + INTERVAL k * 20 DAY, now64(3)) AS at, at, k, {tail}"
        f" FROM (SELECT number, {risks} AS path FROM numbers({many})) ARRAY JOIN arrayEnumerate(path) AS k"
    )


def statements(n: int, large: int) -> Iterator[str]:
    """The inserts that make `n` accounts and all that belongs to them, the first with `large` people more."""
    for kind in ("account", "user"):
        stage = f"if({_CHURNED}, 'churn', {_LADDERS[kind]}[1 + {_rung(kind)}])"
        account = _home(kind, n)
        carry = (
            _CARRY if kind == "account"
            else """concat('{"email":"person', toString(number), '@example.com","title":"', """
            f"""{_TITLES}[1 + cityHash64(number, 't') % 8], '"}}')"""
        )  # fmt: skip
        measures = _MEASURES if kind == "account" else """concat('{"setup":', toString(number % 6), ',"goes":0.25}')"""
        yield (
            "INSERT INTO entities (kind, entity, account, gone, as_of, states, since, signals, measures, carry, definition,"
            f" version, position) SELECT '{kind}', {_who(kind)}, {account}, false, now64(3), map('stage', {stage}, 'risk', {_RISK}),"
            f" map('stage', {_START}, 'risk', {_START}), if({_RISK} = 'healthy', [], ['silent_14d', 'no_executive_30d']), {measures},"
            f" {carry}, 'saas', 1, number FROM numbers({_many(kind, n, large)})"
        )
        yield from _transitions(kind, n, large)
    yield (
        "INSERT INTO events (id, event_id, entity, name, type, at, user, account, properties, traits, actor, place, source)"
        f" SELECT sipHash128(number, i), concat('e-', toString(number), '-', toString(i)), {_who('user')} AS who,"
        " ['Feature Used','Report Created','Screen Viewed','Data Exported'][1 + i % 4], 'track',"
        " now64(3) - INTERVAL cityHash64(number, i) % 31536000 SECOND, who,"
        f" {_home('user', n)}, '{{\"feature\":\"f1\"}}', '{{}}', 'user', 'product',"
        f" 'canonical' FROM numbers({_many('user', n, large)}) ARRAY JOIN range({EVENTS}) AS i"
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


def make(client: Client, database: str, n: int, large: int) -> None:
    """A database with `n` accounts, their people and their history."""
    migrate(client, database, lambda _line: None)
    now = round(time.time() * 1000)
    ClickHouseWriter(client).write("stages", [row.values for row in stage_rows(load(SAAS), now)])
    for statement in statements(n, large):
        client.command(statement)


class Asked(NamedTuple):
    """A query as a page asked it: the address that was visited, the query, and how long it may take."""

    page: str
    query: Callable[..., Any]
    ask: Callable[[], Any]
    limit_ms: float = LIMIT_MS


class Listening(Store):
    """A store of one client that remembers what it is asked."""

    def __init__(self, client: Client) -> None:
        super().__init__(lambda: client)
        self.client = client
        self.heard: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = []

    async def ask(self, query: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
        self.heard.append((query, args, named))
        return query(self.client, *args, **named)


def addresses(n: int) -> list[str]:
    """What is visited: every page and every sheet, the lists and journeys with and without a filter, the largest account."""
    owned, large, deep = "owner=Ines+Okafor", "/account/a-0000000", min(DEEP, n // PAGE)
    return [
        "/", f"/?{owned}",
        *(f"/accounts?sort={sort}&order=desc" for sort in accounts.SORTS),
        f"/accounts?sort=mrr&page={deep}", f"/accounts?sort=churn&page={deep}", f"/accounts?{owned}", "/accounts?q=a-0000000",
        "/accounts?risk=at_risk&renews=90&sort=mrr", "/accounts?q=company+4242", "/accounts?signal=no_executive_30d",
        "/accounts.csv", "/accounts.csv?sort=churn", "/alerts.csv", f"/alerts.csv?{owned}",
        "/account/a-0000042", *(f"{large}?people={view}" for view in VIEWS), f"{large}/people.csv", f"{large}/steps.csv",
        "/user/u-00000042", "/user/u-00000042/steps.csv",
        *(f"/journeys?kind={kind}{more}" for kind in ("user", "account") for more in ("", f"&{owned}")), "/journeys.csv",
        "/operations", "/find?q=person4242",
    ]  # fmt: skip


NO_PAGES = ("/live", "/health", "/sign-in", "/sign-out", "/static")
"""Addresses that ask nothing, but for `/live`: its one query is added by hand, for it waits for news."""


def asked(client: Client) -> list[Asked]:
    """Every query that the board asks, as its pages ask it."""
    return asyncio.run(_asked(client))


async def _asked(client: Client) -> list[Asked]:
    (n,) = client.query("SELECT count() FROM entities WHERE kind = 'account'").result_rows[0]
    store = Listening(client)
    board = Board(store, Subject.of(parse(with_churn(SAAS.read_text()))), Access("bench"))
    app, visited = board.app(), addresses(n)
    if missed := unvisited(app, visited):
        raise AssertionError(f"pages that are not visited: {', '.join(missed)}")
    found: dict[str, Asked] = {}
    async with TestClient(TestServer(app)) as browser:
        for address in visited:
            store.heard.clear()
            answer = await browser.get(address, headers={"Authorization": "Bearer bench"}, allow_redirects=False)
            assert answer.status == 200, f"{address}: {answer.status}"
            limit = SHEET_MS if ".csv" in address else LIMIT_MS
            for query, args, named in store.heard:
                once = Asked(address, query, partial(query, client, *args, **named), limit)
                found.setdefault(_alike(query, args, named), once)
    found["live"] = Asked("/live", overview.version, partial(overview.version, client))
    return list(found.values())


def _alike(query: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> str:
    """The same for queries that differ only in which ones of a list they ask about: fifty accounts are fifty accounts."""
    plain = (f"{len(one)} of a list" if isinstance(one, list) else repr(one) for one in (*args, *named.items()))
    return f"{query.__module__}.{query.__name__}: {', '.join(plain)}"


def unvisited(app: web.Application, visited: Sequence[str]) -> list[str]:
    """The board's addresses that no visit leads to."""
    paths = [address.partition("?")[0] for address in visited]
    told = []
    for resource in app.router.resources():
        about = resource.get_info()
        led = (path == about.get("path") or ("pattern" in about and about["pattern"].fullmatch(path)) for path in paths)
        if not any(led) and not resource.canonical.startswith(NO_PAGES):
            told.append(resource.canonical)
    return told


def forgotten(found: Sequence[Asked]) -> list[str]:
    """The queries of sinks/clickhouse/board that are not among these."""
    known = {one.query for one in found}
    return [f"{query.__module__}.{query.__name__}" for query in _queries() if query not in known]


def _queries() -> Iterator[Callable[..., Any]]:
    """What takes a client, in every module of sinks/clickhouse/board."""
    for module in (import_module(f"{questions.__name__}.{one.name}") for one in iter_modules(questions.__path__)):
        for name, query in inspect.getmembers(module, inspect.isfunction):
            takes = list(inspect.signature(query).parameters)
            if query.__module__ == module.__name__ and not name.startswith("_") and takes[:1] == ["client"]:
                yield query


class Timed(NamedTuple):
    """Some runs of a query, ms: the best, the median, and the least CPU time that ClickHouse took (None where it is not ours).

    The best is the query's own on a quiet machine; on a busy one neighbours add to it, and the CPU time is what remains.
    """

    best: float
    median: float
    cpu: float | None

    def slow(self, limit_ms: float) -> bool:
        """Whether it takes too long by the clock, and would do so without neighbours: its CPU time is too long as well."""
        return self.best >= limit_ms and (self.cpu is None or self.cpu >= limit_ms)


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
    parser.add_argument("--people", type=int, default=LARGE, help="more people of the first account")
    parser.add_argument("--clickhouse", help="an existing one; without it the local one is started")
    options = parser.parse_args()
    console = Console(highlight=False)
    if options.clickhouse:
        return run(console, options.clickhouse, options.accounts, options.people)
    with LocalClickHouse(say=console.print) as local:
        # its guard has the same words in its command line, and is its parent
        engine = next(
            child
            for child in psutil.Process().children(recursive=True)
            if "deploy.local.clickhouse_server" in child.cmdline() and not child.children()
        )
        return run(console, local.url, options.accounts, options.people, engine)


def run(console: Console, url: str, n: int, large: int, server: psutil.Process | None = None) -> int:
    client = connect(url)
    began = time.perf_counter()
    make(client, "board_bench", n, large)
    rows = {table: held.raw for table, held in queries.counts(client).items() if held.raw}
    made = ", ".join(f"{count:,} {table}" for table, count in rows.items())
    console.print(f"made in {time.perf_counter() - began:.0f} s: {made}")
    table = Table(box=None)
    for column in ("page", "query", "best ms", "median ms", "CPU ms"):
        table.add_column(column, justify="right" if column.endswith("ms") else "left")
    slow = late = 0
    found = asked(client)
    for one in found:
        told = timed(one, server=server)
        too_slow, too_late = told.slow(one.limit_ms), told.best >= one.limit_ms
        slow += too_slow
        late += too_late
        mark = " too slow" if too_slow else " late" if too_late else ""
        cpu = "–" if told.cpu is None else f"{told.cpu:,.0f}"
        table.add_row(one.page, one.query.__name__, f"{told.best:,.0f}{mark}", f"{told.median:,.0f}", cpu)
    console.print(table)
    client.command("DROP DATABASE board_bench")
    said = (
        f"{slow} of {table.row_count} queries take {LIMIT_MS} ms or more (a sheet {SHEET_MS} ms)"
        if slow
        else f"no query takes {LIMIT_MS} ms, and no sheet {SHEET_MS} ms"
    )
    by_neighbours = (
        f"; {late - slow} took longer by the clock, for want of CPU on a busy machine" if late > slow else ""
    )
    console.print(said + by_neighbours)
    if missed := forgotten(found):
        console.print(f"never asked: {', '.join(missed)}")
    return 1 if slow or missed else 0


if __name__ == "__main__":
    sys.exit(main())
