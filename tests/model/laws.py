"""The laws that the core keeps, as one check of one history; and how lively the histories were."""

from __future__ import annotations

import operator
from collections import Counter
from typing import Any

from schemas.definition.model import Definition
from tests.model.company import Story, retell
from tests.model.driver import Published, drive
from tests.model.journey import Moved
from tests.strategies.histories import History, in_order

_APART = ("detected_at", "seq", "valid", "supersedes", "origin")
_OPS = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt, "==": operator.eq, "!=": operator.ne}


def check(definition: Definition, history: History, story: Story | None = None) -> Published:
    """Every law for one history, delivered as it arrives and all at once. Raises AssertionError on the first one broken."""
    story = story or retell(definition, list(history.events), history.until)
    published, plain = drive(definition, history), drive(definition, in_order(history))
    for found in (plain, published):
        same_story(story, found)
        positions_have_no_gaps(found)
        equal_ids_have_equal_payloads(found)
        every_transition_says_why(found, history)
    same_ids(published, plain)
    return published


def same_story(story: Story, published: Published) -> None:
    """The core tells what the model tells. Up to where a rule was held back by `once an input`: the rules end there."""
    end = history_end(story)
    told, expected = _until(published.moved(), end), _until(story.moved, end)
    assert told == expected, _difference(told, expected)
    if story.blocked is None:
        assert sorted(published.alarms(), key=repr) == sorted(story.alarms, key=repr)


def history_end(story: Story) -> int:
    return story.blocked if story.blocked is not None else 1 << 62


def _until(moved: list[Moved], end: int) -> list[Moved]:
    return sorted((m for m in moved if m.at <= end), key=lambda m: (m.at, repr(m)))


def _difference(told: list[Moved], expected: list[Moved]) -> str:
    """The first few transitions that only one of the two knows."""
    core = [f"  only the core:  {m}" for m in told if m not in expected]
    model = [f"  only the model: {m}" for m in expected if m not in told]
    return "\n".join(["the core and the model differ:", *core[:5], *model[:5]])


def positions_have_no_gaps(published: Published) -> None:
    """`seq` counts 1, 2, 3 in each entity's and machine's log; an entity that was forgotten may begin again at 1."""
    at: dict[tuple[str, str, str], int] = {}
    for t in published.transitions:
        key = (t["kind"], t["entity"], t["machine"])
        begins_again = t["seq"] == 1 and t["from"] is None
        assert begins_again or t["seq"] == at.get(key, 0) + 1, t
        at[key] = t["seq"]


def equal_ids_have_equal_payloads(published: Published) -> None:
    """Whatever is published under an id twice says the same, its place in the log and its validity aside."""
    seen: dict[str, dict[str, Any]] = {}
    for record in [*published.transitions, *published.alerts]:
        content = {name: value for name, value in record.items() if name not in _APART}
        assert seen.setdefault(record["id"], content) == content


def every_transition_says_why(published: Published, history: History) -> None:
    """A timer, here or in a member's journey, or events that there are; and conditions whose values bear out what they claim."""
    ids = {event.id for event in history.events}
    for t in published.valid():
        behind = published.behind.get(t["cause"].get("member", ""), "an event")
        assert t["evidence"] or "timer" in t["cause"] or behind is None, t
        assert ids >= set(t["evidence"]), t
        for row in t["because"]:
            if (
                row["op"] in _OPS
                and isinstance(row["value"], int | float)
                and isinstance(row["threshold"], int | float)
            ):
                assert _OPS[row["op"]](row["value"], row["threshold"]) == row["holds"], t


def same_ids(one: Published, other: Published) -> None:
    """However the same inputs arrive, and whenever entities go to bytes and back: the same records stand."""
    assert {t["id"] for t in one.valid()} == {t["id"] for t in other.valid()}
    assert sorted(one.alarms(), key=repr) == sorted(other.alarms(), key=repr)


class Liveliness:
    """How many of the histories had what makes them worth checking."""

    def __init__(self) -> None:
        self.histories = 0
        self.seen: Counter[str] = Counter()

    def add(self, definition: Definition, history: History, story: Story) -> list[str]:
        """Count one history; returns what it had."""
        had = {
            "timer transition": any(m.cause[0] == "timer" and m.from_ is not None for m in story.moved),
            "disorder": disordered(history),
            "resurrection": any(_resurrects(definition, m) for m in story.moved),
            "account transition": any(m.kind == "account" for m in story.moved),
            "alert": bool(story.alarms),
            "rule held back": story.blocked is not None,
        }
        found = [name for name, true in had.items() if true]
        self.histories += 1
        self.seen.update(found)
        return found

    def share(self, name: str) -> float:
        return self.seen[name] / self.histories

    def __str__(self) -> str:
        shares = ", ".join(f"{name} {100 * n / self.histories:.0f} %" for name, n in self.seen.most_common())
        return f"{self.histories} histories, with: {shares}"


def disordered(history: History) -> bool:
    """Whether an event arrives in a later turn than a newer one of the same user."""
    newest: dict[str | None, tuple[int, str]] = {}
    for turn in history.turns:
        for event in turn.events:
            if (event.at, event.id) < newest.get(event.entity, (0, "")):
                return True
        for event in turn.events:
            newest[event.entity] = max(newest.get(event.entity, (0, "")), (event.at, event.id))
    return False


def _resurrects(definition: Definition, m: Moved) -> bool:
    """Back from the last state of the stage machine, which the strategies reach by silence or loss, by something done."""
    entity = definition.user if m.kind == "user" else definition.account
    assert entity is not None
    stage = entity.machines[0]
    return m.machine == stage.name and m.from_ == stage.states[-1] and m.to is not None and m.cause[0] != "timer"
