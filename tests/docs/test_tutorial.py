"""The tutorial is run: every command on the page, in order, in an empty folder; what it prints stands on the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text()
ENDS = 1
"""Status of a command that the page says ends with it."""


class Step(NamedTuple):
    """One command and the lines that the page shows of what it prints; or a file to save."""

    command: str
    shown: list[str]


def steps() -> list[Step | tuple[str, str]]:
    """Commands and files (name, content) in the page's order."""
    found: list[Step | tuple[str, str]] = []
    for language, body in re.findall(r"```(console|yaml)\n(.*?)```", PAGE, re.DOTALL):
        if language == "yaml":
            found.append(("academy.yaml", body))
            continue
        for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
            command, *shown = part.rstrip("\n").split("\n")
            found.append(Step(command, shown))
    return found


def run(command: str, folder: Path) -> tuple[int, str]:
    """As in a shell where the virtual environment is active and `docs` is at hand."""
    functions = f'journeys() {{ "{sys.executable}" -m streams.cli "$@"; }}\npython() {{ "{sys.executable}" "$@"; }}\n'
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    done = subprocess.run(
        ["bash", "-c", functions + command], cwd=folder, env=env, capture_output=True, text=True, timeout=200
    )
    return done.returncode, done.stdout + done.stderr


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_every_command_of_the_tutorial_does_what_the_page_shows(tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    commands = 0
    for step in steps():
        if not isinstance(step, Step):
            (tmp_path / step[0]).write_text(step[1])
            continue
        status, said = run(step.command, tmp_path)
        assert status == (ENDS if "# status 1" in step.command else 0), f"{step.command}\n{said}"
        for line in step.shown:
            assert squeezed(line) in squeezed(said), f"{step.command} does not print {line!r}:\n{said}"
        commands += 1
    assert commands >= 12


def test_no_event_name_of_the_sample_is_in_a_shipped_definition() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs/examples/academy.py")], capture_output=True, text=True, check=True
    )
    names = set(re.findall(r'"event": "(\w+)"', done.stdout))
    assert names == {"learner_joined", "lesson_finished", "exam_passed"}
    for shipped in (ROOT / "schemas" / "definitions").glob("*.yaml"):
        assert not [name for name in names if name in shipped.read_text()]


def test_the_page_uses_what_it_promises() -> None:
    assert {"init", "validate", "replay", "explain", "sql", "shadow"} <= set(re.findall(r"\$ journeys (\w+)", PAGE))
