"""A copy of a table, taken while the table goes on changing, and the changelog from its position on are worth the changelog."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.delivery import record as rec
from streams.delivery.copying import Copying
from streams.delivery.table import Change, Table
from tests.simulation.toys import CountingUsers
from tests.streams.delivery.harness import SETTINGS, Driven, event
from tests.streams.delivery.test_kept import Forgetful
from tests.streams.delivery.test_versions import kept_under_a, successor, under


def restored(*parts: list[Change]) -> dict[str, Any]:
    """What a table holds that was restored from these, but for who wrote it when."""
    table: Table[Any] = Table(CountingUsers())
    for part in parts:
        table.restore(part)
    found: dict[str, Any] = {"entities": {}, "definitions": table.definitions, "kept": table.kept}
    for key, header, value in table.restored():
        ended, version = header.flags & rec.ENDED, rec.version_of(value)
        found["entities"][key] = ended, version, header.applied, header.deadline, rec.payload_of(value, header)
    found["beside"] = {key: names for key, names in table.beside.items() if names}
    found["partition"] = table.partition_record
    return found


def copied(driven: Driven, step: int = 100) -> tuple[int, list[Change]]:
    """A copy of all there is now, and its position; it is complete."""
    copying, found = Copying(driven.task, step), list[Change]()
    while (records := copying.take()) is not None:
        found += records
    driven.tick(10)
    driven.tick(2_000)
    assert copying.complete
    return copying.position, found


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(0, 9), st.sampled_from("eeebadx")),
        st.tuples(st.just("tick"), st.sampled_from((10, 400, 2_000)), st.just("")),
        st.tuples(st.just("copy"), st.integers(1, 3), st.just("")),
    ),
    min_size=8,
    max_size=40,
)


@given(ACTIONS)
def test_a_complete_copy_and_what_follows_its_position_restore_what_the_changelog_restores(actions: Any) -> None:
    driven = Driven(settings=replace(SETTINGS, warm=2, write_slice=2, checkpoint_every=300)).take_over()
    copying, records, offset, compared = None, list[Change](), 0, 0
    for what, number, kind in [*actions, *[("copy", 1, ""), ("tick", 2_000, "")] * 25]:
        if what == "take":
            driven.take(event(offset, f"u{number}", 100 + 20 * offset, kind))
            offset += 1
        elif what == "tick":
            driven.tick(number)
        else:
            copying = copying or Copying(driven.task, number)
            records += copying.take() or []
            if copying.complete:
                assert restored(records, driven.log[copying.position :]) == restored(driven.log)
                copying, records, compared = None, [], compared + 1
    assert compared


def test_a_copy_is_complete_only_after_a_checkpoint_that_began_when_all_was_taken() -> None:
    driven = Driven().take_over()
    driven.take(event(0, "ann", 100))
    copying = Copying(driven.task, 100)
    assert copying.take()
    driven.tick(2_000)  # a checkpoint, but an earlier one
    assert copying.take() is None
    assert not copying.complete
    driven.tick(10)
    assert not copying.complete
    driven.tick(2_000)  # nothing has changed, and all the same there is one
    assert copying.complete


def test_an_entity_that_changes_after_it_was_taken_is_read_again_from_the_changelog() -> None:
    driven = Driven().take_over()
    driven.take(event(0, "ann", 100), event(1, "bob", 100))
    copying = Copying(driven.task, 100)
    records = copying.take() or []
    driven.take(event(2, "ann", 200), event(3, "eve", 200))
    assert copying.take() is None
    driven.tick(2_000)
    assert copying.complete
    assert restored(records, driven.log[copying.position :]) == restored(driven.log)
    assert {key for key, _ in records if key[:2] == b"e:"} == {b"e:ann", b"e:bob"}


def test_what_ended_and_what_is_kept_of_it_are_in_the_copy() -> None:
    driven = Driven(logic=Forgetful()).take_over()
    driven.take(event(0, "ann", 10), event(1, "ann", 20, "x"), event(2, "bob", 20))
    position, records = copied(driven)
    found = dict(records)
    assert rec.header_of(found[rec.entity_key(b"ann")] or b"").flags & rec.ENDED
    assert rec.kept_key(b"ann") in found
    assert restored(records, driven.log[position:])["kept"] == restored(driven.log)["kept"]


def test_definitions_and_the_number_that_an_entity_is_kept_under_are_in_the_copy() -> None:
    driven = successor(kept_under_a().log, timer_slice=0)
    position, records = copied(driven)
    full, found = restored(driven.log), restored(records, driven.log[position:])
    assert set(full["definitions"]) == {"a", "b"}
    assert found == full
    fresh = Driven(settings=under("a")).take_over()
    assert rec.definition_key("a") in dict(copied(fresh)[1])


def test_records_come_so_many_at_a_time() -> None:
    driven = Driven().take_over()
    driven.take(*(event(n, f"u{n}", 100 + n) for n in range(30)))
    copying, sizes = Copying(driven.task, 10), list[int]()
    while (records := copying.take()) is not None:
        sizes.append(len(records))
    assert len(sizes) >= 3
    assert max(sizes) <= 30
    assert copying.records == sum(sizes)
