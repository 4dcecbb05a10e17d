"""README and the pages on running it say what is there: settings that load, commands, metrics, topics and files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streams.cli import app
from streams.metrics import ABOUT
from streams.settings import load_settings
from streams.topics import plan

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/index.md", "docs/operations.md")


def text(page: str) -> str:
    return (ROOT / page).read_text()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text(page)) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_the_settings_on_the_page_load(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text("docs/operations.md").split("```toml\n")[1].split("```")[0])
    found = load_settings(path, {"JOURNEYS_KAFKA_PASSWORD": "secret"})
    assert [source.keyed_by for source in found.sources] == [None, "user"]
    assert found.kafka.protocol == "SASL_SSL"


@pytest.mark.parametrize("page", PAGES[::2])
def test_every_command_on_a_page_exists(page: str) -> None:
    known = {command.callback.__name__ for command in app.registered_commands if command.callback}
    known |= {group.name for group in app.registered_groups if group.name}
    named = set(re.findall(r"(?:^|`|/)journeys +([a-z][a-z-]*)", text(page), re.MULTILINE))
    assert len(named) >= 3
    assert named <= known


def test_every_metric_on_the_page_exists() -> None:
    named = set(re.findall(r"journeys_[a-z_]+[a-z]", text("docs/operations.md")))
    assert len(named) >= 5
    assert named <= set(ABOUT)


def test_every_topic_of_ours_is_on_the_page() -> None:
    for topic in plan(load_settings(None, {})):
        assert f"`{topic.name}`" in text("docs/operations.md"), topic.name
