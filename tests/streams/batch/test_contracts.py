"""The private methods we override are still those we read. When a pin moves, this fails until somebody looks again."""

from __future__ import annotations

import inspect
from importlib.metadata import version

import pytest

from streams.batch.app import BatchApp, BatchTransport
from streams.batch.connection import Connection
from streams.batch.consumer import BatchConsumer, BatchConsumerThread
from streams.batch.producer import BatchProducer
from streams.batch.recovery import BatchRecovery, BatchTableManager
from streams.batch.store import JourneyStore
from tests.streams.batch.contracts import OVERRIDDEN, SOURCES, VERSIONS, found

OURS = (Connection, BatchConsumerThread, BatchConsumer, BatchProducer, BatchRecovery, BatchTableManager, BatchApp)


@pytest.mark.parametrize("package", VERSIONS)
def test_the_pinned_version_is_installed(package: str) -> None:
    assert version(package) == VERSIONS[package]


def test_every_method_has_the_source_that_was_read() -> None:
    installed = found()
    changed = sorted(name for name in SOURCES if installed[name] != SOURCES[name])
    assert not changed, f"read what changed in {changed}, then `python -m tests.streams.batch.contracts`"
    assert installed.keys() == SOURCES.keys()


@pytest.mark.parametrize(("base", "name"), [(base, name) for base, names in OVERRIDDEN.items() for name in names])
def test_an_override_can_be_called_as_the_original_is(base: type, name: str) -> None:
    ours = next(kind for kind in OURS if issubclass(kind, base) and name in vars(kind))
    theirs, own = inspect.getattr_static(base, name), inspect.getattr_static(ours, name)
    if isinstance(theirs, property):
        assert isinstance(own, property)
        return
    assert inspect.iscoroutinefunction(theirs) == inspect.iscoroutinefunction(own)
    takes_all = {p.kind for p in inspect.signature(own).parameters.values()} >= {
        inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD,
    }  # fmt: skip
    assert takes_all or list(inspect.signature(own).parameters) == list(inspect.signature(theirs).parameters)


def test_the_app_uses_our_classes() -> None:
    app = BatchApp("contract", broker="kafka://127.0.0.1:1")
    assert isinstance(app.transport, BatchTransport)
    assert isinstance(app.producer_transport, BatchTransport)
    assert isinstance(app.transport.create_producer(), BatchProducer)
    assert isinstance(app.tables, BatchTableManager)
    assert isinstance(app.tables.recovery, BatchRecovery)
    assert BatchTransport.Consumer is BatchConsumer
    assert isinstance(app.Table("contract", key_type=bytes, value_type=bytes).data, JourneyStore)


def test_the_settings_that_the_batch_path_needs_are_set() -> None:
    app = BatchApp("contract", broker="kafka://127.0.0.1:1")
    assert app.conf.table_standby_replicas == 0
    assert app.conf.stream_wait_empty is False
    assert app.conf.store.scheme == "journeys"
    assert app.producer._settings_extra() == {"acks": "all", "enable_idempotence": True}
    assert not app.producer._settings_default().get("transactional_id")


def test_a_table_cannot_be_written_behind_the_lanes_back() -> None:
    table = BatchApp("contract", broker="kafka://127.0.0.1:1").Table("users", key_type=bytes, value_type=bytes)
    with pytest.raises(TypeError, match="lanes only"):
        table.data[b"key"] = b"value"
    with pytest.raises(TypeError, match="lanes only"):
        del table.data[b"key"]
    with pytest.raises(TypeError, match="BatchRecovery is not in place"):
        table.data.apply_changelog_batch([object()], bytes, bytes)
    assert list(table.data) == []
    assert b"key" not in table.data
