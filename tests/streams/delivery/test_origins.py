"""Each record of a sender is taken once; the slowest expected sender decides how late it is."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.contracts import NEVER, NOTHING_YET, Origin, Output
from streams.delivery.origins import HEADER, Origins, Stamp, decode_origin, encode_origin


def origin(sender: str, batch: int = 0, index: int = 0, watermark: int = 0) -> bytes:
    return encode_origin(Origin(sender, batch, index, watermark))


@given(st.text(max_size=30), st.integers(0, 2**60), st.integers(0, 2**31), st.integers(NOTHING_YET, NEVER))
def test_an_origin_comes_back_as_it_was(sender: str, batch: int, index: int, watermark: int) -> None:
    sent = Origin(sender, batch, index, watermark)
    assert decode_origin(encode_origin(sent)) == sent


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 3)), max_size=12), st.data())
def test_a_sender_that_goes_back_and_repeats_itself_is_taken_once(
    sent: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    """Senders send in order; after a crash they begin again somewhere before."""
    log: list[tuple[str, int, int]] = []
    for sender in "ab":
        own = sorted({item for item in sent if item[0] == sender})
        again = data.draw(st.integers(0, len(own)))
        log += own + own[again:]
    origins = Origins("ab")
    taken = [item for item in log if origins.admit(origin(*item))]
    assert sorted(taken) == sorted(set(sent))


def test_a_sender_that_never_spoke_holds_everything_back() -> None:
    origins = Origins(["a/0", "a/1"])
    origins.hear(origin("a/0", watermark=50))
    assert origins.watermark() == NOTHING_YET
    origins.hear(origin("a/1", watermark=40))
    assert origins.watermark() == 40


def test_an_empty_partition_is_not_waited_for_until_it_speaks() -> None:
    origins = Origins(["a/0", "a/1"])
    origins.hear(origin("a/0", watermark=50))
    origins.hear(origin("a/1", watermark=NEVER))
    assert origins.watermark() == 50
    origins.hear(origin("a/1", watermark=20))
    assert origins.watermark() == 20


def test_a_late_never_of_a_former_owner_changes_nothing() -> None:
    origins = Origins(["a/0"])
    origins.hear(origin("a/0", watermark=20))
    origins.hear(origin("a/0", watermark=NEVER))
    assert origins.watermark() == 20


def test_nobody_expected_means_never() -> None:
    assert Origins([]).watermark() == NEVER


def test_a_watermark_does_not_go_back() -> None:
    origins = Origins(["a/0"])
    origins.hear(origin("a/0", watermark=20))
    origins.hear(origin("a/0", watermark=10))
    assert origins.watermark() == 20


def test_a_heartbeat_does_not_hide_a_record_sent_before_it() -> None:
    origins = Origins(["a/0"])
    origins.hear(origin("a/0", batch=9))
    assert origins.admit(origin("a/0", batch=8))


def test_an_unexpected_sender_is_deduplicated_and_does_not_hold_time_back() -> None:
    origins = Origins(["a/0"])
    origins.hear(origin("a/0", watermark=20))
    assert origins.admit(origin("b/0", 1, 0, 5))
    assert not origins.admit(origin("b/0", 1, 0, 5))
    assert origins.watermark() == 20


def test_high_water_and_watermarks_survive_the_partition_record() -> None:
    origins, again = Origins(["a/0"]), Origins(["a/0"])
    origins.admit(origin("a/0", 2**40, 1, 20))
    origins.hear(origin("b/0", 0, 0, 20))
    again.load(orjson.loads(orjson.dumps(origins.dump())))
    assert not again.admit(origin("a/0", 2**40, 1, 20))
    assert again.admit(origin("b/0", 0, 0, 20))
    assert again.watermark() == 20


def test_a_heartbeat_goes_to_every_partition_and_has_nothing_but_its_origin() -> None:
    beats = Stamp("users/0").heartbeats({"members": 2}, 7, 99)
    header = (HEADER, origin("users/0", 7, 0, 99))
    assert beats == [Output("members", None, None, (header,), p) for p in (0, 1)]
