"""CloudEvents headers: what is read off the bytes is what the parsed record says; on Kafka each record carries them."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any
from zlib import crc32

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.time import parse_time
from streams.batch.append import Appender
from streams.delivery.attributes import ABOUT, Attributes, attributes
from streams.delivery.contracts import Output
from streams.delivery.partition import Partitioner
from streams.delivery.wire import RecordBatch, headers
from streams.replay.run import Replay
from tests.schemas.test_records import a_snapshot, a_transition, an_alert
from tests.streams.batch.test_append import FakeSender
from tests.streams.commands import tiny

REQUIRED = ("ce_specversion", "ce_id", "ce_source", "ce_type")


def told(logical: str, key: bytes, value: bytes) -> dict[str, bytes]:
    """What the headers should say, from the parsed record."""
    record = orjson.loads(value)
    schema = ABOUT[logical].schema
    at = record["as_of"] if schema == "snapshot" else record["at"]
    ids = {
        "transition": lambda: f"{record['id']}.{record['seq']}",
        "alert": lambda: f"{record['id']}.{record['detected_at']}",
        "snapshot": lambda: f"{record['entity']}.{at}.{crc32(value):08x}",
    }
    return {"ce_id": ids[schema]().encode(), "ce_time": at.encode(), "ce_subject": key}


def listed(found: Attributes, key: bytes, value: bytes | None, written: int | None = None) -> list[tuple[str, bytes]]:
    """The headers of a record, as Kafka's own client reads them."""
    batch = RecordBatch(10**6)
    batch.add(0, key, value, found.encoded(key, value, written))
    (record,) = MemoryRecords(batch.built(calc_crc32c)).next_batch()
    return list(record.headers)


def of(logical: str, key: bytes, value: bytes) -> dict[str, bytes]:
    return dict(listed(Attributes(logical, f"p.{logical}"), key, value))


def published() -> list[Output]:
    outputs: list[Output] = []
    Replay(tiny.definition(), "canonical", outputs.append).run(tiny.lines(tiny.ada()))
    return outputs


def test_headers_of_what_the_engine_publishes_say_what_the_record_says() -> None:
    seen = set()
    for output in published():
        if output.topic in ABOUT and output.value is not None and output.key is not None:
            found = of(output.topic, output.key, output.value)
            assert found.items() >= told(output.topic, output.key, output.value).items()
            assert all(found[name] for name in REQUIRED)
            assert parse_time(found["ce_time"].decode()) is not None
            seen.add(output.topic)
    assert seen == set(ABOUT) - {"state.account"} or seen == set(ABOUT)


names = st.text(min_size=1, max_size=12)
carried = st.dictionaries(st.one_of(names, st.sampled_from(["at", "seq", "detected_at", "as_of"])), names, max_size=3)


@settings(max_examples=150)
@given(names, names, carried)
def test_no_text_within_a_record_is_taken_for_its_time_or_number(
    entity: str, account: str, carry: dict[str, Any]
) -> None:
    tricky = {**carry, 'x,"at":"2': 'y,"at":"9999-01-01T00:00:00.000Z","seq":7,'}
    key = entity.encode()
    alert = an_alert(entity=entity, account=account, title='t,"at":"no"', carry=tricky).to_json()
    assert of("alerts", key, alert).items() >= told("alerts", key, alert).items()
    snapshot = a_snapshot()
    snapshot.entity, snapshot.account, snapshot.carry = entity, account, tricky
    assert (
        of("state.account", key, snapshot.to_json()).items() >= told("state.account", key, snapshot.to_json()).items()
    )
    drafted = drafted_transition(entity, account, tricky)
    assert of("transitions.user", key, drafted).items() >= told("transitions.user", key, drafted).items()


def drafted_transition(entity: str, account: str, carry: dict[str, Any]) -> bytes:
    """A transition as the engine writes it: what is known last first, then the content with sorted keys."""
    from schemas.draft import TransitionDraft, content

    values = orjson.loads(a_transition(entity=entity, account=account, carry=carry).to_json())
    for late in ("id", "detected_at", "seq", "origin", "valid", "supersedes"):
        del values[late]
    draft = TransitionDraft(content(values), entity, "stage", "first value", 0)
    draft.seq, draft.detected_at = 12, 1_714_564_800_210
    return draft.to_json()


def test_a_correction_is_another_event_and_a_record_sent_again_is_the_same_one() -> None:
    first, second = (
        drafted_transition("u1", "a1", {}),
        drafted_transition("u1", "a1", {}).replace(b'"seq":12', b'"seq":13'),
    )
    assert of("transitions.user", b"u1", first) == of("transitions.user", b"u1", first)
    assert of("transitions.user", b"u1", first)["ce_id"] != of("transitions.user", b"u1", second)["ce_id"]


def test_of_two_records_without_a_number_the_later_is_told_by_when_their_state_was_written() -> None:
    snapshot, transition = a_snapshot().to_json(), drafted_transition("u1", "a1", {})
    assert dict(listed(Attributes("state.user", "state.user"), b"u1", snapshot, 1_700))["written"] == b"1700"
    assert listed(Attributes("state.user", "state.user"), b"u1", None, 1_700) == [("written", b"1700")]
    assert "written" in dict(listed(Attributes("alerts", "alerts"), b"u1", an_alert().to_json(), 1_700))
    assert "written" not in dict(listed(Attributes("transitions.user", "t"), b"u1", transition, 1_700))  # it has `seq`


def test_what_says_gone_and_what_could_not_be_read_get_none() -> None:
    assert listed(Attributes("state.user", "state.user"), b"u1", None) == []
    assert attributes("dead-letters", "dead-letters") is None
    assert attributes("members", "members") is None


def test_headers_of_an_output_come_before_ours_and_its_bytes_stay() -> None:
    async def work() -> list[Any]:
        sender = FakeSender()
        appender = Appender(sender, Partitioner({"p.alerts": 1}), "p.")
        await appender.publish([Output("alerts", b"a1", an_alert().to_json(), (("trace", b"1"),))])
        return sender.sent

    ((topic, _, records),) = asyncio.run(work())
    assert (topic, records) == ("p.alerts", [(b"a1", an_alert().to_json())])


def test_a_consumer_reads_them_from_kafka_as_utf_8(kafka: str) -> None:
    topic = f"attributes-{uuid.uuid4().hex[:8]}.transitions.user"
    value = drafted_transition("zoë", "a1", {})

    async def work() -> Any:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        await admin.create_topics([NewTopic(topic, 1, 1)])
        await admin.close()
        async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
            await producer.send_and_wait(
                topic, value, b"zo\xc3\xab", headers=listed(Attributes("transitions.user", topic), b"zo\xc3\xab", value)
            )
        async with AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
            return await asyncio.wait_for(consumer.getone(), 20)

    found = {name: text.decode() for name, text in asyncio.run(work()).headers}
    assert found["ce_subject"] == "zoë"
    assert found["content-type"] == "application/json"
    assert found["ce_type"] == "journeys.transition.user"
    assert found["ce_source"] == f"urn:journeys:topic:{topic}"


@pytest.mark.parametrize("logical", ABOUT)
def test_every_topic_with_headers_names_a_schema_that_there_is(logical: str) -> None:
    from schemas.records import RECORDS

    assert ABOUT[logical].schema in RECORDS


@pytest.mark.parametrize("written", [None, 1_714_550_400_000])
def test_what_goes_out_encoded_are_the_same_headers_behind_those_of_the_record(written: int | None) -> None:
    before = (("origin", b"1"),)
    for output in published():
        if (found := attributes(output.topic, f"p.{output.topic}")) is None:
            continue
        assert output.key is not None
        encoded = found.encoded(output.key, output.value, written, before)
        plain = headers([*before, *listed(found, output.key, output.value, written)])
        assert (encoded.count, encoded.data) == (plain.count, plain.data)
