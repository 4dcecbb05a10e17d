"""Every decoder, on anything: it never raises, answers with outcomes only and the same ones twice, and invents nobody."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.event import Event
from schemas.sources import REGISTRY, SOURCES, canonical, decode
from schemas.sources.outcome import REASONS, SKIPS, Decoded, Failure, Skipped, Watermark
from schemas.time import EARLIEST, LATEST
from tests.schemas.sources.collected import EXAMPLES, FULL
from tests.schemas.sources.examples import RECORD_TIME, encoded

FIELDS = [
    "id", "event", "user", "anonymous", "account", "at", "type", "properties", "traits", "actor", "place", "received_at",
    "source", "messageId", "userId", "anonymousId", "groupId", "previousId", "timestamp", "originalTimestamp", "sentAt",
    "receivedAt", "context", "name", "batch",
]  # fmt: skip
WORDS = [
    "track", "identify", "group", "page", "screen", "alias", "watermark", "u1", "null", "", "staff", "crm",
    "2024-05-01T12:00:00.000Z", "2024-05-01T12:00:60Z", "2024-05-01", "Invoice Paid",
]  # fmt: skip

scalars = (
    st.sampled_from(WORDS) | st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.just(1_714_564_800)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=12,
)
likely = st.fixed_dictionaries(
    {
        "type": st.sampled_from(WORDS[:7]), "event": st.sampled_from(WORDS), "at": st.just(1_714_564_800) | scalars,
        "timestamp": st.just("2024-05-01T12:00:00.000Z") | scalars, "userId": scalars, "user": scalars,
    },
    optional={name: values for name in FIELDS if name not in ("type", "event", "at", "timestamp", "userId", "user")},
)  # fmt: skip
batches = st.fixed_dictionaries({"batch": st.lists(likely | values, max_size=3)}, optional={"sentAt": scalars})


def check(found: Decoded) -> None:
    for outcome in found:
        match outcome:
            case Event():
                assert outcome.user or outcome.anonymous or outcome.account
                assert outcome.name
                assert outcome.id
                assert EARLIEST <= outcome.at < LATEST
                assert canonical.decode(canonical.encode(outcome)) == [outcome]
            case Failure(reason, detail):
                assert reason in REASONS
                assert detail
            case Skipped(reason, detail):
                assert reason in SKIPS
                assert detail
            case Watermark(at):
                assert EARLIEST <= at < LATEST
            case _:
                raise AssertionError(f"not an outcome: {outcome!r}")


@pytest.mark.parametrize("source", SOURCES)
@given(data=st.binary(max_size=60) | st.none())
@settings(max_examples=20)
def test_any_bytes_have_an_outcome(source: str, data: bytes | None) -> None:
    found = decode(source, data, None, (), 1_714_564_800_000, max_future=0)
    assert len(found) == 1
    check(found)


PLAIN = {"canonical", "segment", "rudderstack", "june"}
"""Sources in which a record without `batch` is one message whatever it holds."""


@pytest.mark.parametrize("source", SOURCES)
@given(value=likely | values | batches, indent=st.booleans())
@settings(max_examples=25)
def test_any_json_has_outcomes_and_the_same_ones_twice(source: str, value: Any, indent: bool) -> None:
    data = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else 0)
    found = decode(source, data, b"key", [("header", b"x")], 1_714_564_800_000, max_future=600_000)
    check(found)
    assert decode(source, data, b"key", [("header", b"x")], 1_714_564_800_000, max_future=600_000) == found
    if source in PLAIN and not (isinstance(value, dict) and "batch" in value):
        assert len(found) == 1


@pytest.mark.parametrize("source", SOURCES)
@given(line=likely, cut=st.integers(0, 400), byte=st.integers(0, 255))
@settings(max_examples=15)
def test_a_record_cut_short_or_with_a_byte_turned_has_an_outcome(source: str, line: Any, cut: int, byte: int) -> None:
    data = orjson.dumps(line)
    check(decode(source, data[:cut]))
    at = cut % len(data)
    check(decode(source, data[:at] + bytes([byte]) + data[at + 1 :]))


SEEDS: dict[str, list[bytes]] = {
    source: [encoded(e.record) for e in EXAMPLES if e.source == source]
    + [full.record() for full in FULL if full.source == source]
    for source in SOURCES
}
"""Real payloads of each source."""

OTHER = [
    None,
    True,
    False,
    0,
    -1,
    7,
    1.5,
    2**63,
    "",
    "null",
    "0",
    "x",
    "a@b.c",
    [],
    {},
    [[]],
    [{}],
    {"id": {}},
    "2024-05-01",
]


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of every value inside."""
    items = list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
    for key, value in items:
        yield node, key
        yield from places(value)


def mutated(data: bytes, rnd: Random) -> bytes:
    """A real payload with a few values replaced, removed, doubled or taken from elsewhere in it; else a few bytes."""
    try:
        root = orjson.loads(data)
    except orjson.JSONDecodeError:
        return turned(data, rnd)
    for _ in range(rnd.randint(1, 3)):
        found = list(places(root))
        if not found:
            return turned(data, rnd)
        node, key = rnd.choice(found)
        how = rnd.randrange(4)
        if how == 0:
            node[key] = deepcopy(rnd.choice(OTHER))
        elif how == 1 and isinstance(node, dict):
            del node[key]
        elif how == 2:
            node[key] = [node[key], node[key]]
        else:
            other, at = rnd.choice(found)
            node[key] = orjson.loads(orjson.dumps(other[at]))
    return orjson.dumps(root)


def turned(data: bytes, rnd: Random) -> bytes:
    """Bytes replaced by those that structure a record, or cut short."""
    found = bytearray(data)
    for _ in range(rnd.randint(1, 4)):
        if found:
            found[rnd.randrange(len(found))] = rnd.choice(b'\t\n&=[]{}:,"0 \xff')
    return bytes(found[: rnd.randint(0, len(found))] if rnd.random() < 0.3 else found)


def leaves(value: Any) -> Iterator[str]:
    """All that a record says, as text; JSON, forms and rows within it undone."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif isinstance(value, str):
        yield value.strip()
        if value[:1] in "{[":
            try:
                yield from leaves(orjson.loads(value))
            except orjson.JSONDecodeError:
                return
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(int(value))


def invents_nobody(source: str, data: bytes, found: Decoded) -> None:
    """Whoever an event is about is named in the record; a name space may stand before the name."""
    said = {leaf.lower() for message in MESSAGES[source](data) for leaf in leaves(message)} - {""}
    for event in found:
        for who in (event.user, event.anonymous, event.account) if isinstance(event, Event) else ():
            assert who is None or any(stands_in(who.lower(), leaf) for leaf in said), (who, sorted(said))


def stands_in(who: str, leaf: str) -> bool:
    """Whether a text of the record is an identifier: after a name space, or itself after one (`users/7`)."""
    return who.endswith(leaf) or leaf.endswith(f"/{who}")


MESSAGES = {source.name: source.messages for source in REGISTRY}


@pytest.mark.parametrize("source", SOURCES)
@given(rnd=st.randoms(note_method_calls=False))
@settings(max_examples=60)
def test_a_real_payload_that_was_tampered_with_has_outcomes_and_invents_nobody(source: str, rnd: Random) -> None:
    data = mutated(rnd.choice(SEEDS[source]), rnd)
    found = decode(source, data, None, (), RECORD_TIME)
    check(found)
    assert found
    assert decode(source, data, None, (), RECORD_TIME) == found
    invents_nobody(source, data, found)


@pytest.mark.parametrize("source", SOURCES)
def test_real_payloads_are_read_out_of_gzip_as_they_are(source: str) -> None:
    for data in SEEDS[source]:
        plain, packed = (decode(source, body, None, (), RECORD_TIME) for body in (data, gzip.compress(data)))
        assert packed == plain
        assert all(isinstance(event, Event) for event in plain), plain


@pytest.mark.parametrize("source", SOURCES)
def test_a_gzip_body_that_is_broken_or_would_burst_is_refused(source: str) -> None:
    packed = gzip.compress(b" " * 30_000_000)
    (burst,) = decode(source, packed)
    (cut,) = decode(source, packed[:-9])
    (broken,) = decode(source, packed[:20] + b"\xff" * 40)
    assert isinstance(burst, Failure)
    assert burst.reason == "too_big"
    assert {type(cut), type(broken)} == {Failure}
