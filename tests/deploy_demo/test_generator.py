"""Segment-shaped traffic: the fast bytes are the slow objects, and the mix is what the benchmark says it is."""

from __future__ import annotations

import time
from collections import Counter

import orjson
import pytest

from deploy.demo.generator import START, segment_calls, segment_events, watermark
from schemas.event import Event
from schemas.sources import canonical, segment
from schemas.sources.outcome import Watermark
from schemas.time import parse_time

N, USERS, ACCOUNTS = 50_000, 5_000, 250


@pytest.fixture(scope="module")
def records() -> list[tuple[bytes, bytes]]:
    return list(segment_events(N, USERS, ACCOUNTS))


@pytest.mark.parametrize(("seed", "skew"), [(7, "mild"), (3, "zipf")])
def test_the_bytes_are_the_objects(seed: int, skew: str) -> None:
    fast = segment_events(5_000, 700, 90, seed, skew)  # type: ignore[arg-type]
    slow = segment_calls(5_000, 700, 90, seed, skew)  # type: ignore[arg-type]
    for (key, value), call in zip(fast, slow, strict=True):
        assert orjson.loads(value) == call
        assert key.decode() == call["userId"]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert list(segment_events(500)) == list(segment_events(500))
    assert list(segment_events(500)) != list(segment_events(500, seed=8))


def test_a_value_is_about_three_hundred_bytes(records: list[tuple[bytes, bytes]]) -> None:
    assert 270 <= sum(len(value) for _, value in records) / N <= 330


def test_our_segment_source_reads_every_value(records: list[tuple[bytes, bytes]]) -> None:
    ids = set()
    for key, value in records:
        (event,) = segment.decode(value)
        assert isinstance(event, Event)
        assert event.user == key.decode()
        assert event.account is not None
        assert event.account.startswith("g-")
        ids.add(event.id)
    assert len(ids) == N


def test_there_are_ten_event_names_and_some_page_and_identify_calls(records: list[tuple[bytes, bytes]]) -> None:
    calls = [orjson.loads(value) for _, value in records]
    types = Counter(call["type"] for call in calls)
    assert len({call["event"] for call in calls if call["type"] == "track"}) == 10
    assert 0.04 <= types["page"] / N <= 0.06
    assert 0.005 <= types["identify"] / N <= 0.02


def test_everybody_begins_by_signing_up(records: list[tuple[bytes, bytes]]) -> None:
    seen: set[bytes] = set()
    for key, value in records:
        assert (b'"Signed Up"' in value) is (key not in seen)
        seen.add(key)


def test_a_user_stays_in_one_account(records: list[tuple[bytes, bytes]]) -> None:
    accounts: dict[bytes, set[str]] = {}
    for key, value in records:
        accounts.setdefault(key, set()).add(orjson.loads(value)["context"]["groupId"])
    assert all(len(found) == 1 for found in accounts.values())
    assert len({name for found in accounts.values() for name in found}) == ACCOUNTS


def test_time_advances_over_sixty_days_with_at_most_four_seconds_of_disorder(
    records: list[tuple[bytes, bytes]],
) -> None:
    latest = 0
    for _, value in records:
        at = parse_time(orjson.loads(value)["timestamp"])
        assert at is not None
        assert at >= latest - 4_000
        latest = max(latest, at)
    assert 59 <= (latest / 1000 - START.timestamp()) / 86_400 <= 60.1


def test_zipf_is_more_skewed_than_mild() -> None:
    busiest = {}
    for skew in ("mild", "zipf"):
        found = Counter(key for key, _ in segment_events(N, USERS, ACCOUNTS, skew=skew))
        busiest[skew] = found.most_common(1)[0][1] / N
    assert busiest["mild"] < 0.01 < busiest["zipf"]


def test_a_watermark_is_a_record_of_our_canonical_form() -> None:
    assert canonical.decode(watermark(1_704_067_200_123)) == [Watermark(1_704_067_200_123)]


def test_its_speed_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    began, n = time.perf_counter(), sum(1 for _ in segment_events(200_000))
    with capsys.disabled():
        print(f"\n  generator: {n / (time.perf_counter() - began):,.0f} events/s")
    assert n == 200_000
