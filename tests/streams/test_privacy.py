"""Hidden fields: what was configured occurs nowhere in what comes of a record, and everything else is as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.definition.parse import load
from streams.batch.fetch import Batch
from streams.delivery.contracts import Record
from streams.delivery.decode_task import DecodeTask
from streams.journey.users import Decoder
from streams.privacy import HIDDEN, Privacy
from streams.settings import PrivacyFields, SettingsError, load_settings

SAAS = load(Path(__file__).parents[2] / "schemas" / "definitions" / "saas.yaml")
KEY = "a key of the tests, long enough"
PRIVACY = Privacy(PrivacyFields("email, phone, user", "ip", KEY), ["clicks"])
RAW = st.integers(0, 10**9).map(lambda n: f"raw-{n:09}@secret.test")


def record(value: Any, key: bytes | None = None, **more: Any) -> Record:
    raw = value if isinstance(value, bytes) else orjson.dumps(value)
    return Record("clicks", 0, more.get("offset", 0), 1_800_000_000_000, key, raw, more.get("headers", ()))


def seen(value: Any) -> Any:
    return orjson.loads(PRIVACY.record(record(value)).value or b"null")


def nested(leaf: Any) -> st.SearchStrategy[Any]:
    """JSON with configured fields anywhere in it, whose values are `leaf`, and others."""
    plain = st.none() | st.booleans() | st.integers(-9, 9) | st.text("abc", max_size=3)
    hidden = st.dictionaries(
        st.sampled_from(["email", "phone", "ip", "user"]), leaf | st.lists(leaf, max_size=2), max_size=2
    )
    return st.recursive(
        plain | hidden,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", max_size=2), inner, max_size=3),
    )


@given(st.data())
@settings(max_examples=60, derandomize=True)
def test_no_raw_value_is_left_in_what_a_worker_sends_or_sets_aside(data: st.DataObject) -> None:
    raw = data.draw(RAW)
    event = {
        "id": "e1", "event": "Signed Up", "user": raw, "account": "acme", "at": data.draw(st.sampled_from([1_790_000_000, "noon", None])),
        "properties": {"more": data.draw(nested(st.just(raw)))}, "traits": {"email": raw, "ip": raw},
    }  # fmt: skip
    body = data.draw(
        st.sampled_from([orjson.dumps(event), orjson.dumps([event, raw and {"email": raw}]), raw.encode()])
    )
    batch = Batch("clicks", 0, 0, 1, 1, 1, [record(body, raw.encode(), headers=[("who", raw.encode())])])
    task = DecodeTask(Decoder(SAAS, "canonical").route, "clicks-id", 0)
    work = task.process("clicks", PRIVACY.batch(batch).records, 0, True)
    assert work.outputs, "an event, or a dead letter"
    for output in work.outputs:
        told = [output.key or b"", output.value or b"", *(content for _, content in output.headers)]
        assert not any(raw.encode() in part for part in told)


@given(nested(st.just("x")))
@settings(max_examples=60, derandomize=True)
def test_what_is_not_configured_stays_as_it_was(value: Any) -> None:
    nobody = Privacy(PrivacyFields("other", "others", KEY), ["clicks"])
    assert orjson.loads(nobody.record(record(value)).value or b"") == value


def test_a_value_has_one_hash_whatever_its_case_and_another_key_gives_another() -> None:
    assert seen({"email": " Ann@Acme.io"}) == seen({"email": "ann@acme.io"}) == {"email": PRIVACY.hashed("ann@acme.io")}
    other = Privacy(PrivacyFields("email", "", KEY[::-1]), ["clicks"])
    assert other.hashed("ann@acme.io") != PRIVACY.hashed("ann@acme.io")


def test_a_record_that_was_hidden_before_is_not_hidden_twice() -> None:
    once = PRIVACY.record(record({"email": "ann@acme.io", "user": "ann"}, b"ann"))
    assert PRIVACY.record(once) == once


def test_a_dropped_field_is_gone_and_a_null_stays_null() -> None:
    assert seen({"ip": "10.0.0.1", "email": None, "deep": [{"ip": {"v4": "10.0.0.1"}, "a": 1}]}) == {
        "email": None,
        "deep": [{"a": 1}],
    }


def test_what_cannot_be_looked_into_keeps_none_of_its_bytes() -> None:
    for value in (b"\x1f\x8b\x08 packed", b"email=ann%40acme.io", b"[" * 2_000 + b"]" * 2_000):
        found = PRIVACY.record(record(value, b"ann", headers=[("a", b"b")]))
        assert (found.key, found.value, found.headers) == (None, HIDDEN, ())


def test_without_fields_and_on_topics_of_ours_nothing_is_touched() -> None:
    batch = Batch("events", 0, 0, 1, 1, 1, [record({"email": "a"})])
    assert PRIVACY.batch(batch) is batch
    source = batch._replace(topic="clicks")
    assert Privacy(PrivacyFields(), ["clicks"]).batch(source) is source


def test_hashing_needs_a_key_and_the_key_is_a_secret(tmp_path: Path) -> None:
    path = tmp_path / "journeys.toml"
    path.write_text('[privacy]\nhash = "email, phone"\ndrop = "ip"\n')
    with pytest.raises(SettingsError, match=r":2: privacy\.hash needs JOURNEYS_PRIVACY_KEY"):
        load_settings(path, {})
    found = load_settings(path, {"JOURNEYS_PRIVACY_KEY": KEY}).privacy
    assert (found.hashed, found.dropped) == (("email", "phone"), ("ip",))
    assert KEY not in repr(found)
