"""The community's data: what its note says it is."""

from __future__ import annotations

import hashlib

import orjson

from deploy.demo import community

DIGEST = "ada01e7baf120c746f84b3ab1585c962245093f9966148220f1625e7f2082f16"


def test_the_file_is_the_one_that_the_figures_were_counted_on() -> None:
    assert hashlib.sha256(community.PATH.read_bytes()).hexdigest() == DIGEST


def test_it_holds_what_the_note_says_in_order_of_time() -> None:
    events = [orjson.loads(line) for line in community.events()]
    times = [event["at"] for event in events]
    assert len(events) == community.EVENTS
    assert len({event["user"] for event in events}) == community.PEOPLE
    assert len({event["account"] for event in events} - {None}) == community.ACCOUNTS
    assert times == sorted(times)
    assert times[-1] * 1000 < community.until() <= times[-1] * 1000 + 86_400_000


def test_the_note_gives_the_same_figures() -> None:
    note = (community.PATH.parent / "NOTE.md").read_text()
    for figure in (community.EVENTS, community.PEOPLE, community.ACCOUNTS):
        assert f"{figure:,}" in note
