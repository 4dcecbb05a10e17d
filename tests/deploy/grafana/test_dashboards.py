"""Dashboards: the files are those of the panels, every metric and label exists, and what is provisioned fits together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from ruamel.yaml import YAML

from deploy.grafana.build import CLICKHOUSE, FOLDER, PROMETHEUS, dashboards
from deploy.grafana.panels import OPERATIONS
from streams.metrics import ABOUT

DEPLOY = Path(__file__).parents[3] / "deploy"
RULES = YAML(typ="safe").load((DEPLOY / "prometheus" / "journeys.rules.yaml").read_text())["groups"][0]["rules"]
QUERIES = [query for panel in OPERATIONS for query, _ in panel.promql] + [rule["expr"] for rule in RULES]


def test_the_checked_in_dashboards_are_those_of_the_panels() -> None:
    kept = {path.name: orjson.loads(path.read_bytes()) for path in FOLDER.glob("*.json")}
    assert kept == dashboards(), "run `python -m deploy.grafana`"


@pytest.mark.parametrize("query", QUERIES)
def test_every_metric_and_label_of_a_query_exists(query: str) -> None:
    names = re.findall(r"journeys_\w+", query)
    assert names
    labels = {label for name in names for label in ABOUT[name].labels}  # type: ignore[index]
    told = {word.strip() for words in re.findall(r"by \(([^)]*)\)", query) for word in words.split(",")}
    told |= set(re.findall(r"[{,]\s*(\w+)\s*=", query))
    assert told <= labels


def test_every_metric_is_on_the_operations_dashboard() -> None:
    shown = {name for panel in OPERATIONS for query, _ in panel.promql for name in re.findall(r"journeys_\w+", query)}
    assert shown == set(ABOUT)


def test_panels_do_not_overlap_and_use_the_provisioned_data_sources() -> None:
    sources = YAML(typ="safe").load((DEPLOY / "grafana/provisioning/datasources/journeys.yaml").read_text())[
        "datasources"
    ]
    provisioned = {(source["type"], source["uid"]) for source in sources}
    assert {(source["type"], source["uid"]) for source in (CLICKHOUSE, PROMETHEUS)} == provisioned
    for dashboard in dashboards().values():
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            assert (panel["datasource"]["type"], panel["datasource"]["uid"]) in provisioned
            cells = cells_of(panel["gridPos"])
            assert not cells & taken, panel["title"]
            assert max(x for x, _ in cells) < 24
            taken |= cells


def cells_of(at: dict[str, Any]) -> set[tuple[int, int]]:
    return {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}


def test_a_selection_that_stopped_matching_is_an_alert_rule_with_what_to_do() -> None:
    (rule,) = [rule for rule in RULES if rule["alert"] == "JourneysSelectionStoppedMatching"]
    assert "offset 24h" in rule["expr"]
    assert "unless" in rule["expr"]
    assert "journeys validate" in rule["annotations"]["description"]
