"""No number stands on a page without a test that counts it again: each place that can hold one names its test here.

A new number in a template fails until somebody writes, and names here, what vouches for it.
"""

from __future__ import annotations

from importlib import import_module

import pytest
from clickhouse_connect.driver.client import Client
from playwright.sync_api import Browser, Page

from tests.streams.board.conftest import Visit, visiting

WORDS = (
    "option", ".chart .ys", ".chart .xs", "thead", "tbody th", "h1", "h2", ".crumbs", ".found a", ".found code",
    "[aria-label=Questions]",
    "#flow-account > .sub", "#flow-user > .sub", "#trend > .sub", "#health > .sub", "#use > .sub",
)  # fmt: skip
"""Digits there are words of a template, names, or marks of an axis by which the charts' own tests read the values."""

OVERVIEW = "test_overview.test_"
ONE = "test_entity.test_"
PULSE = "test_operations.test_"
LIST = "test_numbers.test_the_list_of_accounts"
CHURN = "test_churn.test_"
AS_OF = {"#asof": PULSE + "how_long_ago_is_told_by_the_clock"}

ACCOUNTS = {
    "#list .bar-head": LIST,
    "#list .spark": OVERVIEW + "money_and_lines_of_every_account_in_the_list",
}
ACCOUNT = {
    "#standing/Stage": ONE + "where_an_account_stands_and_since_when",
    "#standing/Risk": ONE + "where_an_account_stands_and_since_when",
    "#why": ONE + "open_alerts_say_since_when_until_when_and_why",
    "#use svg": ONE + "the_lines_of_an_account_are_its_mornings",
    "#use .facts": "test_numbers.test_an_accounts_people_and_what_is_counted_of_them",
    "#people .questions": ONE + "the_counts_above_the_people_are_the_lengths_of_their_lists",
    "#people/Last active": "test_numbers.test_an_accounts_people_and_what_is_counted_of_them",
    "#steps": ONE + "an_accounts_journey_and_its_peoples_step_by_step",
    "#moves": ONE + "an_accounts_journey_and_its_peoples_step_by_step",
    "#closed": ONE + "alerts_that_ended_with_when_and_how",
}
USER = {
    "#standing/Stage": ONE + "a_users_page_number_by_number",
    "#standing/Risk": ONE + "a_users_page_number_by_number",
    "#habit": ONE + "a_users_page_number_by_number",
    "#steps": ONE + "a_users_page_number_by_number",
    "#events": ONE + "a_users_page_number_by_number",
}
STAGES = {
    f"#stages/{column}": OVERVIEW + "a_funnel_says_how_many_of_the_stage_before_came_on"
    for column in ("Reached", "Of previous", "Here now")
}
FUNNELS = {
    f"#funnel-{kind}/{column}": OVERVIEW + "a_funnel_says_how_many_of_the_stage_before_came_on"
    for kind in ("account", "user")
    for column in ("Reached", "Of previous", "Here now")
}
COMPANY = {
    "/": {
        "#tiles .big": "test_figures.test_the_tiles_are_what_the_transitions_say",
        **{f"#tiles/{name}": OVERVIEW + "the_small_print_of_the_tiles"
           for name in ("Accounts", "Users", "At risk", "Revenue a month", "Open alerts")},
        **FUNNELS,
        "#trend svg": OVERVIEW + "the_trend_is_who_stood_at_risk_each_evening",
        "#worst/MRR": "test_numbers.test_the_largest_at_risk_are_those_of_the_list",
        "#worst/Why": "test_numbers.test_the_largest_at_risk_are_those_of_the_list",
        "#worst/Renews": OVERVIEW + "the_largest_at_risk_have_their_renewal_and_owner",
        "#feed li": OVERVIEW + "the_feed_has_nothing_older_than_what_it_leaves_out",
        **{f"#flow-{kind} {place}": OVERVIEW + "what_flows_is_drawn_as_it_is_counted"
           for kind in ("account", "user") for place in ("svg", "td")},
    },
    "/accounts": {
        **ACCOUNTS,
        "#list/Why": OVERVIEW + "why_is_what_holds_or_what_held_when_the_gravest_alert_was_opened",
        "#list/MRR": OVERVIEW + "money_and_lines_of_every_account_in_the_list",
        **{f"#list/{column}": LIST for column in ("Health", "Active this week", "Executive seen", "Renews")},
    },
    "/account/a-ashdown": {
        **ACCOUNT,
        "#standing/Expansion": ONE + "where_an_account_stands_and_since_when",
        "#standing/Contract": "test_numbers.test_an_accounts_people_and_what_is_counted_of_them",
        "#people/Setup": ONE + "what_is_said_of_each_member",
        "#health .chart svg": ONE + "the_lines_of_an_account_are_its_mornings",
        "#health h2 .score": ONE + "the_parts_of_the_health_on_the_page",
        **{f"#health/{column}": ONE + "the_parts_of_the_health_on_the_page" for column in ("Weight", "Value", "Points")},
    },
    "/user/{open}": {**USER, ".alarm": ONE + "a_users_page_number_by_number"},
    "/journeys": {
        **STAGES,
        "#stages/Stay, median": "test_numbers.test_cohorts_growth_and_stay",
        "#stages/Stay, p90": "test_numbers.test_cohorts_growth_and_stay",
        "#curve svg": "test_numbers.test_the_retention_curve_is_who_was_there_of_all_who_started",
        "#growth svg": "test_numbers.test_the_retention_curve_is_who_was_there_of_all_who_started",
        "#growth td": "test_numbers.test_cohorts_growth_and_stay",
        **{f"#{card} .sub": "test_numbers.test_cohorts_growth_and_stay" for card in ("curve", "growth", "cohorts")},
        "#cohorts td": "test_numbers.test_cohorts_growth_and_stay",
        "#power svg": "test_numbers.test_how_often_people_act",
        "#power .sub": "test_numbers.test_how_often_people_act",
    },
    "/operations": {
        "#pulse/Stored last": PULSE + "how_long_ago_is_told_by_the_clock",
        "#pulse/Event time is behind by": PULSE + "how_long_ago_is_told_by_the_clock",
        "#pulse/Found out to stored": PULSE + "latency_is_the_median_the_95th_and_the_99th_of_a_hundred",
        "#pulse/Dead letters": PULSE + "dead_letters_are_counted_once_each_by_topic_and_reason",
        "#pulse/Definition": PULSE + "definitions_are_listed_and_another_one_than_the_boards_is_said",
        "#throughput svg": PULSE + "events_are_counted_by_the_minute_in_which_they_were_stored",
        "#stock/Entries − exits": "test_figures.test_operations_adds_up_and_counts_what_is_stored",
        "#stock/Living": "test_figures.test_operations_adds_up_and_counts_what_is_stored",
        "#selections/Last 24 h": OVERVIEW + "every_selection_matched_what_the_core_says_it_does",
        "#selections/A day before": OVERVIEW + "every_selection_matched_what_the_core_says_it_does",
        "#selections > .sub": OVERVIEW + "every_selection_matched_what_the_core_says_it_does",
        "#definitions": PULSE + "definitions_are_listed_and_another_one_than_the_boards_is_said",
        "#held/Rows stored": "test_figures.test_operations_adds_up_and_counts_what_is_stored",
        "#held/MB": PULSE + "what_clickhouse_holds_is_told_in_rows_and_megabytes",
    },
    "/find?q=ash": {"main .card > .sub": OVERVIEW + "a_search_says_how_many_it_found"},
}  # fmt: skip
COMMUNITY = {
    "/accounts?sort=churn": {
        **ACCOUNTS,
        "#list .spark": CHURN + "the_line_in_the_list_is_the_probability_and_red_where_it_rose",
        "#list/Why": OVERVIEW + "why_is_what_holds_or_what_held_when_the_gravest_alert_was_opened",
        "#list/Churn": CHURN + "the_list_sorts_by_churn_over_all_its_pages",
        "#list .pages": CHURN + "the_list_sorts_by_churn_over_all_its_pages",
    },
    "/account/linkedin.com": {
        **ACCOUNT,
        "#standing/Churn probability": CHURN + "an_accounts_page_has_the_probability_and_its_history",
        "#health svg": CHURN + "an_accounts_page_has_the_probability_and_its_history",
    },
    "/user/{known}": {
        **USER,
        "#standing/Churn probability": CHURN + "a_users_page_has_the_probability_and_says_of_when_it_is",
    },
}
"""{page: {a place where numbers stand: the test that counts them again}}. After a `/`: the column, or the tile's name."""

NUMBERS = """([vouched, words]) => {
    const called = element => {
        const cell = element.closest('td'), tile = element.closest('.tile');
        const named = cell ? cell.closest('table').tHead.rows[0].cells[cell.cellIndex] : tile && tile.querySelector('h2');
        return named ? named.textContent.replace(/[↓↑]/g, '').trim() : '';
    };
    const at = (element, place) => {
        const [where, name] = place.split('/');
        return element.closest(where) && (!name || called(element) === name);
    };
    const bare = [], used = new Set(), texts = [];
    const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) texts.push([walker.currentNode.parentElement, walker.currentNode.data]);
    document.querySelectorAll('main [aria-label]').forEach(one => texts.push([one, one.getAttribute('aria-label')]));
    for (const [element, text] of texts.filter(([, text]) => /[0-9]/.test(text))) {
        const by = vouched.filter(place => at(element, place));
        by.forEach(place => used.add(place));
        if (!by.length && !words.some(place => element.closest(place)))
            bare.push(`${text.trim()} in #${(element.closest('[id]') || element).id} ${called(element)} ${element.tagName}`);
    }
    return [bare, vouched.filter(place => !used.has(place))];
}"""


def unvouched(page: Page, places: dict[str, str]) -> list[list[str]]:
    """(numbers that stand where nobody vouches for them, places where no number stands)."""
    found: list[list[str]] = page.evaluate(NUMBERS, [[*AS_OF, *places], [*WORDS]])
    return found


@pytest.mark.parametrize("path", COMPANY)
def test_every_number_on_a_page_has_a_test_that_counts_it_again(visit: Visit, company: Client, path: str) -> None:
    ((user,),) = company.query(
        "SELECT entity FROM open_alerts WHERE kind = 'user' ORDER BY opened_at, entity LIMIT 1"
    ).result_rows
    assert unvouched(visit.go(path.format(open=user)), COMPANY[path]) == [[], []]


def test_so_has_every_number_where_there_is_a_churn_probability(
    browser: Browser, community: Client, community_board: str
) -> None:
    ((user,),) = community.query(
        "SELECT entity FROM entities FINAL WHERE kind = 'user' AND NOT gone AND JSONHas(measures, 'churn_90')"
        " AND states['stage'] = 'retention' ORDER BY entity LIMIT 1"
    ).result_rows
    with visiting(browser, community_board) as visit:
        for path, places in COMMUNITY.items():
            bare, _ = unvouched(visit.go(path.format(known=user)), places)
            assert bare == []


def test_a_number_that_nobody_vouches_for_is_found(visit: Visit) -> None:
    page = visit.go("/find?q=ash")
    page.evaluate("document.querySelector('main .head').insertAdjacentHTML('beforeend', '<p>and 7 more</p>')")
    bare, _ = unvouched(page, COMPANY["/find?q=ash"])
    assert bare == ["and 7 more in #main  P"]


def test_every_test_that_vouches_for_a_number_exists() -> None:
    named = {
        test
        for pages in (COMPANY, COMMUNITY)
        for places in pages.values()
        for test in (*places.values(), *AS_OF.values())
    }
    for module, _, name in (test.partition(".") for test in named):
        assert callable(getattr(import_module(f"tests.streams.board.{module}"), name))
