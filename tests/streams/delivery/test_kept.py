"""What is kept of an entity that ended: under a hash of its key, in the same group as its end, and known again after a restart."""

from __future__ import annotations

from typing import Any

from streams.delivery import record as rec
from streams.delivery.contracts import NEVER, Advanced, Beside, Ok, Outcome, Output, Record
from tests.simulation.toys import Alone
from tests.streams.delivery.harness import Driven, event


class Forgetful(Alone):
    """Ends whoever has an event of the kind `x`, and keeps its time; whoever begins anew says what was kept."""

    name = "forgetful"

    def read(self, record: Record) -> list[Outcome]:
        return [Ok(record.key or b"", record.value, record.timestamp)]

    def new(self, key: bytes, kept: bytes | None = None) -> list[bytes]:
        return [b"new" if kept is None else kept]

    def load(self, key: bytes, payload: bytes) -> list[bytes]:
        return [payload]

    def dump(self, entity: list[bytes]) -> bytes:
        return entity[0]

    def deadline(self, entity: list[bytes]) -> int:
        return NEVER

    def advance(
        self,
        key: bytes,
        entity: list[bytes],
        inputs: list[Any],
        until: int,
        now: int,
        beside: Beside,
        heard: int = NEVER,
    ) -> Advanced:
        ends = [value for value in inputs if value.endswith(b"x")]
        said = [Output("transitions.user", key, entity[0])]
        return Advanced(said, [], True, b"kept since " + ends[0].split(b"|")[2]) if ends else Advanced(said, [])


def driven(log: list[Any] | None = None, generation: int = 1) -> Driven:
    return Driven(log, generation, logic=Forgetful()).take_over()


def test_it_is_written_with_the_end_under_a_hash_and_outlives_it() -> None:
    one = driven()
    one.take(event(0, "ann", 10), event(1, "ann", 20, "x"))
    (end,) = [n for n, (key, _) in enumerate(one.log) if key == rec.entity_key(b"ann")][-1:]
    key, value = one.log[end + 1]
    assert key == rec.kept_key(b"ann")
    assert rec.tagged_body(value or b"") == b"kept since 20"
    one.do(one.task.drain(0))
    newest = dict(one.log)
    assert newest[rec.entity_key(b"ann")] is None
    assert not any(b"ann" in key for key, value in newest.items() if value is not None)


def test_whoever_begins_anew_is_given_it_before_and_after_a_restart() -> None:
    one = driven()
    one.take(event(0, "ann", 20, "x"))
    one.take(event(1, "ann", 30), event(2, "bob", 30))
    assert [o.value for o in one.published[1:]] == [b"kept since 20", b"new"]
    one.take(event(3, "ann", 40, "x"))
    one.do(one.task.drain(0))
    again = driven(one.log, 2)
    again.take(event(4, "ann", 50))
    assert again.published[-1].value == b"kept since 40"


def test_what_a_zombie_wrote_over_it_is_repaired() -> None:
    one = driven()
    one.take(event(0, "ann", 20, "x"))
    zombie = (rec.kept_key(b"ann"), rec.encode_tagged(1, b"nonsense"))
    two = driven(one.log, 2)
    two.log.append(zombie)
    three = driven(two.log, 3)
    three.take(event(1, "ann", 30))
    assert three.published[-1].value == b"kept since 20"
    assert rec.tagged_body(dict(three.log)[rec.kept_key(b"ann")] or b"") == b"kept since 20"
