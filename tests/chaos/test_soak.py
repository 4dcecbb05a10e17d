"""What the soak says of memory: a process that was started anew is no leak, and no cure for one either."""

from __future__ import annotations

from tests.chaos.soak import Note, about_memory, slope


def life(pid: int, begin: float, minutes: int, resident: float, growth: float) -> list[Note]:
    """Notes of one process, ten seconds apart, from its start; `growth`: MiB a minute."""
    return [Note(begin + 10 * n, "sink", pid, resident + growth * n / 6) for n in range(minutes * 6)]


def test_processes_that_begin_small_and_stay_as_they_are_have_no_slope() -> None:
    assert abs(slope(life(1, 0, 5, 100, 0) + life(2, 300, 5, 80, 0) + life(3, 600, 5, 120, 0))) < 1e-9


def test_a_leak_shows_however_often_the_process_is_started_anew() -> None:
    notes = [note for n in range(6) for note in life(n, n * 300, 5, 100, 2.0)]
    assert abs(slope(notes) - 2.0) < 1e-9
    assert about_memory("sink", notes) == (
        "sink: at most 110 MiB, slope +2.00 MiB a minute; the longest life, in quarters of 1.0 minutes: 102, 104, 106, 108, 110 MiB"
    )


def test_the_first_minute_of_each_process_does_not_count() -> None:
    notes = life(1, 0, 1, 50, 60.0) + [Note(60 + n, "sink", 1, 200) for n in range(120)]
    assert slope(notes) == 0
    assert about_memory("sink", life(1, 0, 1, 50, 0)) == "sink: at most 50 MiB; no process lived for more than a minute"
