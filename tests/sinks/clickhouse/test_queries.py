"""Queries: alerts, timelines, evidence and what a board asks, on the engine."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from clickhouse_connect.driver.client import Client

from schemas.event import Event
from sinks.clickhouse import queries
from sinks.clickhouse.rows import event_row, rows_of
from sinks.clickhouse.writer import ClickHouseWriter
from streams.delivery.contracts import Record
from tests.sinks.clickhouse.test_rows import ALERT, AT, SNAPSHOT, TRANSITION

DAY = 86_400_000
WARSAW = "O'Brien; DROP TABLE alerts; -- ü"


class Town:
    """Publishes records one after the other, and writes them in disorder."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.rows: list[tuple[str, tuple[Any, ...]]] = []
        self._offset = 0

    def publish(self, topic: str, value: Any, key: bytes = b"k") -> None:
        self._offset += 1
        found = rows_of(topic, Record(topic, 0, self._offset, AT, key, None if value is None else orjson.dumps(value)))
        assert isinstance(found, list), found
        self.rows += found

    def alert(self, n: int, status: str, entity: str = "acme", **more: Any) -> None:
        opens = f"{n:032x}"
        id = opens if status == "opened" else f"{n:016x}{status:0<16.16}".encode().hex()[:32]
        self.publish("alerts", ALERT | {"id": id, "opens": opens, "status": status, "entity": entity} | more)

    def write(self) -> None:
        writer = ClickHouseWriter(self.client)
        for table, values in random.Random(1).sample(self.rows, len(self.rows)) * 2:
            writer.write(table, [values])


@pytest.fixture
def town(client: Client) -> Town:
    return Town(client)


def test_an_alert_is_open_until_its_latest_record_says_otherwise(town: Town) -> None:
    town.alert(1, "opened")
    town.alert(2, "opened")
    town.alert(2, "resolved")
    town.alert(3, "opened")
    town.alert(3, "retracted")
    town.alert(4, "opened")
    town.alert(4, "resolved", at="2024-05-02T12:00:00.000Z")
    town.alert(4, "opened")  # the resolution was taken back
    town.write()
    assert {row["alert"] for row in queries.open_alerts(town.client)} == {f"{n:032x}" for n in (1, 4)}
    states = queries.ask(town.client, "SELECT alert, status FROM alerts_now ORDER BY alert")
    assert [row["status"] for row in states] == ["opened", "resolved", "retracted", "opened"]


def test_an_account_at_risk_comes_with_what_its_alert_asks_for(town: Town) -> None:
    machines = {name: {"state": state, "since": "2024-04-01T00:00:00.000Z"} for name, state in
                (("stage", "adoption"), ("risk", "at_risk"))}  # fmt: skip
    for entity in ("acme", "umbrella"):
        town.publish("state.account", SNAPSHOT | {"entity": entity, "machines": machines, "carry": {"mrr": 5}})
    town.alert(1, "opened", clears_when="a login", act_by="2024-05-03T12:00:00.000Z")
    town.alert(9, "opened", severity="info", title="ready to grow")
    town.write()
    acme, umbrella = queries.at_risk(town.client)
    assert (acme["name"], acme["alert"], acme["clears_when"]) == ("acme", f"{1:032x}", "a login")
    assert acme["act_by"] == datetime(2024, 5, 3, 12, tzinfo=UTC).replace(tzinfo=None)
    assert (umbrella["alert"], umbrella["title"], umbrella["act_by"]) == (None, None, None)
    assert (umbrella["owner"], umbrella["renews_at"], umbrella["reason"]) == (None, None, "silent 14d")


def test_a_risk_that_outlasts_its_signals_says_what_they_were(town: Town) -> None:
    machines = {"risk": {"state": "at_risk", "since": "2024-04-01T00:00:00.000Z"}}
    town.publish("state.account", SNAPSHOT | {"machines": machines, "signals": []})
    town.alert(1, "opened", signals=["silent_14d", "thin_use"])
    town.write()
    assert [row["reason"] for row in queries.at_risk(town.client)] == ["was: silent 14d, thin use"]


def test_accounts_at_risk_are_listed_by_revenue_and_unknown_revenue_last(town: Town) -> None:
    machines = {"risk": {"state": "at_risk", "since": "2024-04-01T00:00:00.000Z"}}
    for entity, carry in (("a", {"mrr": 5}), ("b", {}), ("c", {"mrr": 50.5})):
        town.publish("state.account", SNAPSHOT | {"entity": entity, "machines": machines, "carry": carry})
    town.write()
    assert [(row["account"], row["mrr"]) for row in queries.at_risk(town.client)] == [
        ("c", 50.5),
        ("a", 5),
        ("b", None),
    ]
    assert [row["account"] for row in queries.at_risk(town.client, limit=1)] == ["c"]


def test_who_is_gone_is_nowhere_until_seen_again(town: Town) -> None:
    town.publish("state.account", SNAPSHOT, b"acme")
    town.publish("state.account", None, b"acme")
    town.write()
    assert queries.standing(town.client, "account", "acme") is None
    assert queries.engagement(town.client) == []
    town.publish("state.account", SNAPSHOT, b"acme")
    town.write()
    found = queries.standing(town.client, "account", "acme")
    assert found is not None
    assert found["states"] == {"stage": "adoption"}


def test_a_timeline_holds_events_transitions_and_alerts_of_one_entity(town: Town) -> None:
    at = datetime.fromtimestamp(AT / 1000, UTC).replace(tzinfo=None)
    town.rows += [event_row(Event("e1", "Signed Up", "track", AT, user=WARSAW)),
                  event_row(Event("e2", "Signed Up", "track", AT, user="else"))]  # fmt: skip
    town.publish("transitions.user", TRANSITION | {"entity": WARSAW, "at": "2024-05-01T12:00:00.000Z"})
    town.alert(1, "opened", entity=WARSAW, kind="user")
    town.write()
    found = queries.timeline(town.client, "user", WARSAW)
    assert [(row["what"], row["at"]) for row in found] == [("event", at), ("transition", at), ("alert", at)]
    assert found[0]["evidence"] == found[1]["evidence"] == ["e1"]
    assert [row["what"] for row in queries.timeline(town.client, "user", WARSAW, events=False)] == [
        "transition",
        "alert",
    ]
    assert [row["what"] for row in queries.timeline(town.client, "user", WARSAW, limit=1)] == ["alert"]
    assert queries.timeline(town.client, "account", WARSAW) == []


def test_an_account_s_own_events_are_on_its_timeline(town: Town) -> None:
    town.rows.append(event_row(Event("e1", "Deal Won", "track", AT, account="acme")))
    town.write()
    assert [row["subject"] for row in queries.timeline(town.client, "account", "acme")] == ["Deal Won"]


def test_the_values_in_because_can_be_computed_again_from_the_events(town: Town) -> None:
    for n in range(5):
        town.rows.append(event_row(Event(f"e{n}", "Report Created", "track", AT - n * DAY, user="u1",
                                         properties={"feature": f"f{n % 2}"})))  # fmt: skip
    town.publish("transitions.user", TRANSITION | {"entity": "u1", "at": "2024-05-01T12:00:00.000Z", "because": [
        {"measure": "core_7", "value": 5, "op": ">=", "threshold": 3, "holds": True},
        {"measure": "features", "value": 2, "op": ">=", "threshold": 2, "holds": True}],
        "evidence": ["e0", "e4"]})  # fmt: skip
    town.write()
    (found,) = queries.ask(
        town.client,
        "SELECT t.id AS id, any(t.because) AS because, uniqExact(e.event_id) AS core_7,"
        " uniqExact(JSONExtractString(e.properties, 'feature')) AS features"
        " FROM valid_transitions AS t INNER JOIN (SELECT * FROM events FINAL) AS e ON e.entity = t.entity"
        " WHERE e.at > t.at - INTERVAL 7 DAY AND e.at <= t.at AND e.name = 'Report Created' GROUP BY id",
    )
    assert {row["measure"]: row["value"] for row in orjson.loads(found["because"])} == {
        "core_7": found["core_7"],
        "features": found["features"],
    }
    assert len(queries.evidence(town.client, ["e0", "e4"])) == 2


def test_a_board_asks_only_for_what_is_new(town: Town) -> None:
    town.publish("transitions.user", TRANSITION)
    town.write()
    (found,) = queries.recent_transitions(town.client, datetime(2020, 1, 1, tzinfo=UTC))
    assert found["id"] == TRANSITION["id"]
    assert queries.recent_transitions(town.client, found["inserted_at"]) == []


def test_dead_letters_are_counted_by_topic_and_reason(town: Town) -> None:
    for offset, reason in enumerate([b"not_json", b"not_json", b"bad_time"]):
        record = Record("dead-letters", 0, offset, AT, None, b"x", (("topic", b"segment"), ("reason", reason)))
        found = rows_of("dead-letters", record)
        assert isinstance(found, list)
        town.rows += found
    town.write()
    assert [(row["reason"], row["letters"]) for row in queries.dead_letters(town.client)] == [
        ("not_json", 2),
        ("bad_time", 1),
    ]


def test_an_empty_database_answers_every_question(client: Client) -> None:
    assert all(held == (0, 0) for held in queries.counts(client).values())
    assert queries.stock(client, "user") == queries.stock_daily(client, "user") == queries.dwell(client, "user") == []
    assert queries.flow(client, "user") == queries.at_risk(client) == queries.open_alerts(client) == []
    assert queries.stock_check(client) == queries.dead_letters(client) == queries.funnel(client, "user") == []


def test_the_last_days_of_stock_and_flow_can_be_asked_for(town: Town) -> None:
    for n in range(4):
        town.publish("transitions.user", TRANSITION | {"id": f"{n:032x}", "entity": f"u{n}",
                                                       "at": f"2024-05-{n + 1:02}T12:00:00.000Z"})  # fmt: skip
    town.write()
    found = queries.stock_daily(town.client, "user", days=2)
    assert [(row["day"].day, row["entities"]) for row in found] == [(3, 3), (4, 4)]
    assert [row["transitions"] for row in queries.flow(town.client, "user", days=2)] == [2]
    assert [row["entities"] for row in queries.stock(town.client, "user")] == [4]
