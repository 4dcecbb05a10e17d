"""`journeys dead-letters`: what could not be processed, by reason; one of them in full; and sending them again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from schemas.time import rfc3339
from streams.dead_letters import MARK, DeadLetters, Filter, Found, Note, plan
from streams.settings import Settings, SettingsError, load_settings

DONE, REFUSED, WRONG, NO_TOPIC, NO_ANSWER = 0, 1, 2, 3, 4
"""Exit codes: all done; something was not sent or there is no such letter; settings are wrong; a topic is missing; Kafka
does not answer."""

SHOWN = 4_000
"""Bytes of a value that are printed; --json has all of it."""

Act = Callable[[DeadLetters, Settings, Console], Coroutine[Any, Any, int]]


def run(act: Act, settings: Path | None, console: Console) -> int:
    """Do it on the Kafka of these settings; what goes wrong becomes a message and a code."""
    try:
        where = load_settings(settings)
        return asyncio.run(_run(act, where, console))
    except SettingsError as problem:
        return _say(console, str(problem), WRONG)
    except LookupError as problem:
        return _say(console, str(problem.args[0]), NO_TOPIC)
    except (KafkaError, OSError) as problem:
        return _say(console, f"Kafka at {where.bootstrap} does not answer: {problem}", NO_ANSWER)


async def _run(act: Act, settings: Settings, console: Console) -> int:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it logs each attempt; we say it once
    async with DeadLetters(settings) as kafka:
        return await act(kafka, settings, console)


def _say(console: Console, text: str, code: int) -> int:
    console.print(text, style="red", highlight=False, soft_wrap=True, markup=False)
    return code


def ls(wanted: Filter, each: bool) -> Act:
    """Counts by topic and reason, or one line a letter."""

    async def act(kafka: DeadLetters, settings: Settings, console: Console) -> int:
        strange: list[int] = []
        found = [one async for one in kafka.read(wanted, strange)]
        notes = await kafka.notes()
        console.print(_each(found, notes) if each else _groups(found, notes), soft_wrap=True)
        sent = sum(one.letter.id in notes for one in found)
        console.print(f"{len(found):,} dead letters, {sent:,} of them sent again", highlight=False)
        if strange:
            console.print(f"{len(strange)} records on the topic are no dead letters", style="yellow", highlight=False)
        return DONE

    return act


def _groups(found: list[Found], notes: dict[str, Note]) -> Table:
    table = Table("topic", "reason", "letters", "sent again", "first", "last", "for example", box=None)
    groups: dict[tuple[str, str], list[Found]] = {}
    for one in found:
        groups.setdefault((one.letter.topic, one.letter.reason), []).append(one)
    for (topic, reason), ones in sorted(groups.items(), key=lambda item: -len(item[1])):
        sent = sum(one.letter.id in notes for one in ones)
        times = sorted(one.at for one in ones)
        table.add_row(
            topic, reason, f"{len(ones):,}", f"{sent:,}", rfc3339(times[0]), rfc3339(times[-1]), escape(ones[-1].letter.detail)
        )  # fmt: skip
    return table


def _each(found: list[Found], notes: dict[str, Note]) -> Table:
    table = Table("id", "put aside", "from", "reason", "detail", "sent again", box=None)
    for one in found:
        letter, note = one.letter, notes.get(one.letter.id)
        place = f"{letter.topic}/{letter.partition}@{letter.offset}" + (f"#{letter.index}" if letter.index else "")
        again = rfc3339(note.at) if note else ""
        table.add_row(letter.id, rfc3339(one.at), place, letter.reason, escape(letter.detail), again)
    return table


def show(name: str, as_json: bool) -> Act:
    """One letter in full."""

    async def act(kafka: DeadLetters, settings: Settings, console: Console) -> int:
        found = [one async for one in kafka.read(Filter(ids=frozenset({name})))]
        if not found:
            return _say(
                console, f"there is no dead letter {name}; `journeys dead-letters ls --each` lists them", REFUSED
            )
        letter = found[-1].letter
        if as_json:
            print(letter.to_json().decode())
            return DONE
        note = (await kafka.notes()).get(name)
        lines = {
            "id": letter.id, "reason": letter.reason, "detail": letter.detail, "put aside": rfc3339(found[-1].at),
            "from": f"{letter.topic}, partition {letter.partition}, offset {letter.offset}, item {letter.index}",
            "timestamp": rfc3339(letter.timestamp), "sent again": f"{rfc3339(note.at)} to {note.to}" if note else "never",
            "key": _text(letter.key),
            **{f"header {key}": _text(value) for key, value in letter.headers if key != MARK},
            "was sent as": next((_text(value) for key, value in letter.headers if key == MARK), "no replay"),
            "value": _text(letter.value),
        }  # fmt: skip
        for label, text in lines.items():
            console.print(f"[bold]{escape(label)}[/]  {escape(text)}", highlight=False, soft_wrap=True)
        return DONE

    return act


def _text(data: bytes | None) -> str:
    if data is None:
        return "null"
    more = f" … {len(data) - SHOWN:,} bytes more" if len(data) > SHOWN else ""
    return data[:SHOWN].decode("utf-8", "backslashreplace") + more


def replay(wanted: Filter, to: str | None, again: bool, dry: bool) -> Act:
    """Send what is wanted; say what was sent, what was not and why."""

    async def act(kafka: DeadLetters, settings: Settings, console: Console) -> int:
        found = [one async for one in kafka.read(wanted)]
        todo = plan(found, await kafka.notes(), settings, to, again)
        if missing := await kafka.missing({one.to for one in todo.sendings}):
            raise LookupError(f"there is no topic {', '.join(missing)}; write --to TOPIC to send elsewhere")
        if dry:
            console.print(f"would send {len(todo.sendings):,} records", highlight=False)
            return _remarks(todo.sent_before, todo.ours, console)
        sent, refused = await kafka.send(todo.sendings, time.time_ns() // 1_000_000) if todo.sendings else (0, [])
        letters = sum(len(one.ids) for one in todo.sendings)
        console.print(f"sent {sent:,} records ({letters:,} dead letters of {len(found):,} found)", highlight=False)
        for reason in sorted(set(refused)):
            console.print(f"{refused.count(reason):,} not sent: {reason}", style="red", highlight=False, markup=False)
        code = _remarks(todo.sent_before, todo.ours, console)
        return REFUSED if refused else code

    return act


def _remarks(sent_before: int, ours: int, console: Console) -> int:
    if sent_before:
        console.print(f"{sent_before:,} were sent before; --again sends them once more", highlight=False)
    if ours:
        text = f"{ours:,} come from topics of ours, where only the engine writes; --to TOPIC sends them elsewhere"
        console.print(text, style="yellow", highlight=False)
    return REFUSED if ours else DONE
