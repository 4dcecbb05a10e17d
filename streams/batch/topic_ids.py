"""Topic ids: which topic a name means now. A topic deleted and made again has its name and another id.

aiokafka asks for metadata of version 5; ids come with version 10. This is version 12, asked through its own machinery.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, BinaryIO

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)


class Uuid(AbstractType[bytes]):  # type: ignore[misc]
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BinaryIO) -> bytes:
        return data.read(16)


class MetadataResponse_v12(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32), ("host", CompactString("utf-8")), ("port", Int32),
                ("rack", CompactString("utf-8")), ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16), ("name", CompactString("utf-8")), ("topic_id", Uuid), ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16), ("partition", Int32), ("leader", Int32), ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)), ("isr", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)), ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32), ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )  # fmt: skip


class MetadataRequest_v12(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = MetadataResponse_v12
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class TopicsRequest(Request[MetadataRequest_v12]):  # type: ignore[misc]
    """Asks for these topics by name."""

    API_KEY = 3

    def __init__(self, names: Iterable[str], rights: bool = False) -> None:
        self._names = list(names)
        self._rights = rights

    def build(self, request_struct_class: type[MetadataRequest_v12]) -> MetadataRequest_v12:
        return request_struct_class([(bytes(16), name, {}) for name in self._names], False, self._rights, {})


class Topic:
    """What the cluster says of a topic: `id` (text; empty where the broker is too old to have ids), `partitions`, and,
    where that was asked for, `rights`: bit n is set where we may do Kafka's AclOperation n."""

    __slots__ = ("id", "partitions", "rights")

    def __init__(self, id: str, partitions: int, rights: int = -(2**31)) -> None:
        self.id = id
        self.partitions = partitions
        self.rights = rights


async def describe_topics(client: Any, names: Iterable[str], rights: bool = False) -> dict[str, Topic]:
    """{name: Topic} of those that exist. `client`: a started AIOKafkaClient."""
    response = await client.send(client.get_random_node(), TopicsRequest(names, rights))
    found: dict[str, Topic] = {}
    for error, name, topic_id, _, partitions, allowed, *_ in response.topics:
        if error == 0:
            found[name] = Topic(str(uuid.UUID(bytes=topic_id)), len(partitions), allowed)
    return found
