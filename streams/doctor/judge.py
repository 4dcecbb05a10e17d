"""Judge: figures of a deployment into findings. Values in, values out; the looking is done beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from streams.batch.topic_ids import Topic
from streams.doctor.finding import Finding, error, note, ok
from streams.settings import Settings
from streams.topics import HOUR, TopicPlan, problems

MOST_SKEW_MS = 1_000
"""Beyond this, times in ClickHouse and timers of quiet partitions are visibly off; NTP keeps machines within some ms."""

OFTEN = 1_000
"""Matches a day of a selection that may not simply be rare."""

DAY_MS = 86_400_000

READ, WRITE, DESCRIBE = 3, 4, 8
"""Kafka's numbers of operations: https://kafka.apache.org/protocol (AclOperation)."""

NO_RIGHTS = -(2**31)
"""What a broker says where rights were not asked for or it does not tell them."""


class GroupFigures(NamedTuple):
    """A consumer group, looked at twice. lag: records between commits and ends; moved: whether a commit was."""

    name: str
    who: str
    command: str
    members: int
    lag: int
    moved: bool


class State(NamedTuple):
    """A partition's state as its changelog has it. overdue: timers before its own watermark (ms) that have not fired."""

    changelog: str
    partition: int
    definition: str | None
    watermark: int
    entities: int
    overdue: int


class Rate(NamedTuple):
    """Records of the last hour."""

    dead: int
    read: int


def topics(planned: list[TopicPlan], there: Mapping[str, Topic]) -> list[Finding]:
    """Missing ones, and those that need one number of partitions and have not."""
    found = []
    for text in problems(planned, there):
        what, _, do = text.partition("; " if "; " in text else ": ")
        found.append(error("topics", what, do))
    return found or [ok("topics", f"{len(planned)} topics are there, with partitions that fit")]


def configs(planned: list[TopicPlan], kept: Mapping[str, Mapping[str, str]]) -> list[Finding]:
    """Topics of ours whose configuration would lose state or refuse large records."""
    found = []
    for topic in (topic for topic in planned if topic.ours and topic.name in kept):
        has = kept[topic.name]
        policy = topic.configs.get("cleanup.policy", "delete")
        if has.get("cleanup.policy", policy) != policy:
            risk = "state would be deleted" if policy == "compact" else "records without a key would be lost"
            what = f"{topic.name} has cleanup.policy {has['cleanup.policy']}: {risk}"
            found.append(error("topics", what, f"set cleanup.policy={policy} on it"))
        lag = int(has.get("min.compaction.lag.ms", HOUR))
        if "min.compaction.lag.ms" in topic.configs and lag < HOUR:
            what = f"{topic.name} has min.compaction.lag.ms {lag}: a lost worker's writes may go unnoticed"
            found.append(error("topics", what, f"set it to {HOUR} or more; see docs/guarantee.md"))
        largest = int(topic.configs.get("max.message.bytes", 0))
        if int(has.get("max.message.bytes", largest)) < largest:
            what = f"{topic.name} takes records of {has['max.message.bytes']} bytes at most"
            found.append(
                error("topics", what, f"set max.message.bytes={largest} on it: a state with all beside it is large")
            )
    return found


def rights(planned: list[TopicPlan], there: Mapping[str, Topic]) -> list[Finding]:
    """What the broker says that we may do, which is what these settings' user may do."""
    found, told = [], False
    for topic in (topic for topic in planned if topic.name in there):
        allowed = there[topic.name].rights
        if allowed == NO_RIGHTS:
            continue
        told = True
        needed = {"READ": READ, "WRITE": WRITE} if topic.ours else {"READ": READ}
        lacking = [name for name, bit in needed.items() if not allowed >> bit & 1]
        if lacking:
            what = f"this user may not {' and '.join(lacking)} {topic.name}"
            found.append(
                error("rights", what, f"grant {' and '.join(lacking)} on the topic; deploy/kafka/acls.sh lists all")
            )
    if not told:
        return [note("rights", "the brokers do not tell what this user may do", "look at the ACLs by hand")]
    return found or [ok("rights", "this user may read the sources, and read and write what is ours")]


def groups(figures: Sequence[GroupFigures]) -> list[Finding]:
    """Lag, and whether anybody works on it."""
    found = []
    for group in figures:
        lag = f"group {group.name} is {group.lag:,} records behind"
        if not group.members:
            found.append(
                error("lag", f"no {group.who} is running; {lag}", f"start `{group.command}`, and look at its last log")
            )
        elif group.lag and not group.moved:
            do = f"look at the log and /metrics of the {group.who}; it committed nothing while it was watched"
            found.append(error("lag", f"{lag} and stands still", do))
        else:
            found.append(ok("lag", f"{lag}, {group.members} members"))
    return found


def dead(rate: Rate, settings: Settings) -> list[Finding]:
    if not rate.dead:
        return [ok("dead letters", "none in the last hour")]
    share = 100 * rate.dead / max(rate.read, 1)
    what = f"{rate.dead:,} dead letters in the last hour, {share:.1f} % of {rate.read:,} records"
    do = "look at `journeys dead-letters ls`, mend the producer, then `journeys dead-letters replay`"
    return [(error if share > settings.dead_letters.ratio / 2 else note)("dead letters", what, do)]


def clock(name: str, skew_ms: float) -> Finding:
    """skew_ms: how far ahead of this machine the other one is."""
    if abs(skew_ms) <= MOST_SKEW_MS:
        return ok("clock", f"{name} and this machine agree within {max(abs(skew_ms), 1):.0f} ms")
    way = "ahead of" if skew_ms > 0 else "behind"
    what = f"{name} is {abs(skew_ms) / 1000:.1f} s {way} this machine"
    return error(
        "clock", what, "run NTP (chrony) on both; times of transitions are not affected, those of alerts' ages are"
    )


def state(states: Sequence[State], digest: str, refusals: Mapping[str, str | None]) -> list[Finding]:
    """Under which definition partitions are kept, and timers that should have fired.

    refusals: {digest of another definition: why this one does not take it over, None where it does}
    """
    found = []
    for other in sorted({one.definition for one in states if one.definition not in (None, digest)}, key=str):
        which = [f"{one.changelog}/{one.partition}" for one in states if one.definition == other]
        what = f"{len(which)} partitions are kept under another definition, {str(other)[:12]} ({which[0]} …)"
        reason = refusals.get(str(other), "its text is not in the changelog")
        if reason is None:
            found.append(note("definition", what, "restart the workers one after the other: this one takes them over"))
        else:
            found.append(
                error("definition", f"{what}: {reason}", "put that definition back, or say `migrate:` in this one")
            )
    if overdue := sum(one.overdue for one in states):
        worst = max(states, key=lambda one: one.overdue)
        what = f"{overdue:,} timers are overdue, most in {worst.changelog}/{worst.partition}"
        do = "they fire as soon as a worker has the partition: see lag; with none, look for an alarm in its log"
        found.append(note("timers", what, do))
    if not found:
        entities = sum(one.entities for one in states)
        found.append(ok("state", f"{entities:,} entities, all under this definition, no timer overdue"))
    return found


def selections(
    before: Mapping[str, float], now: Mapping[str, float], events_now: int, events_before: int
) -> list[Finding]:
    """before, now: matches by selection, a day over the week before, and in the last 24 hours."""
    if not events_now:
        if not events_before:
            return [
                note(
                    "selections",
                    "no events in ClickHouse within eight days",
                    "is anything sent, and does the sink run?",
                )
            ]
        what = f"no event within 24 h, {events_before / 7:,.0f} a day before"
        return [error("selections", what, "ask the producer; is the source topic still written to?")]
    silent = [name for name, often in before.items() if often >= OFTEN and not now.get(name)]
    return [
        error(
            "selections", f"{name} matched nothing in 24 h, and {before[name]:,.0f} events a day before",
            "an event was renamed, or a property that the selection asks for: compare with `journeys validate --against`",
        )
        for name in sorted(silent)
    ] or [ok("selections", f"{sum(1 for n in now.values() if n)} selections matched in the last 24 h, none fell silent")]  # fmt: skip
