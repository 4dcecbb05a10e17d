"""A look at a sample says what it holds, and from which source it is."""

from __future__ import annotations

import orjson

from streams.commands.sample import guess, look
from tests.streams.commands import tiny

SEGMENT = [
    {"type": "track", "event": "Report Created", "userId": "u1", "messageId": "m1", "timestamp": "2024-01-01T00:00:00Z"},
    {"type": "identify", "userId": "u1", "messageId": "m2", "timestamp": "2024-01-02T00:00:00Z", "traits": {"title": "CTO"}},
    {"type": "group", "userId": "u1", "groupId": "acme", "messageId": "m3", "timestamp": "2024-01-09T00:00:00Z",
     "traits": {"plan": "pro"}},
]  # fmt: skip


def test_names_people_and_accounts_are_counted() -> None:
    sample = look(tiny.lines(tiny.ada()), "canonical")
    assert sample.names == {"Signed Up": 2, "Report Created": 2}
    assert (sample.records, sample.events) == (4, 4)
    assert (sample.users, sample.accounts) == ({"ada", "bob"}, {"acme"})


def test_only_users_seen_with_an_account_count_as_having_one() -> None:
    events = [*tiny.ada(), tiny.event(9, "Signed Up", "eve", 3)]
    assert look(tiny.lines(events), "canonical").users_with_account == {"ada", "bob"}


def test_what_cannot_be_decoded_is_counted_by_reason() -> None:
    sample = look(tiny.BAD, "canonical")
    assert (sample.records, sample.events) == (4, 0)
    assert sample.failures == {"bad_time": 1, "not_json": 1, "wrong_type": 1, "not_utf8": 1}


def test_traits_of_people_and_of_accounts_are_kept_apart() -> None:
    sample = look([orjson.dumps(record) for record in SEGMENT], "segment")
    assert sample.traits == {"title": 1}
    assert sample.account_traits == {"plan": 1}


def test_the_span_is_a_week_at_least() -> None:
    assert look(tiny.lines(tiny.ada()[:2]), "canonical").weeks == 1
    assert look(tiny.lines(tiny.ada()), "canonical").weeks == 40 / 7


def test_the_source_that_reads_most_is_guessed() -> None:
    assert guess([orjson.dumps(record) for record in SEGMENT]) == "segment"
    assert guess([*tiny.lines(tiny.ada()), *tiny.BAD]) == "canonical"
