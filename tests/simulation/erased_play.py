"""The play in which people ask to be forgotten, held against the same story told without a fault."""

from __future__ import annotations

from random import Random

import orjson

from streams.journey.erasure import request
from tests.simulation.journey_play import LinkedPlay, same, valid
from tests.simulation.kafka import Kafka
from tests.simulation.play import Fed, Wrong, states
from tests.simulation.schedule import Schedule
from tests.simulation.worker import Rules


class ErasedPlay(LinkedPlay):
    """As `journeys erase` asks: when what happened before has been read, for all that happened before; then life goes on."""

    def history(self, random: Random) -> list[Fed]:
        """What happened, the requests, and after them what happened later."""
        fed = super().history(random)
        half = random.randint(len(fed) // 2, len(fed) - 1)
        now = max(_at(one) for one in fed[:half]) + 1
        asked = [self._asked(number, now, random) for number in range(random.randint(1, 2))]
        return [*fed[:half], *asked, *fed[half:]]

    def _asked(self, number: int, now: int, random: Random) -> Fed:
        """By one of the names that somebody goes by, on the partition of that name."""
        name = f"u{random.randrange(4)}{random.choice(('', '-anon'))}"
        return Fed("events", name.encode(), request(f"r{number}", now, name, at_once=False).to_json())

    def check(self, kafka: Kafka, feed: list[Fed]) -> None:
        calm = Schedule(0, Rules(), Told(self, feed))
        calm.run(steps=0)
        for topic in ("transitions.user", "transitions.account"):
            expected, found = (valid([r.value for r in one.records(topic)]) for one in (calm.kafka, kafka))
            same(topic, found, expected)
        for kind in ("users", "accounts"):
            left, wanted_left = (set(states(one, kind, self.logic(kind))) for one in (kafka, calm.kafka))
            if left != wanted_left:
                raise Wrong(f"{kind}: {sorted(left ^ wanted_left)} are kept by one and not by the other")


def _at(fed: Fed) -> int:
    return round(orjson.loads(fed.value)["at"] * 1000)


class Told(LinkedPlay):
    """A story that is known already, and that nobody judges."""

    def __init__(self, play: ErasedPlay, feed: list[Fed]) -> None:
        self.definition, self.decoder, self.logics = play.definition, play.decoder, play.logics
        self._feed = feed

    def history(self, random: Random) -> list[Fed]:
        return self._feed

    def check(self, kafka: Kafka, feed: list[Fed]) -> None:
        pass
