"""Who is who, event by event: which identifiers are one person by then, and what becomes of their journeys."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.definition.model import Definition
from schemas.event import Event
from tests.model.journey import Journey, Told
from tests.model.measures import Input

STRENGTH = ["anonymous", "email", "user"]

Named = tuple[int, str]
"""(strength of the kind, the identifier)."""


def climbs(to: Named, come: Named) -> bool:
    """Whether something that came for one identifier may go on to another: only to a stronger one."""
    return to[0] > come[0] or (to[0] == come[0] and to[1] < come[1])


def named(event: Event) -> list[Named]:
    """The identifiers of a person that an event names, the strongest first."""
    found = [(2, event.user), (0, event.anonymous)]
    mail = event.traits.get("email") if event.type == "identify" else None
    found.append((1, mail.lower() if isinstance(mail, str) else None))
    if event.type == "alias":
        found.append((0, event.properties.get("previous_id")))
    return sorted(((kind, key) for kind, key in found if key is not None), reverse=True)


@dataclass
class People:
    """Everybody's journey. Events in order; what one of them links is linked from then on."""

    definition: Definition
    journeys: dict[str, Journey] = field(default_factory=dict)
    into: dict[str, Named] = field(default_factory=dict)
    linked: dict[str, set[str]] = field(default_factory=dict)

    def journey(self, key: str) -> Journey:
        return self.journeys.setdefault(key, Journey(self.definition, "user", key))

    def run(self, inputs: list[Input], until: int) -> list[Told]:
        for item in sorted(inputs, key=lambda i: (i.t, i.id)):
            self._take(item)
        return [journey.run([], until) for journey in self.journeys.values()]

    def _take(self, item: Input) -> None:
        assert item.event is not None
        (kind, entity), *others = named(item.event)
        kind, entity = self._arrive((0, entity), kind)
        self.journey(entity).take(item)
        linked = self.linked.setdefault(entity, set())
        for weaker in others:
            if weaker[1] != entity and weaker[1] not in linked:
                linked.add(weaker[1])
                self._link(weaker, (kind, entity), item)

    def _arrive(self, come: Named, kind: int) -> Named:
        """Where something ends that comes for an identifier; what may not go on ends its being passed on there."""
        while come[1] in self.into:
            to = self.into[come[1]]
            if not climbs(to, come):
                del self.into[come[1]]
                break
            come, kind = to, to[0]
        return kind, come[1]

    def _link(self, weaker: Named, stronger: Named, item: Input) -> None:
        assert item.event is not None
        if stronger[1] == weaker[1] or stronger[1] in self.linked.get(weaker[1], ()):
            return
        now = self.into.get(weaker[1])
        if now is not None and climbs(now, weaker):
            if now[1] != stronger[1] and now[0] != stronger[0]:
                self._link(*sorted([now, stronger]), item)
            return
        self.into[weaker[1]] = stronger
        life = self.journey(weaker[1]).leave(item.t, item.event.id, stronger[1])
        if life is not None:
            names = self.linked.get(weaker[1], set())
            _, survivor = self._arrive(stronger, stronger[0])
            self.linked.setdefault(survivor, set()).update({weaker[1]} | names)
            self.journey(survivor).absorb(item.t, item.event.id, life, weaker[1])
        self.linked.pop(weaker[1], None)
