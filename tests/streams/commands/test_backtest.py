"""`journeys backtest` from the command line: volume first, tables, JSON, fitted coefficients, a sweep, and refusals."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import Result
from typer.testing import CliRunner

from schemas.definition.parse import load
from streams.backtest.history import churn_measure
from streams.backtest.leakage import Leak
from streams.cli import app
from streams.commands import backtest as command
from tests.streams.backtest.people import crowd, lines
from tests.streams.commands import tiny

RUNNER = CliRunner()


@cache
def records() -> tuple[bytes, ...]:
    """Eighty people over two and a half years."""
    return tuple(lines(crowd(80, 900), "acme"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    tiny.write(tmp_path / "crowd.jsonl.gz", list(records()))
    (tmp_path / "tiny.yaml").write_text(tiny.TEXT)
    return tmp_path


def journeys(*arguments: str | Path) -> Result:
    return RUNNER.invoke(app, [str(argument) for argument in arguments])


def test_a_report_is_printed_and_written(home: Path) -> None:
    result = journeys("backtest", "crowd.jsonl.gz", "-d", "tiny.yaml", "--json", "report.json")
    assert result.exit_code == 0, result.output
    said = [line.split("(")[0].strip() for line in result.stdout.splitlines() if line[:1].isalpha()]
    assert said[1:3] == ["Volume", "Alerts"]
    told = orjson.loads((home / "report.json").read_bytes())
    assert told["definition"] == "tiny"
    assert told["volume"]["user"]["rules"]["user_at_risk"]["alerts"] > 100
    assert 0 < told["alerts"]["user"]["rules"]["user_at_risk"]["second_half"]["precision"] < 1
    assert set(told["months"]["user"]["methods"]) == {"silence", "silence (Platt)", "refitted"}
    assert told["months"]["account"]["why"].startswith("too little history")
    assert all(row["conserved"] for row in told["growth"]["user"])
    assert told["leaks"] == []


def test_fit_writes_a_copy_with_coefficients_that_the_next_backtest_judges(home: Path) -> None:
    result = journeys("backtest", "crowd.jsonl.gz", "-d", "tiny.yaml", "--fit")
    assert result.exit_code == 0, result.output
    fitted = load(home / "tiny.fitted.yaml")
    measure = churn_measure(fitted, "user")
    assert measure is not None
    assert measure.churn is not None
    assert {name for name, _ in measure.churn.fitted} >= {"date", "rows", "base_rate", "brier", "slope"}
    assert fitted.version == 2
    again = journeys("backtest", "crowd.jsonl.gz", "-d", "tiny.fitted.yaml", "--json", "again.json")
    assert again.exit_code == 0, again.output
    methods: dict[str, Any] = orjson.loads((home / "again.json").read_bytes())["months"]["user"]["methods"]
    assert methods["definition"]["auc"] > 0.5


def test_fit_overwrites_nothing(home: Path) -> None:
    (home / "mine.yaml").write_text("precious")
    result = journeys("backtest", "crowd.jsonl.gz", "-d", "tiny.yaml", "--fit", "--out", "mine.yaml")
    assert (result.exit_code, "mine.yaml exists" in result.output) == (2, True)
    assert (home / "mine.yaml").read_text() == "precious"


def test_too_little_history_is_said_and_fits_nothing(home: Path) -> None:
    tiny.write(home / "ada.jsonl", tiny.lines(tiny.ada()))
    result = journeys("backtest", "ada.jsonl", "-d", "tiny.yaml", "--fit")
    assert result.exit_code == 1
    assert "too little history" in result.stdout
    assert "too little history to fit anything" in result.stderr
    assert not (home / "tiny.fitted.yaml").exists()


def test_an_input_without_activity_is_refused(home: Path) -> None:
    (home / "other.jsonl").write_bytes(b'{"id":"1","event":"Else","user":"u","at":1}\n')
    result = journeys("backtest", "other.jsonl", "-d", "tiny.yaml")
    assert (result.exit_code, "no event of the input is an activity" in result.stderr) == (1, True)


@pytest.mark.parametrize("given", ["silence=14d,28d", "silence"])
def test_a_sweep_judges_the_alerts_for_each_value(home: Path, given: str) -> None:
    text = tiny.TEXT.replace("events:", "params: {silence: 14d}\nevents:", 1).replace("idle >= 14d", "idle >= silence")
    (home / "swept.yaml").write_text(text)
    tiny.write(home / "few.jsonl", lines(dict(list(crowd(80, 900).items())[:12]), "acme"))
    result = journeys("backtest", "few.jsonl", "-d", "swept.yaml", "--sweep", given, "--json", "swept.json")
    assert result.exit_code == 0, result.output
    rows = orjson.loads((home / "swept.json").read_bytes())["sweep"]
    assert [row["value"] for row in rows] == (
        ["14d", "28d"] if "=" in given else ["604800s", "907200s", "1209600s", "1512000s", "1814400s"]
    )
    alerts = [row["alerts"]["user"]["rules"]["user_at_risk"]["all"]["alerts"] for row in rows]
    assert alerts == sorted(alerts, reverse=True)
    assert alerts[0] > alerts[-1]


@pytest.mark.parametrize(("given", "said"), [("loud", "no param 'loud'"), ("loud=1d", "no param loud")])
def test_a_sweep_of_what_is_no_param_is_refused(home: Path, given: str, said: str) -> None:
    tiny.write(home / "ada.jsonl", tiny.lines(tiny.ada()))
    result = journeys("backtest", "ada.jsonl", "-d", "tiny.yaml", "--sweep", given)
    assert (result.exit_code, said in result.stderr) == (1, True)


def test_a_report_that_looked_ahead_is_refused_after_it_is_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.write(home / "ada.jsonl", tiny.lines(tiny.ada()))
    real = command.backtest

    def leaking(subject: Any) -> Any:
        found = real(subject)
        return type(found)(found.told, [Leak("peeking", "ada", 19_800, "0.5", "0.6")], found.found)

    monkeypatch.setattr(command, "backtest", leaking)
    result = journeys("backtest", "ada.jsonl", "-d", "tiny.yaml", "--fit")
    assert result.exit_code == 1
    assert "cannot be believed" in result.stderr
    assert not (home / "tiny.fitted.yaml").exists()
