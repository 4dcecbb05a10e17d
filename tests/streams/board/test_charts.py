"""Charts: what is drawn is in proportion, adds up, and is said in words too."""

from __future__ import annotations

import re
from datetime import date
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.board import charts
from streams.board.charts import Flow, Line

NAMES = st.sampled_from(["began", "awareness", "activation", "<b>retention</b>", "churn", "ended"])
ORDER = ["began", "awareness", "activation", "<b>retention</b>", "churn", "ended"]


def drawn(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<root>{markup}</root>")


@given(st.dictionaries(st.tuples(NAMES, NAMES), st.integers(1, 5_000), min_size=1))
def test_a_sankeys_nodes_hold_all_that_flows_and_stay_in_the_picture(amounts: dict[tuple[str, str], int]) -> None:
    root = drawn(charts.sankey([Flow(*pair, n) for pair, n in amounts.items()], ORDER, "who moved"))
    svg = root[0]
    height = float(svg.attrib["viewBox"].split()[3])
    nodes = root.findall(".//rect")
    assert len(nodes) == len({left for left, _ in amounts}) + len({right for _, right in amounts})
    assert all(float(node.attrib["y"]) + float(node.attrib["height"]) <= height + 9 for node in nodes)
    assert all(float(node.attrib["y"]) >= -1 for node in nodes)
    told = {node.text for node in root.findall(".//path/title")}
    assert told == {f"{left} → {right}: {n:,}" for (left, right), n in amounts.items()}


def test_nothing_that_moved_is_said_and_not_drawn() -> None:
    assert "Nobody moved" in charts.sankey([], ORDER, "x")


def test_columns_are_as_tall_as_their_amounts_and_hang_where_they_are_negative() -> None:
    rects = drawn(charts.columns([[("good", 30.0), ("back", 10.0), ("bad", -10.0)]], ["Jan"], "x")).findall(".//rect")
    new, back, lost = ((float(r.attrib["y"]), float(r.attrib["height"])) for r in rects)
    assert new[1] == pytest.approx(3 * back[1])
    assert back[0] + back[1] == pytest.approx(new[0])
    assert lost[0] == pytest.approx(new[0] + new[1])
    assert lost[1] == pytest.approx(back[1])


def test_a_gap_in_a_line_is_a_gap() -> None:
    path = drawn(charts.lines([Line("a", [1.0, None, 2.0, 3.0])], ["1", "2", "3", "4"], "x")).find(".//path")
    assert path is not None
    assert path.attrib["d"].count("M") == 2


def test_a_line_of_one_point_or_none_is_no_line() -> None:
    for values in ([], [1.0]):
        assert "<svg" not in charts.spark(values, "x")


@given(st.floats(0.001, 1e9))
def test_an_axis_ends_above_the_value_and_not_far_above(value: float) -> None:
    assert value <= charts.nice(value) <= max(1.0, 10 * value)


def test_the_calendar_has_a_square_a_day_up_to_today_and_darkens() -> None:
    last = date(2024, 2, 1)
    root = drawn(charts.calendar({date(2024, 1, 31): 1, last: 8}, last, "two days", weeks=4))
    squares = root.findall(".//rect")
    assert len(squares) == 3 * 7 + last.weekday() + 1
    assert [square.attrib["class"] for square in squares[-3:]] == ["h0", "h1", "h4"]
    assert squares[-1][0].text == "Thu 01 Feb 2024: 8 acts"


def test_names_are_escaped_and_pictures_have_a_name() -> None:
    text = charts.sankey([Flow("<script>", "b", 1)], [], 'a "name"')
    assert "<script>" not in text
    assert re.search(r'role="img" aria-label="a &#34;name&#34;"', text)
