"""A partition changes its definition at a batch boundary, each entity once, whatever crashes on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from streams.delivery import record as rec
from streams.delivery.contracts import Beside, Output, TakenOver, UnknownDefinition
from streams.delivery.settings import TaskSettings
from streams.delivery.table import Change
from streams.delivery.versions import MOST, Versions
from tests.simulation.toys import CountingUsers
from tests.streams.delivery.harness import SETTINGS, Driven, event

PEOPLE = [f"u{n}" for n in range(7)]


class Successor(CountingUsers):
    """Counting users under a later definition: takes over those of `a`, whose counts go on, and says so once each."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, int]] = []

    def former(self, text: bytes) -> Any:
        if text == b"text of a":
            return "the way from a"
        if text in (b"text of b", b"another text of b"):
            return None
        raise UnknownDefinition(f"kept under {text.decode()!r}, which b does not know")

    def take_over(self, former: Any, key: bytes, payload: bytes, boundary: int, now: int, beside: Beside) -> TakenOver:
        self.taken.append((key, boundary))
        entity = self.load(key, payload)
        numbers = sorted(beside.all())
        return TakenOver(
            entity, [Output("transitions.user", key, b"taken over at %d" % boundary)], [(b"old", b"".join(numbers))]
        )


def under(digest: str, **more: Any) -> TaskSettings:
    return replace(SETTINGS, definition=digest, text=f"text of {digest}".encode(), **more)


def kept_under_a() -> Driven:
    """A partition of seven people, all written down."""
    driven = Driven(settings=under("a")).take_over()
    driven.take(*(event(n, user, 100 + n) for n, user in enumerate(PEOPLE)))
    driven.do(driven.task.drain(0))
    return driven


def successor(log: list[Change], logic: Successor | None = None, generation: int = 2, **more: Any) -> Driven:
    return Driven(list(log), generation, settings=under("b", **more), logic=logic or Successor()).take_over()


def taken_over(driven: Driven) -> list[bytes | None]:
    return [o.key for o in driven.published if o.value is not None and o.value.startswith(b"taken over")]


def finish(driven: Driven) -> Driven:
    for _ in range(20):
        driven.tick(100)
    return driven


def numbers(log: list[Change]) -> dict[bytes, int]:
    """{entity: number of the definition that its newest record is kept under}."""
    return {key: rec.version_of(value) for key, value in log if key.startswith(b"e:") and value is not None}


def test_every_entity_is_taken_over_once_as_of_what_had_been_read() -> None:
    logic = Successor()
    driven = finish(successor(kept_under_a().log, logic))
    assert sorted(key for key, _ in logic.taken) == sorted(user.encode() for user in PEOPLE)
    assert {boundary for _, boundary in logic.taken} == {106}
    assert len(taken_over(driven)) == len(PEOPLE)
    assert set(numbers(driven.log).values()) == {1}


def test_it_is_done_in_slices_before_anything_newer_is_told_to_receivers() -> None:
    logic = Successor()
    driven = successor(kept_under_a().log, logic, timer_slice=2)
    driven.tick(100)
    assert len(logic.taken) == 2
    assert driven.task.backlog


def test_an_entity_that_an_event_reaches_first_is_taken_over_before_the_event() -> None:
    logic = Successor()
    driven = successor(kept_under_a().log, logic, timer_slice=0)
    driven.take(event(7, "u3", 150))
    assert logic.taken == [(b"u3", 106)]
    first = next(o for o in driven.published if o.key == b"u3")
    assert first.value == b"taken over at 106"
    assert driven.task.payload(b"u3") is not None
    assert driven.task.payload(b"u4") is None  # still as the other definition wrote it


def test_after_a_crash_half_way_the_rest_is_taken_over_as_of_the_same_instant() -> None:
    begun = successor(kept_under_a().log, timer_slice=1)
    begun.tick(100)
    begun.take(event(7, "late", 500))  # time goes on meanwhile
    begun.tick(2_000)
    half = {key for key, number in numbers(begun.log).items() if number == 1} - {b"e:late"}
    assert len(half) == 3
    logic = Successor()
    again = finish(successor(begun.log, logic, generation=3))
    assert {boundary for _, boundary in logic.taken} == {106}
    assert {b"e:" + key for key, _ in logic.taken}.isdisjoint(half)
    assert set(numbers(again.log).values()) == {1}


def test_what_a_crash_left_unpublished_is_sent_again_byte_for_byte() -> None:
    crashed = successor(kept_under_a().log)
    work = crashed.task.tick(100, ("direct",))
    assert work is not None
    crashed.append(work)  # and no further
    again = successor(crashed.log, generation=3)
    assert [o for o in again.published if o.topic == "transitions.user"] == [
        o for o in work.outputs if o.topic == "transitions.user"
    ]


def test_a_definition_that_is_not_known_is_refused_with_the_reason_and_the_place() -> None:
    driven = Driven(settings=under("z")).take_over()
    driven.take(event(0, "ann", 100))
    driven.do(driven.task.drain(0))
    with pytest.raises(UnknownDefinition, match="users, partition 0, is kept under 'text of z', which b does not know"):
        successor(driven.log)


def test_a_partition_whose_definition_was_never_written_down_is_refused() -> None:
    driven = Driven(settings=replace(SETTINGS, definition="a")).take_over()
    driven.take(event(0, "ann", 100))
    driven.do(driven.task.drain(0))
    with pytest.raises(UnknownDefinition, match="kept under definition 'a', whose text its changelog does not hold"):
        successor(driven.log)


def test_an_older_worker_refuses_what_a_newer_one_has_taken_over() -> None:
    taken = finish(successor(kept_under_a().log))
    with pytest.raises(UnknownDefinition):
        Driven(list(taken.log), 3, settings=under("a"), logic=Backward()).take_over()


class Backward(CountingUsers):
    def former(self, text: bytes) -> Any:
        raise UnknownDefinition(f"kept under {text.decode()!r}")


def test_the_same_definition_under_another_digest_is_no_change() -> None:
    """A later program may hash a definition otherwise: nothing is taken over then."""
    driven = Driven(settings=replace(SETTINGS, definition="b before", text=b"another text of b")).take_over()
    driven.take(event(0, "ann", 100))
    driven.do(driven.task.drain(0))
    logic = Successor()
    again = finish(successor(driven.log, logic))
    assert logic.taken == []
    assert again.task.payload(b"ann") is not None


def test_the_definition_in_force_is_written_down_once() -> None:
    driven = finish(successor(kept_under_a().log))
    again = finish(successor(driven.log, generation=3))
    assert [value for key, value in again.log if key == b"d:b"] == [rec.encode_tagged(2, b"text of b")]


def test_a_zombies_definition_record_does_no_harm() -> None:
    """Whoever wrote the text, the digest is its name: it is written again in the owner's name."""
    driven = kept_under_a()
    log = [*driven.log, (b"c:", rec.encode_tagged(9)), (b"d:a", rec.encode_tagged(1, b"text of a"))]
    again = successor(log, generation=10)
    assert (b"d:a", rec.encode_tagged(10, b"text of a")) in again.log


class Crowded(Successor):
    """Rewrites ten thousand records beside each entity that it takes over."""

    def take_over(self, former: Any, key: bytes, payload: bytes, boundary: int, now: int, beside: Beside) -> TakenOver:
        taken = super().take_over(former, key, payload, boundary, now, beside)
        return taken._replace(beside=[(b"m:%d" % n, b"renamed") for n in range(10_000)])


def test_a_crowd_beside_an_entity_is_written_in_groups_that_a_broker_takes_before_the_entity_itself() -> None:
    driven = successor(kept_under_a().log, Crowded(), timer_slice=1)
    work = driven.task.tick(100, ("direct",))
    assert work is not None
    sizes = [sum(len(key) + len(value or b"") for key, value in group) for group in work.changelog]
    assert max(sizes) < 500_000
    names = [[key[:2] for key, _ in group] for group in work.changelog]
    assert [group for group in names if b"e:" in group] == [names[5]]  # after five groups of two thousand
    driven.append(work)
    assert sum(value is not None and value.endswith(b"renamed") for _, value in driven.log) == 10_000


# --- the numbers ---


def test_a_definition_keeps_its_number_and_a_new_one_gets_the_next() -> None:
    first = Versions("a")
    assert first.load({}, 5, set())
    second = Versions("b")
    assert second.load(first.dump(), 9, {0})
    assert (second.current, second.begun, second.of(0)) == (1, 9, "a")
    same = Versions("b")
    assert not same.load(second.dump(), 20, {0, 1})
    assert (same.current, same.begun) == (1, 9)


def test_going_back_to_an_earlier_definition_is_a_change_with_its_own_boundary() -> None:
    a, b, again = Versions("a"), Versions("b"), Versions("a")
    a.load({}, 5, set())
    b.load(a.dump(), 9, {0})
    assert again.load(b.dump(), 30, {1})
    assert (again.current, again.begun, again.of(1)) == (0, 30, "b")


def test_a_partition_from_before_definitions_were_numbered_is_kept_under_number_0() -> None:
    found = Versions("b")
    assert found.load({"definition": "a", "watermark": 7}, 7, {0})
    assert (found.of(0), found.current) == ("a", 1)


def test_numbers_are_used_again_when_all_have_been_given() -> None:
    kept: dict[str, Any] = {}
    for n in range(MOST + 10):
        versions = Versions(f"d{n}")
        versions.load(kept, n, {max(0, n - 1) % MOST})
        kept = versions.dump()
        assert versions.current < MOST
        assert versions.of(versions.current) == f"d{n}"


def test_the_header_of_a_record_holds_the_number_beside_its_other_flags() -> None:
    value = rec.encode_entity(1, 2, 3, [4], b"payload", b"outbox", ended=True, version=63)
    header = rec.header_of(value)
    assert (rec.version_of(value), header.flags & rec.ENDED, header.flags & rec.HAS_OUTBOX) == (63, 1, 2)
    assert rec.payload_of(value, header) == b"payload"
    assert rec.version_of(rec.with_generation(value, 7)) == 63
