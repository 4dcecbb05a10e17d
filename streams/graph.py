"""Graph: the topics and tasks of an engine as values, and the origins that follow from them. No Faust app in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from streams.batch.topic_ids import Topic
from streams.delivery.contracts import Logic, Outcome, Record
from streams.delivery.decode_task import DecodeTask
from streams.delivery.partition import Partitioner
from streams.delivery.task import Task, TaskSettings
from streams.settings import DeadLetterLimits

NOBODY_WAITS = 2**62
"""A stride (ms) that nothing ever takes: who is behind says so once a second."""

Route = Callable[[Record], list[Outcome]]
"""How a source record is read: where it goes, or why nowhere."""


@dataclass(frozen=True)
class Stage:
    """One kind of entity.

    table      `users`, `accounts`
    changelog  topic with the partition count of every input
    inputs     topics that it reads
    rekeyed    those of them that our own tasks write to; the others are sources
    sends      logical names of re-keyed topics that it writes to
    strays     further logical names where its outputs need an origin, and nobody waits for its watermark
    """

    logic: Logic[Any]
    table: str
    changelog: str
    inputs: tuple[str, ...]
    rekeyed: frozenset[str] = frozenset()
    sends: frozenset[str] = frozenset()
    strays: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Graph:
    """stages, and {source topic that is decoded on its own: its route}. Topic names are Kafka's, outputs' logical.

    sends     logical names of the re-keyed topics that decode tasks write to
    publishes logical names of all other topics written to
    prefix    logical name -> Kafka's, where it is ours
    task      settings of every task; heartbeats, stamped and topic_ids are filled in
    max_skew  how far (ms of event time) a source partition may be ahead of the slowest one in catch-up
    exact     partitions of a stage hear each other out before they settle, in catch-up too (decision 0011)
    until     time ends here (ms) on a source partition that has been read to its end; None lets it go on
    partitioner  learns the partition counts when the engine does
    dead_letters how many of a source are too many
    """

    stages: tuple[Stage, ...]
    routes: Mapping[str, Route] = field(default_factory=dict)
    sends: frozenset[str] = frozenset()
    publishes: frozenset[str] = frozenset()
    prefix: str = ""
    task: TaskSettings = field(default_factory=TaskSettings)
    max_skew: int = 2**62
    exact: bool = False
    until: int | None = None
    partitioner: Partitioner = field(default_factory=Partitioner)
    dead_letters: DeadLetterLimits = field(default_factory=DeadLetterLimits)

    @property
    def inputs(self) -> frozenset[str]:
        """Every topic that is read."""
        return frozenset(self.routes).union(*(stage.inputs for stage in self.stages))

    @property
    def topics(self) -> frozenset[str]:
        """Every topic there must be."""
        outputs = self.sends.union(self.publishes, *(stage.sends | stage.strays for stage in self.stages))
        return self.inputs | {s.changelog for s in self.stages} | {self.prefix + name for name in outputs}

    def stage(self, table: str) -> Stage | None:
        return next((stage for stage in self.stages if stage.table == table), None)

    def inputs_of(self, name: str) -> tuple[str, ...]:
        """Of a table, or of the decode tasks of a source topic, which are named after it."""
        stage = self.stage(name)
        return (name,) if stage is None else stage.inputs

    def is_source(self, topic: str) -> bool:
        """Whether others write to it, so that its records tell the time."""
        return topic in self.inputs and all(topic not in stage.rekeyed for stage in self.stages)

    def new_task(self, stage: Stage, partition: int, generation: int, topics: Mapping[str, Topic]) -> Task[Any]:
        own_topics = [name for name in stage.strays if self.exact and self.prefix + name in stage.inputs]
        peers = self._partitions(stage.changelog, topics)
        settings = replace(
            self.task,
            heartbeats=self._counts(stage.sends, topics),
            stamped=stage.strays,
            peers={self.prefix + name: peers for name in own_topics},
            hears=frozenset(self._hearing(topics)) if self.exact else frozenset(),
            levels=self._counts(own_topics, topics),
            stride=self.task.stride if self.exact else NOBODY_WAITS,
            hurry_every=_hurry(len(peers)),
            topic_ids={topic: identity(topic, topics) for topic in stage.inputs},
        )
        senders = {topic: self._senders(topic, topics) for topic in stage.rekeyed}
        own = f"{identity(stage.changelog, topics)}/{partition}"
        return Task(stage.logic, partition, stage.inputs, generation, own, senders, settings)

    def decode_task(self, topic: str, partition: int, topics: Mapping[str, Topic]) -> DecodeTask:
        heartbeats = self._counts(self.sends, topics)
        task, name = self.task, identity(topic, topics)
        return DecodeTask(
            self.routes[topic], name, partition, heartbeats, task.clock, task.heartbeat_every,
            task.stride if self.exact else NOBODY_WAITS, _hurry(topics[topic].partitions),
        )  # fmt: skip

    def _counts(self, names: Collection[str], topics: Mapping[str, Topic]) -> dict[str, int]:
        return {name: topics[self.prefix + name].partitions for name in sorted(names)}

    def _senders(self, topic: str, topics: Mapping[str, Topic]) -> list[str]:
        """Every partition of every task that writes to a re-keyed topic and says how far it is."""
        names = [source for source in self.routes if topic in {self.prefix + name for name in self.sends}]
        names += [s.changelog for s in self.stages if topic in {self.prefix + name for name in s.sends}]
        return [sender for name in sorted(names) for sender in self._partitions(name, topics)]

    def _hearing(self, topics: Mapping[str, Topic]) -> list[str]:
        """Every partition of every stage that has a stage to hear out before what it says is final."""
        return [sender for stage in self.stages for sender in self._partitions(stage.changelog, topics)]

    def _partitions(self, name: str, topics: Mapping[str, Topic]) -> list[str]:
        """The names under which the partitions of this topic's tasks send."""
        return [f"{identity(name, topics)}/{p}" for p in range(topics[name].partitions)]


def _hurry(partitions: int) -> int:
    """ms between two announcements in an exact catch-up: every partition writes to every one, so as many more, as seldom."""
    return min(100, max(10, 3 * partitions))


def identity(topic: str, topics: Mapping[str, Topic]) -> str:
    """Names this very topic: another one made later under the same name is read from its beginning."""
    return f"{topic}~{topics[topic].id[:8]}" if topics[topic].id else topic
