"""Prometheus' own checker reads the alert rules and the dashboard's queries, and every rule fires and is silent where it should be."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest
from ruamel.yaml import YAML

from deploy.grafana.build import FOLDER as DASHBOARDS
from deploy.promtool import promtool

PROMETHEUS = Path(__file__).parents[2] / "deploy" / "prometheus"
FILES = sorted(PROMETHEUS.glob("*.rules.yaml"))
CASES = sorted(PROMETHEUS.glob("*.test.yaml"))


@pytest.fixture(scope="module")
def checker() -> Path:
    return promtool()


def asked(*command: str | Path) -> str:
    """What promtool says where all is well."""
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=PROMETHEUS)
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def load(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text())


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_prometheus_reads_the_rules(checker: Path, file: Path) -> None:
    rules = [rule for group in load(file)["groups"] for rule in group["rules"]]
    assert f"SUCCESS: {len(rules)} rules found" in asked(checker, "check", "rules", file)


@pytest.mark.parametrize("cases", CASES, ids=[cases.name for cases in CASES])
def test_a_rule_fires_in_its_case_and_in_no_other(checker: Path, cases: Path) -> None:
    assert "SUCCESS" in asked(checker, "test", "rules", cases)


def test_every_rule_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    rules = {rule["alert"] for file in FILES for group in load(file)["groups"] for rule in group["rules"]}
    tests = [case for cases in CASES for test in load(cases)["tests"] for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in tests if case["exp_alerts"]} == rules
    assert {case["alertname"] for case in tests if not case["exp_alerts"]} == rules


def test_prometheus_reads_every_query_of_the_dashboard(checker: Path, tmp_path: Path) -> None:
    """As rules that record them; Grafana puts a duration in for the one variable."""
    panels = orjson.loads((DASHBOARDS / "operations.json").read_bytes())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    written = [query.replace("$__rate_interval", "5m") for query in queries]
    assert not any("$" in query for query in written)
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(written)]
    file = tmp_path / "queries.yaml"
    file.write_bytes(orjson.dumps({"groups": [{"name": "queries", "rules": rules}]}))  # JSON is YAML
    assert f"SUCCESS: {len(queries)} rules found" in asked(checker, "check", "rules", file)
    assert len(queries) > 20
