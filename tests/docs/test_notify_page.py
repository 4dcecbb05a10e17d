"""The rules on the page of `journeys notify` are read, and the receiver's code on it tells a genuine body from another."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from streams.notify.channels import signature
from streams.notify.parse import parse

PAGE = (Path(__file__).parents[2] / "docs" / "notify.md").read_text()


def block(language: str) -> str:
    (found, *_) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def test_the_rules_on_the_page_are_read() -> None:
    env = {
        "PAGERDUTY_URL": "pagerduty://" + "k" * 32 + "@" + "a" * 20, "SLACK_URL": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/",
        "SMTP_URL": "mailtos://journeys:secret@mail.acme.io", "CRM_SECRET": "s",
    }  # fmt: skip
    found = parse(block("yaml"), env)
    assert list(found.channels) == ["oncall", "team", "owner", "crm"]
    assert found.quiet["nights"].never == {"critical"}


def test_the_code_of_the_receiver_works() -> None:
    there: dict[str, Any] = {}
    exec(block("python"), there)
    now = int(time.time())
    assert there["genuine"]("s", signature("s", b"{}", now), b"{}")
    assert not there["genuine"]("s", signature("s", b"{}", now), b"{ }")
    assert not there["genuine"]("s", signature("s", b"{}", now - 400), b"{}")
