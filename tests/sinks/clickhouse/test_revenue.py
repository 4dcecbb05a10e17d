"""Revenue movements against a naive model: every change once, whatever the order of insert; each currency adds up on its own."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, date, datetime
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from schemas.event import Event
from sinks.clickhouse import queries
from sinks.clickhouse.rows import event_row
from sinks.clickhouse.writer import ClickHouseWriter

DAY = 86_400_000
START = 1_704_067_200_000
"""2024-01-01."""

TERMS = ("Subscription Created", "Subscription Updated", "Subscription Upgraded", "Subscription Downgraded",
         "Subscription Renewed", "Subscription Reactivated")  # fmt: skip


def paid(n: int, account: str, day: float, name: str = "Subscription Updated", **said: Any) -> Event:
    return Event(
        f"e{n:04}", name, "track", START + round(day * DAY), None, None, account, said, place="billing", actor="system"
    )


def pour(client: Client, events: list[Event], seed: int = 0) -> Client:
    """Write them in disorder, every third one twice."""
    writer, luck = ClickHouseWriter(client), random.Random(seed)
    twice = events + luck.sample(events, len(events) // 3)
    rows = [event_row(event).values for event in luck.sample(twice, len(twice))]
    for start in range(0, len(rows), 40):
        writer.write("events", rows[start : start + 40])
    return client


def moved(client: Client, account: str = "acme") -> list[tuple[Any, ...]]:
    return [(r["movement"], r["currency"], r["before"], r["after"]) for r in queries.revenue_movements(client, account)]


def test_each_kind_of_movement_is_told_by_its_name(client: Client) -> None:
    pour(client, [
        paid(1, "acme", 0, "Subscription Created", mrr=1000, currency="EUR"),
        paid(2, "acme", 10, "Subscription Upgraded", mrr=1500, currency="EUR"),
        paid(3, "acme", 20, "Subscription Renewed", mrr=1500, currency="EUR"),  # nothing moves
        paid(4, "acme", 30, "Subscription Downgraded", mrr=700, currency="EUR"),
        paid(5, "acme", 40, "Subscription Ended"),
        paid(6, "acme", 90, "Subscription Reactivated", mrr=900, currency="EUR"),
    ])  # fmt: skip
    assert moved(client) == [
        ("new", "EUR", 0, 1000), ("expansion", "EUR", 1000, 1500), ("contraction", "EUR", 1500, 700),
        ("churn", "EUR", 700, 0), ("reactivation", "EUR", 0, 900),
    ]  # fmt: skip


def test_who_changes_currency_leaves_one_ledger_for_the_other(client: Client) -> None:
    pour(client, [
        paid(1, "acme", 0, mrr=1000, currency="EUR"), paid(2, "acme", 10, mrr=1100, currency="USD"),
        paid(3, "acme", 20, mrr=1200), paid(4, "acme", 30, mrr=900, currency="EUR"),
    ])  # fmt: skip
    assert moved(client) == [
        ("new", "EUR", 0, 1000), ("churn", "EUR", 1000, 0), ("new", "USD", 0, 1100), ("expansion", "USD", 1100, 1200),
        ("churn", "USD", 1200, 0), ("reactivation", "EUR", 0, 900),
    ]  # fmt: skip


def test_an_event_without_mrr_moves_nothing_and_text_is_no_amount(client: Client) -> None:
    pour(client, [
        paid(1, "acme", 0, mrr=1000, currency="EUR"), paid(2, "acme", 1, seats=9), paid(3, "acme", 2, mrr="much"),
        paid(4, "acme", 3, "Invoice Paid", mrr=7), paid(5, "acme", 4, mrr=1200), paid(6, "acme", 5, mrr=-5),
    ])  # fmt: skip
    assert moved(client) == [
        ("new", "EUR", 0, 1000), ("expansion", "EUR", 1000, 1200), ("churn", "EUR", 1200, 0),
    ]  # fmt: skip


def history(luck: random.Random) -> list[Event]:
    """Two years of thirty accounts: terms, ends, returns, other currencies, amounts missing."""
    found = []
    for n in range(400):
        name = luck.choice([*TERMS, "Subscription Ended"])
        said: dict[str, Any] = {} if name == "Subscription Ended" else {"mrr": luck.choice([0, 500, 1000, 1000, 2500])}
        if luck.random() < 0.7 and said:
            said["currency"] = luck.choice(["EUR", "EUR", "USD"])
        if luck.random() < 0.05:
            said.pop("mrr", None)
        found.append(
            paid(n, f"a{luck.randrange(30)}", luck.choice([luck.uniform(0, 700), luck.randrange(700)]), name, **said)
        )
    return found


class Naive:
    """What every account pays, event by event, and what became of it month by month."""

    def __init__(self, events: list[Event]) -> None:
        self.ledgers: dict[tuple[str, str], list[tuple[date, str, float, float]]] = defaultdict(list)
        self.paying: dict[tuple[str, str], float] = defaultdict(float)
        self.ever: set[tuple[str, str]] = set()
        currency: dict[str, str] = {}
        for event in sorted(events, key=lambda e: (e.at, e.id)):
            mrr = 0 if event.name == "Subscription Ended" else event.properties.get("mrr")
            if mrr is None:
                continue
            account = event.account or ""
            was = currency.get(account, event.properties.get("currency", ""))
            now = currency[account] = event.properties.get("currency", was)
            if was != now:
                self._set(account, was, 0, event.at)
            self._set(account, now, mrr, event.at)

    def _set(self, account: str, currency: str, mrr: float, at: int) -> None:
        key = account, currency
        had = self.paying[key]
        if had == mrr:
            return
        kind = (
            ("reactivation" if key in self.ever else "new") if not had
            else "churn" if not mrr else "expansion" if mrr > had else "contraction"
        )  # fmt: skip
        self.ledgers[key].append((datetime.fromtimestamp(at / 1000, UTC).date().replace(day=1), kind, had, mrr))
        self.paying[key] = mrr
        if mrr:
            self.ever.add(key)

    def month(self, currency: str, month: date) -> dict[str, float]:
        """Sums of one month, by adding up one account after the other."""
        found: dict[str, float] = dict.fromkeys(
            ("new", "expansion", "reactivation", "contraction", "churn", "end", "accounts"), 0
        )
        for (_, its), steps in self.ledgers.items():
            if its != currency:
                continue
            for when, kind, before, after in steps:
                if when == month:
                    found[kind] += abs(after - before)
            level = next((after for when, _, _, after in reversed(steps) if when <= month), 0)
            found["end"] += level
            found["accounts"] += level > 0
        return found


@pytest.mark.parametrize("seed", [1, 2])
def test_every_month_of_every_currency_adds_up_and_is_what_a_naive_ledger_says(client: Client, seed: int) -> None:
    events = history(random.Random(seed))
    pour(client, events, seed)
    naive, rows = Naive(events), queries.revenue(client, 100)
    assert {row["currency"] for row in rows} == {currency for (_, currency), steps in naive.ledgers.items() if steps}
    before: dict[str, tuple[date, float]] = {}
    for row in rows:
        assert (
            row["start"] + row["new"] + row["expansion"] + row["reactivation"] - row["contraction"] - row["churn"]
            == row["end"]
        )
        assert row["off"] == 0
        assert {
            name: row[name] for name in ("new", "expansion", "reactivation", "contraction", "churn", "end", "accounts")
        } == (naive.month(row["currency"], row["month"]))
        last = before.get(row["currency"])
        assert row["start"] == (last[1] if last else 0)
        assert last is None or (row["month"] - last[0]).days in range(28, 32)  # no month is left out
        before[row["currency"]] = row["month"], row["end"]
    assert len(rows) > 40


def test_currencies_are_never_summed_together(client: Client) -> None:
    pour(
        client,
        [paid(1, "a", 0, mrr=100, currency="EUR"), paid(2, "b", 1, mrr=7, currency="USD"), paid(3, "c", 2, mrr=3)],
    )
    assert {row["currency"]: row["end"] for row in queries.revenue(client)} == {"EUR": 100, "USD": 7, "": 3}


def test_only_the_last_months_are_given(client: Client) -> None:
    pour(client, [paid(n, "a", 31 * n, mrr=n + 1, currency="EUR") for n in range(10)])
    assert len(queries.revenue(client, 3)) == 3
