"""`journeys erase` says no to what it cannot do, and its record names nobody. On real Kafka: tests/integration/test_erasure.py."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import orjson
import pytest
from rich.console import Console

from streams.commands.erase import Erased, Wish, _audit, cannot, erase
from streams.delivery import record as rec
from streams.erasing import Held, Wanted
from streams.settings import load_settings

KEY = "a key of the tests"


def refused(monkeypatch: pytest.MonkeyPatch, wish: Wish, key: str | None) -> str:
    """What is said, with status 2, before anything is asked of anybody."""
    monkeypatch.delenv("JOURNEYS_ERASURE_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("JOURNEYS_ERASURE_KEY", key)
    told = StringIO()
    assert erase(wish, None, Console(file=told, width=300)) == 2
    return told.getvalue()


@pytest.mark.parametrize("key", [None, "short"])
def test_without_a_good_key_for_the_record_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
    said = refused(monkeypatch, Wish("user", "ann"), key)
    assert "JOURNEYS_ERASURE_KEY" in said
    assert "at least 16 characters" in said


@pytest.mark.parametrize("name", ["null", "anonymous", " ann ", "", "x" * 600])
def test_nobody_is_erased_by_a_placeholder(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert "stand for nobody" in refused(monkeypatch, Wish("user", name), KEY)


def test_only_users_and_accounts_can_be_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "neither user nor account" in refused(monkeypatch, Wish("team", "ann"), KEY)


def test_the_record_holds_a_hash_by_the_key_and_no_name() -> None:
    found = Erased(["ann"], {"clickhouse events": Held(3)}, {"clickhouse events": Held(0)}, {})
    wish = Wish("user", "ann", "a letter", "dpo")
    one, same, other = (
        _audit(wish, load_settings(None, {"JOURNEYS_ERASURE_KEY": key}), found, "r1", 1)
        for key in (KEY, KEY, KEY + "2")
    )
    assert one == same
    assert one["subject"] != other["subject"]
    assert (one["asked_by"], one["reason"], one["found"]) == ("dpo", "a letter", {"clickhouse events": 3})
    assert b"ann" not in orjson.dumps(one)


def test_the_key_comes_from_a_variable_or_a_file_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    for env in ({"JOURNEYS_ERASURE_KEY": KEY}, {"JOURNEYS_ERASURE_KEY_FILE": str(tmp_path / "key")}):
        settings = load_settings(None, env)
        assert settings.erasure_key == KEY
        assert KEY not in repr(settings)


def test_what_it_does_not_reach_is_said() -> None:
    settings = load_settings(None, {"JOURNEYS_SOURCES": "clicks:segment"})
    told = " ".join(cannot(Wish("user", "ann", at_once=False), settings))
    for words in ("clicks", "backups", "grace period", "retention"):
        assert words in told
    assert "retention" not in " ".join(cannot(Wish("user", "ann", purge=True), settings))


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        (b"ann", b"", True),
        (rec.entity_key(b"ann"), None, True),
        (rec.beside_key(b"acme", b"m:ann"), b"", True),
        (rec.beside_key(b"ann", b"m:bob"), b"", True),
        (b"acme", b'{"user":"ann"}', True),
        (b"anna", b'{"user":"anna"}', False),
        (rec.kept_key(b"ann"), b"1700000000000", False),
        (None, None, False),
    ],
)
def test_a_record_names_somebody_in_its_key_or_in_quotes(key: bytes | None, value: bytes | None, named: bool) -> None:
    assert Wanted(["ann"]).names(key, value) is named
