"""`journeys shadow`: the comparison of two definitions as tables for a person, and whole as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from schemas.definition.differ import differences
from schemas.time import rfc3339
from streams.commands.show import moment
from streams.shadow.compare import Compared, Parting, Run, Step


def show(found: Compared, console: Console, most: int) -> None:
    """Volume of alerts first; what the definitions say differently; who stands elsewhere; where they part, and why."""
    console.print(_volume(found))
    told = [difference.text() for difference in differences(found.live.definition, found.candidate.definition)]
    console.print("The definitions say the same." if not told else "What they say differently:", style="bold")
    for line in told:
        console.print(f"  {line}", highlight=False, soft_wrap=True)
    console.print(_rules(found))
    console.print(f"In another state at the end: {len(found.elsewhere):,}", style="bold", highlight=False)
    console.print(_elsewhere(found, most))
    console.print(
        f"Journeys that part, by the first step that differs: {len(found.partings):,}", style="bold", highlight=False
    )
    console.print(_reasons(found, most))
    console.print(_partings(found, most))


def _volume(found: Compared) -> Table:
    table = Table("alerts", "live", "candidate", box=None)
    one, other = found.live.volume, found.candidate.volume
    per = "accounts" if found.live.entities["account"] else "users"
    table.add_row("opened", f"{one.opened:,}", f"{other.opened:,}")
    table.add_row(f"a week per 100 {per}", _figure(one.weekly_per_100), _figure(other.weekly_per_100))
    table.add_row("a week for an owner, p95", _figure(one.per_owner_p95), _figure(other.per_owner_p95))
    table.add_row("name no owner", f"{one.unowned:,}", f"{other.unowned:,}")
    table.add_row("resolved within a week", _share(one.resolved_in_a_week), _share(other.resolved_in_a_week))
    return table


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _fired(run: Run) -> Counter[tuple[str, str, str]]:
    return Counter((kind, machine, step.name) for (kind, _, machine), steps in run.steps.items() for step in steps)


def _rules(found: Compared) -> Table:
    """How often each rule fired, of those where it differs."""
    table = Table("fired", "rule", "live", "candidate", box=None)
    one, other = _fired(found.live), _fired(found.candidate)
    for kind, machine, name in sorted(one.keys() | other.keys()):
        key = kind, machine, name
        if one[key] != other[key]:
            table.add_row(f"{kind}.{machine}", name, f"{one[key]:,}", f"{other[key]:,}")
    return table


def _elsewhere(found: Compared, most: int) -> Table:
    table = Table("", "entity", "machine", "live", "candidate", box=None)
    for one in found.elsewhere[:most]:
        table.add_row(one.kind, one.entity, one.machine, one.live or "-", one.candidate or "-")
    return _cut(table, len(found.elsewhere), most)


def _reasons(found: Compared, most: int) -> Table:
    """Why they part, the most frequent reason first."""
    table = Table("entities", "", "why", box=None)
    counted = Counter((f"{one.kind}.{one.machine}", "; ".join(one.why)) for one in found.partings)
    for (where, why), n in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:most]:
        table.add_row(f"{n:,}", where, why)
    return _cut(table, len(counted), most)


def _partings(found: Compared, most: int) -> Table:
    table = Table("", "entity", "machine", "live", "candidate", "why", box=None)
    for one in found.partings[:most]:
        table.add_row(one.kind, one.entity, one.machine, _step(one.live), _step(one.candidate), "; ".join(one.why))
    return _cut(table, len(found.partings), most)


def _cut(table: Table, there: int, most: int) -> Table:
    if there > most:
        table.add_row("", f"and {there - most:,} more; all of them with --json")
    return table


def _step(step: Step | None) -> str:
    return (
        "nothing"
        if step is None
        else f"{moment(rfc3339(step.at), False)} {step.from_ or '·'} → {step.to or 'gone'}: {step.name}"
    )


def as_json(found: Compared) -> bytes:
    """Everything: each definition, its volume, what they say differently, who stands elsewhere, each parting with its reasons."""
    differs = differences(found.live.definition, found.candidate.definition)
    told = {
        "live": _side(found.live), "candidate": _side(found.candidate),
        "differences": [difference._asdict() for difference in differs],
        "elsewhere": [one._asdict() for one in found.elsewhere],
        "partings": list(_told(found.partings)),
    }  # fmt: skip
    return orjson.dumps(told, option=orjson.OPT_INDENT_2)


def _side(run: Run) -> dict[str, Any]:
    definition = run.definition
    return {
        "definition": definition.name, "version": definition.version, "digest": definition.digest,
        "entities": dict(run.entities), "alerts": run.volume._asdict(),
        "fired": [{"kind": k, "machine": m, "rule": r, "times": n} for (k, m, r), n in sorted(_fired(run).items())],
    }  # fmt: skip


def _told(partings: list[Parting]) -> Iterator[dict[str, Any]]:
    for one in partings:
        steps = {"live": _as_json(one.live), "candidate": _as_json(one.candidate)}
        yield {"kind": one.kind, "entity": one.entity, "machine": one.machine, **steps, "why": list(one.why)}


def _as_json(step: Step | None) -> dict[str, Any] | None:
    if step is None:
        return None
    return {"at": rfc3339(step.at), "from": step.from_, "to": step.to, "name": step.name, "because": step.because}
