"""What would have to happen next, in words: "3 more active days in 28 d", "silent for 12 d more"."""

from __future__ import annotations

from typing import Any

from schemas.definition import words
from schemas.definition.model import EntityDefinition, Measure
from schemas.time import rfc3339
from streams.journey.counterfactual import Move
from streams.journey.explain import plain, span
from streams.journey.next_steps import NextStep


def told(step: NextStep, entity: EntityDefinition) -> str:
    """A whole step: what is missing, how long it has to last, what would come first."""
    if step.moves is None:
        return "no change of single values does it"
    parts = [phrase(move, entity) for move in step.moves]
    parts += [f"{name} would end with {_all(moves, entity)}" for name, moves in step.signals]
    what = " and ".join(parts) or "nothing more"
    if step.hold:
        what += f", for {span((step.hold if step.left is None else step.left) / 1000)}{' more' if step.left is not None else ''}"
    return what + (f" (but {step.instead!r} would win)" if step.instead else "")


def _all(moves: list[Move] | None, entity: EntityDefinition) -> str:
    return (
        "nothing that can be told"
        if moves is None
        else " and ".join(phrase(move, entity) for move in moves) or "nothing more"
    )


def phrase(move: Move, entity: EntityDefinition) -> str:
    """One term and what it takes."""
    measure = next((m for m in entity.measures if m.name == move.term), None)
    if measure is not None:
        return _of_measure(move, measure)
    match move.kind:
        case "duration":
            return _of_time(move)
        case "machine":
            return f"{move.term} becomes {move.to}"
        case "reached":
            return f"{move.term.removeprefix('reached(').removesuffix(')')} has been reached"
        case "signal":
            return f"signal {move.term} {'holds' if move.to else 'ends'}"
    n = abs(round(move.by or 0))
    return f"{n} {'more' if (move.by or 0) > 0 else 'fewer'} signal{'s' * (n != 1)}"


def _of_time(move: Move) -> str:
    """`idle` is ended by one act, whatever it is; everything else takes time."""
    if move.by is None or move.now is None:
        return f"{move.term} of {span(move.to / 1000)}"
    if move.term == "idle":
        return f"silent for {span(move.by / 1000)} more" if move.by > 0 else "active once"
    if move.term == "in_state" and move.by > 0:
        return f"{span(move.by / 1000)} more in this state"
    if move.term.startswith("until("):
        return f"{span(abs(move.by) / 1000)} {'nearer to' if move.by < 0 else 'farther from'} {move.term[6:-1]}"
    return f"{move.term} of {span(move.to / 1000)} (now {span(move.now / 1000)})"


def _of_measure(move: Move, measure: Measure) -> str:
    within = f" in {words.duration(measure.within)}" if measure.within is not None else ""
    match measure.kind:
        case "flag":
            names = measure.sets if move.to else measure.clear
            return f"an event of {' or '.join(names)}" if names else f"{measure.name} is {str(move.to).lower()}"
        case "first":
            return f"an event of {measure.of}" if move.to is not None else f"{measure.name} is unknown"
        case "latest" | "score" | "churn":
            return _of_value(move, measure)
    if move.by is None:
        return f"{measure.name} of {_value(move.to, measure)}"
    return (
        f"{_amount(abs(move.by))} {'more' if move.by > 0 else 'fewer'} {_counted(measure, abs(move.by) != 1)}{within}"
    )


def _of_value(move: Move, measure: Measure) -> str:
    if move.to is None:
        return f"{measure.name} is unknown"
    now = "unknown" if move.now is None else _value(move.now, measure)
    return f"{measure.name} {_bound(move.to, measure)} (now {now})"


def _bound(to: Any, measure: Measure) -> str:
    """`of 7`; what lies just beyond a bound as `above 6`."""
    near = round(to, 5) if isinstance(to, float) else to
    where = "of" if near == to else "above" if to > near else "below"
    return f"{where} {_value(near, measure)}"


def _value(value: object, measure: Measure) -> str:
    return rfc3339(value)[:10] if measure.as_time and isinstance(value, int) else plain(value)


def _counted(measure: Measure, several: bool) -> str:
    s = "s" if several else ""
    match measure.kind:
        case "active_days":
            return f"active day{s}"
        case "active_weeks":
            return f"active week{s}"
        case "distinct":
            return f"different {measure.path[-1]}"
        case "sum":
            return f"{measure.path[-1]} of {measure.of}"
        case "members":
            assert measure.members is not None, f"{measure.name} selects members"
            return words.counted_members(2 if several else 1, measure.members)
    return f"event{s} of {measure.of}"


def _amount(value: float) -> str:
    return f"{value:.6g}"
