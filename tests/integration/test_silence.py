"""A selection that stopped matching is said by the board, by `journeys doctor` and by the alert rule: rows in, words out."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import orjson
import pytest
from clickhouse_connect.driver.client import Client
from ruamel.yaml import YAML

from schemas.definition.model import Definition
from schemas.definition.parse import parse
from sinks.clickhouse.connect import connect
from sinks.clickhouse.migrate import migrate
from streams.commands.doctor import examine
from streams.settings import Settings, SourceTopic
from tests.streams.board.conftest import TOKEN, serving
from tests.streams.board.filled import Filling
from tests.streams.commands import tiny

PROMETHEUS = Path(__file__).parents[2] / "deploy" / "prometheus"
DAY_S = 86_400
OFTEN = 1_500
"""Events a day."""

TEXT = tiny.TEXT.replace("  any: {name", "  full: {name: Report Created, where: {properties.kind: full}}\n  any: {name")


def told(now: float, renamed: bool) -> Iterator[bytes]:
    """Eight days of reports, most of them full ones; on the last day, where something was renamed, no full one more."""
    for n in range(8 * OFTEN):
        at = now - 8 * DAY_S + 60 + n * DAY_S / OFTEN
        full = "FULL" if renamed and at > now - DAY_S - 60 else "full"
        kind = full if n % 6 else "short"
        event = {"id": f"e{n}", "event": "Report Created", "user": f"u{n % 50}", "at": at, "properties": {"kind": kind}}
        yield orjson.dumps(event)


def database(clickhouse: Any, definition: Definition, name: str, renamed: bool) -> Client:
    """A database that holds what the sink stores of these events."""
    client, now = connect(clickhouse.url), time.time()
    migrate(client, f"silence_{os.getpid()}_{name}", lambda _line: None)
    filling = Filling(client, definition)
    filling.happened(told(now, renamed), round(now * 1000) + DAY_S * 1000)
    filling.write()
    return client


def page(home: str, path: str) -> str:
    with urlopen(Request(home + path, headers={"Authorization": f"Bearer {TOKEN}"}), timeout=30) as answer:
        return " ".join(re.sub(r"<[^>]+>", " ", answer.read().decode()).split())


def findings(clickhouse: Any, database: str, definition: Definition) -> list[str]:
    """What the doctor finds about selections; there is no Kafka for it, which is another finding."""
    settings = Settings(bootstrap="127.0.0.1:1", sources=(SourceTopic("clicks"),))
    where = type(settings.clickhouse)(url=clickhouse.url, database=database)
    found = examine(Settings(**{**vars(settings), "clickhouse": where}), definition, True, 0)
    assert "kafka" in {one.area for one in found}
    return [f"{one.level}: {one.what}" for one in found if one.area == "selections"]


@pytest.mark.parametrize("renamed", [True, False], ids=["renamed", "as it was"])
def test_a_selection_that_fell_silent_is_on_the_board_and_found_by_the_doctor(
    clickhouse: Any, tmp_path: Path, renamed: bool
) -> None:
    definition = parse(TEXT)
    path = tmp_path / "definition.yaml"
    path.write_text(TEXT)
    client = database(clickhouse, definition, "renamed" if renamed else "same", renamed)
    with serving(tmp_path, clickhouse.url, str(client.database), definition=path) as home:
        pages = {where: page(home, where) for where in ("/", "/operations")}
    found = findings(clickhouse, str(client.database), definition)
    before = client.query(
        "SELECT count() / 7 FROM events FINAL WHERE JSONExtractString(properties, 'kind') = 'full'"
        " AND at <= (SELECT max(at) FROM events) - INTERVAL 1 DAY"
    ).result_rows[0][0]
    said = f"Selection “full” matched nothing in the last 24 hours, and {before:,.0f} events a day before."
    assert [said in text for text in pages.values()] == [renamed, renamed]
    assert ("fell silent" in pages["/operations"]) == renamed
    assert not any("“report”" in text or "“signed_up”" in text for text in pages.values())
    if renamed:
        (finding,) = found
        assert re.fullmatch(r"error: full matched nothing in 24 h, and [\d,]+ events a day before", finding)
    else:
        assert found == ["ok: 3 selections matched in the last 24 h, none fell silent"]
    client.command(f"DROP DATABASE `{client.database}` SYNC")
    client.close()


# --- the alert rule --------------------------------------------------------------------------------------------------


def series(values: str) -> list[float | None]:
    """Prometheus' short form of a series: `0+50x3 9x2` is 0 50 100 150 9 9 9; `_x2` is two gaps."""
    found: list[float | None] = []
    for text in values.split():
        start, step, times = re.fullmatch(r"(_|\d+)(?:\+(\d+))?x(\d+)", text).groups()  # type: ignore[union-attr]
        count = int(times) if start == "_" else int(times) + 1
        found += [None if start == "_" else int(start) + int(step or 0) * n for n in range(count)]
    return found


def increase(samples: list[float | None], at: int, window: int) -> float | None:
    """Of a counter over the `window` samples up to the one at `at`; None where fewer than two are there."""
    inside = [value for value in samples[max(0, at - window + 1) : at + 1] if value is not None]
    if len(inside) < 2:
        return None
    return sum(later - earlier if later >= earlier else later for earlier, later in pairwise(inside))


def test_the_alert_rule_fires_for_a_selection_that_fell_silent_and_for_no_other() -> None:
    """Its expression is read here and played over the series that promtool is given in tests/deploy."""
    reader = YAML(typ="safe")
    rules = reader.load((PROMETHEUS / "journeys.rules.yaml").read_text())["groups"][0]["rules"]
    (rule,) = [rule for rule in rules if rule["alert"] == "JourneysSelectionStoppedMatching"]
    read = re.fullmatch(
        r"sum by \(selection\) \(increase\((\w+)\[(\d+)h\] offset (\d+)h\)\) >= (\d+) unless"
        r" sum by \(selection\) \(increase\(\1\[(\d+)h\]\)\) > 0",
        " ".join(rule["expr"].split()),
    )
    assert read is not None, "the expression is another one now: read it anew here"
    metric, before, offset, least, since = read[1], *(int(n) for n in read.groups()[1:])
    cases = reader.load((PROMETHEUS / "journeys.test.yaml").read_text())["tests"]
    (case,) = [case for case in cases if {asked["alertname"] for asked in case["alert_rule_test"]} == {rule["alert"]}]
    assert case["interval"] == "15m"
    for asked in case["alert_rule_test"]:
        at, fired = int(asked["eval_time"].removesuffix("h")) * 4, set()
        for one in case["input_series"]:
            name, selection = re.fullmatch(r'(\w+)\{selection="(\w+)"\}', one["series"]).groups()  # type: ignore[union-attr]
            assert name == metric
            samples = series(one["values"])
            earlier = increase(samples, at - offset * 4, before * 4)
            later = increase(samples, at, since * 4)
            if (earlier or 0) >= least and not (later or 0) > 0:
                fired.add(selection)
        assert fired == {alert["exp_labels"]["selection"] for alert in asked["exp_alerts"]}
