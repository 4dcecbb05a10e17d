"""What a definition says is told in the language it is written in: read again, the words mean the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from schemas.definition import words
from schemas.definition.differ import differences
from schemas.definition.digest import plain
from schemas.definition.expression import And, Guard, Not, Or
from schemas.definition.parse import parse
from tests.schemas.definition.writing import BASE, probe, with_guard, with_line
from tests.strategies.definitions import guards

NAMES = {"core_7": ("count", ""), "weeks": ("count", ""), "contract": ("flag", ""), "first_seen": ("first", "")}
MORE = ("stage == churn", "stage in [churn, activation]", "stage not in [churn]", "silent", "count(signals) >= 1",
        "in_state >= 36h", "reached(at_risk)", "0d <= until(renews) <= 90d", "plan == 'pro'", "not known(nps)")  # fmt: skip


@given(guards(NAMES, MORE))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_condition_in_words_is_the_same_condition(text: str) -> None:
    guard = probe(text)
    assert plain(flat(probe(words.condition(guard)))) == plain(flat(guard))  # type: ignore[arg-type]


def flat(guard: Guard) -> Guard:
    """Without an `and` right inside an `and`, which brackets or a chain such as `a <= b <= c` leave behind."""
    match guard:
        case And(items) | Or(items):
            kind = type(guard)
            below = [flat(item) for item in items]
            return kind(tuple(i for item in below for i in (item.items if isinstance(item, kind) else (item,))))
        case Not(item):
            return Not(flat(item))
    return guard


@pytest.mark.parametrize(
    "text", ["idle + 1d >= 36h", "core_7 / (weeks + 1) > 0.5", "max(core_7, weeks) - 1 >= 2", "not (silent or thin)"]
)
def test_an_expression_in_words_is_the_same_expression(text: str) -> None:
    assert words.condition(probe(text)) == text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ms", "said"), [(1_209_600_000, "14d"), (129_600_000, "36h"), (90_000, "90s"), (60_000, "1m"), (0, "0d")]
)
def test_a_duration_is_written_as_the_language_writes_it(ms: int, said: str) -> None:
    assert words.duration(ms) == said


# --- what differs between two definitions ---


def differs(text: str) -> list[str]:
    return [difference.text() for difference in differences(parse(BASE), parse(text))]


def test_layout_order_of_keys_and_the_version_are_no_difference() -> None:
    assert differs("# a comment\n" + BASE.replace("version: 1", "version: 9").replace("  few: 3\n", "")) == []


def test_a_param_is_told_where_it_is_used() -> None:
    assert differs(BASE.replace("quiet: 14d", "quiet: 15d")) == ["user.signals.silent: idle >= 14d; now idle >= 15d"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (with_line("measures", "    more: {distinct: properties.x, of: core, cap: 9, publish: true}"),
         "user.measures.more: new: distinct properties.x of core cap 9"),
        (BASE.replace("core_7: {count: core, within: 7d}", "core_7: {count: core, within: 8d}"),
         "user.measures.core_7: count of core within 7d; now count of core within 8d"),
        (BASE.replace("core: {name: Report Created}", "core: {name: [Report Created, X], place: product}"),
         "events.core: name Report Created; now name Report Created, X; place product"),
        (with_guard("weeks >= 2"), "user.risk: transition probe: new: healthy -> at_risk when weeks >= 2"),
        (BASE.replace(", hold: 1d", ", hold: 2d"),
         "user.risk: transition back: at_risk -> healthy when count(signals) == 0, held for 1d; "
         "now at_risk -> healthy when count(signals) == 0, held for 2d"),
        (BASE.replace("states: [healthy, at_risk]", "states: [healthy, watch, at_risk]"),
         "user.risk.states: [healthy, at_risk]; now [healthy, watch, at_risk]"),
        (BASE.replace("    thin: core_7 < 2\n", ""), "user.signals.thin: gone: core_7 < 2"),
        (BASE.replace("activity: active", "activity: core"), "user.activity: active; now core"),
    ],
)  # fmt: skip
def test_each_difference_is_told_with_its_place_and_both_sides(text: str, told: str) -> None:
    assert told in differs(text)


ACCOUNT = """\
account:
  measures:
    n: {members: {}}
  stage:
    states: [a, b]
    transitions:
      - {name: x, from: a, to: b, when: n >= 1}
"""


def test_a_section_that_only_one_has_is_told() -> None:
    assert differs(BASE + ACCOUNT) == ["account: new: a section"]
