"""The small journey on Bytewax: `stateful_batch` by user between its own Kafka source and sink, with its recovery store.

One worker, a snapshot of what changed every 10 s (its default). It ends at the end of the topic. The logic takes a whole
batch of a user, which is its fastest form.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic

from tests.bench.small.journey import State, advance, fresh

Change = dict[str, Any]


class Journey(StatefulBatchLogic[dict[str, Any], Change, State]):
    """One user."""

    def __init__(self, kept: State | None) -> None:
        self._state = kept or fresh()

    def on_batch(self, values: list[dict[str, Any]]) -> tuple[Iterable[Change], bool]:
        state = self._state
        return [change for event in values for change in advance(state, event)], StatefulBatchLogic.RETAIN

    def snapshot(self) -> State:
        stage, signed, counts, features, days = self._state  # days are never changed in place
        return [stage, signed, copy.deepcopy(counts), dict(features), days]


def event(message: KafkaSourceMessage[bytes, bytes]) -> tuple[str, dict[str, Any]]:
    """(user, event)"""
    found = orjson.loads(message.value)
    return found["userId"], found


def record(changed: tuple[str, Change]) -> KafkaSinkMessage[bytes, bytes]:
    user, change = changed
    return KafkaSinkMessage(user.encode(), orjson.dumps(change))


def get_flow() -> Dataflow:
    brokers = [os.environ["BENCH_KAFKA"]]
    flow = Dataflow("small_journey")
    read = op.input("read", flow, KafkaSource(brokers, [os.environ["BENCH_SOURCE"]], tail=False, batch_size=10_000))
    changes = op.stateful_batch("follow", op.map("decode", read, event), Journey)
    # Java's and aiokafka's partitioner, as everybody else here uses: the bench counts what comes out by partition.
    sink = KafkaSink(brokers, os.environ["BENCH_OUT"], {"partitioner": "murmur2_random"})
    op.output("write", op.map("encode", changes, record), sink)
    return flow
