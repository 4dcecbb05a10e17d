"""What a condition means: the tree it becomes, with every duration in milliseconds and every param in its place."""

from __future__ import annotations

import pytest

from schemas.definition.expression import (
    Age,
    And,
    Arith,
    Compare,
    Const,
    CountSignals,
    Fold,
    Idle,
    InState,
    Known,
    MeasureRef,
    Not,
    Or,
    Reached,
    SignalHolds,
    Span,
    StateIn,
    Truth,
    Until,
)  # fmt: skip
from tests.schemas.definition.writing import probe

DAY = 86_400_000.0
ANY = Span(0, 0, "")


def bare(tree: object) -> object:
    """A tree without its places, as nested tuples, to compare what it means."""
    if isinstance(tree, tuple):
        return tuple(bare(item) for item in tree)
    if hasattr(tree, "__dataclass_fields__") and not isinstance(tree, Span):
        fields = (getattr(tree, name) for name in tree.__dataclass_fields__ if name != "span")
        return (type(tree).__name__, *(bare(value) for value in fields))
    return tree


CORE, WEEKS, NPS = MeasureRef("core_7"), MeasureRef("weeks"), MeasureRef("nps")
RENEWS, SEEN = MeasureRef("renews"), MeasureRef("first_seen")

MEANINGS = [
    ("core_7 >= 3", Compare(">=", CORE, Const(3.0), ANY)),
    ("core_7 >= few", Compare(">=", CORE, Const(3.0), ANY)),
    ("idle >= quiet", Compare(">=", Idle(), Const(14 * DAY), ANY)),
    ("idle >= 2 * quiet + 1d", Compare(">=", Idle(), Const(29 * DAY), ANY)),
    ("idle >= 1.5h", Compare(">=", Idle(), Const(5_400_000.0), ANY)),
    ("idle >= 2w", Compare(">=", Idle(), Const(14 * DAY), ANY)),
    ("idle > 10m", Compare(">", Idle(), Const(600_000.0), ANY)),
    ("idle > 2s", Compare(">", Idle(), Const(2_000.0), ANY)),
    ("idle > 007d", Compare(">", Idle(), Const(7 * DAY), ANY)),
    ("in_state < max(1d, 36h)", Compare("<", InState(), Const(1.5 * DAY), ANY)),
    ("idle - 1d >= quiet", Compare(">=", Arith("-", Idle(), Const(DAY)), Const(14 * DAY), ANY)),
    ("contract", Truth("contract", ANY)),
    ("not contract", Not(Truth("contract", ANY))),
    ("contract == true", Truth("contract", ANY)),
    ("contract != true", Not(Truth("contract", ANY))),
    ("contract == false", Not(Truth("contract", ANY))),
    ("known(nps)", Known("nps", ANY)),
    ("silent", SignalHolds("silent", ANY)),
    ("count(signals) == 0", Compare("==", CountSignals(), Const(0.0), ANY)),
    ("stage == churn", StateIn("stage", ("churn",), ANY)),
    ("stage == 'churn'", StateIn("stage", ("churn",), ANY)),
    ("stage != churn", Not(StateIn("stage", ("churn",), ANY))),
    ("stage in [churn, awareness]", StateIn("stage", ("churn", "awareness"), ANY)),
    ("stage not in [churn, churn]", Not(StateIn("stage", ("churn",), ANY))),
    ("reached(at_risk)", Reached("risk", "at_risk", ANY)),
    ("reached(activation)", Reached("stage", "activation", ANY)),
    ("age(stage) >= 1d", Compare(">=", Age("machine", "stage"), Const(DAY), ANY)),
    ("age(contract) >= 1d", Compare(">=", Age("measure", "contract"), Const(DAY), ANY)),
    ("age(first_seen) >= 1d", Compare(">=", Age("measure", "first_seen"), Const(DAY), ANY)),
    ("until(renews) <= 90d", Compare("<=", Until("renews"), Const(90 * DAY), ANY)),
    ("until(renews) <= -1d", Compare("<=", Until("renews"), Const(-DAY), ANY)),
    ("plan == 'pro'", Compare("==", MeasureRef("plan"), Const("pro"), ANY)),
    ("plan == '30d'", Compare("==", MeasureRef("plan"), Const("30d"), ANY)),
    ("nps == 'high'", Compare("==", NPS, Const("high"), ANY)),
    ("-nps < 3", Compare("<", Arith("-", Const(0.0), NPS), Const(3.0), ANY)),
    ("renews - first_seen > 1d", Compare(">", Arith("-", RENEWS, SEEN), Const(DAY), ANY)),
    ("core_7 / weeks >= 0.5", Compare(">=", Arith("/", CORE, WEEKS), Const(0.5), ANY)),
    ("weeks >= min(3, nps)", Compare(">=", WEEKS, Fold("min", (Const(3.0), NPS)), ANY)),
    ("1 <= weeks <= 3", And((Compare("<=", Const(1.0), WEEKS, ANY), Compare("<=", WEEKS, Const(3.0), ANY)))),
    ("nps in [1, 2]", Or((Compare("==", NPS, Const(1.0), ANY), Compare("==", NPS, Const(2.0), ANY)))),
    ("nps not in [1]", Not(Or((Compare("==", NPS, Const(1.0), ANY),)))),
    (
        "contract or weeks > 1 and not silent",
        Or((Truth("contract", ANY), And((Compare(">", WEEKS, Const(1.0), ANY), Not(SignalHolds("silent", ANY)))))),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "tree"), MEANINGS)
def test_a_condition_means_this_tree(condition: str, tree: object) -> None:
    assert bare(probe(condition)) == bare(tree)


def test_a_condition_knows_its_place_and_words() -> None:
    guard = probe("core_7 >= 3 and idle >= quiet")
    assert isinstance(guard, And)
    first, second = guard.items
    assert isinstance(first, Compare)
    assert isinstance(second, Compare)
    assert (first.span.text, second.span.text) == ("core_7 >= 3", "idle >= quiet")
    assert second.span == Span(first.span.line, first.span.column + len("core_7 >= 3 and "), "idle >= quiet")


def test_reached_means_the_machine_s_own_state_first() -> None:
    assert bare(probe("reached(churn)", "stage")) == ("Reached", "stage", "churn")
