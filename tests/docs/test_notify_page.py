"""The rules on the page of `journeys notify` are read, and the receiver's code on it tells a genuine body from another."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from streams.cli import app
from streams.notify.channels import signature
from streams.notify.parse import parse

PAGE = (Path(__file__).parents[2] / "docs" / "notify.md").read_text()


def block(language: str) -> str:
    (found, *_) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


ENV = {
    "PAGERDUTY_URL": "pagerduty://" + "k" * 32 + "@" + "a" * 20, "SLACK_URL": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/",
    "SMTP_URL": "mailtos://journeys:secret@mail.acme.io", "CRM_SECRET": "s",
}  # fmt: skip


def test_the_rules_on_the_page_are_read() -> None:
    found = parse(block("yaml"), ENV)
    assert list(found.channels) == ["oncall", "team", "owner", "crm"]
    assert found.quiet["nights"].never == {"critical"}


def test_the_code_of_the_receiver_works() -> None:
    there: dict[str, Any] = {}
    exec(block("python"), there)
    now = int(time.time())
    assert there["genuine"]("s", signature("s", b"{}", now), b"{}")
    assert not there["genuine"]("s", signature("s", b"{}", now), b"{ }")
    assert not there["genuine"]("s", signature("s", b"{}", now - 400), b"{}")


def test_the_command_checks_a_file_of_rules(tmp_path: Path) -> None:
    path = tmp_path / "notify.yaml"
    path.write_text(block("yaml"))
    done = CliRunner().invoke(app, ["notify", str(path), "--check"], env=ENV)
    assert (done.exit_code, done.stdout.strip()) == (0, f"{path}: valid; 4 channels, 3 routes")
    path.write_text(block("yaml").replace("send: team", "send: tem"))
    assert CliRunner().invoke(app, ["notify", str(path), "--check"], env=ENV).exit_code == 2
