"""`journeys sql` answers from what a replay wrote, read-only, by name or as SQL, and says what is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from streams.replay.files import replay_to
from tests.streams.commands import tiny

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a replay of ada's journey wrote, and its input beside it."""
    home = tmp_path_factory.mktemp("sql")
    replay_to(tiny.write(home / "ada.jsonl", tiny.lines(tiny.ada())), "canonical", tiny.definition(), home / "out")
    return home / "out"


def sql(*arguments: str) -> tuple[int, str, str]:
    """In a process of its own: the engine takes one folder a process."""
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", "sql", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout, done.stderr


def test_a_question_by_name_is_answered_from_a_folder(folder: Path) -> None:
    status, said, _ = sql("stock", "--from", str(folder), "--format", "csv")
    assert status == 0
    assert said.splitlines()[0] == "kind,state,entries,exits,entities"
    assert "account,engagement,1,0,1" in said.splitlines()


def test_events_transitions_and_alerts_are_all_there_and_once_when_asked_twice(folder: Path) -> None:
    counts = {"e": "events", "t": "valid_transitions", "a": "alerts_now"}
    question = "SELECT " + ", ".join(f"(SELECT count() FROM {view}) AS {name}" for name, view in counts.items())
    for _ in range(2):
        status, said, _ = sql(question, "--from", str(folder), "--format", "json")
        assert (status, said) == (0, '{"e":4,"t":11,"a":1}\n')


def test_a_statement_that_writes_is_refused(folder: Path) -> None:
    status, _, said = sql("DROP TABLE events", "--from", str(folder))
    assert status == 2
    assert "readonly" in said


def test_what_is_wrong_is_said_in_one_line(folder: Path, tmp_path: Path) -> None:
    for arguments, message in (
        (("stok",), "there is no question 'stok'; there is alerts, at_risk"),
        (("stock", "--from", str(tmp_path)), "holds no results of a replay"),
        (("stock", "--format", "xml"), "write table, csv or json"),
        (("SELECT nothing FROM nowhere", "--from", str(folder)), "nowhere"),
    ):
        status, _, said = sql(*arguments)
        assert status == 2
        assert message in said
        assert "Traceback" not in said


def test_without_a_question_they_are_listed() -> None:
    status, said, _ = sql()
    assert status == 0
    assert "stock        How many accounts and users stand where?" in said
