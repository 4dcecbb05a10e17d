"""Every transition, signal and alert of saas.yaml is driven just below, at and above its threshold; one never fired fails the suite."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from schemas.definition.model import Definition
from schemas.definition.parse import load
from tests.streams.journey.coverage import Coverage
from tests.streams.journey.harness import Customer, Person

COVERAGE = Coverage()
"""What the tests of this file saw happen."""


@cache
def saas() -> Definition:
    return load(Path(__file__).parents[3] / "schemas" / "definitions" / "saas.yaml")


@pytest.fixture
def person() -> Iterator[Person]:
    found = Person(saas())
    yield found
    COVERAGE.remember(found, "user")


@pytest.fixture
def customer() -> Iterator[Customer]:
    found = Customer(saas())
    yield found
    COVERAGE.remember(found, "account")


# --- users ---


def test_a_visitor_is_aware_until_signing_up(person: Person) -> None:
    person.event("Page Viewed", 0, place="website", type="page")
    assert person.state() == "awareness"
    person.event("Signed Up", 1)
    assert person.state() == "activation"


def test_first_value_takes_three_core_events_in_a_week(person: Person) -> None:
    person.event("Signed Up", 0)
    for day in (0, 3, 7.5):  # the first one is eight calendar days before: out of the window
        person.use(day)
    assert person.state() == "activation"
    person.use(8)
    assert person.state() == "engagement"


def habitual(person: Person, weeks: int, features: int) -> None:
    """Signed up, engaged, and active in so many weeks with so many features."""
    person.event("Signed Up", 0)
    for i in range(3):
        person.use(0.1 + i / 100)
    for week in range(weeks):
        for feature in range(features):
            person.use(week * 7 + 0.5 + feature / 100, "Feature Used", feature=f"f{feature}")


def test_a_habit_is_three_active_weeks(person: Person) -> None:
    habitual(person, weeks=2, features=3)
    assert person.state() == "engagement"
    person.use(14.5)
    assert person.state() == "adoption"


def test_a_habit_is_three_features(person: Person) -> None:
    habitual(person, weeks=3, features=2)
    assert person.state() == "engagement"
    person.use(15, "Feature Used", feature="third")
    assert person.state() == "adoption"


def adopted(person: Person) -> int:
    """In adoption since the returned day."""
    habitual(person, weeks=3, features=3)
    assert person.state() == "adoption"
    return 14


def test_who_keeps_coming_for_eight_weeks_stays(person: Person) -> None:
    adopted(person)
    since = person.fired("habit")[0]["at"]
    for day in range(15, 76, 3):
        person.use(day + 0.9)
        if person.state() == "retention":
            break
    assert person.state() == "retention"
    stays = person.fired("stays")[0]
    assert stays["dwell_s"] == 8 * 7 * 86_400
    assert stays["cause"].keys() == {"timer"}
    assert since < stays["at"]


def test_who_comes_in_two_weeks_of_four_does_not_stay(person: Person) -> None:
    adopted(person)
    for day in (30, 44, 58, 72, 86):
        person.use(day + 0.5)
    assert person.state() == "adoption"


@pytest.mark.parametrize(("ms", "state"), [(-1, "engagement"), (0, "churn"), (1, "churn")])
def test_sixty_days_of_silence_are_a_drop(person: Person, ms: int, state: str) -> None:
    habitual(person, weeks=1, features=1)
    person.wait(60.5, ms)
    assert person.state() == state


def test_the_drop_is_dated_at_its_deadline_and_explained(person: Person) -> None:
    habitual(person, weeks=1, features=1)
    person.wait(90)
    drop = person.fired("drops off")[0]
    assert drop["at"] == "2024-02-07T12:00:00.000Z"
    assert drop["cause"] == {"timer": "2024-02-07T12:00:00.000Z"}
    assert [(r["measure"], r["value"], r["op"], r["threshold"]) for r in drop["because"]] == [
        ("idle", 5_184_000, ">=", 5_184_000)
    ]
    assert drop["evidence"] == [f"{person.key}-{person.count}"]


def test_who_was_engaged_comes_back_engaged(person: Person) -> None:
    habitual(person, weeks=1, features=1)
    person.use(70)
    assert person.state() == "engagement"
    assert person.fired("comes back")[0]["label"] == "resurrected"


def test_who_never_engaged_comes_back_to_activation(person: Person) -> None:
    person.event("Signed Up", 0)
    person.wait(60, -1)
    assert person.state() == "activation"
    person.use(70)
    assert person.fired("comes back new")
    assert person.state() == "activation"


@pytest.mark.parametrize(("day", "state"), [(13.999, "healthy"), (14, "watch"), (29.999, "watch"), (30, "at_risk")])
def test_quiet_is_watched_and_silence_is_a_risk(person: Person, day: float, state: str) -> None:
    habitual(person, weeks=1, features=1)
    person.wait(0.5 + day)
    assert person.state("risk") == state


def test_one_stray_login_is_no_recovery_but_two_days_are(person: Person) -> None:
    habitual(person, weeks=1, features=1)
    person.use(20)
    assert person.state("risk") == "watch"
    person.use(21)
    assert person.state("risk") == "healthy"


def test_who_leaves_the_product_is_no_longer_at_risk(person: Person) -> None:
    habitual(person, weeks=1, features=1)
    person.wait(61)
    assert (person.state(), person.state("risk")) == ("churn", "healthy")
    assert person.fired("outside", "risk")


def test_a_visitor_who_never_came_back_is_forgotten(person: Person) -> None:
    person.event("Page Viewed", 0, place="website", type="page")
    person.wait(90, -1)
    assert person.state() == "awareness"
    person.wait(90)
    assert person.fired("ends")[0]["label"] == "forgotten"


@pytest.mark.parametrize(("ms", "holds"), [(-1, False), (0, True), (1, True)])
def test_fourteen_days_without_first_value_are_a_stalled_setup(person: Person, ms: int, holds: bool) -> None:
    person.event("Page Viewed", 0, place="website", type="page")
    person.event("Signed Up", 1)
    person.wait(15, ms)
    assert ("stalled_setup" in person.signals()) is holds


def test_a_setup_stalls_although_its_user_keeps_coming_and_first_value_ends_it(person: Person) -> None:
    person.event("Signed Up", 0)
    for day in (5, 10, 14):
        person.event("Setup Step Completed", day, step="invite")
    assert "stalled_setup" in person.signals()
    for hour in (1, 2, 3):
        person.use(14 + hour / 24)
    assert "stalled_setup" not in person.signals()


# --- accounts: stages ---


@pytest.mark.parametrize("name", ["Demo Booked", "Trial Started", "Deal Opened"])
def test_an_account_that_looks_closer_evaluates(customer: Customer, name: str) -> None:
    customer.event("Page Viewed", 0, place="website")
    assert customer.state() == "awareness"
    customer.event(name, 1)
    assert customer.state() == "consideration"


def test_a_lost_deal_leads_back(customer: Customer) -> None:
    customer.event("Deal Opened", 0)
    customer.event("Deal Lost", 1)
    assert customer.state() == "awareness"
    assert customer.fired("lost")[0]["label"] == "lost"


def bought(customer: Customer, day: float = 0, **given: object) -> None:
    customer.event(
        "Subscription Created", day, **{"mrr": 100_000, "currency": "EUR", "seats": 10, "plan": "team", **given}
    )


@pytest.mark.parametrize("name", ["Deal Won", "Subscription Created"])
def test_a_contract_is_a_conversion(customer: Customer, name: str) -> None:
    customer.event(name, 0, seats=10)
    assert customer.state() == "conversion"


def test_a_kickoff_starts_onboarding(customer: Customer) -> None:
    bought(customer)
    customer.event("Onboarding Kickoff", 1)
    assert customer.state() == "onboarding"


def test_a_first_active_member_starts_onboarding(customer: Customer) -> None:
    bought(customer)
    customer.member("m0", 1, active=False)
    assert customer.state() == "conversion"
    customer.member("m0", 2)
    assert customer.state() == "onboarding"


def test_onboarding_ends_at_six_of_ten_seats_an_admin_among_them(customer: Customer) -> None:
    bought(customer)
    customer.members(5, 1)
    customer.member("m0", 1.5, admin=True)
    assert customer.state() == "onboarding"
    customer.member("m5", 2)
    assert customer.state() == "adoption"


def test_onboarding_does_not_end_without_an_admin(customer: Customer) -> None:
    bought(customer)
    customer.members(7, 1)
    assert customer.state() == "onboarding"


def test_onboarding_does_not_end_with_two_active_in_the_week(customer: Customer) -> None:
    bought(customer)
    customer.members(6, 1, admin=True)
    assert customer.state() == "adoption"
    other = Customer(saas(), "a2")
    bought(other)
    other.members(4, 0.5, stage="activation")
    for day in (10, 11):
        other.member(f"m{day}", day)
    other.member("m0", 12, active=False, admin=True)
    for i in range(1, 4):
        other.member(f"m{i}", 12 + i / 100, active=False)
    assert other.state() == "onboarding"
    other.member("m1", 12.5)
    assert other.state() == "adoption"


def adopting(customer: Customer, seats: int = 10) -> None:
    """In adoption since day 1, all members active."""
    bought(customer, seats=seats)
    customer.members(seats, 1, admin=True)
    assert customer.state() == "adoption"


@pytest.mark.parametrize("name", ["Subscription Renewed", "Subscription Upgraded", "Add-on Purchased"])
def test_growth_or_renewal_is_retention(customer: Customer, name: str) -> None:
    adopting(customer)
    customer.event(name, 5)
    assert customer.state() == "retention"


def retained(customer: Customer, seats: int = 10) -> None:
    adopting(customer, seats)
    customer.event("Subscription Renewed", 2)


@pytest.mark.parametrize("name", ["Referral Made", "Review Published", "Reference Call Given", "Testimonial Given"])
def test_who_recommends_advocates(customer: Customer, name: str) -> None:
    retained(customer)
    customer.event(name, 3)
    assert customer.state() == "advocacy"


def test_an_advocate_who_says_nothing_for_a_year_falls_silent(customer: Customer) -> None:
    retained(customer)
    customer.event("Referral Made", 3)
    customer.wait(3 + 364)
    assert customer.state() == "advocacy"
    customer.wait(3 + 365)
    assert customer.state() == "retention"
    assert customer.fired("falls silent")


def test_a_contract_that_ends_is_churn_and_a_new_one_wins_back(customer: Customer) -> None:
    retained(customer)
    customer.event("Subscription Ended", 10)
    assert customer.state() == "churn"
    customer.event("Subscription Reactivated", 20, seats=10)
    assert customer.fired("won back")[0]["label"] == "won_back"


# --- accounts: signals ---


def test_fourteen_days_without_a_start_are_a_signal(customer: Customer) -> None:
    bought(customer)
    customer.wait(14, -1)
    assert "never_started" not in customer.signals()
    customer.wait(14)
    assert "never_started" in customer.signals()


def test_thirty_days_of_onboarding_are_stalled(customer: Customer) -> None:
    bought(customer)
    customer.event("Onboarding Kickoff", 0.5)
    customer.wait(30.5, -1)
    assert "stalled" not in customer.signals()
    customer.wait(30.5)
    assert "stalled" in customer.signals()


def test_fourteen_silent_days_are_a_signal(customer: Customer) -> None:
    adopting(customer, 1)
    customer.wait(15, -1)
    assert "silent_14d" not in customer.signals()
    customer.wait(15)
    assert "silent_14d" in customer.signals()


def test_two_of_ten_in_a_week_are_enough_and_one_is_thin(customer: Customer) -> None:
    adopting(customer)
    customer.members(2, 7.5, admin=True)
    customer.wait(14, -1)
    assert "thin_use" not in customer.signals()
    customer.wait(14)
    assert "thin_use" in customer.signals()


def test_a_champion_who_is_quiet_for_two_weeks_is_a_signal(customer: Customer) -> None:
    adopting(customer)
    customer.member("m0", 2, reached=("engagement", "adoption", "retention"))
    customer.wait(16, -1)
    assert "champion_quiet" not in customer.signals()
    customer.wait(16)
    assert "champion_quiet" in customer.signals()


def test_no_champion_is_not_a_quiet_champion(customer: Customer) -> None:
    adopting(customer)
    customer.wait(40)
    assert "champion_quiet" not in customer.signals()


def test_an_executive_unseen_for_thirty_days_is_a_signal(customer: Customer) -> None:
    adopting(customer)
    customer.member("boss", 2, level="executive")
    customer.wait(32, -1)
    assert "no_executive_30d" not in customer.signals()
    customer.wait(32)
    assert "no_executive_30d" in customer.signals()


@pytest.mark.parametrize(("seats", "holds"), [(4, False), (5, True), (6, True)])
def test_one_person_in_five_seats_is_single_threaded(customer: Customer, seats: int, holds: bool) -> None:
    bought(customer, seats=seats)
    customer.members(1, 1)
    assert ("single_threaded" in customer.signals()) is holds
    customer.members(2, 2)
    assert "single_threaded" not in customer.signals()


def test_an_invoice_ten_days_overdue_is_a_signal_until_paid(customer: Customer) -> None:
    adopting(customer)
    customer.event("Invoice Overdue", 2)
    customer.wait(12, -1)
    assert "overdue_10d" not in customer.signals()
    customer.wait(12)
    assert "overdue_10d" in customer.signals()
    customer.event("Invoice Paid", 12.5)
    assert "overdue_10d" not in customer.signals()


def test_four_tickets_in_a_month_are_many(customer: Customer) -> None:
    adopting(customer)
    for day in (2, 3, 4):
        customer.event("Ticket Opened", day)
    assert "many_tickets" not in customer.signals()
    customer.event("Ticket Opened", 31)
    assert "many_tickets" in customer.signals()
    customer.event("Ticket Opened", 32)
    customer.wait(34)
    assert "many_tickets" not in customer.signals()


@pytest.mark.parametrize(("score", "holds"), [(5, True), (6, True), (7, False)])
def test_six_of_ten_is_a_detractor(customer: Customer, score: int, holds: bool) -> None:
    adopting(customer)
    customer.event("NPS Answered", 2, score=score)
    assert ("detractor" in customer.signals()) is holds


def test_who_cancels_is_leaving_until_taken_back(customer: Customer) -> None:
    adopting(customer)
    customer.event("Cancellation Requested", 2)
    assert "leaving" in customer.signals()
    customer.event("Renewal Declined Undone", 3)
    assert "leaving" not in customer.signals()


# --- accounts: risk, expansion, alerts ---


def test_a_cancellation_is_a_risk_at_once(customer: Customer) -> None:
    adopting(customer)
    customer.event("Cancellation Requested", 2)
    assert customer.fired("leaving", "risk")


def test_thirty_silent_days_are_a_risk(customer: Customer) -> None:
    adopting(customer, 1)
    customer.wait(31, -1)
    assert customer.state("risk") == "watch"
    customer.wait(31)
    assert customer.state("risk") == "at_risk"


def test_one_signal_is_watched_two_are_watched_three_are_a_risk(customer: Customer) -> None:
    adopting(customer)
    customer.event("NPS Answered", 2, score=3)
    assert customer.fired("first", "risk")
    for day in (2.1, 2.2, 2.3, 2.4):
        customer.event("Ticket Opened", day)
    assert customer.state("risk") == "watch"
    customer.event("Invoice Overdue", 2.5)
    customer.members(10, 6, admin=True)
    customer.wait(12.5, -1)
    assert customer.state("risk") == "watch"
    customer.wait(12.5)
    assert customer.fired("many", "risk")


@pytest.mark.parametrize(("days", "state"), [(91, "watch"), (90, "at_risk"), (1, "at_risk"), (-1, "watch")])
def test_a_signal_within_ninety_days_of_the_renewal_is_a_risk(customer: Customer, days: int, state: str) -> None:
    from tests.streams.journey.harness import ms

    bought(customer, seats=3, renews_at=ms(2 + days) // 1000)
    customer.members(3, 1, admin=True)
    customer.event("NPS Answered", 2, score=3)
    assert customer.state("risk") == state
    assert bool(customer.fired("renewal", "risk")) is (state == "at_risk")


def test_the_last_signal_must_be_gone_for_three_days(customer: Customer) -> None:
    adopting(customer)
    customer.event("Cancellation Requested", 2)
    customer.event("Subscription Renewed", 3)
    customer.wait(6, -1)
    assert customer.state("risk") == "at_risk"
    customer.wait(6)
    assert customer.state("risk") == "healthy"
    assert customer.fired("clear", "risk")


def test_a_signal_that_returns_starts_the_three_days_again(customer: Customer) -> None:
    adopting(customer)
    customer.event("Cancellation Requested", 2)
    customer.event("Subscription Renewed", 3)
    customer.event("Cancellation Requested", 5)
    customer.event("Subscription Renewed", 5.5)
    customer.members(10, 6, admin=True)
    customer.wait(8.5, -1)
    assert customer.state("risk") == "at_risk"
    customer.wait(8.5)
    assert customer.state("risk") == "healthy"


def healthy(customer: Customer, quota: float = 0.95) -> None:
    """In adoption with everything green and nearly all of the quota used."""
    bought(customer, seats=4, quota_used=quota)
    for i, level in enumerate(("executive", "manager", "user", "user")):
        customer.member(f"m{i}", 1 + i / 100, level=level, admin=True)


def keep_using(customer: Customer, first: int, last: int) -> None:
    for day in range(first, last + 1):
        for i, level in enumerate(("executive", "manager", "user", "user")):
            customer.member(f"m{i}", day + i / 100, level=level, admin=True)


def test_a_full_house_for_a_week_is_ready_to_expand(customer: Customer) -> None:
    healthy(customer)
    keep_using(customer, 2, 7)
    assert customer.state("expansion") == "none"
    keep_using(customer, 8, 9)
    assert customer.state("expansion") == "ready"
    assert customer.fired("full", "expansion")[0]["cause"].keys() == {"timer"}


def test_three_walls_hit_on_a_healthy_account_are_ready_to_expand(customer: Customer) -> None:
    healthy(customer, quota=0.1)
    for day in (2, 2.1):
        customer.event("Feature Blocked", day)
    assert customer.state("expansion") == "none"
    customer.event("Feature Blocked", 2.2)
    assert customer.fired("blocked", "expansion")


def test_an_unhealthy_account_that_hits_walls_is_not(customer: Customer) -> None:
    bought(customer, seats=10, quota_used=0.95)
    customer.members(6, 1, admin=True)
    for day in (2, 2.1, 2.2):
        customer.event("Feature Blocked", day)
    assert customer.state("expansion") == "none"


def test_readiness_cools_when_use_falls(customer: Customer) -> None:
    healthy(customer)
    keep_using(customer, 2, 9)
    assert customer.state("expansion") == "ready"
    customer.event("Subscription Updated", 9.5, seats=6, quota_used=0.1, mrr=60_000)
    assert customer.fired("cooled", "expansion")


def test_an_account_at_risk_is_never_ready(customer: Customer) -> None:
    healthy(customer)
    keep_using(customer, 2, 9)
    customer.event("Cancellation Requested", 10)
    assert customer.state("expansion") == "none"


def test_an_alert_opens_once_and_resolves(customer: Customer) -> None:
    adopting(customer)
    customer.event("Cancellation Requested", 2)
    customer.event("Ticket Opened", 3)
    customer.event("Subscription Renewed", 4)
    customer.wait(8)
    told = [(a["name"], a["status"]) for a in customer.alerts if a["name"] == "account_at_risk"]
    assert told == [("account_at_risk", "opened"), ("account_at_risk", "resolved")]
    assert customer.alerts[-1]["opens"] == customer.alerts[0]["opens"] == customer.alerts[0]["id"]
    assert "leaving" in customer.alerts[0]["signals"]
    assert customer.alerts[0]["clears_when"]


@pytest.mark.parametrize(("back", "opened"), [(14.9, 15), (15.1, 15.1)])
def test_an_alert_reopens_at_the_end_of_its_cool_down(customer: Customer, back: float, opened: float) -> None:
    healthy(customer, quota=0.1)
    customer.event("Cancellation Requested", 2)
    customer.event("Subscription Renewed", 5)
    keep_using(customer, 6, 14)  # resolves on day 8, cool-down of seven days until day 15
    customer.event("Cancellation Requested", back)
    keep_using(customer, 16, 16)
    found = [a for a in customer.alerts if a["name"] == "account_at_risk" and a["status"] == "opened"]
    assert len(found) == 2
    from schemas.time import rfc3339
    from tests.streams.journey.harness import ms

    assert found[1]["at"] == rfc3339(ms(opened))


def test_a_quiet_champion_and_readiness_are_alerts(customer: Customer) -> None:
    healthy(customer)
    keep_using(customer, 2, 9)
    assert any(a["name"] == "expansion_ready" and a["status"] == "opened" for a in customer.alerts)
    customer.member("m0", 10, reached=("retention",), stage="retention", admin=True)
    customer.wait(24)
    assert any(a["name"] == "champion_quiet" and a["status"] == "opened" for a in customer.alerts)
    customer.member("m0", 25, reached=("retention",), stage="retention", admin=True)
    assert any(a["name"] == "champion_quiet" and a["status"] == "resolved" for a in customer.alerts)
    assert any(a["name"] == "expansion_ready" and a["status"] == "resolved" for a in customer.alerts)


def test_nothing_shipped_was_left_unfired() -> None:
    """Runs last in this file: pytest keeps the order in which tests are written."""
    unfired = COVERAGE.unfired(saas())
    assert not unfired, f"no test drives {unfired}"
