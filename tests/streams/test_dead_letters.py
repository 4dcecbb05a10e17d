"""What a replay of dead letters sends: one record for all letters of a record, never twice, never to topics of ours."""

from __future__ import annotations

from schemas.deadletter import DeadLetter, dead_letter_id
from streams.dead_letters import Filter, Found, Note, plan
from streams.settings import Settings

SETTINGS = Settings(prefix="acme.")


def letter(topic: str = "clicks", offset: int = 0, index: int = 0, reason: str = "not_json", at: int = 0) -> Found:
    name = dead_letter_id(topic, 0, offset, index)
    return Found(DeadLetter(name, reason, "", topic, 0, offset, index, 0, b"k", b"v"), at)


def test_items_of_one_record_are_sent_once_and_all_noted() -> None:
    found = [letter(offset=1, index=0), letter(offset=1, index=2), letter(offset=2)]
    made = plan(found, {}, SETTINGS, None, again=False)
    assert [(one.to, one.letter.offset, len(one.ids)) for one in made.sendings] == [("clicks", 1, 2), ("clicks", 2, 1)]


def test_a_copy_of_a_letter_is_the_same_letter() -> None:
    assert len(plan([letter(), letter()], {}, SETTINGS, None, again=False).sendings[0].ids) == 1


def test_what_was_sent_is_not_sent_again_unless_asked() -> None:
    found = [letter(offset=1), letter(offset=2)]
    notes = {found[0].letter.id: Note(5, "clicks")}
    made = plan(found, notes, SETTINGS, None, again=False)
    assert ([one.letter.offset for one in made.sendings], made.sent_before) == ([2], 1)
    assert len(plan(found, notes, SETTINGS, None, again=True).sendings) == 2


def test_what_comes_from_a_topic_of_ours_is_sent_only_to_a_topic_that_is_named() -> None:
    made = plan([letter("acme.events")], {}, SETTINGS, None, again=False)
    assert (made.sendings, made.ours) == ([], 1)
    assert plan([letter("acme.events")], {}, SETTINGS, "elsewhere", again=False).sendings[0].to == "elsewhere"


def test_a_filter_takes_what_fits_in_all_ways() -> None:
    one = letter(reason="bad_time", at=100)
    assert Filter().takes(one)
    assert Filter("bad_time", "clicks", 100, 101, frozenset({one.letter.id})).takes(one)
    for other in (
        Filter("future"),
        Filter(topic="crm"),
        Filter(since=101),
        Filter(until=100),
        Filter(ids=frozenset("x")),
    ):
        assert not other.takes(one)
