"""Leakage: whatever looks ahead by a day is caught; whatever does not is left in peace."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from schemas.definition.model import Churn
from streams.backtest.alerts import Happened, Raised
from streams.backtest.history import History
from streams.backtest.leakage import alert_leaks, score_leaks, spread
from streams.backtest.methods import Counters, Learnt, Method, Scores, methods, unweighted
from streams.backtest.months import asked, cutoffs
from streams.backtest.report import Subject, backtest
from streams.journey.calendar import DAY
from tests.streams.backtest.people import crowd, history
from tests.streams.commands.tiny import definition

CHURN = Churn(90 * DAY, 0.5, ((30.0, -0.8), (120.0, -0.8)), after=3)
HISTORY = history(crowd(80, 900))
CUTS = cutoffs(HISTORY, 90)


def peeking(days: int) -> Method:
    """The definition's probability, but from a history that is known so many days longer."""

    def scores(history: History, cuts: Sequence[int]) -> Scores:
        found, counters = {}, Counters(CHURN)
        for cut in cuts:
            for key, a in history.users.items():
                if asked("user", a, cut, cut * DAY, 90):
                    found[cut, key] = counters.gauge.value(counters.cell(key, a, cut + days), cut - 1) or 0.0
        return found

    return Method("peeking", scores, True)


@pytest.mark.parametrize("method", methods("user", 90, CHURN), ids=lambda method: method.name)
def test_no_method_of_ours_looks_ahead(method: Method) -> None:
    scores = method.scores(HISTORY, CUTS)
    assert scores
    assert score_leaks(method, HISTORY, scores, CUTS) == []


def test_one_that_looks_ahead_by_a_day_is_caught() -> None:
    honest, method = peeking(0), peeking(1)
    assert score_leaks(honest, HISTORY, honest.scores(HISTORY, CUTS), CUTS) == []
    leaks = score_leaks(method, HISTORY, method.scores(HISTORY, CUTS), CUTS)
    assert leaks
    assert {leak.what for leak in leaks} == {"peeking"}


def test_a_backtest_with_one_that_looks_ahead_says_so() -> None:
    subject = Subject(definition(), HISTORY, lambda until: Happened([], []))
    assert backtest(subject).leaks == []
    found = backtest(subject, [("user", peeking(1))])
    assert found.leaks
    assert found.told["leaks"][0]["what"] == "peeking"


def test_a_fit_that_learns_from_outcomes_not_yet_known_is_caught() -> None:
    """Rows of cut-offs whose horizon is not over: the outcome is read off days that come after."""

    def scores(history: History, cuts: Sequence[int]) -> Scores:
        found: Scores = {}
        for cut in cuts:
            learnt = Learnt(
                history, "user", 90, Counters(unweighted(90)).features, lambda x, y, b: [sum(y) / (len(y) or 1)]
            )
            learnt.until(cut + 60)
            found |= {(cut, key): learnt.fit()[0] for key, _ in learnt.at(cut)}
        return found

    early = Method("early", scores, True)
    assert score_leaks(early, HISTORY, early.scores(HISTORY, CUTS), CUTS)


def alert(day: int, entity: str = "ann") -> Raised:
    return Raised("gone", "user", entity, None, day * DAY, None)


def test_alerts_that_only_a_longer_history_raises_are_caught() -> None:
    def honest(until: int | None) -> list[Raised]:
        return [alert(day) for day in (10, 20, 30) if until is None or day * DAY <= until]

    def ahead(until: int | None) -> list[Raised]:
        """Opens a day before what it answers to, which it can only know if the input goes on."""
        return [alert(day - 1) for day in (10, 20, 30) if until is None or day * DAY <= until]

    assert alert_leaks(honest(None), honest, 20 * DAY, 20) == []
    (leak,) = alert_leaks(ahead(None), ahead, 20 * DAY, 20)
    assert (leak.entity, leak.known) == ("ann", "not")


def test_alerts_that_only_a_shorter_history_raises_are_caught_too() -> None:
    (leak,) = alert_leaks([], lambda until: [alert(5)], 20 * DAY, 20)
    assert leak.said == "not"


def test_looks_are_spread_over_the_history_with_the_last_among_them() -> None:
    assert spread(range(100), 4) == [24, 49, 74, 99]
    assert spread([1, 2], 4) == [1, 2]
