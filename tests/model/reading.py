"""What an event means to a definition: its selections, the value at a path, its user's level, the day it lies in."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

from schemas.definition.model import Condition, Definition, EntityDefinition, Levels, Selection
from schemas.event import Event
from schemas.member import Level


@lru_cache(65_536)
def day_of(zone: str, at: int) -> int:
    """Days since 1970-01-01 on the zone's own calendar, for an instant in ms."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(zone)).toordinal() - date(1970, 1, 1).toordinal()


@lru_cache(4096)
def start_of(zone: str, day: int) -> int:
    """The first instant of a day, ms."""
    midnight = datetime.combine(date.fromordinal(day + date(1970, 1, 1).toordinal()), time(0), ZoneInfo(zone))
    return round(midnight.timestamp() * 1000)


def at_path(event: Event, path: tuple[str, ...]) -> Any:
    """The value at properties.x or traits.y; None where there is none."""
    found: Any = {"properties": event.properties, "traits": event.traits}
    for part in path:
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    return found


def _passes(condition: Condition, event: Event) -> bool:
    value, wanted = at_path(event, condition.path), condition.value
    if value is None:
        return False
    if condition.op in ("==", "!="):
        return bool(value == wanted) is (condition.op == "==")
    if condition.op == "in":
        return bool(value in wanted)
    if isinstance(value, str) != isinstance(wanted, str):
        return False
    return bool({">=": value >= wanted, ">": value > wanted, "<=": value <= wanted, "<": value < wanted}[condition.op])


def _selects(selection: Selection, event: Event) -> bool:
    return (
        (not selection.names or event.name in selection.names)
        and (not selection.types or event.type in selection.types)
        and (not selection.actors or event.actor in selection.actors)
        and (not selection.places or event.place in selection.places)
        and all(_passes(condition, event) for condition in selection.where)
    )


def selected(definition: Definition, event: Event) -> frozenset[str]:
    """The names of the selections that an event belongs to."""
    return frozenset(name for name, selection in definition.selections.items() if _selects(selection, event))


def looked_at(entity: EntityDefinition) -> set[str]:
    """The selections that the measures and the activity of a kind of entity name."""
    names = {entity.activity, *(m.of for m in entity.measures)}
    for measure in entity.measures:
        names |= {*measure.sets, *measure.clear}
    return {name for name in names if name is not None}


def level_of(levels: Levels | None, traits: dict[str, Any]) -> tuple[Level, bool]:
    """(level, whether an admin), from the traits known by then."""
    if levels is None:
        return "unknown", False
    title, role = traits.get(levels.trait), traits.get(levels.admin_trait or "")
    admin = isinstance(role, str) and role.lower() in [value.lower() for value in levels.admin_values]
    for level, globs in levels.patterns:
        if isinstance(title, str) and title and any(fnmatchcase(title.lower(), glob.lower()) for glob in globs):
            return cast(Level, level), admin
    return "unknown", admin
