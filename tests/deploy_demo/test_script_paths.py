"""From troubles to a path: the business rules as the scripts understand them, on troubles small enough to check by hand."""

from __future__ import annotations

import pytest

from deploy.demo.script import DAY, HOUR, UNTIL, Expected, Moment, ScriptError, during, exactly, on
from deploy.demo.script_alerts import alert_path, spans_in
from deploy.demo.script_paths import Full, Span, Terms, Trouble, expansion_path, risk_path

CUSTOMER = [Span(exactly(on(10)), None)]


def trouble(signal: str, first: int, last: int | None, *, grave: bool = False) -> Trouble:
    return Trouble(signal, exactly(on(first)), None if last is None else exactly(on(last)), grave)


def told(path: list[Expected]) -> list[tuple[str, str | None, float]]:
    """(state, rule, day) of each step."""
    return [(step.to, step.name, (step.at_earliest - on(0)) / DAY) for step in path]


def test_one_trouble_is_watched_and_forgotten_three_days_after_its_end() -> None:
    path = risk_path(CUSTOMER, [trouble("detractor", 20, 25)], [])
    assert told(path) == [("watch", "first", 20), ("healthy", "clear", 28)]


def test_a_trouble_within_the_three_days_begins_the_wait_anew() -> None:
    path = risk_path(CUSTOMER, [trouble("detractor", 20, 25), trouble("many_tickets", 27, 30)], [])
    assert told(path) == [("watch", "first", 20), ("healthy", "clear", 33)]


def test_the_third_trouble_at_once_is_a_risk_and_the_second_is_not() -> None:
    troubles = [trouble("a", 20, 40), trouble("b", 22, 40), trouble("c", 25, 30)]
    assert told(risk_path(CUSTOMER, troubles, [])) == [
        ("watch", "first", 20), ("at_risk", "many", 25), ("healthy", "clear", 43),
    ]  # fmt: skip
    assert ("at_risk", "many", 25) not in told(risk_path(CUSTOMER, troubles[:2], []))


def test_a_trouble_is_a_risk_from_ninety_days_before_the_renewal() -> None:
    terms = [Terms(exactly(on(10)), on(200))]
    assert told(risk_path(CUSTOMER, [trouble("a", 105, 120)], terms)) == [
        ("watch", "first", 105), ("at_risk", "renewal", 110), ("healthy", "clear", 123),
    ]  # fmt: skip
    assert told(risk_path(CUSTOMER, [trouble("a", 110, 120)], terms))[0] == ("at_risk", "renewal", 110)


def test_a_renewal_that_was_signed_early_gives_no_notice_at_its_old_date() -> None:
    terms = [Terms(exactly(on(10)), on(200)), Terms(exactly(on(100)), on(565))]
    assert told(risk_path(CUSTOMER, [trouble("a", 105, 120)], terms)) == [
        ("watch", "first", 105), ("healthy", "clear", 123),
    ]  # fmt: skip


def test_a_cancellation_is_a_risk_by_itself() -> None:
    path = risk_path(CUSTOMER, [trouble("leaving", 20, 22, grave=True)], [])
    assert told(path) == [("at_risk", "leaving", 20), ("healthy", "clear", 25)]


def test_the_end_of_the_contract_ends_the_risk_at_once_without_a_rule() -> None:
    path = risk_path([Span(exactly(on(10)), exactly(on(30)))], [trouble("a", 20, None)], [])
    assert told(path) == [("watch", "first", 20), ("healthy", None, 30)]


def test_what_began_before_the_contract_counts_from_the_contract_on() -> None:
    assert told(risk_path(CUSTOMER, [trouble("a", 5, 20)], []))[0] == ("watch", "first", 10)


def test_a_story_in_which_recovery_and_the_next_trouble_fall_together_is_refused() -> None:
    vague = Trouble("a", exactly(on(20)), during(25))
    with pytest.raises(ScriptError, match="too close"):
        risk_path(CUSTOMER, [vague, trouble("b", 28, 40)._replace(begins=exactly(on(28) + HOUR))], [])


def test_a_full_account_is_ready_after_seven_healthy_days_and_no_longer_once_trouble_comes() -> None:
    risk = risk_path(CUSTOMER, [trouble("a", 40, 45)], [])
    path = expansion_path([Span(exactly(on(20)), None)], risk, [Full(exactly(on(22)), None)], [], [])
    assert told(path) == [("ready", "full", 29), ("none", None, 40), ("ready", "full", 55)]


def test_a_full_account_that_is_never_healthy_for_seven_days_is_never_ready() -> None:
    risk = risk_path(CUSTOMER, [trouble("a", 26, None)], [])
    assert expansion_path([Span(exactly(on(20)), None)], risk, [Full(exactly(on(22)), None)], [], []) == []


def test_an_unpaid_invoice_keeps_a_full_account_from_getting_ready() -> None:
    full, unpaid = [Full(exactly(on(22)), None)], [Span(exactly(on(25)), exactly(on(33)))]
    path = expansion_path([Span(exactly(on(20)), None)], [], full, [], unpaid)
    assert told(path) == [("ready", "full", 40)]


def test_more_seats_end_readiness_by_the_rule_for_it() -> None:
    path = expansion_path([Span(exactly(on(20)), None)], [], [Full(exactly(on(22)), exactly(on(60)))], [], [])
    assert told(path) == [("ready", "full", 29), ("none", "cooled", 60)]


def test_wanting_locked_features_makes_ready_at_once() -> None:
    path = expansion_path([Span(exactly(on(20)), None)], [], [], [Full(exactly(on(50)), exactly(on(80)))], [])
    assert told(path) == [("ready", "blocked", 50), ("none", "cooled", 80)]


def test_an_alert_does_not_open_again_within_its_cool_down() -> None:
    spans = [Span(exactly(on(10)), exactly(on(12))), Span(exactly(on(14)), exactly(on(16)))]
    assert len(alert_path("account_at_risk", spans)) == 2


def test_an_alert_whose_reason_outlives_the_cool_down_opens_at_its_end() -> None:
    spans = [Span(exactly(on(10)), exactly(on(12))), Span(exactly(on(14)), exactly(on(30)))]
    assert told(alert_path("account_at_risk", spans))[2:] == [
        ("opened", "account_at_risk", 19), ("resolved", "account_at_risk", 30),
    ]  # fmt: skip


def test_an_alert_still_open_at_the_end_of_the_story_is_not_resolved() -> None:
    risk = risk_path(CUSTOMER, [trouble("leaving", 540, None, grave=True)], [])
    assert [step.to for step in alert_path("account_at_risk", spans_in(risk, "at_risk"))] == ["opened"]


def test_nothing_is_expected_after_the_end_of_the_story() -> None:
    late = Trouble("a", Moment(UNTIL, UNTIL), None)
    assert risk_path(CUSTOMER, [late], []) == []
