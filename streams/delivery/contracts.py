"""What delivery asks of a journey logic below it and promises to the Kafka shell above. Values and protocols only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

E = TypeVar("E")
"""An entity of a logic: opaque to delivery, owned by one partition's task, changed in place by `advance`."""

NEVER: Final = 2**62
"""A watermark or deadline beyond every event time."""

NOTHING_YET: Final = -(2**62)
"""The watermark of an origin that has said nothing yet: it holds everything back."""


class Record(NamedTuple):
    """Bytes on Kafka. `timestamp` is Kafka's own, in ms."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Origin(NamedTuple):
    """Where a re-keyed record comes from. Two records of one origin with the same (batch, index) are the same record.

    sender     names the sending partition: `<topic id or name>/<partition>`
    batch      the sender's batch number; for decode, which has no state, the source offset
    index      position in that batch; for decode, position in the source record
    watermark  the sender's watermark in ms when it sent: it will send nothing newer-than-known below it.
               NEVER = "my partition never held a record: do not wait for me"
    """

    sender: str
    batch: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    watermark: int


class Output:
    """Bytes to publish. `topic` is the logical name (`transitions.user`, `members`, ...; the shell adds the prefix).

    `partition` is set where the key does not choose it: heartbeats go to every partition of a topic, and have no key.
    Like Ok and Advanced a class and not a tuple: compiled, it is made and read at a fifth of the cost.
    """

    __slots__ = ("headers", "key", "partition", "topic", "value")

    def __init__(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: tuple[tuple[str, bytes], ...] = (),
        partition: int | None = None,
    ) -> None:
        self.topic = topic
        self.key = key
        self.value = value
        self.headers = headers
        self.partition = partition

    def _all(self) -> tuple[Any, ...]:
        return self.topic, self.key, self.value, self.headers, self.partition

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Output) and self._all() == other._all()

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return f"Output{self._all()!r}"


class Ok:
    """The record means this input for this entity. `at`: event time in ms. One record may mean several inputs."""

    __slots__ = ("at", "input", "key")

    def __init__(self, key: bytes, input: Any, at: int) -> None:
        self.key = key
        self.input = input
        self.at = at


class Drop(NamedTuple):
    """Read and meant to be ignored, for a counted reason."""

    reason: str


class Redirect(NamedTuple):
    """The record, or a part of it, belongs on another topic. `at` in ms moves the origin's watermark."""

    output: Output
    at: int
    reason: str = "rekeyed"


class Dead(NamedTuple):
    """It cannot be processed: goes to the dead-letter topic with origin, reason and the original bytes."""

    reason: str
    detail: str = ""


class Clocked(NamedTuple):
    """The sender promises that nothing earlier than `at` (ms) follows on this partition: a watermark record."""

    at: int


Outcome = Ok | Drop | Redirect | Dead | Clocked


class Beside(Protocol):
    """The small records that an entity keeps beside its own, in the same partition (an account's members)."""

    def get(self, name: bytes) -> bytes | None: ...

    def all(self) -> Iterable[bytes]:
        """The names that there are. It may change while it is gone through, if the entity advances meanwhile."""
        ...


class UnknownDefinition(Exception):
    """The partition is kept under a definition that this one does not know how to take over; the message says what to do."""


class Advanced:
    """What one call of `advance` did.

    outputs  to publish, in this order; non-empty means the entity must be durable first
    beside   records to write (None deletes) beside the entity, atomically with it
    ended    the entity is gone: its record and everything beside it are deleted once its outputs are out
    kept     what must not be forgotten of one that ended: kept under a hash of its key, for good, and given to `new`
    """

    __slots__ = ("beside", "ended", "kept", "outputs")

    def __init__(
        self, outputs: list[Output], beside: list[tuple[bytes, bytes | None]], ended: bool = False,
        kept: bytes | None = None,
    ) -> None:  # fmt: skip
        self.outputs = outputs
        self.beside = beside
        self.ended = ended
        self.kept = kept


class TakenOver(NamedTuple):
    """An entity that another definition kept, as this one keeps it; outputs and records beside it as in Advanced."""

    entity: Any
    outputs: list[Output]
    beside: list[tuple[bytes, bytes | None]]


class Logic(Protocol[E]):
    """One kind of entity: how its records are read and how it advances. No IO, no clock, no randomness.

    Call order for one partition and batch: `read` for every record in offset order; then for every entity touched,
    once, `advance` with all its new inputs; then for entities whose `deadline` <= until, `advance` with no inputs,
    oldest first.
    """

    name: str
    """`users` or `accounts`; names the table and the changelog."""

    def read(self, record: Record) -> list[Outcome]:
        """Never raises: what cannot be read is a Dead."""
        ...

    def new(self, key: bytes, kept: bytes | None = None) -> E:
        """A fresh entity; it becomes durable only if `advance` makes something of it. `kept`: see Advanced."""
        ...

    def load(self, key: bytes, payload: bytes) -> E: ...

    def dump(self, entity: E) -> bytes:
        """b"" for an entity that nothing came of: if it was never written it is forgotten."""
        ...

    def deadline(self, entity: E) -> int:
        """The watermark (ms) from which `advance` has something to do without new inputs; NEVER if none."""
        ...

    def is_full(self, entity: E) -> bool:
        """Whether it keeps so much open for what it may still be told that it should not be given much more."""
        ...

    def settles(self, entity: E) -> int:
        """The instant (ms) up to which everybody has to be heard out before `advance` has more to do; NEVER if none."""
        ...

    def advance(
        self, key: bytes, entity: E, inputs: list[Any], until: int, now: int, beside: Beside, heard: int = NEVER
    ) -> Advanced:
        """Take inputs (in any order, maybe duplicates) and fire what is due at watermark `until`; `now`: wall, ms.

        Before `heard`, entities of this kind will tell it nothing any more (nor after `until`, where that is earlier).
        Afterwards `deadline` is greater than `until`, and `settles` than `heard`. `until` may be NOTHING_YET, and after a
        crash lower than before.
        """
        ...

    def former(self, text: bytes) -> Any:
        """What it takes to take over entities kept under the definition with this text; None if that is the same one.

        Raises UnknownDefinition.
        """
        ...

    def take_over(self, former: Any, key: bytes, payload: bytes, boundary: int, now: int, beside: Beside) -> TakenOver:
        """An entity that `former` wrote, as of the boundary (ms of event time). Called once, before it advances."""
        ...


class Work(NamedTuple):
    """What the shell must do for a task, in this order; each step is awaited before the next one begins.

    1. append `changelog` (groups: the records of one group go into ONE Kafka record batch, which is appended whole or
       not at all)
    2. produce `outputs`
    3. call `task.acknowledged(work)`
    4. commit `commit` ({input topic: next offset to read}), where it is not None
    """

    batch: int
    changelog: list[list[tuple[bytes, bytes | None]]]
    outputs: list[Output]
    commit: dict[str, int] | None


def last_of(steps: Iterable[Work | None]) -> Work:
    """The Work that a task's steps end with, where nobody needs to have a turn between them."""
    *_, work = steps
    assert work is not None
    return work
