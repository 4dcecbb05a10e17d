"""Panels into Grafana's dashboard JSON (schema 39), laid out in rows of 24 columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from deploy.grafana.panels import JOURNEYS, OPERATIONS, Panel

FOLDER = Path(__file__).parent / "dashboards"

CLICKHOUSE = {"type": "grafana-clickhouse-datasource", "uid": "journeys-clickhouse"}
PROMETHEUS = {"type": "prometheus", "uid": "journeys-prometheus"}
HEIGHT = 9

Object = dict[str, Any]

VARIABLES: list[Object] = [
    {"name": "kind", "type": "custom", "query": "account,user", "current": {"text": "account", "value": "account"}},
    {
        "name": "owner", "type": "query", "datasource": CLICKHOUSE, "refresh": 2, "multi": True, "includeAll": True,
        "query": "SELECT DISTINCT ifNull(owner, '') AS owner FROM accounts_at_risk ORDER BY owner",
        "current": {"text": "All", "value": "$__all"},
    },
    {"name": "account", "type": "textbox", "query": "", "label": "one account"},
]  # fmt: skip


def dashboards() -> dict[str, Object]:
    """{file name: dashboard}."""
    return {
        "journeys.json": _dashboard("journeys", "Journeys", JOURNEYS, VARIABLES, "now-90d", "1m"),
        "operations.json": _dashboard("journeys-operations", "Journeys: operations", OPERATIONS, [], "now-6h", "30s"),
    }


def _dashboard(
    uid: str, title: str, panels: Sequence[Panel], variables: list[Object], since: str, every: str
) -> Object:
    return {
        "uid": uid, "title": title, "tags": ["journeys"], "schemaVersion": 39, "editable": False, "timezone": "utc",
        "time": {"from": since, "to": "now"}, "refresh": every, "templating": {"list": variables}, "panels": _laid_out(panels),
    }  # fmt: skip


def _laid_out(panels: Sequence[Panel]) -> list[Object]:
    found, x, y = [], 0, 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > 24:
            x, y = 0, y + HEIGHT
        found.append(_panel(number, panel, {"h": HEIGHT, "w": panel.width, "x": x, "y": y}))
        x += panel.width
    return found


def _panel(number: int, panel: Panel, at: Object) -> Object:
    found: Object = {
        "id": number, "type": panel.shape, "title": panel.title, "gridPos": at,
        "datasource": CLICKHOUSE if panel.sql else PROMETHEUS,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []}, "options": _options(panel),
        "targets": [_sql(panel)] if panel.sql else [_promql(n, panel, *query) for n, query in enumerate(panel.promql)],
    }  # fmt: skip
    return {**found, "description": panel.about} if panel.about else found


def _options(panel: Panel) -> Object:
    if panel.shape in ("bargauge", "stat"):
        return {"reduceOptions": {"values": panel.shape == "bargauge", "calcs": ["lastNotNull"], "fields": ""}}
    return {}


def _sql(panel: Panel) -> Object:
    kind = "timeseries" if panel.shape == "timeseries" else "table"
    shape = {"timeseries": 0, "table": 1}[kind]  # the plugin's own numbers
    return {
        "refId": "A",
        "datasource": CLICKHOUSE,
        "editorType": "sql",
        "queryType": kind,
        "format": shape,
        "rawSql": panel.sql,
    }


def _promql(number: int, panel: Panel, query: str, legend: str) -> Object:
    at_once = panel.shape == "table"
    return {
        "refId": "ABCDEFGH"[number], "datasource": PROMETHEUS, "expr": query, "legendFormat": legend, "instant": at_once,
        "range": not at_once, "format": "table" if at_once else "time_series",
    }  # fmt: skip


def write(folder: Path = FOLDER) -> list[Path]:
    """Write the dashboards, one a file. Returns the paths."""
    folder.mkdir(exist_ok=True)
    for name, dashboard in dashboards().items():
        (folder / name).write_bytes(orjson.dumps(dashboard, option=orjson.OPT_INDENT_2) + b"\n")
    return [folder / name for name in dashboards()]
