"""`journeys explain ENTITY`: an entity's journey in words, each step with its rule, its values and the events behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from schemas.time import rfc3339
from streams.commands import refold as refolding
from streams.commands.found import Found, Journey, NotAReplay, Record, in_clickhouse, in_folder, journeys, until
from streams.commands.next_words import told
from streams.commands.refold import Folded, NotFolded, Told, found_by_domain, refold
from streams.commands.show import change, clearing, duration, is_time, moment, plain, reason, state
from streams.journey.next_steps import NextSteps


class Unreachable(Exception):
    """ClickHouse cannot be asked; the message says why and what to do."""


def explain_entity(
    entity: str, settings: Path | None, directory: Path | None, console: Console, at: int | None = None
) -> int:
    """Tell what a folder, or else ClickHouse, has on record of an id, up to an instant (ms) where one is given.

    Status: 0 told, 1 unknown, 2 it cannot be asked.
    """
    try:
        with _asked(entity, settings, directory) as (found, told_of):
            known = [journey for one in journeys(found) if (journey := until(one, at)).transitions]
            if not known:
                near = [] if journeys(found) else found.near
                console.print(unknown(entity, near, at), style="red", highlight=False, soft_wrap=True)
                return 1
            for journey in known:
                for line in lines(entity, journey, _state(entity, journey, told_of, at)):
                    console.print(line, soft_wrap=True)
    except (NotAReplay, Unreachable) as problem:
        console.print(str(problem), style="red", highlight=False, soft_wrap=True)
        return 2
    return 0


def _state(entity: str, journey: Journey, told_of: Callable[[str], Told], at: int | None) -> Folded | NotFolded:
    """Where the entity stands, folded anew; or why that cannot be told."""
    if all(record["to"] is None for record in last_steps(journey).values()):
        return NotFolded("it is gone")
    try:
        folded = refold(told_of(journey.kind), journey.kind, entity, at)
    except NotFolded as problem:
        return problem
    digest = journey.transitions[-1]["digest"]
    if digest != folded.fold.definition.digest:
        return NotFolded(f"it was published under another definition ({digest[:12]}) than the one at hand")
    states = {m.name: m.states[folded.state.states[m.number]] for m in folded.fold.machines}
    recorded = {machine: record["to"] for machine, record in last_steps(journey).items()}
    if states != recorded:
        return NotFolded(
            "the events on record do not lead to where it stands: some are missing, or were merged into it"
        )
    return folded


def unknown(entity: str, near: list[str], at: int | None = None) -> str:
    """What to say of an id that nothing is known of."""
    if at is not None and not near:
        return f"there is nothing on record of {entity!r} before {rfc3339(at)}"
    hint = f"; the nearest ids are {', '.join(near)}" if near else ""
    return f"there is no user and no account {entity!r} on record{hint}"


def lines(entity: str, journey: Journey, state: Folded | NotFolded | None = None) -> Iterator[Text]:
    """The whole story: who, each step and alert in the order of event time, where it stands, what would be next."""
    yield _heading(entity, journey)
    for record in _in_order(journey):
        yield Text("")
        yield from _alert(record) if "status" in record else _transition(record)
    yield Text("")
    yield from _standing(journey)
    if isinstance(state, Folded):
        yield from _next(journey, state)
    elif state is not None and any(record["to"] is not None for record in last_steps(journey).values()):
        yield Text("next", "bold").append(f" cannot be told: {state}", "not bold")
    yield from _corrections(journey)


def _heading(entity: str, journey: Journey) -> Text:
    newest = journey.snapshot or journey.transitions[-1]
    name = newest["carry"].get("name")
    text = Text(f"{name} ({entity})" if name else entity, "bold")
    of = f" of account {newest['account']}" if journey.kind == "user" and newest["account"] else ""
    return text.append(
        f", {journey.kind}{of}; definition {newest['definition']} version {newest['version']}", "not bold"
    )


def _in_order(journey: Journey) -> list[Record]:
    """Transitions before alerts at the same instant: what happened before what was made of it."""
    return sorted([*journey.transitions, *journey.alerts], key=lambda r: (r["at"], "status" in r))


def _transition(record: Record) -> Iterator[Text]:
    line = _when(record).append(f"{record['machine']}: ", "" if record["machine"] == "stage" else "dim")
    line.append_text(change(record)).append(f"   {record['name']}", "italic")
    if record["label"] and record["to"]:
        line.append(f" ({record['label']})")
    if record["origin"] == "correction":
        line.append("   a correction", "yellow")
    yield line
    yield from _details(
        after="" if record["dwell_s"] is None else f"{duration(record['dwell_s'])} in {record['from']}",
        because="; ".join(_condition(row) for row in record["because"]),
        signals=", ".join(record["signals"]),
        cause=_cause(record["cause"]),
        evidence=", ".join(record["evidence"]),
    )


def _next(journey: Journey, found: Folded) -> Iterator[Text]:
    """For each transition that is possible from here, what would have to happen; for each open alert, what would end it."""
    steps, entity = NextSteps(found.fold), found.fold.entity
    ways = steps.of(found.state, found.now)
    yield Text("next", "bold").append(f" (as of {rfc3339(found.now)[:16].replace('T', ' ')})", "not bold")
    if not ways:
        yield Text("    nothing leads on from where it stands")
    for step in ways:
        line = (
            Text(f"    {step.machine:<9} ", "dim")
            .append_text(state(step.from_))
            .append(" → ")
            .append_text(state(step.to))
        )
        yield line.append(f"   {step.name}", "italic").append(f": {told(step, entity)}", "not italic")
    opened = {record["name"] for record in still_open(journey)}
    for alert in found.fold.alerts.rules:
        if alert.rule.name in opened and (way := steps.clearing(found.state, alert, found.now)) is not None:
            yield (
                Text("    alert     ", "dim")
                .append(f"{alert.rule.name} ends", "green")
                .append(f": {told(way, entity)}", "default")
            )


def _alert(record: Record) -> Iterator[Text]:
    opened = record["status"] == "opened"
    line = _when(record).append(f"alert {record['name']} {record['status']}", "bold red" if opened else "green")
    yield line.append(f"   {record['title']}")
    if not opened:
        return
    yield from _details(
        severity=record["severity"],
        because="; ".join(_condition(row) for row in record["because"]),
        signals=", ".join(record["signals"]),
        clears="when " + clearing(record["clears_when"]) if record["clears_when"] else "",
        do=(record["do"] or "") + (f", by {record['act_by'][:10]}" if record["act_by"] else ""),
        owner=record["owner"] or "",
        evidence=", ".join(record["evidence"]),
    )


def _when(record: Record) -> Text:
    return Text(f"{moment(record['at'], clock=True)}  ", "dim")


def _details(**rows: str) -> Iterator[Text]:
    """One line a row, without the rows that have nothing to say."""
    for label, what in rows.items():
        if what:
            yield Text(f"    {label:<9} ", "dim").append(what, "not dim")


def _condition(row: dict[str, Any]) -> str:
    """A condition, and whether it held: of an `or`, some did not."""
    if row["holds"] is True:
        return reason(row)
    return f"({reason(row)}: {'unknown' if row['holds'] == 'unknown' else 'did not hold'})"


_CAUSES = {
    "event": "event", "timer": "time alone, due at", "member": "a member's fact", "link": "a link of two identifiers,",
    "definition": "a new version of the definition,", "erasure": "a request to erase,",
}  # fmt: skip


def _cause(cause: dict[str, Any]) -> str:
    return ", ".join(f"{_CAUSES.get(what, what)} {_time_or_id(str(which))}" for what, which in cause.items())


def _time_or_id(text: str) -> str:
    return moment(text, clock=True) if is_time(text) else text


def _standing(journey: Journey) -> Iterator[Text]:
    """The state of each machine since when, the signals, the published measures, the alerts still open."""
    living = [record for record in last_steps(journey).values() if record["to"] is not None]
    if not living:
        gone = journey.transitions[-1]
        into = f" into {gone['into']}" if gone.get("into") else ""
        yield Text(f"gone: {gone['label'] or 'ended'}{into} on {gone['at'][:10]}", "bold")
        return
    yield Text("now", "bold").append(
        f" (as of {journey.snapshot['as_of'][:10]})" if journey.snapshot else "", "not bold"
    )
    for record in living:
        line = Text(f"    {record['machine']:<9} ", "dim").append_text(state(record["to"]))
        yield line.append(f" since {record['at'][:10]}")
    if journey.snapshot is not None:
        measures = (f"{name} {plain(value)}" for name, value in journey.snapshot["measures"].items())
        yield from _details(signals=", ".join(journey.snapshot["signals"]), measures=", ".join(measures))
    alerts = (f"{record['name']} (opened {record['at'][:10]})" for record in still_open(journey))
    yield from _details(alerts=", ".join(alerts))


def still_open(journey: Journey) -> list[Record]:
    """The opening records of the alerts that nothing has ended."""
    ended = {record["opens"] for record in journey.alerts if record["status"] != "opened"}
    return [record for record in journey.alerts if record["opens"] not in ended]


def _corrections(journey: Journey) -> Iterator[Text]:
    if journey.taken_back:
        what = "one record was" if journey.taken_back == 1 else f"{journey.taken_back} records were"
        yield Text(f"{what} taken back when late events came, and are not told here", "yellow")


def last_steps(journey: Journey) -> dict[str, Record]:
    """The newest transition of each machine."""
    return {record["machine"]: record for record in journey.transitions}


Source = tuple[Found, Callable[[str], Told]]
"""What is on record, and a way to the events behind it, by kind."""


@contextmanager
def _asked(entity: str, settings: Path | None, directory: Path | None) -> Iterator[Source]:
    if directory is not None:
        yield in_folder(directory, entity), lambda kind: refolding.in_folder(directory, kind, entity)
        return
    with _clickhouse(settings) as (client, name, where):
        try:
            found = in_clickhouse(client, entity)
            yield found, lambda kind: _told_by(client, name, kind, entity)
        except (Unreachable, NotAReplay):
            raise
        except Exception as error:
            raise Unreachable(_cannot(where, error)) from None


def _told_by(client: Any, definition: Path, kind: str, entity: str) -> Told:
    from schemas.definition.errors import DefinitionErrors
    from schemas.definition.parse import load
    from schemas.sources import canonical
    from sinks.clickhouse import journey

    try:
        found = load(definition)
    except DefinitionErrors as problem:
        raise NotFolded(f"the definition that the settings name has errors: {problem}") from None
    events = journey.events(client, kind, entity, kind == "account" and found_by_domain(found))
    if not events:
        raise NotFolded("its events are not on record")
    return Told(found, [canonical.encode(event) for event in events], "canonical", journey.newest_event(client) or 0)


@contextmanager
def _clickhouse(settings: Path | None) -> Iterator[tuple[Any, Path, str]]:
    """(client, the definition that the settings name, where it is). Raises Unreachable."""
    from sinks.clickhouse.connect import AddressError, connect
    from streams.settings import SettingsError, load_settings

    try:
        known = load_settings(settings)
        where = known.clickhouse
        client = connect(where.url, where.database, **where.login("read"))
    except (AddressError, SettingsError) as problem:
        raise Unreachable(str(problem)) from None
    except Exception as error:
        raise Unreachable(_cannot(where.url, error)) from None
    try:
        yield client, known.definition_path, where.url
    finally:
        client.close()


def _cannot(url: str, error: Exception) -> str:
    from sinks.clickhouse.retry import classify

    return (
        f"ClickHouse at {url.split('@')[-1]} cannot be asked: {classify(error)}; "
        "name yours with --settings, or a folder of `journeys replay` with --from"
    )
