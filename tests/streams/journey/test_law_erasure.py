"""The laws of erasure: whatever the order of arrival, the same transitions stand, stocks are right, and nobody comes back."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemas.definition.model import Definition
from schemas.time import rfc3339
from streams.journey.erasure import request
from streams.journey.identity import Message
from tests.model.driver import Driven
from tests.model.laws import equal_ids_have_equal_payloads, positions_have_no_gaps
from tests.strategies.histories import History, Turn, companies, in_order
from tests.strategies.links import linked_histories
from tests.streams.journey.test_law_identity import driven, stocks_sum_to_the_living

LONG = os.environ.get("LAWS") == "long"
EXAMPLES = 40

HOW = settings(
    phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
    max_examples=3_000 if LONG else EXAMPLES, derandomize=not LONG, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip

Asked = tuple[str, Message]


@st.composite
def erasures(draw: st.DrawFn, definition: Definition, history: History, at_once: bool) -> list[Asked]:
    """One to three requests: for somebody or some account of the history, at an instant within it."""
    kinds = ["user", "user", "account"] if definition.account is not None else ["user"]
    found: list[Asked] = []
    for n in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(kinds))
        about = [e for e in history.events if (e.account if kind == "account" else e.entity) is not None]
        if about:
            event = draw(st.sampled_from(about))
            key = event.account if kind == "account" else event.entity
            before = event.at + draw(st.sampled_from([-1, 1, 5_000, definition.clock.grace]))
            found.append((kind, request(f"r{n}", before, str(key), at_once)))
    return found


def asked_when_due(history: History, requests: list[Asked]) -> History:
    """Each request with the first turn that reaches its instant."""
    turns, left = [], list(requests)
    for turn in history.turns:
        now = [r for r in left if r[1].t <= turn.until]
        left = [r for r in left if r not in now]
        turns.append(replace(turn, requests=tuple(now)))
    last = turns.pop()
    return replace(history, turns=(*turns, replace(last, requests=(*last.requests, *left))))


def asked_late(history: History, requests: list[Asked], grace: int) -> History:
    """Each request for a user as late as it may come: with the last turn that ends within the grace period after it."""
    turns = list(history.turns)
    for kind, asked in requests:
        reached = [n for n, turn in enumerate(turns) if turn.until >= asked.t]
        within = [n for n in reached if turns[n].until <= asked.t + grace and kind == "user"]
        n = (within or reached[:1] or [len(turns) - 1])[-1]
        turns[n] = replace(turns[n], requests=(*turns[n].requests, (kind, asked)))
    return replace(history, turns=tuple(turns))


def sound(found: Driven) -> None:
    positions_have_no_gaps(found.published)
    equal_ids_have_equal_payloads(found.published)
    stocks_sum_to_the_living(found)


def standing(found: Driven, requests: list[Asked]) -> set[str]:
    """Ids of what stands, but for what an account was before it was erased: it is erased at once, its last hours too."""
    gone = {asked.to: rfc3339(asked.t) for kind, asked in requests if kind == "account"}
    valid = found.published.valid()
    return {t["id"] for t in valid if t["kind"] == "user" or t["at"] > gone.get(t["entity"], "")}


@pytest.mark.timeout(3_600 if LONG else 300)
def test_whatever_the_order_within_the_grace_period_the_same_transitions_stand(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: Counter[str] = Counter()

    @HOW
    @given(st.data())
    def law(data: st.DataObject) -> None:
        definition = data.draw(companies())
        history = data.draw(linked_histories(definition, accounts=False))
        requests = data.draw(erasures(definition, history, at_once=False))
        lived = driven(definition, asked_when_due(history, requests))
        late = driven(definition, asked_late(history, requests, definition.clock.grace))
        plain = driven(definition, asked_when_due(in_order(history), requests))
        for found in (lived, late, plain):
            sound(found)
        assert standing(lived, requests) == standing(plain, requests)
        assert standing(late, requests) == standing(plain, requests)
        ends = Counter(f"{t['kind']} {t['label']}" for t in plain.published.valid() if t["to"] is None)
        seen.update({"histories": 1, **dict.fromkeys(ends, 1)})
        erased = {t["entity"] for t in plain.published.valid() if t["label"] == "erased"}
        begun = Counter(t["entity"] for t in plain.published.valid() if t["from"] is None and t["machine"] == "stage")
        seen.update(["began afresh"] if any(begun[entity] > 1 for entity in erased) else [])

    law()
    with capsys.disabled():
        print(f"\n  {dict(seen)}")
    assert seen["user erased"] >= 0.4 * seen["histories"]
    assert seen["account erased"] >= 0.1 * seen["histories"]
    assert seen["began afresh"] >= 0.1 * seen["histories"]


@pytest.mark.timeout(3_600 if LONG else 300)
def test_at_once_nothing_from_before_comes_back_and_asking_twice_changes_nothing() -> None:
    """The past of whoever was erased is fed once more after the end: nothing is published, nobody lives again."""

    @HOW
    @given(st.data())
    def law(data: st.DataObject) -> None:
        definition = data.draw(companies())
        history = data.draw(linked_histories(definition))
        requests = data.draw(erasures(definition, history, at_once=True))
        found = driven(definition, asked_when_due(history, requests))
        sound(found)
        told, end = len(found.published.transitions), history.until
        past = tuple(
            e
            for e in history.events
            for kind, asked in requests
            if kind == "user" and e.entity == asked.to and e.at < asked.t and e.account is None
        )
        found.turn(Turn(past, end, True, tuple(requests)))
        found.turn(Turn((), end, True))
        assert len(found.published.transitions) == told
        sound(found)

    law()
