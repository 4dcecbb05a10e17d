"""Too many dead letters: counted by source, over records and not over time, and told before anything is committed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.dead_limit import DeadLimit, TooManyDead, dead_offsets
from streams.delivery.contracts import Dead, Output, Record
from streams.delivery.dead import dead_letter
from streams.settings import DeadLetterLimits

MISLEADING = (("topic", b"another"), ("offset", b"77"))
"""Headers that the original record may well have: ours come first and are the ones that count."""


def slice_of(topic: str, begin: int, dead: list[bool], partition: int = 0) -> tuple[list[Record], list[Output]]:
    records = [Record(topic, partition, begin + n, 0, None, b"{", MISLEADING) for n in range(len(dead))]
    letters = [dead_letter(r, topic, 0, Dead("not_json", "")) for r, bad in zip(records, dead, strict=True) if bad]
    return records, [Output("events", b"k", b"v"), *letters]


def limit(**limits: int) -> DeadLimit:
    return DeadLimit(DeadLetterLimits(**limits), lambda topic: topic != "ours")


def stops_at(dead: list[bool], slices: int = 7, **limits: int) -> int | None:
    """The number of the record at which a worker stops."""
    judge = limit(**limits)
    for begin in range(0, len(dead), slices):
        try:
            judge.look("clicks", *slice_of("clicks", begin, dead[begin : begin + slices]))
        except TooManyDead as problem:
            return int(str(problem).split("offset ")[1].split(".")[0])
    return None


def test_a_letter_is_found_by_our_own_headers_and_only_in_its_topic() -> None:
    _, outputs = slice_of("clicks", 40, [False, True])
    assert dead_offsets("clicks", outputs) == {41: "not_json"}
    assert dead_offsets("another", outputs) == {}


def test_a_run_of_dead_letters_stops_and_says_what_to_do() -> None:
    judge = limit(run=3)
    judge.look("clicks", *slice_of("clicks", 0, [True, True, False]))
    judge.look("clicks", *slice_of("clicks", 3, [True, True]))
    with pytest.raises(TooManyDead) as caught:
        judge.look("clicks", *slice_of("clicks", 5, [True]))
    said = str(caught.value)
    assert "too many dead letters from clicks: 3 records of partition 0 one after the other" in said
    assert "not_json, at partition 0, offset 5" in said
    assert "journeys dead-letters ls" in said


def test_runs_of_two_partitions_are_two_runs_and_one_ratio() -> None:
    judge = limit(run=3, window=100)
    for begin in (0, 1):
        for partition in (0, 1):
            judge.look("clicks", *slice_of("clicks", begin, [True], partition))
    judge = limit(run=0, window=4)
    judge.look("clicks", *slice_of("clicks", 0, [True, False], 0))
    with pytest.raises(TooManyDead, match="3 of the last 4 records"):
        judge.look("clicks", *slice_of("clicks", 0, [True, True], 1))


def test_one_source_does_not_stop_for_another_and_ours_are_not_judged() -> None:
    judge = limit(run=3)
    for topic in ("clicks", "crm"):
        judge.look(topic, *slice_of(topic, 0, [True, True]))
    judge.look("ours", *slice_of("ours", 0, [True] * 50))


def test_no_limit_lets_all_through() -> None:
    assert stops_at([True] * 5_000, slices=100, run=0, ratio=100) is None


@given(
    st.lists(st.booleans(), max_size=60), st.integers(1, 9), st.integers(0, 5), st.integers(0, 100), st.integers(1, 20)
)
def test_it_stops_where_counting_from_the_beginning_says(
    dead: list[bool], slices: int, run: int, ratio: int, window: int
) -> None:
    def over(n: int) -> bool:
        past = dead[: n + 1]
        in_a_row = len(past) - max((i + 1 for i, bad in enumerate(past) if not bad), default=0)
        long = bool(run) and in_a_row >= run
        return past[-1] and (long or (len(past) >= window and 100 * sum(past[-window:]) > ratio * window))

    expected = next((n for n in range(len(dead)) if over(n)), None)
    assert stops_at(dead, slices, run=run, ratio=ratio, window=window) == expected
