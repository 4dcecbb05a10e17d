"""Scope: the part of all accounts that a page is about, as conditions with their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ACCOUNTS = "entities FINAL"
"""Every account and user as its latest snapshot leaves it. A view over it would cost the columns that no page reads."""


@dataclass(frozen=True)
class Scope:
    """Which accounts. Empty fields let everything through; `states` is (machine, state) pairs, `attributes` (name, text)
    pairs of what accounts carry; `renews` is days from now.

    `now` is the newest event time on record, ms: what the data calls now. `days` are no filter of accounts: what has a
    time is looked at over so many days up to now.
    """

    now: int
    owner: str = ""
    plan: str = ""
    segment: str = ""
    search: str = ""
    states: tuple[tuple[str, str], ...] = ()
    signal: str = ""
    renews: int | None = None
    days: int | None = None
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def narrow(self) -> bool:
        """Whether it leaves any account out."""
        chosen = (self.owner, self.plan, self.segment, self.search, self.states, self.signal, self.attributes)
        return any(chosen) or self.renews is not None

    def condition(self) -> str:
        """What holds of a row of `entities` that is one of these accounts."""
        said = ["kind = 'account'", "NOT gone"]
        said += [f"carried.{name} = {{{name}:String}}" for name in ("owner", "plan", "segment") if getattr(self, name)]
        if self.search:
            said.append(
                "(positionCaseInsensitiveUTF8(ifNull(carried.name, ''), {search:String}) > 0"
                " OR positionCaseInsensitiveUTF8(entity, {search:String}) > 0)"
            )
        said += [f"states[{{machine_{n}:String}}] = {{state_{n}:String}}" for n in range(len(self.states))]
        said += [
            f"JSONExtractString(carry, {{attribute_{n}:String}}) = {{text_{n}:String}}"
            for n in range(len(self.attributes))
        ]
        if self.signal:
            said.append("has(signals, {signal:String})")
        if self.renews is not None:
            renewal = "parseDateTime64BestEffortOrNull(carried.renews_at, 3, 'UTC')"
            said.append(f"{renewal} >= {NOW} AND {renewal} <= {NOW} + INTERVAL {{renews:UInt32}} DAY")
        return " AND ".join(said)

    def ids(self) -> str:
        """A subquery: the ids of these accounts."""
        return f"(SELECT entity FROM {ACCOUNTS} WHERE {self.condition()})"

    def of(self, kind: str) -> str:
        """What holds of a row with `kind`, `entity` and `account` that is about these accounts, or their users."""
        said = "kind = {kind:String}"
        if self.narrow:
            said += f" AND {'entity' if kind == 'account' else 'account'} IN {self.ids()}"
        return said

    def about(self) -> str:
        """What holds of a row of `transitions` or `alerts` of whichever kind that is about these accounts, or their users."""
        return f"if(kind = 'account', entity, ifNull(account, '')) IN {self.ids()}" if self.narrow else "true"

    def lately(self, at: str) -> str:
        """What holds of a time within the days looked at; of every one where all time is."""
        return f"{at} > {SINCE} AND {at} <= {NOW}" if self.days else "true"

    def month_by_month(self, month: str) -> str:
        """What holds of a month (its first day) that any of the days looked at lies in; of every one where all time is."""
        return f"{month} >= toStartOfMonth({SINCE})" if self.days else "true"

    def parameters(self, **others: Any) -> dict[str, Any]:
        """Every value that the conditions name."""
        named = {name: getattr(self, name) for name in ("now", "owner", "plan", "segment", "search", "signal")}
        for n, (machine, state) in enumerate(self.states):
            named |= {f"machine_{n}": machine, f"state_{n}": state}
        for n, (attribute, text) in enumerate(self.attributes):
            named |= {f"attribute_{n}": attribute, f"text_{n}": text}
        return {**named, "renews": self.renews or 0, "days": self.days or 36_500, **others}


NOW = "fromUnixTimestamp64Milli({now:Int64}, 'UTC')"
SINCE = f"({NOW} - INTERVAL {{days:UInt32}} DAY)"


TAKEN_BACK = (
    "(SELECT id FROM transitions WHERE id IN (SELECT id FROM transitions WHERE NOT valid)"
    " GROUP BY id HAVING NOT argMax(valid, seq))"
)
TRULY = f"valid AND id NOT IN {TAKEN_BACK}"
"""What holds of a row of `transitions` that is true. Repeats of it stay: a query that reads so must not count rows but ids,
or be one that a repeat does not change. FINAL would put all rows of two years in order, to drop the few that it does."""

BY_YEAR = "SETTINGS do_not_merge_across_partitions_select_final = 1"
"""For FINAL all the same: an id of `transitions` lies in one year's partition (see 0001), so none needs to look across."""
