"""Kafka and ClickHouse for one run: existing ones where an address is given, else our own, which end with the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from deploy.local.clickhouse import LocalClickHouse, parse_address, why_no_clickhouse
from deploy.local.kafka import LocalKafka, why_no_kafka
from deploy.local.process import Say, ServiceError, quiet


class Services(NamedTuple):
    """Where both are. `local_…` is None for one that was there before us: it is not ours to stop or kill."""

    kafka: str
    """Bootstrap servers, `host:port[,host:port…]`."""
    clickhouse: str
    """`http://host:port`, or the address as it was given."""
    local_kafka: LocalKafka | None
    local_clickhouse: LocalClickHouse | None


@contextmanager
def local_services(
    kafka: str | None = None, clickhouse: str | None = None, say: Say = quiet, *, data: Path | None = None
) -> Iterator[Services]:
    """Both services, answering. `kafka` and `clickhouse` are addresses of existing ones; None or "" starts our own.

    `data` keeps what our own hold in `data/kafka` and `data/clickhouse`; without it, temporary folders that go at the
    end. Raises ServiceError, naming what to change, when an existing one does not answer or our own does not start.
    """
    # Both addresses first: a typing error should not cost the start of the other service.
    if kafka:
        check_kafka(kafka)
    if clickhouse:
        check_clickhouse(clickhouse)
    with ExitStack() as running:
        own_clickhouse = None if clickhouse else LocalClickHouse(data / "clickhouse" if data else None, say=say)
        own_kafka = None if kafka else LocalKafka(data / "kafka" if data else None, say=say)
        for own in (own_clickhouse, own_kafka):
            if own is not None:
                running.enter_context(own)
        yield Services(
            kafka or (own_kafka.bootstrap if own_kafka else ""),
            clickhouse or (own_clickhouse.url if own_clickhouse else ""),
            own_kafka,
            own_clickhouse,
        )


def check_kafka(bootstrap: str) -> None:
    """Raise ServiceError, with what to do, unless a Kafka answers there."""
    reason = why_no_kafka(bootstrap)
    if reason is not None:
        raise _nobody("Kafka", "KAFKA", bootstrap, reason)


def check_clickhouse(address: str) -> None:
    """Raise ServiceError, with what to do, unless a ClickHouse answers there."""
    reason = why_no_clickhouse(address)
    if reason is not None:
        raise _nobody("ClickHouse", "CLICKHOUSE", parse_address(address).url, reason)


def _nobody(name: str, variable: str, where: str, reason: str) -> ServiceError:
    return ServiceError(
        f"no {name} answers at {variable}={where} ({reason}): start it, correct the address, "
        f"or leave {variable} out to have one started here"
    )
