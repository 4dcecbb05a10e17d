"""What the suite must notice: each protection that can be switched off in a worker of its own, and only there."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any


def switch_off(name: str) -> None:
    OFF[name]()


def commit_early() -> None:
    """What was fetched may be committed."""
    from streams.delivery.ledger import Ledger, Take

    take = Ledger.take

    def taking(self: Ledger, generation: int, tp: Any, first: int, end: int) -> Any:
        verdict = take(self, generation, tp, first, end)
        if isinstance(verdict, Take):
            self.durable(generation, tp, end)
        return verdict

    Ledger.take = taking  # type: ignore[method-assign]


def outputs_before_state() -> None:
    """What follows from a state is published before the state is durable."""
    from streams.lanes import Lane

    do = Lane.do

    async def doing(self: Lane, work: Any) -> None:
        if work.outputs:
            await self._way.appender.publish(work.outputs)
        await do(self, work._replace(outputs=[]))

    Lane.do = doing  # type: ignore[method-assign]


def applied_offset() -> None:
    """Entities do not know which records they have taken."""
    from tests.simulation.rules import NoAppliedOffset

    _tasks_are(NoAppliedOffset)


def fencing() -> None:
    """Nobody looks where an append landed, and recovery takes whatever was written last, by whomever."""
    from tests.simulation.rules import NoFencing, NoGenerations

    class Nothing(NoFencing, NoGenerations):
        pass

    _tasks_are(Nothing)


def deterministic_id() -> None:
    """The same transition gets another id each time it is computed."""
    import schemas.draft as draft

    inner = draft.blake2b

    def salted(body: bytes, digest_size: int) -> Any:
        return inner(body + os.urandom(8), digest_size=digest_size)

    draft.blake2b = salted  # type: ignore[assignment]


def _tasks_are(kind: type[Any]) -> None:
    import streams.graph

    streams.graph.Task = kind  # type: ignore[misc]


OFF: dict[str, Callable[[], None]] = {
    "commit-early": commit_early,
    "sink-commits-early": commit_early,
    "outputs-before-state": outputs_before_state,
    "no-applied-offset": applied_offset,
    "no-fencing": fencing,
    "no-deterministic-id": deterministic_id,
}
