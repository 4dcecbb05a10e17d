"""A transition that an earlier one always wins over is found, and one that can win is left alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.definition.check import check
from schemas.definition.parse import parse
from schemas.definition.satisfy import world
from schemas.definition.shadows import implies
from tests.schemas.definition.writing import BASE, probe
from tests.strategies.definitions import WORDS, guards
from tests.streams.journey.harness import Person
from tests.streams.journey.small import small

KNOWN = world(parse(BASE).user)


def shadows(*rules: str) -> list[str]:
    """The warnings that `two` never wins, with these rules before those of BASE's risk machine."""
    first = '      - {name: quiet, from: healthy, to: at_risk, when: "count(signals) >= 2"}\n'
    text = BASE.replace(first, "".join(f"      - {{{rule}}}\n" for rule in rules) + first)
    text = text.replace("states: [healthy, at_risk]", "states: [healthy, watch, at_risk]")
    return [p.message for p in check(parse(text)) if "'two' of machine 'risk' can never win" in p.message]


def rule(name: str, when: str, to: str = "at_risk", source: str = "healthy", hold: str = "") -> str:
    return f'name: {name}, from: {source}, to: {to}, when: "{when}"' + (f", hold: {hold}" if hold else "")


IMPLIED = [  # (earlier, later): whenever the later holds, so does the earlier
    ("idle >= 14d", "idle >= 30d"),
    ("core_7 >= 3", "core_7 >= 5"),
    ("core_7 >= 3", "core_7 >= 3"),
    ("contract", "contract and idle >= 14d"),
    ("contract or idle >= 14d", "contract and weeks >= 2"),
    ("count(signals) >= 1", "count(signals) == 2"),
    ("silent", "silent and not contract"),
    ("stage in [activation, churn]", "stage == churn"),
    ("known(nps)", "nps <= 6"),
    ("nps <= 8", "nps <= 6"),
    ("weeks >= 1 or weeks < 1", "idle >= 3d"),
    ("contract", "age(contract) >= 3d"),
    ("age(contract) >= 3d", "contract and age(contract) >= 4d"),
    ("until(renews) <= 90d", "0d <= until(renews) <= 30d"),
    ("core_7 / weeks >= 1 or contract", "contract"),
]

FREE = [  # the later can hold where the earlier does not
    ("idle >= 30d", "idle >= 14d"),
    ("contract and idle >= 14d", "contract"),
    ("core_7 >= 3", "core_7 >= 2"),
    ("nps <= 6 or nps > 6", "contract"),  # unknown while the later holds
    ("idle >= 0d", "contract"),
    ("age(contract) >= 0d", "core_7 >= 1"),
    ("core_7 / weeks >= 0 or core_7 / weeks < 0", "core_7 >= 1"),
    ("silent", "thin"),
    ("plan == 'pro'", "plan != 'team'"),
]


@pytest.mark.parametrize(("earlier", "later"), IMPLIED)
def test_a_later_transition_that_the_earlier_one_always_precedes_is_told(earlier: str, later: str) -> None:
    (message,) = shadows(rule("one", earlier), rule("two", later, "watch"))
    assert message == (
        "transition 'two' of machine 'risk' can never win: 'one' stands before it and holds whenever it does"
    )


@pytest.mark.parametrize(("earlier", "later"), FREE)
def test_a_later_transition_that_can_win_is_left_alone(earlier: str, later: str) -> None:
    assert shadows(rule("one", earlier), rule("two", later, "watch")) == []


def test_the_narrower_one_first_is_how_it_should_be() -> None:
    assert shadows(rule("two", "idle >= 30d", "watch"), rule("one", "idle >= 14d")) == []


def test_a_transition_out_of_another_state_is_no_rival() -> None:
    assert shadows(rule("one", "idle >= 14d", source="watch"), rule("two", "idle >= 30d", "watch")) == []
    assert shadows(rule("one", "idle >= 14d"), rule("two", "idle >= 30d", source="[healthy, watch]")) == []


def test_a_longer_hold_gives_the_later_one_its_chance() -> None:
    assert shadows(rule("one", "idle >= 14d", hold="3d"), rule("two", "idle >= 30d", "watch")) == []
    assert shadows(rule("one", "idle >= 14d", hold="3d"), rule("two", "idle >= 30d", "watch", hold="2d")) == []
    assert len(shadows(rule("one", "idle >= 14d", hold="3d"), rule("two", "idle >= 30d", "watch", hold="3d"))) == 1


def test_one_that_cannot_fire_at_all_is_told_as_that_only() -> None:
    assert shadows(rule("one", "idle >= 14d"), rule("two", "weeks >= 9", "watch")) == []
    assert shadows(rule("one", "weeks >= 9"), rule("two", "weeks >= 10", "watch")) == []


# --- the law: what is proven is so ---

MEASURES = """
n:    {count: any, within: 5d}
big:  {count: any, within: 9d}
on:   {flag: {set: open, clear: close}}
last: {latest: properties.n, of: any, within: 6d}
"""
NAMES = {"n": ("count", ""), "big": ("count", ""), "on": ("flag", ""), "last": ("latest", ""), "opened": ("first", "")}
EXTRA = ("stage == second", "stage != second", "age(stage) >= 3d", "reached(second)")


@st.composite
def pairs(draw: st.DrawFn) -> tuple[str, str]:
    """Two conditions, of which one often implies the other."""
    one, two = draw(guards(NAMES, EXTRA, 1)), draw(guards(NAMES, EXTRA, 1))
    return draw(
        st.sampled_from([(f"({one}) and ({two})", one), (one, f"({two}) or ({one})"), (one, one), (one, two),
                         (f"not (({one}) or ({two}))", f"not ({one})")])
    )  # fmt: skip


@given(pairs(), st.integers(0, 10**6))
@settings(max_examples=120, deadline=None, derandomize=True)
def test_what_is_proven_holds_in_every_life(pair: tuple[str, str], seed: int) -> None:
    """A definition whose two signals are the conditions, and a person's life: at no instant the first without the second."""
    definition = small(MEASURES, STAGED.format(*pair))
    first, then = (signal.when for signal in definition.user.signals)
    if not implies(first, then, world(definition.user)):
        return
    luck, person, day = random.Random(seed), Person(definition, account=None), 0.0
    for _ in range(25):
        day += luck.choice([0.01, 0.5, 1, 2, 3, 6, 10])
        said = {"n": luck.randrange(5)} if luck.random() < 0.5 else {}
        person.event(luck.choice(["Opened", "Closed", "Other"]), day, x=luck.choice(WORDS), **said)
        for later in (0.3, 2.9, 4.1):
            person.wait(day + later / 10)
            assert "g1" in person.signals() or "g0" not in person.signals(), (pair, day)


STAGED = """\
  stage:
    states: [first, second]
    transitions:
      - {{name: opens, from: first, to: second, when: on}}
      - {{name: closes, from: second, to: first, when: not on and n >= 2}}
  signals:
    g0: "{0}"
    g1: "{1}"
"""


def test_the_law_is_not_held_by_finding_nothing() -> None:
    found = sum(implies(probe(later), probe(earlier), KNOWN) for earlier, later in IMPLIED)  # type: ignore[arg-type]
    assert found == len(IMPLIED)
