"""`journeys doctor`: every finding about a deployment, and what to do about it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import orjson
from rich.console import Console
from rich.markup import escape

from schemas.definition.errors import DefinitionErrors
from schemas.definition.model import Definition
from streams.doctor import clickhouse, kafka
from streams.doctor.finding import Finding
from streams.settings import Settings, SettingsError, load_settings
from streams.worker import definition_of

WELL, ILL, WRONG = 0, 1, 2
"""Exit codes: no error, some error, settings or definition are wrong."""

_MARKS = {"ok": "[green]ok   [/]", "note": "[yellow]note [/]", "error": "[bold red]error[/]"}


def run(path: Path | None, as_json: bool, quick: bool, watch_s: float, console: Console) -> int:
    """Look, tell, judge."""
    try:
        settings = load_settings(path)
        definition = definition_of(settings)
        found = examine(settings, definition, quick, watch_s)
    except (SettingsError, DefinitionErrors) as problem:
        console.print(str(problem), style="red", highlight=False, soft_wrap=True, markup=False)
        return WRONG
    if as_json:
        print(orjson.dumps([one._asdict() for one in found], option=orjson.OPT_INDENT_2).decode())
    else:
        show(found, console)
    return ILL if any(one.level == "error" for one in found) else WELL


def examine(settings: Settings, definition: Definition, quick: bool, watch_s: float) -> list[Finding]:
    """All findings. Nothing is changed anywhere."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it logs is one of our findings
    found = asyncio.run(kafka.look(settings, definition, watch_s, quick))
    return found + clickhouse.look(settings, definition)


def show(found: list[Finding], console: Console) -> None:
    for one in found:
        console.print(f"{_MARKS[one.level]} {one.area}: {escape(one.what)}", highlight=False, soft_wrap=True)
        if one.do:
            console.print(f"      → {escape(one.do)}", highlight=False, soft_wrap=True)
    errors = sum(one.level == "error" for one in found)
    notes = sum(one.level == "note" for one in found)
    console.print(f"{len(found)} looked at: {errors} errors, {notes} notes", highlight=False)
