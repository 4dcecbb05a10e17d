"""The tables as data: what the sink inserts, column by column. Names and types as in migrations/, held by a test."""

from __future__ import annotations

from typing import NamedTuple

ID = "FixedString(16)"
"""A deterministic id: 16 raw bytes, shown as 32 hex digits."""

TEXT = "String"
MAYBE = "Nullable(String)"
WORD = "LowCardinality(String)"
"""A text of few distinct values: names of states, rules, definitions."""

MAYBE_WORD = "LowCardinality(Nullable(String))"
TIME = "DateTime64(3, 'UTC')"
"""Inserted as integer milliseconds since the epoch."""

MAYBE_TIME = "Nullable(DateTime64(3, 'UTC'))"
WORDS = "Array(String)"
COUNT = "UInt32"
POSITION = "UInt128"
"""Kafka's timestamp and offset in one number: what was published later is higher, also after a topic was made anew."""

STATES = "Map(LowCardinality(String), String)"
SINCES = "Map(LowCardinality(String), DateTime64(3, 'UTC'))"


class Table(NamedTuple):
    """One table. `key`: rows equal in it are one. `version`: the row with the highest one is the truth; None = any."""

    name: str
    key: tuple[str, ...]
    version: str | None
    columns: tuple[tuple[str, str], ...]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.columns]

    @property
    def types(self) -> list[str]:
        return [kind for _, kind in self.columns]


TRANSITIONS = Table(
    "transitions",
    ("kind", "entity", "machine", "at", "id"),
    "seq",
    (
        ("id", ID),
        ("kind", WORD),
        ("entity", TEXT),
        ("account", MAYBE),
        ("machine", WORD),
        ("from_state", MAYBE_WORD),
        ("to_state", MAYBE_WORD),
        ("name", WORD),
        ("label", MAYBE_WORD),
        ("at", TIME),
        ("detected_at", TIME),
        ("seq", "UInt64"),
        ("dwell_s", "Nullable(Float64)"),
        ("definition", WORD),
        ("version", COUNT),
        ("digest", WORD),
        ("cause", TEXT),
        ("because", TEXT),
        ("signals", WORDS),
        ("evidence", WORDS),
        ("carry", TEXT),
        ("origin", WORD),
        ("valid", "Bool"),
        ("supersedes", MAYBE),
        ("into", MAYBE),
    ),
)

ALERTS = Table(
    "alerts",
    ("opens", "id"),
    "position",
    (
        ("id", ID),
        ("opens", ID),
        ("name", WORD),
        ("status", WORD),
        ("kind", WORD),
        ("entity", TEXT),
        ("account", MAYBE),
        ("severity", WORD),
        ("title", TEXT),
        ("signals", WORDS),
        ("because", TEXT),
        ("evidence", WORDS),
        ("clears_when", MAYBE),
        ("do", MAYBE),
        ("act_by", MAYBE_TIME),
        ("owner", MAYBE),
        ("carry", TEXT),
        ("transition", MAYBE),
        ("at", TIME),
        ("detected_at", TIME),
        ("definition", WORD),
        ("version", COUNT),
        ("origin", WORD),
        ("position", POSITION),
    ),
)

_STANDING = (
    ("as_of", TIME),
    ("states", STATES),
    ("since", SINCES),
    ("signals", WORDS),
    ("measures", TEXT),
    ("carry", TEXT),
    ("definition", WORD),
    ("version", COUNT),
    ("position", POSITION),
)

ENTITIES = Table(
    "entities",
    ("kind", "entity"),
    "position",
    (("kind", WORD), ("entity", TEXT), ("account", MAYBE), ("gone", "Bool"), *_STANDING),
)

ACCOUNT_DAYS = Table(
    "account_days",
    ("account", "day"),
    "position",
    (("account", TEXT), ("day", "Date"), *_STANDING),
)

EVENTS = Table(
    "events",
    ("entity", "id"),
    None,
    (
        ("id", ID),
        ("event_id", TEXT),
        ("entity", TEXT),
        ("name", WORD),
        ("type", WORD),
        ("at", TIME),
        ("user", MAYBE),
        ("anonymous", MAYBE),
        ("account", MAYBE),
        ("properties", TEXT),
        ("traits", TEXT),
        ("actor", WORD),
        ("place", WORD),
        ("received_at", MAYBE_TIME),
        ("source", WORD),
    ),
)

DEAD_LETTERS = Table(
    "dead_letters",
    ("id",),
    None,
    (
        ("id", ID),
        ("reason", WORD),
        ("detail", TEXT),
        ("topic", WORD),
        ("partition", COUNT),
        ("offset", "UInt64"),
        ("item", COUNT),
        ("at", TIME),
        ("key", MAYBE),
        ("value", MAYBE),
    ),
)

STAGES = Table(
    "stages",
    ("definition", "kind", "machine", "state"),
    "registered_at",
    (
        ("definition", WORD),
        ("version", COUNT),
        ("digest", WORD),
        ("kind", WORD),
        ("machine", WORD),
        ("state", WORD),
        ("position", "UInt16"),
        ("lost", "Bool"),
        ("registered_at", TIME),
    ),
)

TABLES: dict[str, Table] = {
    table.name: table for table in (TRANSITIONS, ALERTS, ENTITIES, ACCOUNT_DAYS, EVENTS, DEAD_LETTERS, STAGES)
}
"""Every table that the sink fills. `stages` holds the order of a definition's states, which funnels need."""
