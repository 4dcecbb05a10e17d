"""The desk: who hears of what, once; groups, hours, digests; what is not done is read again and told no second time."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.notify.desk import Desk, Message, Note, Told
from streams.notify.parse import parse
from tests.streams.notify.samples import ENV, HOUR, MINUTE, NOON, TEXT, alert

RULES = parse(TEXT, ENV)
NIGHT = NOON + 9 * HOUR
"""23:00 in Berlin."""


def desk(notes: dict[Told, Note] | None = None) -> Desk:
    return Desk(RULES, notes)


def send(found: Desk, now: int, sent: bool = True) -> list[Message]:
    """All that is due goes out and is noted."""
    messages = found.due(now)
    for message in messages:
        found.done(message, found.noted(message, sent))
    return messages


def told(messages: list[Message]) -> list[tuple[str, str, list[str]]]:
    return sorted((m.channel, m.kind, sorted(r["entity"] for r in m.records)) for m in messages)


def test_an_alert_goes_to_every_channel_of_its_route_once() -> None:
    found, opened = desk(), alert(severity="critical")
    found.take(opened, (0, 7), NOON)
    assert found.safe(0) == 7
    assert told(send(found, NOON)) == [("oncall", "opened", ["a1"]), ("owners", "opened", ["a1"])]
    assert found.safe(0) is None
    found.take(opened, (0, 8), NOON)
    assert send(found, NOON + HOUR) == []
    assert found.safe(0) is None


def test_its_end_is_told_to_who_heard_of_it_unless_the_route_says_otherwise() -> None:
    found = desk()
    for opened in (alert(1, severity="critical"), alert(2, severity="low", kind="user")):
        found.take(opened, (0, 1), NOON)
        send(found, NOON)
        found.take(
            alert(of=opened, status="resolved", severity=opened["severity"], kind=opened["kind"], at=NOON + HOUR),
            (0, 2),
            NOON,
        )
    assert told(send(found, NOON + HOUR)) == [("oncall", "closed", ["a1"]), ("owners", "closed", ["a1"])]


def test_what_ends_before_anybody_heard_is_told_to_nobody() -> None:
    found = desk()
    opened = alert(severity="high", carry={"plan": "pro"}, at=NIGHT)
    found.take(opened, (0, 1), NIGHT)
    assert send(found, NIGHT) == []
    found.take(
        alert(of=opened, status="resolved", severity="high", carry={"plan": "pro"}, at=NIGHT + HOUR),
        (0, 2),
        NIGHT + HOUR,
    )
    assert found.safe(0) is None
    assert send(found, NIGHT + 12 * HOUR) == []


def test_quiet_hours_hold_back_all_but_what_never_waits() -> None:
    found = desk()
    found.take(alert(1, severity="high", carry={"plan": "pro"}, at=NIGHT), (0, 1), NIGHT)
    found.take(alert(2, severity="critical", at=NIGHT), (0, 2), NIGHT)
    assert told(send(found, NIGHT)) == [("oncall", "opened", ["a2"]), ("owners", "opened", ["a2"])]
    assert send(found, NOON + 16 * HOUR) == []
    assert told(send(found, NOON + 17 * HOUR)) == [("owners", "opened", ["a1"])]  # 07:00 in Berlin


def test_alerts_of_one_owner_within_the_group_s_time_are_one_message() -> None:
    found = desk()
    for n, minute in ((1, 0), (2, 4), (3, 9)):
        found.take(alert(n, severity="low", at=NOON + minute * MINUTE), (0, n), NOON + minute * MINUTE)
    assert send(found, NOON + 9 * MINUTE) == []
    assert told(send(found, NOON + 10 * MINUTE)) == [
        ("feed", "opened", ["a1", "a2", "a3"]),
        ("owners", "opened", ["a1", "a2", "a3"]),
    ]


def test_what_is_not_live_pages_nobody_and_goes_out_as_one_digest_an_owner_of_what_is_still_open() -> None:
    found, opened = (
        desk(),
        [
            alert(n, severity="critical", origin="backfill", owner=owner)
            for n, owner in ((1, "kim"), (2, "kim"), (3, "joe"), (4, "joe"))
        ],
    )
    for n, record in enumerate(opened):
        found.take(record, (0, n), NOON)
    found.take(
        alert(of=opened[3], status="resolved", severity="critical", origin="backfill", at=NOON + 1), (0, 9), NOON
    )
    assert send(found, NOON + 9 * MINUTE) == []
    assert told(send(found, NOON + 10 * MINUTE)) == [("owners", "digest", ["a1", "a2"]), ("owners", "digest", ["a3"])]
    found.take(alert(of=opened[0], status="resolved", severity="critical", at=NOON + HOUR), (0, 10), NOON)
    assert send(found, NOON + 2 * HOUR) == []


def test_an_alert_that_opens_again_after_its_end_was_told_is_told_again() -> None:
    found, opened = desk(), alert(severity="critical")
    again = {**opened, "detected_at": alert(at=NOON + 2 * HOUR)["detected_at"]}
    ended = alert(of=opened, status="retracted", severity="critical", at=NOON + HOUR)
    heard = []
    for n, record in enumerate((opened, ended, again)):
        found.take(record, (0, n), NOON)
        heard += [message.kind for message in send(found, NOON + n * HOUR) if message.channel == "oncall"]
    assert heard == ["opened", "closed", "opened"]
    found.take(opened, (0, 5), NOON)  # the first one, read once more
    assert send(found, NOON + 3 * HOUR) == []


def test_an_end_that_waits_for_the_morning_is_dropped_where_the_alert_opens_again_in_the_night() -> None:
    found, said = desk(), {"severity": "high", "carry": {"plan": "pro"}}
    opened = alert(at=NOON, **said)
    again = {**opened, "detected_at": alert(at=NIGHT + HOUR)["detected_at"]}
    found.take(opened, (0, 1), NOON)
    assert told(send(found, NOON)) == [("owners", "opened", ["a1"])]
    found.take(alert(of=opened, status="retracted", at=NIGHT, **said), (0, 2), NIGHT)
    found.take(again, (0, 3), NIGHT + HOUR)
    assert found.safe(0) is None
    assert send(found, NOON + 24 * HOUR) == []
    found.take(alert(of=opened, status="resolved", at=NOON + 25 * HOUR, **said), (0, 4), NOON + 25 * HOUR)
    assert told(send(found, NOON + 25 * HOUR)) == [("owners", "closed", ["a1"])]


def test_an_end_waits_for_its_opening_that_is_on_its_way_and_is_dropped_with_one_that_never_arrives() -> None:
    for sent in (True, False):
        found, opened = desk(), alert(severity="critical")
        found.take(opened, (0, 1), NOON)
        flying = found.due(NOON)
        found.take(alert(of=opened, status="resolved", severity="critical", at=NOON + 1), (0, 2), NOON)
        assert found.due(NOON + 1) == []
        for message in flying:
            found.done(message, found.noted(message, sent))
        assert [message.kind for message in send(found, NOON + 1)] == (["closed", "closed"] if sent else [])
        assert found.safe(0) is None


def test_partitions_that_go_take_what_waits_of_them_along() -> None:
    found = desk()
    found.take(alert(1, severity="low"), (0, 1), NOON)
    found.take(alert(2, severity="low"), (1, 1), NOON)
    found.forget([0])
    assert (found.safe(0), found.safe(1)) == (None, 1)
    assert told(send(found, NOON + HOUR)) == [("feed", "opened", ["a2"]), ("owners", "opened", ["a2"])]


# --- through crashes -------------------------------------------------------------------------------------------------------

lives = st.lists(
    st.tuples(
        st.integers(1, 4), st.sampled_from(["opened", "resolved"]), st.sampled_from(["critical", "low", "high"]),
        st.sampled_from(["live", "live", "live", "backfill"]),
    ), min_size=1, max_size=14,
)  # fmt: skip
crashes = st.lists(st.sampled_from(["turn", "turn", "crash", "crash after sending"]), min_size=1, max_size=20)


def topic(steps: list[tuple[int, str, str, str]]) -> list[dict[str, Any]]:
    """Records in the order in which they are on the topic: an alert opens, ends, opens again as another one."""
    records: list[dict[str, Any]] = []
    open_: dict[int, dict[str, Any]] = {}
    for n, (entity, status, severity, origin) in enumerate(steps):
        at = NOON + n * MINUTE
        if status == "opened" and entity not in open_:
            open_[entity] = alert(entity, at=at, severity=severity, origin=origin)
            records.append(open_[entity])
        elif status == "resolved" and entity in open_:
            opened = open_.pop(entity)
            records.append(alert(entity, "resolved", at, opened, severity=opened["severity"], origin=origin))
    return records


@settings(max_examples=250, deadline=None)
@given(lives, crashes)
def test_through_any_crash_everybody_hears_once_but_for_what_was_on_its_way(steps: Any, happens: list[str]) -> None:
    """Notes and commits survive, the desk does not. Only a crash between send and note may repeat a message."""
    records, notes, commit, now = topic(steps), dict[Told, Note](), 0, NOON
    heard: dict[tuple[str, str], int] = defaultdict(int)
    repeated: set[tuple[str, str]] = set()
    found, position = desk(), 0
    for what in [*happens, *["turn"] * (len(records) + 3)]:
        now += 7 * MINUTE
        if position < len(records):
            found.take(records[position], (0, position), now)
            position += 1
        for message in found.due(now):
            for item in message.items:
                heard[item.key, item.channel] += 1
            if what == "crash after sending":
                repeated |= {(item.key, item.channel) for item in message.items}
                continue
            added = found.noted(message, True)
            notes.update(added)
            found.done(message, added)
        safe = found.safe(0)
        if what.startswith("crash"):
            found, position = desk(notes), commit
        else:
            commit = position if safe is None else safe
    now += 24 * HOUR
    for message in send(found, now):
        for item in message.items:
            heard[item.key, item.channel] += 1
    assert found.waiting == 0
    assert {pair for pair, times in heard.items() if times > 1} <= repeated
    _nobody_missed(records, heard)


def _nobody_missed(records: list[dict[str, Any]], heard: dict[tuple[str, str], int]) -> None:
    """A live alert that nothing ended is known to every channel of its route."""
    ended = {record["opens"] for record in records if record["status"] != "opened"}
    for record in records:
        if record["status"] == "opened" and record["origin"] == "live" and record["id"] not in ended:
            route = RULES.route(record)
            for channel in route.send if route is not None else ():
                assert heard[f"{record['id']}.{record['detected_at']}", channel] >= 1
