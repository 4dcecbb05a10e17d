"""The people of the generated company: names, titles, and how each one works. No real person is meant."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Literal

Level = Literal["user", "manager", "executive"]

FIRST_NAMES = (
    "Ada", "Amira", "Anton", "Bela", "Bruno", "Carla", "Chidi", "Clara", "Dana", "Deniz", "Elif", "Emil", "Esther",
    "Farid", "Fiona", "Goran", "Greta", "Hana", "Hugo", "Ida", "Ilan", "Ines", "Ivo", "Jana", "Jonas", "Kaya",
    "Kenji", "Lea", "Liam", "Linh", "Luca", "Mara", "Mateo", "Maya", "Mila", "Nadia", "Nils", "Noor", "Olga", "Omar",
    "Paula", "Pavel", "Priya", "Rafael", "Rosa", "Samir", "Selma", "Sofia", "Tariq", "Tessa", "Theo", "Uma", "Vera",
    "Viktor", "Wanda", "Yara", "Yusuf", "Zoe",
)  # fmt: skip

LAST_NAMES = (
    "Abe", "Adler", "Akin", "Alvarez", "Bauer", "Becker", "Berg", "Boateng", "Brandt", "Castro", "Chen", "Costa",
    "Demir", "Dubois", "Eriksen", "Fischer", "Fontaine", "Garcia", "Gomez", "Haas", "Haddad", "Hansen", "Ito",
    "Ivanov", "Jansen", "Kaya", "Keller", "Khan", "Kim", "Kowalski", "Larsen", "Lehmann", "Lopez", "Mancini",
    "Martin", "Meyer", "Moreau", "Nair", "Nguyen", "Novak", "Okafor", "Olsen", "Park", "Patel", "Petrov", "Quist",
    "Ricci", "Rossi", "Santos", "Sato", "Schmid", "Silva", "Singh", "Sorensen", "Suzuki", "Tanaka", "Vogel", "Weber",
    "Wolff", "Yilmaz", "Zhang",
)  # fmt: skip

TITLES: dict[Level, tuple[str, ...]] = {
    "executive": (
        "CEO", "CFO", "COO", "Chief Data Officer", "Chief Operating Officer", "VP Operations", "VP Finance", "Founder",
        "Vice President Sales",
    ),
    "manager": (
        "Head of Analytics", "Head of Operations", "Operations Manager", "Finance Manager", "Product Manager",
        "Analytics Lead", "Director of Finance", "Head of Customer Care",
    ),
    "user": (
        "Analyst", "Data Analyst", "Data Engineer", "Accountant", "Planner", "Business Analyst", "Controller",
        "Sales Associate", "Buyer", "Process Engineer", "Logistics Specialist", "Designer",
    ),
}  # fmt: skip

FEATURES = ("reports", "dashboards", "alerts", "exports", "forecasts", "imports", "comments", "schedules")
"""The product's features. Somebody who uses three and more of them within a month makes it a habit."""

NARROW = 2
"""Features of a person who never makes it a habit, however often they come."""


@dataclass
class Person:
    """One person of an account. Days are days of the story.

    features   what they use; executives read and never create, so theirs are none
    anchor     the weekday (0 = Monday) on which they come every week, whatever happens
    extra      chance to come on another working day
    away       spans of days [first, last] without a trace in the product; they win over `must`
    must       days on which they come for certain
    """

    id: str
    name: str
    email: str
    title: str
    level: Level
    admin: bool
    since: int
    features: tuple[str, ...]
    anchor: int
    extra: float
    until: int | None = None
    away: list[tuple[int, int]] = field(default_factory=list)
    must: set[int] = field(default_factory=set)

    @property
    def works(self) -> bool:
        """Whether they do what the product is for, and do not only look."""
        return self.level != "executive"

    def away_on(self, day: int) -> bool:
        return any(first <= day <= last for first, last in self.away)

    def here_on(self, day: int) -> bool:
        """Whether they may be in the product on that day at all."""
        return self.since <= day and (self.until is None or day <= self.until) and not self.away_on(day)

    def comes_on(self, day: int, rng: Random) -> bool:
        """Whether they come on that day; draws from `rng` on working days only."""
        if not self.here_on(day):
            return False
        weekday = day % 7  # day 0 is a Monday
        by_chance = weekday < 5 and rng.random() < self.extra
        return day == self.since or day in self.must or weekday == self.anchor or by_chance


class Names:
    """Names for people, each pair once in the whole company, as far as there are pairs."""

    def __init__(self, rng: Random) -> None:
        self._pairs = [(first, last) for first in FIRST_NAMES for last in LAST_NAMES]
        rng.shuffle(self._pairs)

    def next(self) -> tuple[str, str]:
        return self._pairs.pop()


def hired(names: Names, rng: Random, account: str, level: Level, since: int, *, broad: bool, admin: bool) -> Person:
    """A new person of an account, from `since` on."""
    first, last = names.next()
    local, slug = f"{first}.{last}".lower(), account.removeprefix("a-")
    used = 0 if level == "executive" else rng.randint(4, len(FEATURES)) if broad else NARROW
    return Person(
        id=f"u-{slug}-{local}", name=f"{first} {last}", email=f"{local}@{slug}.example", title=rng.choice(TITLES[level]),
        level=level, admin=admin, since=since, features=tuple(rng.sample(FEATURES, used)), anchor=rng.randrange(5),
        extra=rng.uniform(0.05, 0.3),
    )  # fmt: skip
