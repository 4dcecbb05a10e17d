"""The cases of the fault suite, by name. Each takes a world and its luck, does harm, mends it, and leaves the rest to the judge."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, NamedTuple

from tests.chaos.world import World

Run = Callable[[World, Random], Awaitable[None]]


class Case(NamedTuple):
    """options: of the world. sinks: whether ClickHouse is looked at in the end."""

    name: str
    about: str
    run: Run
    options: dict[str, Any]
    sinks: bool = True
    judged: bool = True


CASES: dict[str, Case] = {}


def case(name: str, sinks: bool = True, judged: bool = True, **options: Any) -> Callable[[Run], Run]:
    """Registers a case; its docstring says what it is about."""

    def register(run: Run) -> Run:
        CASES[name] = Case(name, (run.__doc__ or "").strip().splitlines()[0], run, options, sinks, judged)
        return run

    return register
