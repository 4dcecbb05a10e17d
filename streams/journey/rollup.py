"""Account rollups: how many members are in each state, by the day they were last active. Never by scanning the members.

One rollup a distinct filter (its window left out): [members in all, {last active day: members}]. Days before the widest
window are forgotten: those members still count in all.
"""

from __future__ import annotations

from typing import Any, Final

from schemas.definition.model import EntityDefinition, MemberFilter
from streams.journey.calendar import DAY

Rollup = list[Any]

KINDS: Final = 4_096
"""Kinds of members (stage, stages reached, risk, level, permission) whose rollups are remembered: a definition of six
stages has a few hundred."""


class Member:
    """What an account keeps of one member: its newest fact, and the newest day of activity for this account.

    `life`: when the life of the account that it belongs to began, ms; an account may be forgotten and come back.
    Never changed once it is made.
    """

    __slots__ = ("admin", "day", "level", "life", "reached", "risk", "stage")

    def __init__(
        self, day: int | None, stage: str, reached: tuple[str, ...] | list[str], risk: str | None, level: str,
        admin: bool, life: int = 0,
    ) -> None:  # fmt: skip
        self.day = day
        self.stage = stage
        self.reached = reached
        self.risk = risk
        self.level = level
        self.admin = admin
        self.life = life

    def row(self) -> list[Any]:
        """As it is kept in a record: what the class is made from, in order; what it said itself are the first six."""
        return [self.day, self.stage, self.reached, self.risk, self.level, self.admin, self.life]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Member) and self.row() == other.row()

    def living(self, life: int) -> Member:
        """The same, of this life of the account."""
        return Member(self.day, self.stage, self.reached, self.risk, self.level, self.admin, life)

    def active(self, day: int | None) -> Member:
        """The same, last active on this day."""
        return Member(day, self.stage, self.reached, self.risk, self.level, self.admin, self.life)


GONE: Final = Member(None, "", (), None, "unknown", False, life=-1)
"""In the place of a member who left: of no life of the account, so nobody sees it, and not kept once it has settled."""


class Names:
    """States of users that are called otherwise now: members that were told of before are read by the names of now."""

    def __init__(self, stages: dict[str, str], risks: dict[str, str]) -> None:
        self.stages, self.risks = stages, risks

    def of(self, member: Member) -> Member:
        """The member by the names of now. Doing it twice changes nothing: no new name is an old one's (see the plan)."""
        stages, risks, risk = self.stages, self.risks, member.risk
        if not stages and not risks:
            return member
        reached = tuple(dict.fromkeys(stages.get(stage, stage) for stage in member.reached))
        stage, risk = stages.get(member.stage, member.stage), None if risk is None else risks.get(risk, risk)
        return Member(member.day, stage, reached, risk, member.level, member.admin, member.life)


class Rollups:
    """The rollups of an account definition: which filters there are, and how a member moves between them."""

    def __init__(self, entity: EntityDefinition) -> None:
        filters = [m.members for m in entity.measures if m.members is not None]
        self.bases = list(dict.fromkeys(_base(f) for f in filters))
        self._kinds: dict[tuple[Any, ...], tuple[int, ...]] = {}
        self.days = max((f.active_within // DAY for f in filters if f.active_within), default=1)

    def index(self, wanted: MemberFilter) -> int:
        return self.bases.index(_base(wanted))

    def fresh(self) -> list[Rollup]:
        return [[0, {}] for _ in self.bases]

    def move(self, rollups: list[Rollup], old: Member | None, new: Member | None, today: int) -> list[int]:
        """Replace a member's old contribution by its new one; returns which rollups moved."""
        before = self._selected(old) if old is not None else ()
        after = self._selected(new) if new is not None else ()
        same_day = old is not None and new is not None and old.day == new.day
        moved = []
        for k in before if before == after else sorted({*before, *after}):
            leaves, enters = k in before, k in after
            if leaves and enters and same_day:
                continue
            if leaves and old is not None:
                _add(rollups[k], old.day, -1)
            if enters and new is not None:
                _add(rollups[k], new.day, 1)
            moved.append(k)
            self._forget(rollups[k][1], today)
        return moved

    def _selected(self, member: Member) -> tuple[int, ...]:
        """The rollups that a member counts in."""
        kind = (member.stage, tuple(member.reached), member.risk, member.level, member.admin)
        found = self._kinds.get(kind)
        if found is None:
            if len(self._kinds) >= KINDS:
                self._kinds.clear()
            found = self._kinds[kind] = tuple(k for k, base in enumerate(self.bases) if selects(base, member))
        return found

    def _forget(self, days: dict[int, int], today: int) -> None:
        if len(days) > self.days + 8:  # 8: forget now and then, not at each change
            for day in [d for d in days if d <= today - self.days]:
                del days[day]


def _base(wanted: MemberFilter) -> MemberFilter:
    return MemberFilter(wanted.stage, wanted.risk, wanted.level, wanted.admin, wanted.reached)


def selects(base: MemberFilter, member: Member) -> bool:
    """Whether a filter, its window aside, selects a member."""
    return (
        (not base.stage or member.stage in base.stage)
        and (not base.risk or member.risk in base.risk)
        and (not base.level or member.level in base.level)
        and (base.admin is None or member.admin is base.admin)
        and (not base.reached or any(stage in base.reached for stage in member.reached))
    )


def _add(rollup: Rollup, day: int | None, by: int) -> None:
    rollup[0] += by
    days = rollup[1]
    if day is None or (by < 0 and day not in days):
        return
    count = days.get(day, 0) + by
    if count:
        days[day] = count
    else:
        del days[day]


def total(rollup: Rollup, floor: int | None) -> int:
    """Members in a rollup, those last active after day `floor` where it is given."""
    if floor is None:
        return int(rollup[0])
    return sum(count for day, count in rollup[1].items() if day > floor)


def next_change(rollup: Rollup, floor: int, days: int) -> int | None:
    """The day on which the next member slides out of the window."""
    oldest = min((day for day in rollup[1] if day > floor), default=None)
    return None if oldest is None else oldest + days
