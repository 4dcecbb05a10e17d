"""The demo's company asked: every Grafana panel answers, and the documented questions have the documented answers."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from clickhouse_connect.driver.client import Client

from deploy.docs.answers import PAGE, page
from deploy.grafana.build import FOLDER
from deploy.grafana.panels import JOURNEYS, Panel
from sinks.clickhouse.questions import questions
from tests.deploy.grafana.expand import expand
from tests.integration.company_run import Finished

DAY = 86_400

VARIABLES = {
    variable["name"]: variable["query"]
    for variable in orjson.loads((FOLDER / "journeys.json").read_bytes())["templating"]["list"]
}
"""{variable of the dashboard: what Grafana makes its values of}; the account is typed in."""


def range_of(client: Client) -> tuple[int, int]:
    ((since, until),) = client.query(
        "SELECT toUnixTimestamp(min(at)), toUnixTimestamp(max(at)) FROM events"
    ).result_rows
    return int(since), int(until)


@pytest.mark.parametrize("panel", JOURNEYS, ids=[panel.title for panel in JOURNEYS])
def test_a_panel_shows_something_of_the_company(company_live: Finished, panel: Panel) -> None:
    client = company_live.client
    since, until = range_of(client)
    owners = [row[0] for row in client.query(VARIABLES["owner"]).result_rows]
    assert owners
    for kind in VARIABLES["kind"].split(","):
        variables: dict[str, Any] = {"kind": kind, "owner": owners, "account": "a-brightwater"}
        found = client.query(expand(panel.sql, since, until, DAY, variables))
        assert found.result_rows, panel.title
        if panel.shape == "timeseries":
            assert found.column_names[0] == "time"
            assert str(found.column_types[0].name).startswith("DateTime")


def test_the_documented_questions_have_the_documented_answers(company_live: Finished) -> None:
    assert PAGE.read_text() == page(company_live.client), "run `python -m deploy.docs`"
    assert len(questions()) >= 10
