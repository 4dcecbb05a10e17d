"""Every transition, signal and alert of community.yaml driven just below, at and above its threshold; none goes unfired."""

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
def community() -> Definition:
    return load(Path(__file__).parents[3] / "schemas" / "definitions" / "community.yaml")


@pytest.fixture
def person() -> Iterator[Person]:
    found = Person(community())
    yield found
    COVERAGE.remember(found, "user")


@pytest.fixture
def customer() -> Iterator[Customer]:
    found = Customer(community())
    yield found
    COVERAGE.remember(found, "account")


# --- users: stages ---


def change(person: Person, day: float, *areas: str) -> str:
    return person.event("change_authored", day, areas=list(areas or ("core",)))


def review(person: Person, day: float) -> str:
    return person.event("change_reviewed", day)


def test_who_only_reviews_is_aware(person: Person) -> None:
    review(person, 0)
    assert person.state() == "awareness"


@pytest.mark.parametrize("name", ["change_authored", "change_coauthored"])
def test_a_first_change_is_an_activation(person: Person, name: str) -> None:
    review(person, 0)
    person.event(name, 1)
    assert person.state() == "activation"
    assert person.fired("first change")[0]["because"][0]["value"] == "2023-12-10T00:00:00.000Z"


def test_two_active_days_are_no_engagement_and_three_are(person: Person) -> None:
    for day in (0, 0.1, 0.9, 5):
        change(person, day)
    assert person.state() == "activation"
    change(person, 6)
    assert person.state() == "engagement"


@pytest.mark.parametrize(("third", "state"), [(89.99, "engagement"), (90.01, "activation")])
def test_the_three_days_lie_within_ninety(person: Person, third: float, state: str) -> None:
    for day in (0, 40, third):
        change(person, day)
    assert person.state() == state


def engaged(person: Person) -> None:
    """In engagement since day 14.5, in one area. A week apart, so that no block of seven days is split by the next."""
    for week in range(3):
        change(person, week * 7 + 0.5)
    assert person.state() == "engagement"


@pytest.mark.parametrize(("weeks", "state"), [(5, "engagement"), (6, "adoption"), (7, "adoption")])
def test_a_habit_is_six_weeks_of_twelve(person: Person, weeks: int, state: str) -> None:
    engaged(person)
    for week in range(3, weeks):
        change(person, week * 7 + 0.5, "core", "streams")
    assert person.state() == state


def test_a_habit_is_two_areas(person: Person) -> None:
    engaged(person)
    for week in range(3, 8):
        change(person, week * 7 + 0.5)
    assert person.state() == "engagement"
    change(person, 52, "streams")
    assert person.state() == "adoption"


@pytest.mark.parametrize(("last", "state"), [(83.99, "adoption"), (84, "engagement")])
def test_the_six_weeks_lie_within_twelve(person: Person, last: float, state: str) -> None:
    engaged(person)
    for day in (35, 60, last):
        change(person, day, "core", "streams")
    assert person.state() == state


def adopted(person: Person) -> None:
    """In adoption since day 35.5."""
    engaged(person)
    for week in range(3, 6):
        change(person, week * 7 + 0.5, "core", "streams")
    assert person.fired("habit")[0]["at"] == "2024-01-13T12:00:00.000Z"


@pytest.mark.parametrize(("more", "state"), [(-1, "adoption"), (0, "retention"), (1, "retention")])
def test_who_adopted_six_cadences_ago_and_still_comes_stays(person: Person, more: int, state: str) -> None:
    adopted(person)
    for day in (60, 100, 140, 190, 200):
        change(person, day)
    person.wait(35.5 + 6 * 28, more)
    assert person.state() == state
    if state == "retention":
        stays = person.fired("stays")[0]
        assert stays["dwell_s"] == 6 * 28 * 86_400
        assert stays["cause"] == {"timer": stays["at"]}


def test_who_comes_in_two_weeks_of_twelve_does_not_stay_until_the_third(person: Person) -> None:
    adopted(person)
    for day in (60, 110, 190, 200):
        change(person, day)
    person.wait(207)
    assert person.state() == "adoption"
    last = change(person, 208)
    assert person.state() == "retention"
    assert person.fired("stays")[0]["cause"] == {"event": last}


@pytest.mark.parametrize(("more", "state"), [(-1, "activation"), (0, "churn"), (1, "churn")])
def test_ninety_days_of_silence_are_a_drop(person: Person, more: int, state: str) -> None:
    last = change(person, 0.5)
    person.wait(90.5, more)
    assert person.state() == state
    if state == "churn":
        drop = person.fired("drops off")[0]
        assert drop["evidence"] == [last]
        assert [(row["value"], row["threshold"]) for row in drop["because"]] == [(90 * 86_400, 90 * 86_400)]


def test_who_was_engaged_comes_back_engaged(person: Person) -> None:
    engaged(person)
    person.wait(110)
    assert person.state() == "churn"
    review(person, 111)
    assert person.state() == "engagement"
    assert person.fired("comes back")[0]["label"] == "resurrected"


def test_who_never_engaged_comes_back_to_activation(person: Person) -> None:
    change(person, 0)
    person.wait(100)
    review(person, 101)
    assert person.state() == "activation"
    assert person.fired("comes back new")[0]["label"] == "resurrected"


def test_who_stayed_can_drop_off_too(person: Person) -> None:
    adopted(person)
    for day in (60, 100, 140, 190, 200):
        change(person, day)
    person.wait(290, -1)
    assert person.state() == "retention"
    person.wait(290)
    assert person.state() == "churn"


@pytest.mark.parametrize(("more", "ended"), [(-1, 0), (0, 1), (1, 1)])
def test_who_never_wrote_a_change_is_forgotten_after_a_year(person: Person, more: int, ended: int) -> None:
    review(person, 0)
    person.wait(365, more)
    assert [t["label"] for t in person.fired("ends")] == ["forgotten"] * ended


# --- users: signals, risk, alerts ---


@pytest.mark.parametrize(
    ("day", "more", "state"),
    [(44.5, -1, "healthy"), (44.5, 0, "watch"), (55, -1, "watch"), (55, 0, "at_risk"), (55, 1, "at_risk")],
)
def test_thirty_quiet_days_are_watched_and_the_day_that_churn_is_likely_is_a_risk(
    person: Person, day: float, more: int, state: str
) -> None:
    """Active on days 0, 7 and 14: the probability is 0.4648 through day 54 and 0.4709 from the midnight of day 55 on."""
    engaged(person)
    person.wait(day, more)
    assert person.state("risk") == state
    assert [a["name"] for a in person.alerts] == ["contributor_at_risk"] * (state == "at_risk")
    if state == "at_risk":
        likely = person.fired("likely", "risk")[0]
        assert likely["cause"] == {"timer": "2024-02-02T00:00:00.000Z"}
        assert [(row["value"], row["op"], row["threshold"]) for row in likely["because"]] == [(0.4709, ">=", 0.47)]
        assert likely["evidence"] == ["u1-3"]


def test_nothing_is_said_of_who_came_on_two_days(person: Person) -> None:
    change(person, 0)
    change(person, 1)
    person.wait(80)
    assert person.state("risk") == "healthy"


def test_who_came_on_a_third_day_can_be_at_risk_though_never_engaged(person: Person) -> None:
    for day in (0, 50, 95):
        change(person, day)
    person.wait(125)
    assert (person.state(), person.state("risk")) == ("activation", "at_risk")


@pytest.mark.parametrize(("back", "state"), [(88, "healthy"), (98, "at_risk")])
def test_a_return_counts_when_it_brings_the_probability_below_the_lower_threshold(
    person: Person, back: float, state: str
) -> None:
    """At risk since day 78; an active day brings it to 0.2907 on day 88, and to 0.3126 on day 98."""
    for day in (0, 25, 50):
        change(person, day)
    person.wait(78, -1)
    assert person.state("risk") == "healthy"
    person.wait(78)
    assert person.state("risk") == "at_risk"
    assert person.alerts[0]["clears_when"] == (
        "idle < 1 d (now 28 d) and churn_90 < 0.3 (now 0.4743): 1 more active day"
    )
    review(person, back)
    assert person.state("risk") == state
    review(person, back + 3)
    assert person.state("risk") == "healthy"
    assert [a["status"] for a in person.alerts] == ["opened", "resolved"]


def test_who_drops_off_is_no_longer_at_risk_and_the_alert_resolves(person: Person) -> None:
    engaged(person)
    person.wait(104.5, -1)
    assert [a["status"] for a in person.alerts] == ["opened"]
    person.wait(104.5)
    assert [a["status"] for a in person.alerts] == ["opened", "resolved"]
    assert person.fired("outside", "risk")
    assert person.alerts[1]["opens"] == person.alerts[0]["id"]


@pytest.mark.parametrize(("more", "holds"), [(-1, False), (0, True), (1, True)])
def test_a_committer_is_quiet_after_forty_five_days(person: Person, more: int, holds: bool) -> None:
    person.event("change_merged", 0)
    person.wait(45, more)
    assert ("quiet_committer" in person.signals()) is holds
    assert [a["name"] for a in person.alerts] == ["committer_quiet"] * holds
    review(person, 50)
    assert "quiet_committer" not in person.signals()
    assert [a["status"] for a in person.alerts] == ["opened", "resolved"]


def test_who_never_merged_is_no_quiet_committer(person: Person) -> None:
    change(person, 0)
    person.wait(80)
    assert person.signals() == []
    assert person.alerts == []


def test_a_second_silence_is_a_second_alert(person: Person) -> None:
    """45 days after the first one resolved, so its cool-down of 28 days is over."""
    person.event("change_merged", 0)
    review(person, 50)
    person.wait(95, -1)
    assert [a["status"] for a in person.alerts] == ["opened", "resolved"]
    person.wait(95)
    assert [a["status"] for a in person.alerts] == ["opened", "resolved", "opened"]
    assert person.alerts[2]["opens"] == person.alerts[2]["id"] != person.alerts[0]["id"]


# --- organisations ---


def test_an_organisation_engages_with_its_first_regular(customer: Customer) -> None:
    customer.member("ann", 0, stage="activation")
    assert customer.state() == "awareness"
    customer.member("ann", 1, stage="engagement")
    assert customer.state() == "engagement"


def test_two_regulars_active_within_twelve_weeks_are_a_team(customer: Customer) -> None:
    customer.member("ann", 0)
    customer.member("ben", 1, stage="activation")
    assert customer.state() == "engagement"
    customer.member("ben", 2)
    assert customer.state() == "adoption"


@pytest.mark.parametrize(("second", "state"), [(83.99, "adoption"), (84, "engagement")])
def test_a_team_is_two_at_a_time(customer: Customer, second: float, state: str) -> None:
    customer.member("ann", 0)
    customer.member("ben", second)
    assert customer.state() == state


def team(customer: Customer) -> None:
    """In adoption on day 1: ann of day 0, ben of day 1."""
    customer.member("ann", 0)
    customer.member("ben", 1)
    assert customer.state() == "adoption"


@pytest.mark.parametrize(("more", "state"), [(-1, "adoption"), (0, "engagement"), (1, "engagement")])
def test_a_team_is_down_to_one_when_the_other_slides_out_of_the_window(
    customer: Customer, more: int, state: str
) -> None:
    team(customer)
    customer.member("ben", 50)
    customer.wait(84, more)
    assert customer.state() == state
    assert bool(customer.fired("down to one")) is (state == "engagement")


@pytest.mark.parametrize(("more", "state"), [(-1, "engagement"), (0, "churn"), (1, "churn")])
def test_ninety_days_of_silence_are_churn_and_one_active_member_is_a_return(
    customer: Customer, more: int, state: str
) -> None:
    customer.member("ann", 0.5)
    customer.wait(90.5, more)
    assert customer.state() == state
    customer.member("ann", 91, active=False)
    assert customer.state() == "churn"
    customer.member("ann", 92)
    assert customer.state() == "engagement"
    assert customer.fired("comes back")[0]["label"] == "resurrected"


@pytest.mark.parametrize(("more", "holds"), [(-1, False), (0, True), (1, True)])
def test_thirty_silent_days_are_a_signal_and_watched(customer: Customer, more: int, holds: bool) -> None:
    customer.member("ann", 0.5)
    customer.wait(30.5, more)
    assert ("silent_30d" in customer.signals()) is holds
    assert customer.state("risk") == ("watch" if holds else "healthy")


@pytest.mark.parametrize(("more", "holds"), [(-1, False), (0, True), (1, True)])
def test_veterans_are_quiet_when_none_was_active_for_twelve_weeks(customer: Customer, more: int, holds: bool) -> None:
    customer.member("vera", 0, stage="churn", reached=("engagement", "retention"))
    for day in (10, 35, 60, 80):
        customer.member("ann", day)
    customer.wait(84, more)
    assert ("veterans_quiet" in customer.signals()) is holds


def test_nobody_who_reached_retention_is_no_quiet_veteran(customer: Customer) -> None:
    customer.member("ann", 0)
    customer.wait(89)
    assert "veterans_quiet" not in customer.signals()


@pytest.mark.parametrize(("more", "state"), [(-1, "watch"), (0, "at_risk"), (1, "at_risk")])
def test_sixty_silent_days_are_a_risk(customer: Customer, more: int, state: str) -> None:
    customer.member("ann", 0.5)
    customer.wait(60.5, more)
    assert customer.state("risk") == state
    assert [a["name"] for a in customer.alerts] == ["organisation_at_risk"] * (state == "at_risk")


@pytest.mark.parametrize(("more", "state"), [(-1, "watch"), (0, "at_risk"), (1, "at_risk")])
def test_the_day_that_an_organisations_churn_is_likely_is_a_risk(customer: Customer, more: int, state: str) -> None:
    """Any member's active days count: 0, 1 and 2 make it 0.4699 through day 59, and 0.4735 from the midnight of day 60."""
    customer.member("ann", 0.5)
    customer.member("ben", 1.5, stage="activation")
    customer.member("ann", 2.5)
    customer.wait(60, more)
    assert customer.state("risk") == state
    if state == "at_risk":
        assert customer.fired("likely", "risk")[0]["evidence"][0] == "event-3"


@pytest.mark.parametrize(("more", "state"), [(-1, "at_risk"), (0, "healthy"), (1, "healthy")])
def test_an_organisation_recovers_a_week_after_its_last_reason(customer: Customer, more: int, state: str) -> None:
    """Its signal ends on day 62; the probability is 0.3254 on day 63, and 0.2298 with day 64."""
    customer.member("ann", 0.5)
    customer.wait(61)
    for day in (62, 63, 64):
        customer.member("ann", day)
    customer.wait(71, more)
    assert customer.state("risk") == state
    assert [a["status"] for a in customer.alerts] == ["opened", "resolved"][: 1 + (state == "healthy")]


def test_an_organisation_that_drops_off_is_no_longer_at_risk(customer: Customer) -> None:
    customer.member("ann", 0.5)
    customer.wait(90.5)
    assert customer.fired("outside", "risk")
    assert [a["status"] for a in customer.alerts] == ["opened", "resolved"]


def test_nothing_shipped_was_left_unfired() -> None:
    """Runs last in this file: pytest keeps the order in which tests are written."""
    unfired = COVERAGE.unfired(community())
    assert not unfired, f"no test drives {unfired}"
