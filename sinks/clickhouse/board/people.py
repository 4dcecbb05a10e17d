"""People: an account's members with level, stage and last activity; what levels mean, as SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.board.scope import NOW
from sinks.clickhouse.board.seen import Seen
from sinks.clickhouse.queries import ask

Row = dict[str, Any]

NO_TITLES = ("", "-", "--", "?", "n/a", "na", "none", "null", "unknown", "undefined", "not set", "k.a.", "keine angabe")
"""What stands for a missing title; as in streams/journey/levels.py, held by a test."""


class LevelRules(NamedTuple):
    """A definition's levels: (level, RE2 pattern over the whole title in lower case), first match wins."""

    patterns: tuple[tuple[str, str], ...] = ()

    @staticmethod
    def of(patterns: Iterable[tuple[str, Sequence[str]]]) -> LevelRules:
        """From (level, globs), as a definition has them."""
        return LevelRules(tuple((level, "|".join(_pattern(glob) for glob in globs)) for level, globs in patterns))

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def column(self, title: str) -> str:
        """An expression: the level of a title, `unknown` where there is none."""
        if not self.patterns:
            return "'unknown'"
        plain = f"replaceRegexpAll(trimBoth(normalizeUTF8NFC(lowerUTF8(ifNull({title}, '')))), '\\\\s+', ' ')"
        cases = "".join(
            f"match({plain}, {{level_{n}:String}}), {{level_name_{n}:String}}, " for n in range(len(self.patterns))
        )
        return f"multiIf({plain} IN {{no_titles:Array(String)}}, 'unknown', {cases}'unknown')"

    def parameters(self) -> dict[str, Any]:
        named: dict[str, Any] = {"no_titles": list(NO_TITLES)}
        for n, (level, pattern) in enumerate(self.patterns):
            named |= {f"level_{n}": f"^(?:{pattern})$", f"level_name_{n}": level}
        return named


def _pattern(glob: str) -> str:
    """A glob (`*`, `?`, `[..]`) as a regular expression that RE2 reads."""
    parts = re.findall(r"\[[^\]]+\]|\*|\?|[^*?\[]+|\[", glob.lower())
    told = {"*": "(?s:.*)", "?": "."}
    return "".join(part if len(part) > 1 and part[0] == "[" else told.get(part, re.escape(part)) for part in parts)


VIEWS = {
    "all": "true",
    "not_started": "rung < 2",
    "executives": "level = 'executive'",
    "silent_executives": f"level = 'executive' AND (isNull(last) OR last < {NOW} - INTERVAL 30 DAY)",
    "unknown": "level = 'unknown'",
    "at_risk": "risk = 'at_risk'",
}
"""Which of an account's members: name in the address -> condition. Started is who ever came behind the sign-up, the second
rung; 30 days are those of the signal no_executive_30d."""


def _people(levels: LevelRules, seen: Seen) -> str:
    """A subquery: an account's members, each with level, furthest stage and last activity."""
    return (
        "(WITH people AS (SELECT entity FROM entities FINAL WHERE kind = 'user' AND NOT gone AND account = {account:String}),"
        " ladder AS (SELECT toString(state) AS state, position FROM stage_order"
        "  WHERE kind = 'user' AND machine = 'stage' AND NOT lost),"
        " acts AS (SELECT entity, max(at) AS last FROM events WHERE entity IN (SELECT entity FROM people)"
        f"  AND {seen.condition()} GROUP BY entity),"
        " climbs AS (SELECT t.entity AS entity, argMax(l.state, l.position) AS furthest, max(l.position) AS rung"
        "  FROM transitions AS t FINAL INNER JOIN ladder AS l ON l.state = toString(t.to_state)"
        "  WHERE t.kind = 'user' AND t.entity IN (SELECT entity FROM people) AND t.machine = 'stage' AND t.valid"
        "  GROUP BY entity)"
        " SELECT u.entity AS entity, u.carried.email AS email, u.carried.title AS title,"
        f" {levels.column('u.carried.title')} AS level, u.states['stage'] AS stage, u.states['risk'] AS risk,"
        " u.since['stage'] AS since, u.signals AS signals, u.measures AS measures, c.furthest AS furthest,"
        " ifNull(c.rung, 0) AS rung, nullIf(a.last, toDateTime64(0, 3, 'UTC')) AS last"
        " FROM (SELECT *, carried FROM entities FINAL WHERE kind = 'user' AND NOT gone AND account = {account:String}) AS u"
        " LEFT JOIN acts AS a ON a.entity = u.entity LEFT JOIN climbs AS c ON c.entity = u.entity)"
    )


def members(
    client: Client, account: str, levels: LevelRules, seen: Seen, now: int, view: str = "all", limit: int = 200
) -> list[Row]:
    """An account's members: {entity, email, title, level, stage, risk, since, signals, measures, furthest, rung, last, silent}.

    `silent` is an executive who is. `furthest` is the latest state of the definition's ladder that a member ever reached,
    `last` the last activity. The first `limit` of a view, the latest active ones first.
    """
    return ask(
        client,
        f"SELECT *, {VIEWS['silent_executives']} AS silent FROM {_people(levels, seen)} WHERE {VIEWS[view]}"
        " ORDER BY last DESC NULLS LAST, entity LIMIT {limit:UInt32} SETTINGS join_use_nulls = 0",
        account=account,
        now=now,
        limit=limit,
        **levels.parameters(),
        **seen.parameters(),
    )


def member_counts(client: Client, account: str, levels: LevelRules, seen: Seen, now: int) -> dict[str, int]:
    """{view: how many of all the account's members it is about}."""
    counted = ", ".join(f"countIf({condition}) AS {view}" for view, condition in VIEWS.items())
    (row,) = ask(
        client,
        f"SELECT {counted} FROM {_people(levels, seen)} SETTINGS join_use_nulls = 0",
        account=account,
        now=now,
        **levels.parameters(),
        **seen.parameters(),
    )
    return row


def levels_of(client: Client, titles: Sequence[str | None], levels: LevelRules) -> list[str]:
    """The level of each title, by the same rules as in lists."""
    found = ask(
        client,
        f"SELECT {levels.column('title')} AS level FROM (SELECT arrayJoin({{titles:Array(String)}}) AS title)",
        titles=[title or "" for title in titles],
        **levels.parameters(),
    )
    return [row["level"] for row in found]


def active_days(client: Client, user: str, seen: Seen, now: int, days: int = 365) -> dict[Any, int]:
    """{day: events of activity} of one user's last so many days."""
    found = ask(
        client,
        "SELECT toDate(at) AS day, count() AS acts FROM events FINAL WHERE entity = {user:String}"
        f" AND {seen.condition()} AND at > {NOW} - INTERVAL {{days:UInt32}} DAY AND at <= {NOW} GROUP BY day ORDER BY day",
        user=user,
        now=now,
        days=days,
        **seen.parameters(),
    )
    return {row["day"]: row["acts"] for row in found}
