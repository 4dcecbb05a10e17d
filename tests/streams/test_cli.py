"""The command line: what it writes, what it says, and which status it ends with."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from click.testing import Result
from typer.testing import CliRunner

from schemas.definition.parse import load
from streams.cli import app, console
from tests.streams.commands import tiny


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths of temporary folders are long, and what is told is not to be broken in the middle of one."""
    monkeypatch.setattr(console, "_width", 300)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with tiny's definition and records, four of them broken."""
    (tmp_path / "tiny.yaml").write_text(tiny.TEXT)
    tiny.write(tmp_path / "in.jsonl", [*tiny.lines(tiny.ada()), *tiny.BAD])
    tiny.write(tmp_path / "good.jsonl.gz", tiny.lines(tiny.ada()))
    return tmp_path


def journeys(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200", "NO_COLOR": "1"})


def replay(home: Path, *more: object, source: str = "in.jsonl", out: str = "out") -> Result:
    return journeys("replay", home / source, "-d", home / "tiny.yaml", "--out", home / out, *more)


def test_replay_writes_all_its_files_with_the_right_counts(home: Path) -> None:
    result = replay(home)
    assert result.exit_code == 0, result.output
    out = home / "out"
    counts = {
        name: len(tiny.read(out / f"{name}.jsonl")) for name in ("transitions", "alerts", "entities", "dead_letters")
    }
    assert counts == {"transitions": 11, "alerts": 2, "entities": 3, "dead_letters": 4}
    told = orjson.loads((out / "summary.json").read_bytes())
    assert (told["records"], told["ok"], told["events"]) == (8, 4, 4)
    assert told["dead_letters"] == {"bad_time": 1, "not_json": 1, "wrong_type": 1, "not_utf8": 1}
    assert told["published"]["transitions.user"] + told["published"]["transitions.account"] == 11
    assert told["stopped_at"] == "2024-02-10T00:00:00.000Z"
    assert told["seconds"] >= 0
    assert told["events_per_second"] >= 0
    assert "8 records" in result.output
    assert "11 transitions, 2 alert records, 4 dead letters" in result.output


@pytest.mark.parametrize("until", ["2024-01-20T00:00:00Z", "1705708800", "1705708800.0"])
def test_replay_ends_time_where_it_is_told_to(home: Path, until: str) -> None:
    assert replay(home, "--until", until).exit_code == 0
    told = orjson.loads((home / "out" / "summary.json").read_bytes())
    assert told["stopped_at"] == "2024-01-20T00:00:00.000Z"
    assert told["dropped"] == {"after_until": 1}
    assert [alert["status"] for alert in tiny.read(home / "out" / "alerts.jsonl")] == ["opened"]


def test_replay_reads_packed_files_and_shipped_definitions(home: Path) -> None:
    result = journeys("replay", home / "good.jsonl.gz", "-d", "community", "-o", home / "out")
    assert result.exit_code == 0, result.output
    assert orjson.loads((home / "out" / "summary.json").read_bytes())["definition"] == "community"


def test_a_second_replay_into_the_same_folder_replaces_the_first(home: Path) -> None:
    replay(home)
    before = (home / "out" / "transitions.jsonl").read_bytes()
    replay(home)
    assert (home / "out" / "transitions.jsonl").read_bytes() == before


def test_explain_tells_an_entity_of_a_replay(home: Path) -> None:
    replay(home)
    result = journeys("explain", "ada", "--from", home / "out")
    assert result.exit_code == 0, result.output
    assert "idle 14 d >= 14 d" in result.output
    missing = journeys("explain", "adda", "--from", home / "out")
    assert missing.exit_code == 1
    assert "the nearest ids are ada" in missing.output


def test_validate_accepts_the_shipped_definitions() -> None:
    for name in ("saas", "community"):
        result = journeys("validate", name)
        assert result.exit_code == 0, result.output
        assert f"{name}: valid ({name} version" in result.output


def test_validate_names_the_line_of_what_is_wrong(home: Path) -> None:
    (home / "tiny.yaml").write_text(tiny.TEXT.replace("days_28 >= 2", "days_29 >= 2"))
    result = journeys("validate", home / "tiny.yaml")
    assert result.exit_code == 2
    assert "tiny.yaml:17:" in result.output
    assert "days_28" in result.output


def test_validate_against_a_sample_that_fits_says_so(home: Path) -> None:
    result = journeys("validate", home / "tiny.yaml", "--against", home / "good.jsonl.gz")
    assert result.exit_code == 0, result.output
    assert "2 matches" in result.output
    assert "fits" in result.output


def test_validate_against_a_sample_without_a_match_is_status_1_with_the_nearest_names(home: Path) -> None:
    (home / "tiny.yaml").write_text(
        tiny.TEXT.replace("report: {name: Report Created}", "report: {name: Reports Created}")
    )
    result = journeys("validate", home / "tiny.yaml", "--against", home / "in.jsonl")
    assert result.exit_code == 1
    assert "events.report (line 7) matches no event of the sample; the sample has Report Created" in result.output


@pytest.mark.parametrize("template", ["saas", "community"])
def test_init_proposes_a_definition_that_parses_with_todo_marks(home: Path, template: str) -> None:
    out = home / "mine.yaml"
    result = journeys("init", home / "good.jsonl.gz", "--template", template, "--out", out)
    assert result.exit_code == 0, result.output
    assert load(out).user.machines
    assert "# TODO" in out.read_text()
    assert f"next: journeys validate {out}" in result.output


def test_init_prints_without_out_and_never_overwrites(home: Path) -> None:
    assert "language: 1" in journeys("init", home / "good.jsonl.gz").output
    (home / "mine.yaml").write_text("mine")
    assert journeys("init", home / "good.jsonl.gz", "--out", home / "mine.yaml").exit_code == 2
    assert (home / "mine.yaml").read_text() == "mine"


def test_init_guesses_the_source(home: Path) -> None:
    record = {
        "type": "track",
        "event": "Signed Up",
        "userId": "ada",
        "messageId": "m1",
        "timestamp": "2024-01-01T00:00:00Z",
    }
    tiny.write(home / "segment.jsonl", [orjson.dumps(record)])
    assert "source segment" in journeys("init", home / "segment.jsonl").output


WRONG = {
    "no input": (["replay", "nowhere.jsonl", "-d", "saas", "-o", "out"], "there is no input nowhere.jsonl"),
    "a folder as input": (["replay", ".", "-d", "saas", "-o", "out"], "there is no input ."),
    "no definition": (["replay", "in.jsonl", "-d", "sass", "-o", "out"], "there is no definition sass; shipped ones are"),
    "out is a file": (["replay", "in.jsonl", "-d", "saas", "-o", "in.jsonl"], "in.jsonl is a file"),
    "no time": (["replay", "in.jsonl", "-d", "saas", "-o", "out", "--until", "soon"], "--until soon is not a time"),
    "odd digits": (["replay", "in.jsonl", "-d", "saas", "-o", "out", "--until", "²"], "is not a time"),
    "milliseconds": (["replay", "in.jsonl", "-d", "saas", "-o", "out", "--until", "1704067200000"], "is not a time"),
    "no source": (["replay", "in.jsonl", "-d", "saas", "-o", "out", "--source", "segmet"], "did you mean segment?"),
    "no packed file": (["replay", "text.gz", "-d", "saas", "-o", "out"], "text.gz cannot be read"),
    "no sample": (["validate", "saas", "--against", "nowhere.jsonl"], "there is no sample nowhere.jsonl"),
    "sample of no source": (["validate", "saas", "--against", "in.jsonl", "--source", "x"], "there is no source 'x'"),
    "init of nothing": (["init", "nowhere.jsonl"], "there is no sample nowhere.jsonl"),
    "init of no source": (["init", "in.jsonl", "--source", "x"], "there is no source 'x'"),
    "explain of no replay": (["explain", "ada", "--from", "."], "holds no transitions.jsonl"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_ends_with_status_2_and_a_message(case: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "text.gz").write_text("plain")
    monkeypatch.chdir(home)
    words, message = WRONG[case]
    result = journeys(*words)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output
    assert not isinstance(result.exception, (OSError, ValueError))


def test_every_command_has_a_line_of_help() -> None:
    result = journeys("--help")
    assert result.exit_code == 0
    for command in app.registered_commands:
        assert command.callback is not None
        assert command.callback.__name__ in result.output
        assert command.callback.__doc__


def test_validate_prints_warnings_as_compilers_do_and_how_large_a_record_can_become(home: Path) -> None:
    (home / "odd.yaml").write_text(tiny.TEXT.replace("when: idle >= 30d}", "when: days_28 >= 29}"))
    result = journeys("validate", home / "odd.yaml")
    assert result.exit_code == 0, result.output
    assert "odd.yaml:18:57: warning: transition 'goes' of machine 'stage' can never fire" in result.output
    assert "`days_28 >= 29` is out of reach: days_28 is 0 to 28" in result.output
    assert "user: at most" in result.output
    assert "account: at most" in result.output


def test_shadow_prints_volume_first_and_writes_everything_as_json(home: Path) -> None:
    (home / "other.yaml").write_text(
        tiny.TEXT.replace("idle >= 14d", "idle >= 20d").replace("version: 1", "version: 2")
    )
    result = journeys(
        "shadow", home / "in.jsonl", "--live", home / "tiny.yaml", "--candidate", home / "other.yaml", "--until",
        "2024-01-18", "--json", home / "shadow.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    parts = ["a week per 100 accounts", "What they say differently", "In another state", "Journeys that part"]
    assert sorted(parts, key=result.output.index) == parts
    told = orjson.loads((home / "shadow.json").read_bytes())
    assert told["elsewhere"] == [
        {"kind": "user", "entity": "ada", "machine": "risk", "live": "at_risk", "candidate": "healthy"}
    ]
    (parting,) = told["partings"]
    assert parting["live"]["because"][0]["value"] == 14 * 86_400
    assert parting["candidate"] is None
    assert parting["why"] == ["idle >= 14d (live), idle >= 20d (candidate); idle was 14 d"]
    assert (told["live"]["version"], told["candidate"]["version"]) == (1, 2)
    assert (told["live"]["alerts"]["opened"], told["candidate"]["alerts"]["opened"]) == (1, 0)


def test_shadow_refuses_what_it_cannot_read(home: Path) -> None:
    assert journeys("shadow", home / "none.jsonl", "--live", "saas", "--candidate", "saas").exit_code == 2
    assert journeys("shadow", home / "in.jsonl", "--live", "nope", "--candidate", "saas").exit_code == 2


NEXT = (
    tiny.TEXT.replace("at_risk", "silent").replace("within: 28d", "within: 21d")
    .replace("version: 1", "version: 2\nmigrate: {from: [1], states: {user.risk.at_risk: silent}}")
)  # fmt: skip


def test_validate_from_an_earlier_version_tells_what_becomes_of_its_states(home: Path) -> None:
    (home / "next.yaml").write_text(NEXT)
    result = journeys("validate", home / "next.yaml", "--from", home / "tiny.yaml")
    assert result.exit_code == 0, result.output
    assert "user.days_28: changed, so it begins empty, and is whole after 21 days" in result.output
    assert "user.risk: at_risk becomes silent, told as a transition" in result.output


def test_validate_from_an_earlier_version_refuses_what_a_worker_would(home: Path) -> None:
    (home / "next.yaml").write_text(NEXT.replace(", states: {user.risk.at_risk: silent}", ""))
    result = journeys("validate", home / "next.yaml", "--from", home / "tiny.yaml")
    assert result.exit_code == 1
    assert "state user.risk.at_risk is gone: say where it goes" in result.output
    (home / "same.yaml").write_text(tiny.TEXT.replace("idle >= 14d", "idle >= 15d"))
    assert (
        "another file with the same version"
        in journeys("validate", home / "same.yaml", "--from", home / "tiny.yaml").output
    )
    assert "nothing happens" in journeys("validate", home / "tiny.yaml", "--from", home / "tiny.yaml").output
