"""The section `migrate`: whose states this version takes over, and where those of states that are gone go."""

from __future__ import annotations

import re
from collections.abc import Mapping

from schemas.definition.entity_parser import Journey
from schemas.definition.errors import Report, nearest
from schemas.definition.expression import Span
from schemas.definition.expressions_parser import Constants
from schemas.definition.fields import Fields, choice, entries
from schemas.definition.model import Kind, Migrate
from schemas.definition.yaml_reader import Node, Scalar

KEYS = ("from", "states", "measures", "drop")
_DIGEST = re.compile(r"[0-9a-f]{8,64}")


def parse_migrate(
    node: Node | None, journeys: Mapping[Kind, Journey], report: Report, constants: Constants
) -> Migrate | None:
    if node is None:
        return None
    fields = Fields(node, "`migrate`", KEYS, report, constants)
    versions, digests = _from(fields, report)
    drop = tuple(word.value for word in fields.texts("drop") if _machine_path(word, "`drop` of `migrate`", report))
    return Migrate(
        versions, digests, _states(fields.get("states"), journeys, report), _measures(fields.get("measures"), journeys, report),
        drop, Span(fields.place.line, fields.place.column, "migrate"),
    )  # fmt: skip


def _from(fields: Fields, report: Report) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Versions, and digests or their first digits: eight at least, so that no version is taken for one."""
    versions: list[int] = []
    digests: list[str] = []
    for word in fields.texts("from", required=True):
        if word.value.isdecimal() and len(word.value) < 8:
            versions.append(int(word.value))
        elif _DIGEST.fullmatch(word.value):
            digests.append(word.value)
        else:
            report.error(
                word,
                f"`from` of `migrate` names versions or digests, by their first 8 digits or more; not {word.value!r}",
            )
    return tuple(versions), tuple(digests)


def _states(node: Node | None, journeys: Mapping[Kind, Journey], report: Report) -> tuple[tuple[str, str], ...]:
    """(`user.stage.old`, the new state) pairs."""
    what = "`states` of `migrate`"
    found = []
    for key, body in entries(node, what, report):
        parts = key.value.split(".")
        journey = journeys.get(parts[0])  # type: ignore[call-overload]
        if len(parts) != 3 or journey is None:
            report.error(key, f"{what} are written `user.stage.old: new`, not {key.value!r}")
            continue
        states = journey.states.get(parts[1])
        if states is None:
            near = nearest(parts[1], journey.states)
            report.error(
                key, f"{what}: {parts[0]} has no machine {parts[1]!r}", near and f"{parts[0]}.{near}.{parts[2]}"
            )
            continue
        to = choice(body, states, f"{what}: {key.value}", report) if isinstance(body, Scalar) else None
        if not isinstance(body, Scalar):
            report.error(body, f"{what}: {key.value} goes to one state")
        if to is not None:
            found.append((key.value, to))
    return tuple(found)


def _measures(node: Node | None, journeys: Mapping[Kind, Journey], report: Report) -> tuple[tuple[str, str], ...]:
    """(`user.old`, the new name) pairs."""
    what = "`measures` of `migrate`"
    found = []
    for key, body in entries(node, what, report):
        parts = key.value.split(".")
        journey = journeys.get(parts[0])  # type: ignore[call-overload]
        if len(parts) != 2 or journey is None or not isinstance(body, Scalar):
            report.error(key, f"{what} are written `user.old: new`, not {key.value!r}")
            continue
        to = choice(body, [m.name for m in journey.definition.measures], f"{what}: {key.value}", report)
        if to is not None:
            found.append((key.value, to))
    return tuple(found)


def _machine_path(word: Scalar, what: str, report: Report) -> bool:
    kind, _, machine = word.value.partition(".")
    if kind in ("user", "account") and machine and "." not in machine:
        return True
    report.error(word, f"{what} names machines that are gone, such as `user.mood`; not {word.value!r}")
    return False
