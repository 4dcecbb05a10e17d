"""The forty scripts: legal by the shipped definition, telling the stories that were asked for."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from deploy.demo import scenario
from deploy.demo.company import Company
from deploy.demo.script import UNTIL, AccountScript, Expected
from schemas.definition.model import Machine
from schemas.definition.parse import load
from schemas.time import parse_time

SAAS = load(Path(__file__).parents[2] / "schemas" / "definitions" / "saas.yaml")
assert SAAS.account is not None
MACHINES = {machine.name: machine for machine in SAAS.account.machines}


def of(made: Company, story: str) -> list[AccountScript]:
    return [account for account in made.accounts if account.story == story]


def legal(machine: Machine, before: str, step: Expected) -> bool:
    """Whether the rule may lead from one state to the other; leaving a machine's scope has no rule."""
    if step.name is None:
        return bool(machine.only_in) and step.to == machine.states[0]
    return any(r.name == step.name and before in r.from_states and r.to == step.to for r in machine.rules)


@pytest.mark.parametrize("name", ["stage", "risk", "expansion"])
def test_every_step_of_every_path_is_a_rule_of_the_definition(made: Company, name: str) -> None:
    machine = MACHINES[name]
    for account in made.accounts:
        state = machine.states[0]
        for step in account.machine(name):
            assert legal(machine, state, step), (account.id, state, step)
            state = step.to


def test_steps_are_in_order_and_within_the_story(made: Company) -> None:
    for account in made.accounts:
        for before, after in pairwise(account.path):
            assert before.at_earliest <= after.at_earliest
        assert all(step.at_earliest <= step.at_latest and step.at_earliest < UNTIL for step in account.path)


def test_a_moment_is_at_most_a_day_wide_but_for_a_champion_who_grows(made: Company) -> None:
    wide = {a.story for a in made.accounts for s in a.path if s.at_latest - s.at_earliest >= 86_400_000}
    assert wide == {"champion leaves"}


def test_stage_paths_are_the_stages_of_the_path(made: Company) -> None:
    for account in made.accounts:
        assert account.stage_path == ["awareness", *(step.to for step in account.machine("stage"))]


def test_all_eight_stages_are_visited_and_there_are_over_a_thousand_transitions(made: Company) -> None:
    assert {stage for a in made.accounts for stage in a.stage_path} == set(MACHINES["stage"].states)
    assert sum(len(a.path) + len(MACHINES) for a in made.accounts) > 1_300


def test_each_transition_rule_of_an_account_is_fired_by_some_story(made: Company) -> None:
    fired = {(step.machine, step.name) for a in made.accounts for step in a.path}
    rules = {(machine.name, rule.name) for machine in MACHINES.values() for rule in machine.rules}
    assert rules <= fired


def test_what_must_never_happen_is_not_in_the_path(made: Company) -> None:
    for account in made.accounts:
        assert not {(step.machine, step.to) for step in account.path} & set(account.never), account.id


def test_accounts_that_look_ready_but_are_at_risk_are_told_never_to_be_ready(made: Company) -> None:
    found = of(made, "looks ready")
    assert len(found) == 2
    for account in found:
        assert ("expansion", "ready") in account.never
        assert [step.to for step in account.machine("risk")][-1] != "watch"


def test_promoters_who_never_refer_are_told_never_to_be_advocates(made: Company) -> None:
    found = of(made, "promotes only")
    assert len(found) == 2
    for account in found:
        assert ("stage", "advocacy") in account.never
        assert account.stage_path[-1] == "retention"


def test_an_account_comes_back_and_is_onboarded_again(made: Company) -> None:
    for account in of(made, "won back"):
        assert account.stage_path[-4:] == ["churn", "conversion", "onboarding", "adoption"]


def test_a_lost_deal_leads_back_to_awareness(made: Company) -> None:
    for account in of(made, "lost") + of(made, "lost after a trial"):
        assert account.stage_path == ["awareness", "consideration", "awareness"]


def test_a_year_without_a_good_word_ends_advocacy_but_not_where_there_was_one(made: Company) -> None:
    assert {a.stage_path[-1] for a in of(made, "advocates")} == {"retention"}
    assert {a.stage_path[-1] for a in of(made, "advocates again")} == {"advocacy"}


def test_a_purchase_that_is_never_used_churns_from_conversion(made: Company) -> None:
    (account,) = of(made, "never starts")
    assert account.stage_path == ["awareness", "consideration", "conversion", "churn"]


def test_the_showcase_is_told_in_its_first_seven_weeks(made: Company) -> None:
    """Written down by hand from the story, to the day."""
    script = next(a for a in made.accounts if a.id == scenario.SHOWCASE)
    days = [(step.machine, step.to, step.name, step.at_latest // 86_400_000) for step in script.path[:7]]

    def day(text: str) -> int:
        at = parse_time(text)
        assert at is not None
        return at // 86_400_000

    assert days == [
        ("stage", "consideration", "evaluates", day("2023-01-04")),
        ("stage", "conversion", "buys", day("2023-01-20")),
        ("stage", "onboarding", "starts", day("2023-01-20")),
        ("risk", "watch", "first", day("2023-02-06")),  # an unhappy survey
        ("risk", "at_risk", "many", day("2023-02-08")),  # an invoice open for ten days, and two weeks of silence
        ("stage", "adoption", "onboarded", day("2023-02-14")),
        ("risk", "healthy", "clear", day("2023-02-18")),  # three days after the better survey
    ]
    assert [(a.to, a.name) for a in script.alerts[:2]] == [
        ("opened", "account_at_risk"),
        ("resolved", "account_at_risk"),
    ]
