"""Operations: is it running, how fast, what was thrown out, under which definition, and does anything fall silent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.board.scope import NOW
from sinks.clickhouse.board.seen import Seen
from sinks.clickhouse.queries import ask

Row = dict[str, Any]


def pulse(client: Client) -> Row:
    """{newest: newest event time, stored: when the last event was stored, now: ClickHouse's clock}; None before the first."""
    (row,) = ask(
        client,
        "SELECT (SELECT maxOrNull(at) FROM events) AS newest, (SELECT maxOrNull(inserted_at) FROM events) AS stored,"
        " (SELECT maxOrNull(inserted_at) FROM transitions) AS moved, now64(3, 'UTC') AS now",
    )
    return row


def latency(client: Client, minutes: int = 60) -> Row:
    """{n, p50, p95, p99} in ms from the engine's finding out to ClickHouse's having it, over the newest hour on record."""
    (row,) = ask(
        client,
        "SELECT n, q[1] AS p50, q[2] AS p95, q[3] AS p99 FROM ("
        " SELECT count() AS n, quantiles(0.5, 0.95, 0.99)(dateDiff('millisecond', detected_at, inserted_at)) AS q"
        " FROM transitions WHERE inserted_at > (SELECT max(inserted_at) FROM transitions) - INTERVAL {minutes:UInt32} MINUTE)",
        minutes=minutes,
    )
    return row


def throughput(client: Client, minutes: int = 60) -> list[Row]:
    """[{minute, events}] stored, by minute of ClickHouse's clock, over the newest hour on record."""
    return ask(
        client,
        "SELECT toStartOfMinute(inserted_at) AS minute, count() AS events FROM events"
        " WHERE inserted_at > (SELECT max(inserted_at) FROM events) - INTERVAL {minutes:UInt32} MINUTE"
        " GROUP BY minute ORDER BY minute",
        minutes=minutes,
    )


def dead_letters(client: Client, limit: int = 50) -> list[Row]:
    """[{topic, reason, letters, last, detail}], most frequent first."""
    return ask(
        client,
        "SELECT topic, reason, count() AS letters, max(at) AS last, argMax(detail, at) AS detail FROM dead_letters FINAL"
        " GROUP BY topic, reason ORDER BY letters DESC, topic, reason LIMIT {limit:UInt32}",
        limit=limit,
    )


def definitions(client: Client) -> list[Row]:
    """[{definition, version, digest, registered_at}] that a sink has started under, the newest first."""
    return ask(
        client,
        "SELECT definition, version, digest, max(registered_at) AS registered_at FROM stages"
        " GROUP BY definition, version, digest ORDER BY registered_at DESC",
    )


def held(client: Client) -> list[Row]:
    """[{table, rows, bytes}] as stored, repeats included."""
    return ask(
        client,
        "SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes FROM system.parts"
        " WHERE active AND database = currentDatabase() AND table != 'migrations' GROUP BY table ORDER BY table",
    )


def kinds_of_events(client: Client, now: int, days: int = 7) -> list[Row]:
    """[{name, type, actor, place, last_day, before}]: events of the last 24 h, and a day's mean over the days before.

    Rows as stored: a repeat counts twice, which does not matter to a silence. `now` is the newest event time, ms.
    """
    return ask(
        client,
        "SELECT name, type, actor, place, countIf(at > day) AS last_day, countIf(at <= day) / {days:UInt32} AS before"
        f" FROM (SELECT *, {NOW} - INTERVAL 1 DAY AS day FROM events"
        f"  WHERE at > {NOW} - INTERVAL 1 DAY - INTERVAL {{days:UInt32}} DAY AND at <= {NOW})"
        " GROUP BY name, type, actor, place ORDER BY before DESC, name",
        now=now,
        days=days,
    )


def matches(client: Client, now: int, chosen: Mapping[str, Seen], days: int = 7) -> dict[str, Row]:
    """{selection: {last_day, before}}, counted as in `kinds_of_events`: for selections that look inside events."""
    if not chosen:
        return {}
    asked = {f"s{n}": seen for n, seen in enumerate(chosen.values())}
    counted = ", ".join(
        f"countIf(at > day AND {seen.condition(tag)}) AS {tag}_last,"
        f" countIf(at <= day AND {seen.condition(tag)}) / {{days:UInt32}} AS {tag}_before"
        for tag, seen in asked.items()
    )
    named = {name: value for tag, seen in asked.items() for name, value in seen.parameters(tag).items()}
    (row,) = ask(
        client,
        f"SELECT {counted} FROM (SELECT *, {NOW} - INTERVAL 1 DAY AS day FROM events"
        f"  WHERE at > {NOW} - INTERVAL 1 DAY - INTERVAL {{days:UInt32}} DAY AND at <= {NOW})",
        now=now,
        days=days,
        **named,
    )
    return {
        name: {"last_day": row[f"{tag}_last"], "before": row[f"{tag}_before"]}
        for tag, name in zip(asked, chosen, strict=True)
    }


def stock(client: Client) -> list[Row]:
    """[{kind, machine, stock, snapshots}]: entries minus exits, and how many snapshots live; they are equal.

    `stock_check` says it entity by entity; this one is as quick as counting.
    """
    return ask(
        client,
        "SELECT kind, machine, stock, snapshots FROM ("
        " SELECT kind, machine, toInt64(countIf(isNotNull(to_state))) - toInt64(countIf(isNotNull(from_state))) AS stock"
        "  FROM transitions FINAL WHERE valid GROUP BY kind, machine"
        ") AS t LEFT JOIN (SELECT kind, count() AS snapshots FROM entities FINAL WHERE NOT gone GROUP BY kind) AS e"
        " ON e.kind = t.kind ORDER BY kind, machine SETTINGS join_use_nulls = 0, do_not_merge_across_partitions_select_final = 1",
    )
