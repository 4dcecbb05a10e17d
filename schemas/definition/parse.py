"""A definition file to a validated Definition, or to all that is wrong with it, with line, column and suggestion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from schemas.definition.alerts_parser import parse_alerts
from schemas.definition.digest import digest
from schemas.definition.entity_parser import Journey, parse_entity
from schemas.definition.errors import DefinitionErrors, Problem, Report, nearest
from schemas.definition.expressions_parser import Constants
from schemas.definition.fields import Fields, entries, is_name
from schemas.definition.measures_parser import Surroundings
from schemas.definition.migrate_parser import parse_migrate
from schemas.definition.model import Clock, Definition, Kind
from schemas.definition.scope import Param
from schemas.definition.selections_parser import parse_exclude, parse_levels, parse_selections
from schemas.definition.yaml_reader import Node, read

KEYS = (
    "language",
    "definition",
    "version",
    "migrate",
    "clock",
    "params",
    "events",
    "exclude",
    "levels",
    "user",
    "account",
    "alerts",
)
CLOCK_KEYS = ("timezone", "grace", "max_future", "disorder", "live_within", "max_skew", "wall")
LANGUAGE = 1


def load(path: Path) -> Definition:
    """Read a file. Raises DefinitionErrors, also where the file cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DefinitionErrors(str(path), [Problem(1, 1, f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise DefinitionErrors(str(path), [Problem(1, 1, f"not UTF-8 from byte {error.start} on")]) from None
    return parse(text, str(path))


def parse(text: str, filename: str = "<definition>") -> Definition:
    """Read a text. Raises DefinitionErrors with every problem found, never anything else."""
    report = Report()
    root = read(text, report)
    found = None if root is None else _definition(root, text, report)
    if found is None or report.failed:
        raise DefinitionErrors(filename, report.problems)
    return replace(found, digest=digest(found))


def _definition(root: Node, text: str, report: Report) -> Definition | None:
    constants = Constants()
    fields = Fields(root, "the file", KEYS, report, constants)
    if fields.table is None:
        return None
    fields.integer("language", LANGUAGE, LANGUAGE, LANGUAGE, required=True)
    params: dict[str, Param] = {}
    constants.params = params
    _params(fields.get("params"), params, constants, report)
    selections = parse_selections(fields.get("events"), report, constants)
    levels = parse_levels(fields.get("levels"), report, constants)
    around = Surroundings(
        "user", tuple(selections), {}, levels is not None, levels is not None and levels.admin_trait is not None
    )
    journeys: dict[Kind, Journey] = {}
    user = fields.required("user")
    if user is not None:
        journeys["user"] = parse_entity(user, "user", around, report, constants)
        around = replace(around, user_states=journeys["user"].states)
    account = fields.get("account")
    if account is not None:
        journeys["account"] = parse_entity(account, "account", replace(around, entity="account"), report, constants)
    alerts = parse_alerts(fields.get("alerts"), journeys, report, constants)
    migrate = parse_migrate(fields.get("migrate"), journeys, report, constants)
    name = fields.text("definition", required=True)
    version = fields.integer("version", 1, 1, 1_000_000_000, required=True)
    clock = _clock(fields, report)
    exclude = parse_exclude(fields.get("exclude"), selections, report, constants)
    if report.failed or name is None:
        return None
    return Definition(
        name=name, version=version, digest="", clock=clock, params={n: p.value for n, p in params.items()},
        selections=selections, exclude=exclude, levels=levels, user=journeys["user"].definition,
        account=journeys["account"].definition if account is not None else None, alerts=alerts, migrate=migrate,
        text=text,
    )  # fmt: skip


def _params(node: Node | None, params: dict[str, Param], constants: Constants, report: Report) -> None:
    """Each may use those before it."""
    for key, body in entries(node, "`params`", report):
        found = constants.param(body, f"param {key.value}", report)
        if is_name(key, "a param", report):
            params[key.value] = found or Param(1.0, "broken")


def _clock(fields: Fields, report: Report) -> Clock:
    default = Clock()
    clock = fields.child("clock", "`clock`", CLOCK_KEYS)
    if clock is None:
        return default

    def duration(name: str, otherwise: int) -> int:
        found = clock.duration(name)
        return otherwise if found is None else found

    return Clock(
        timezone=_timezone(clock, default.timezone, report),
        grace=duration("grace", default.grace),
        max_future=duration("max_future", default.max_future),
        disorder=duration("disorder", default.disorder),
        live_within=duration("live_within", default.live_within),
        max_skew=duration("max_skew", default.max_skew),
        wall=clock.boolean("wall", default.wall),
    )


def _timezone(clock: Fields, default: str, report: Report) -> str:
    name = clock.text("timezone")
    if name is None:
        return default
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # what zoneinfo raises for an unknown name, a path, and a folder of zones
        near = nearest(name, available_timezones())
        report.error(
            clock.get("timezone") or clock.place, f"unknown time zone {name!r}; write it like Europe/Berlin", near
        )
        return default
    return name


__all__ = ["DefinitionErrors", "Problem", "load", "parse"]
