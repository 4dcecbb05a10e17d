"""A source partition's time: what was read, and wall speed while a live partition is quiet. Never the wall itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.clock import LONGEST_STEP, ClockSettings, SourceClock
from streams.delivery.contracts import NOTHING_YET

HOUR = 3_600_000
NOW = 1_700_000_000_000


def live(clock: SourceClock, at: int = NOW) -> None:
    clock.read(at, at + 500, at)


def pass_time(clock: SourceClock, begin: int, seconds: int, caught_up: bool = True) -> None:
    for tick in range(0, seconds * 1000 + 1, 100):
        clock.tick(begin + tick, caught_up)


def test_before_any_record_there_is_no_time() -> None:
    clock = SourceClock(ClockSettings())
    pass_time(clock, NOW, 60)
    assert clock.watermark == NOTHING_YET


def test_the_newest_event_time_read_is_the_watermark_and_late_ones_do_not_set_it_back() -> None:
    clock = SourceClock(ClockSettings())
    live(clock, NOW)
    live(clock, NOW - 5_000)
    assert clock.watermark == NOW


def test_a_quiet_live_partition_goes_on_at_wall_speed_after_a_second() -> None:
    clock = SourceClock(ClockSettings())
    live(clock)
    pass_time(clock, NOW + 2_000, 11)
    assert clock.watermark == NOW + 10_000


def test_a_backfill_of_old_history_read_to_its_end_makes_nobody_older() -> None:
    """Its records reach Kafka now and tell of years ago, again and again."""
    clock = SourceClock(ClockSettings())
    for day in range(5):
        at = NOW - 1000 * 24 * HOUR + day * 24 * HOUR
        clock.read(at, NOW + day * 10_000, at)
        pass_time(clock, NOW + day * 10_000, 9)
        assert clock.watermark == at


def test_a_wall_clock_that_is_set_back_stops_nobody() -> None:
    """Found by the simulation: an hour back, and for an hour no time passed."""
    clock = SourceClock(ClockSettings())
    clock.read(NOW - 2 * HOUR, NOW - 2 * HOUR + 500, NOW - 2 * HOUR)
    pass_time(clock, NOW - 1000, 5)
    pass_time(clock, NOW - HOUR, 11)
    assert clock.watermark >= NOW - 2 * HOUR + 10_000


def test_a_partition_that_is_behind_or_held_back_stands_still() -> None:
    clock = SourceClock(ClockSettings())
    live(clock)
    pass_time(clock, NOW, 60, caught_up=False)
    assert clock.watermark == NOW


def test_an_outage_does_not_pass_as_quiet_time() -> None:
    """Three days without a tick are one step of five seconds, not three days of silence."""
    clock = SourceClock(ClockSettings())
    live(clock)
    pass_time(clock, NOW, 10)
    before = clock.watermark
    clock.tick(NOW + 72 * HOUR, True)
    assert clock.watermark == before + LONGEST_STEP


def test_the_wall_switched_off_ends_time_at_the_last_watermark() -> None:
    clock = SourceClock(ClockSettings(wall=False))
    live(clock)
    pass_time(clock, NOW, 60)
    assert clock.watermark == NOW


def test_a_promise_ends_time_exactly_there() -> None:
    clock = SourceClock(ClockSettings())
    live(clock)
    clock.promise(NOW + HOUR)
    pass_time(clock, NOW + 2 * HOUR, 60)
    assert clock.watermark == NOW + HOUR


def test_a_restart_goes_on_from_the_last_watermark_at_wall_speed() -> None:
    clock, again = SourceClock(ClockSettings()), SourceClock(ClockSettings())
    live(clock)
    again.load(clock.dump())
    pass_time(again, NOW + 72 * HOUR, 11)
    assert again.watermark == NOW + 10_000


@given(
    st.lists(
        st.tuples(st.sampled_from(["read", "tick", "promise"]), st.integers(0, 100_000), st.booleans()), max_size=30
    )
)
def test_time_never_goes_back_and_never_outruns_wall_and_events(steps: list[tuple[str, int, bool]]) -> None:
    clock = SourceClock(ClockSettings(idle_after=0))
    now, newest = NOW, NOTHING_YET
    for kind, amount, flag in steps:
        before = clock.watermark
        if kind == "tick":
            now += amount
            clock.tick(now, flag)
        elif kind == "read":
            at = now - amount
            newest = max(newest, at)
            clock.read(at, now, at)
        else:
            newest = max(newest, now - amount)
            clock.promise(now - amount)
        assert clock.watermark >= before
        assert clock.watermark <= max(newest, now)
