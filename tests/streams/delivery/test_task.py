"""One partition of one logic: what is durable, what is published, what is committed, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from streams.delivery import record as rec
from streams.delivery.contracts import NEVER, NOTHING_YET, Advanced, Beside, Ok, Origin, Outcome, Output, Record
from streams.delivery.dead import TOPIC as DEAD_LETTERS
from streams.delivery.origins import decode_origin, encode_origin, origin_header
from streams.delivery.settings import Fenced, InputTruncated, TaskSettings
from streams.delivery.task import Task
from tests.simulation.toys import FORGET, IDLE, Alone
from tests.streams.delivery.harness import SETTINGS, STILL, Driven, event

START = [event(0, "ann", 10), event(1, "ann", 20), event(2, "ann", 30)]
"""Three events: the second tells the account, the third also makes a transition."""

FIRST = b"ann|10|3|active|30|3|2,4,0"
"""That transition."""


def keys(driven: Driven) -> list[bytes]:
    return [key for key, _ in driven.log]


# --- state first ------------------------------------------------------------------------------------------------------


def test_what_is_published_is_in_the_changelog_with_the_entity() -> None:
    driven = Driven().take_over()
    work = driven.read(*START)
    entity, *beside = work.changelog[0]
    assert entity[0] == rec.entity_key(b"ann")
    assert {key for key, _ in beside} == {rec.beside_key(b"ann", n) for n in (b"n0", b"n1")}
    value = entity[1] or b""
    assert [output for _, output in rec.outbox_of(value, rec.header_of(value))] == work.outputs
    assert [output.topic for output in work.outputs] == ["members", "members", "transitions"]
    assert work.commit is None


def test_an_entity_without_outputs_waits_for_the_checkpoint() -> None:
    driven = Driven().take_over()
    assert driven.read(event(0, "ann", 10)).changelog == []


def test_a_busy_entity_costs_one_record_a_checkpoint() -> None:
    driven = Driven(logic=Silent()).take_over()
    driven.tick(0)
    for offset in range(500):
        driven.now += 10
        driven.take(event(offset, "ann", offset))
    assert keys(driven).count(rec.entity_key(b"ann")) == 5


def test_the_commit_follows_the_checkpoint_and_covers_the_batches_before_it() -> None:
    driven = Driven().take_over()
    driven.take(event(0, "ann", 10))
    assert driven.committed == {}
    driven.now = 1_000
    driven.take(event(1, "bob", 20))
    assert driven.committed == {"direct": 1}
    assert keys(driven)[-3:] == [rec.entity_key(b"ann"), rec.beside_key(b"ann", b"n1"), rec.PARTITION_KEY]
    driven.tick(1_000)
    assert driven.committed == {"direct": 2}


def test_a_checkpoint_comes_after_many_records_even_when_no_time_passes() -> None:
    driven = Driven(settings=replace(SETTINGS, checkpoint_events=3)).take_over()
    for offset in range(5):
        driven.take(event(offset, "ann", offset))
    assert driven.committed == {"direct": 3}


def test_in_catch_up_a_checkpoint_waits_for_many_records_but_not_for_ever_and_not_once_all_is_read() -> None:
    settings = replace(SETTINGS, checkpoint_every=1_000, checkpoint_behind=5_000, checkpoint_busy=3)
    driven = Driven(settings=settings).take_over()
    driven.take(event(0, "ann", 10))
    driven.now = 1_000
    driven.take(event(1, "bob", 20), event(2, "bob", 20), event(3, "bob", 20))
    assert driven.committed == {"direct": 1}, "one record is no catch-up"
    driven.now = 5_000
    driven.take(event(4, "bob", 20))
    assert driven.committed == {"direct": 1}
    driven.now = 6_000
    driven.take(*(event(offset, "bob", 20) for offset in (5, 6, 7)))
    assert driven.committed == {"direct": 5}
    driven.tick(1_000)
    assert driven.committed == {"direct": 8}, "all is read"


def test_a_large_checkpoint_is_written_in_slices_and_commits_at_its_end() -> None:
    driven = Driven(settings=replace(SETTINGS, write_slice=2)).take_over()
    driven.take(*[event(i, f"user{i}", 10) for i in range(5)])
    sizes, commits = [], []
    for _ in range(3):
        driven.now += 1_000
        work = driven.task.tick(driven.now, ("direct",))
        assert work is not None
        sizes.append(sum(key[:2] == b"e:" for group in work.changelog for key, _ in group))
        commits.append(work.commit)
        driven.do(work)
    assert sizes == [2, 2, 1]
    assert commits == [None, None, {"direct": 5}]


def test_nothing_to_do_is_no_work() -> None:
    driven = Driven().take_over()
    driven.tick(0)
    driven.tick(5_000)
    assert driven.task.tick(driven.now + 1, ("direct",)) is None


def test_a_drain_writes_and_commits_everything() -> None:
    driven = Driven().take_over()
    driven.take(event(0, "ann", 10), event(1, "bob", 20))
    driven.do(driven.task.drain(driven.now))
    assert driven.committed == {"direct": 2}
    assert {rec.entity_key(b"ann"), rec.entity_key(b"bob"), rec.PARTITION_KEY} <= set(keys(driven))


def test_a_drain_takes_a_checkpoint_under_way_into_its_own() -> None:
    driven = Driven(settings=replace(SETTINGS, write_slice=1)).take_over()
    driven.take(*[event(i, f"user{i}", 10) for i in range(3)])
    driven.now = 1_000
    driven.tick(0)
    driven.do(driven.task.drain(driven.now))
    assert {rec.entity_key(b"user%d" % i) for i in range(3)} <= set(keys(driven))


def test_a_drain_before_the_last_acknowledgement_is_refused() -> None:
    driven = Driven().take_over()
    driven.append(driven.read(*START))
    with pytest.raises(RuntimeError, match="batch 1 is not acknowledged"):
        driven.task.drain(0)


# --- taking over ------------------------------------------------------------------------------------------------------


def test_what_may_not_have_been_published_is_sent_again_byte_for_byte() -> None:
    driven = Driven().take_over()
    work = driven.read(*START)
    driven.append(work)  # and then the process is killed
    assert Driven(driven.log, 2).take_over().published == work.outputs


def test_what_was_acknowledged_before_the_next_batch_is_not_sent_again() -> None:
    driven = Driven().take_over()
    driven.take(*START)
    driven.take(event(3, "bob", 40), event(4, "bob", 50))
    assert len(driven.published) == 4
    assert Driven(driven.log, 2).take_over().published == driven.published[3:]


def test_records_that_an_entity_has_taken_are_not_applied_again() -> None:
    driven = Driven().take_over()
    driven.append(driven.read(*START))
    again = Driven(driven.log, 2).take_over()
    again.take(*START, event(3, "ann", 40))
    assert again.task.counts["repeated", "direct"] == 3
    assert again.values("transitions") == [FIRST]


def test_a_crash_between_entities_of_one_batch_loses_nothing() -> None:
    driven = Driven().take_over()
    both = [*START, *(event(i, "bob", 10 * i) for i in range(3, 6))]
    work = driven.read(*both)
    driven.append(work._replace(changelog=work.changelog[:1]))
    again = Driven(driven.log, 2).take_over()
    again.take(*both)
    assert again.values("transitions") == [FIRST, b"bob|30|3|active|50|3|2,4,0"]


def test_timers_are_armed_again() -> None:
    driven = Driven().take_over()
    driven.take(*START)
    driven.do(driven.task.drain(0))
    again = Driven(driven.log, 2).take_over()
    again.take(event(3, "bob", 30 + IDLE))
    assert b"ann|10|5|idle|90|3|2,4,0" in again.values("transitions")


def test_a_claim_is_good_only_when_nobody_wrote_in_between() -> None:
    former = Driven().take_over()
    later = Driven(former.log, 2)
    later.task.restore(former.log)
    position = len(former.log)
    former.take(*START)  # before our claim, so it counts
    base = len(former.log)
    former.log += later.task.claim().changelog[0]
    assert not later.task.claimed(base, position)
    later.task.restore(former.log[position:])
    base = len(former.log)
    former.log += later.task.claim().changelog[0]
    assert later.task.claimed(base, base)
    assert later.task.restored().outputs == former.published


def test_claims_are_numbered_upwards_even_when_the_group_begins_again_from_one() -> None:
    """A consumer group that was deleted, or expired, counts its generations from one again."""
    driven = Driven(generation=50).take_over()
    driven.take(*START)
    again = Driven(driven.log, generation=1).take_over()
    again.take(event(3, "ann", 40))
    again.do(again.task.drain(0))
    third = Driven(again.log, generation=2).take_over()
    assert third.task.generation == 52
    assert third.task.positions == {"direct": 4}


# --- fencing ----------------------------------------------------------------------------------------------------------


def test_a_zombie_notices_where_its_append_landed_and_publishes_nothing() -> None:
    zombie = Driven().take_over()
    work = zombie.read(*START)
    Driven(zombie.log, 2).take_over()
    with pytest.raises(Fenced, match="we are generation 1"):
        zombie.do(work)
    assert zombie.published == []


def test_what_a_zombie_wrote_after_a_claim_is_ignored_and_written_over() -> None:
    zombie = Driven().take_over()
    work = zombie.read(*START)
    owner = Driven(zombie.log, 2).take_over()
    owner.take(event(0, "ann", 10), event(1, "ann", 20))
    right = owner.log[-3:]
    with pytest.raises(Fenced):
        zombie.append(work)
    third = Driven(owner.log, 3).take_over()
    assert third.published == owner.published
    written_again = dict(third.log[-8:])
    for key, value in right:
        assert value is not None
        assert written_again[key] == rec.with_generation(value, 3)


def test_a_zombies_deletion_is_known_by_the_record_in_front_of_it() -> None:
    zombie = Driven().take_over()
    zombie.take(*START)
    zombie.take(event(3, "bob", 30 + FORGET))  # ann is gone; her mark stays
    bury = zombie.task.drain(0)
    owner = Driven(zombie.log, 2).take_over()
    owner.take(event(4, "ann", 500), event(5, "ann", 510))
    deletions = [group for group in bury.changelog if group[-1] == (rec.entity_key(b"ann"), None)]
    assert [group[0][0] for group in deletions] == [rec.CLAIM_KEY]
    owner.log += deletions[0]
    third = Driven(owner.log, 3).take_over()
    third.take(event(6, "ann", 520))
    assert third.values("transitions") == [b"ann|500|3|active|520|3|2,4,0"]


def test_an_idle_owner_writes_now_and_then_so_as_to_notice_a_zombie() -> None:
    owner = Driven().take_over()
    owner.tick(0)
    for _ in range(599):
        owner.tick(1_000)
    owner.log.append((rec.CLAIM_KEY, rec.encode_tagged(0)))
    with pytest.raises(Fenced):
        owner.tick(2_000)


# --- entities that end ------------------------------------------------------------------------------------------------


def test_an_entity_that_ended_is_not_begun_again_by_records_read_again() -> None:
    driven = Driven().take_over()
    driven.take(*START)
    driven.take(event(3, "bob", 30 + FORGET))
    assert driven.values("transitions")[-1] == b"ann|10|6|gone|180|3|0,4,1"
    again = Driven(driven.log, 2).take_over()
    again.take(*START, event(3, "bob", 30 + FORGET))
    assert [v for v in again.values("transitions") if (v or b"").startswith(b"ann")] == driven.values("transitions")[1:]


def test_the_mark_of_an_end_goes_when_its_records_cannot_come_back() -> None:
    driven = Driven().take_over()
    driven.take(*START)
    driven.take(event(3, "bob", 30 + FORGET))
    for _ in range(3):
        driven.tick(1_000)
        driven.take(event(driven.task.positions["direct"], "bob", 30 + FORGET))
    assert driven.log.count((rec.entity_key(b"ann"), None)) == 1
    assert driven.task.entities == 1


def test_the_mark_of_a_second_end_stays_until_its_outputs_are_out() -> None:
    """The checkpoint that may bury the first mark finishes in the very batch that ends the entity again."""
    driven = Driven().take_over()
    driven.tick(0)
    driven.take(*START)
    driven.take(event(3, "bob", 30 + FORGET))
    driven.take(event(4, "ann", 40 + FORGET))
    driven.now += SETTINGS.checkpoint_every
    work = driven.read(event(5, "bob", 40 + 2 * FORGET))
    assert work.commit is not None, "else this test is about nothing"
    driven.append(work)
    again = Driven(driven.log, 2).take_over()
    assert [output for output in again.published if output.topic == "transitions"] == [
        output for output in work.outputs if output.topic == "transitions"
    ]


def test_whoever_begins_again_finds_nothing_beside_it() -> None:
    driven = Driven().take_over()
    driven.take(*START)
    driven.take(event(3, "ann", 30 + FORGET), event(4, "ann", 190), event(5, "ann", 200))
    assert driven.values("transitions")[-1] == b"ann|180|3|active|200|3|2,4,0"


# --- inputs -----------------------------------------------------------------------------------------------------------

ORIGINS = {"events": ["raw/0", "raw/1"]}


def hop(offset: int, user: str, at: int, sender: str, watermark: int) -> Record:
    header = encode_origin(Origin(sender, at, 0, watermark))
    return event(offset, user, at, topic="events")._replace(headers=[("o", header)])


def test_a_record_sent_twice_counts_once() -> None:
    driven = Driven(inputs=("events",), origins=ORIGINS).take_over()
    sent = hop(0, "ann", 10, "raw/0", 10)
    driven.take(sent, sent._replace(offset=1))
    assert driven.task.counts["duplicate", "events"] == 1


def test_time_waits_for_the_slowest_sender() -> None:
    driven = Driven(inputs=("events",), origins=ORIGINS).take_over()
    driven.take(hop(0, "ann", 10, "raw/0", 10))
    driven.take(hop(1, "bob", 500, "raw/0", 500))
    assert driven.values("transitions") == []
    driven.take(hop(2, "cid", 90, "raw/1", 90))
    assert driven.values("transitions") == [b"ann|10|2|idle|70|1|0,1,0"]


def test_a_source_that_is_years_behind_holds_the_timers_of_the_other_back() -> None:
    driven = Driven(inputs=("direct", "events"), origins={"events": ["raw/0"]}).take_over()
    driven.take(event(0, "ann", 1_000_000), event(1, "bob", 1_000_000 + FORGET))
    driven.take(hop(0, "old", 10, "raw/0", 10))
    assert driven.task.watermark == 10
    assert driven.values("transitions") == []


def test_an_input_known_to_be_empty_is_not_waited_for() -> None:
    driven = Driven(inputs=("direct", "events"), origins={"events": ["raw/0"]}).take_over()
    driven.take(hop(0, "ann", 10, "raw/0", 90))
    driven.do(driven.task.tick(0, (), empty=("direct",)))
    assert driven.values("transitions") == [b"ann|10|2|idle|70|1|0,1,0"]


def test_inputs_may_change_places_between_two_starts() -> None:
    first = Driven(inputs=("direct", "other")).take_over()
    first.append(first.read(*START))
    second = Driven(first.log, 2, inputs=("new", "other", "direct")).take_over()
    second.take(*START)
    assert second.task.counts["repeated", "direct"] == 3


def test_an_input_that_was_left_out_for_a_while_is_remembered() -> None:
    first = Driven(inputs=("direct", "other")).take_over()
    first.take(*START)
    first.do(first.task.drain(0))
    second = Driven(first.log, 2, inputs=("other",)).take_over()
    second.do(second.task.drain(0))
    assert Driven(second.log, 3, inputs=("direct",)).take_over().task.positions == {"direct": 3}


def test_a_topic_that_is_another_one_under_the_same_name_is_read_from_its_start() -> None:
    first = Driven(settings=replace(SETTINGS, topic_ids={"direct": "id-1"})).take_over()
    first.take(*START)
    first.do(first.task.drain(0))
    second = Driven(first.log, 2, settings=replace(SETTINGS, topic_ids={"direct": "id-2"})).take_over()
    second.take(event(0, "ann", 40))
    assert second.task.counts["ok", "direct"] == 1


def test_an_input_that_ends_before_what_was_applied_is_refused() -> None:
    driven = Driven().take_over()
    driven.append(driven.read(*START))
    again = Driven(driven.log, 2).take_over()
    again.task.check_inputs({"direct": 3})
    with pytest.raises(InputTruncated, match="ends at 2, but it was applied up to 3"):
        again.task.check_inputs({"direct": 2})


# --- what is sent on --------------------------------------------------------------------------------------------------


def test_a_redirect_has_the_same_origin_each_time_it_is_read() -> None:
    origins = []
    for generation in (1, 2):
        driven = Driven(generation=generation).take_over()
        driven.take(event(7, "ann", 10, "a"))
        origins.append(decode_origin(dict(driven.published[0].headers)["o"])[:3])
    assert origins == [("direct/0", 7, 0)] * 2


def test_a_dead_letter_keeps_the_original_bytes_and_has_the_same_id_each_time() -> None:
    bad = event(7, "ann", 10, "x")._replace(headers=[("trace", b"1")])
    letters = []
    for _ in range(2):
        driven = Driven().take_over()
        driven.take(bad)
        letters.append(driven.published[0])
    assert letters[0] == letters[1]
    assert (letters[0].topic, letters[0].key, letters[0].value) == (DEAD_LETTERS, bad.key, bad.value)
    headers = dict(letters[0].headers)
    assert (headers["reason"], headers["topic"], headers["offset"]) == (b"broken", b"direct", b"7")
    assert headers["trace"] == b"1"


def test_every_record_read_is_counted_once_by_what_became_of_it() -> None:
    driven = Driven().take_over()
    kinds = "eexdabeew"
    driven.take(*[event(i, "ann", 10, kind) for i, kind in enumerate(kinds)])
    counts = driven.task.counts
    assert counts["read", "direct"] == len(kinds)
    assert counts["ok", "direct"] == 5
    assert counts["redirected", "rekeyed"] == counts["dead", "broken"] == 1
    assert counts["dropped", "unwanted"] == counts["clock", "direct"] == 1


# --- time -------------------------------------------------------------------------------------------------------------


def watermarks(outputs: list[Output]) -> list[int]:
    return [decode_origin(dict(o.headers)["o"]).watermark for o in outputs if o.topic == "members"]


def test_outputs_carry_the_watermark_of_the_batch_before_them() -> None:
    driven = Driven().take_over()
    driven.take(event(0, "ann", 10))
    driven.take(event(1, "ann", 20), event(2, "ann", 30))
    facts = [o for o in driven.published if o.value is not None]
    assert watermarks(facts) == [10, 10]


def test_the_watermark_announced_stays_before_timers_that_are_still_to_fire() -> None:
    settings = TaskSettings(heartbeats={"members": 1}, clock=STILL, timer_slice=1, heartbeat_every=0)
    driven = Driven(settings=settings).take_over()
    driven.take(event(0, "ann", 10), event(1, "bob", 20))
    driven.take(event(2, "cid", 100))
    assert driven.task.backlog
    assert watermarks(driven.published)[-1] == 79  # bob is due at 80
    driven.tick(0)
    assert watermarks(driven.published)[-1] == 100


def test_timers_fire_oldest_first() -> None:
    driven = Driven().take_over()
    driven.take(event(0, "bob", 10), event(1, "ann", 20), event(2, "cid", 15))
    driven.take(event(3, "dan", 100))
    assert [v[:3] for v in driven.values("transitions") if v] == [b"bob", b"cid", b"ann"]


def test_a_heartbeat_is_sent_once_a_second_while_time_moves() -> None:
    driven = Driven().take_over()
    for tenth in range(50):
        driven.now = 1_000 + tenth * 100
        driven.take(event(tenth, "ann", tenth))
    beats = [o for o in driven.published if o.value is None]
    assert len(beats) == 5
    assert all(o.key is None and o.partition == 0 for o in beats)
    for _ in range(30):
        driven.tick(100)
    assert len([o for o in driven.published if o.value is None]) == 6


def test_a_watermark_record_ends_time_exactly_there() -> None:
    driven = Driven().take_over()
    driven.take(event(0, "ann", 10))
    driven.take(event(1, "", 10 + IDLE - 1, "w"))
    assert driven.values("transitions") == []
    driven.take(event(2, "", 10 + IDLE, "w"))
    assert driven.values("transitions") == [b"ann|10|2|idle|70|1|0,1,0"]


def test_the_watermark_survives_a_restart() -> None:
    driven = Driven().take_over()
    driven.take(*START)
    driven.do(driven.task.drain(0))
    assert Driven(driven.log, 2).take_over().task.watermark == 30


class Silent(Alone):
    """Takes everything and says nothing; with `stuck` its deadline never moves."""

    name = "silent"

    def __init__(self, stuck: bool = False) -> None:
        self.stuck = stuck

    def read(self, record: Record) -> list[Outcome]:
        return [Ok(record.key or b"", 1, record.timestamp)]

    def new(self, key: bytes, kept: bytes | None = None) -> list[int]:
        return [0]

    def load(self, key: bytes, payload: bytes) -> list[int]:
        return [int(payload)]

    def dump(self, entity: list[int]) -> bytes:
        return b"%d" % entity[0]

    def deadline(self, entity: list[int]) -> int:
        return 5 if self.stuck else NEVER

    def advance(
        self, key: bytes, entity: list[int], inputs: list[Any], until: int, now: int, beside: Beside, heard: int = NEVER
    ) -> Advanced:
        entity[0] += len(inputs)
        return Advanced([], [])


def test_a_timer_that_fires_without_moving_is_counted_and_not_fired_for_ever() -> None:
    driven = Driven(logic=Silent(stuck=True)).take_over()
    driven.take(event(0, "ann", 10))
    assert driven.task.counts["timer_stuck", "silent"] == 1
    assert not driven.task.backlog


def test_an_entity_that_nothing_came_of_is_not_kept() -> None:
    class Nothing(Silent):
        def dump(self, entity: list[int]) -> bytes:
            return b""

    driven = Driven(logic=Nothing()).take_over()
    driven.take(event(0, "ann", 10))
    driven.do(driven.task.drain(0))
    assert rec.entity_key(b"ann") not in keys(driven)
    assert driven.task.entities == 0


def test_the_header_of_an_origin_is_found_among_others() -> None:
    record = event(0, "ann", 1)._replace(headers=[("a", b"1"), ("o", b"x")])
    assert origin_header(record) == b"x"


def test_a_task_needs_nothing_but_a_logic_and_names() -> None:
    task = Task(Silent(), 3, ("direct",), 1, "silent/3", {})
    assert (task.positions, task.entities, task.timers) == ({}, 0, 0)


def test_entities_that_are_not_touched_go_back_to_bytes_and_lose_nothing() -> None:
    driven = Driven(settings=replace(SETTINGS, warm=2)).take_over()
    for number in range(10):
        driven.take(event(2 * number, f"user{number}", 10), event(2 * number + 1, f"user{number}", 10))
        driven.tick(1_000)
        driven.tick(1_000)
    decoded = [kept for kept in driven.task._table.entities.values() if not isinstance(kept, bytes)]
    assert 2 <= len(decoded) <= 4
    driven.take(*[event(20 + number, f"user{number}", 20) for number in range(10)])
    expected = [b"user%d|10|3|active|20|3|2,4,0" % number for number in range(10)]
    assert [v for v in driven.values("transitions") if v and b"active" in v] == expected


def test_a_long_slice_frees_as_many_entities_as_it_decodes() -> None:
    """Found at a million users: slices of 16,000 records decoded more than the end of each looked at."""
    driven = Driven(settings=replace(SETTINGS, warm=10, write_slice=12_000)).take_over()
    driven.take(*[event(number, f"user{number}", 10) for number in range(12_000)])
    driven.tick(1_000)  # writes them
    later = [event(number, f"user{number}", 10) for number in range(12_000, 24_000)]
    *_, work = driven.task.steps("direct", later, driven.now, False, 100)
    assert work is not None
    kept = driven.task._table.entities
    assert all(isinstance(kept[b"user%d" % number], bytes) for number in range(11_900))
    assert not any(isinstance(kept[b"user%d" % number], bytes) for number in range(12_000, 24_000)), "not written yet"
    driven.do(work)
    driven.take(*[event(24_000 + number, f"user{number}", 10) for number in range(12_000)])
    counted = {(driven.task.payload(b"user%d" % number) or b"").split(b"|")[2] for number in range(12_000)}
    assert counted == {b"2"}, "nothing is lost by it"


def test_much_that_stands_beside_an_entity_does_not_wait_for_the_checkpoint() -> None:
    """It goes out in one record batch, and brokers take 1 MB."""

    class Wide(Silent):
        def advance(
            self,
            key: bytes,
            entity: list[int],
            inputs: list[Any],
            until: int,
            now: int,
            beside: Beside,
            heard: int = NEVER,
        ) -> Advanced:
            entity[0] += len(inputs)
            return Advanced([], [(b"%d/%d" % (until, n), b"x") for n in range(100)])

    driven = Driven(logic=Wide()).take_over()
    groups = [driven.read(event(offset, "ann", offset)).changelog for offset in range(6)]
    assert [len(group) for group in groups] == [0, 0, 0, 0, 1, 0]
    assert len(groups[4][0]) == 501


def test_a_task_that_nobody_had_to_wait_for_is_waited_for_from_its_first_record_on() -> None:
    driven = Driven(inputs=("events",), origins={"events": ["raw/0"]}).take_over()
    header = encode_origin(Origin("raw/0", 0, 0, NEVER))
    driven.take(Record("events", 0, 0, 0, None, None, [("o", header)]))
    driven.tick(1_000)
    assert watermarks(driven.published) == [NEVER]
    driven.take(hop(1, "ann", 10, "raw/0", NOTHING_YET), hop(2, "ann", 20, "raw/0", NOTHING_YET))
    assert watermarks(driven.published)[1:] == [NOTHING_YET]


def test_entities_can_be_looked_at_decoded_or_not() -> None:
    driven = Driven().take_over()
    driven.take(*START, event(3, "bob", 30))
    driven.do(driven.task.drain(0))
    again = Driven(driven.log, 2).take_over()
    assert (
        dict(again.task.payloads())
        == dict(driven.task.payloads())
        == {b"ann": b"acme|10|3|30|3|0", b"bob": b"acme|30|1|30|0|0"}
    )
    again.take(event(4, "ann", 30 + FORGET))
    assert again.task.payload(b"ann") == b"acme|180|1|180|0|0"
    assert again.task.payload(b"nobody") is None
