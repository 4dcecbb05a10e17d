"""Delighted: survey responses, and people who want no more surveys.

- a response is created with its score and updated when a comment or another score follows: both are answers, the second
  marked `revised`, so that the last score is right and a definition can count the first ones alone
- only answers to an NPS survey are scores from 0 to 10; other surveys keep Delighted's name
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.event import Event
from schemas.sources.precedence import GROUPS, Precedence
from schemas.sources.reading import Object
from schemas.sources.terms import known, number
from schemas.sources.vendor import Message, Vendor

_PERSON, _OWN = "event_data.person", "event_data.person_properties"

PRECEDENCE = Precedence(
    time=("event_data.updated_at", "event_data.created_at"),
    id=("event_id",),
    user=(f"{_OWN}.user_id", f"email:{{{_PERSON}.email}}", "email:{event_data.email}"),
    anonymous=(f"delighted:{{{_PERSON}.id}}",),
    account=(f"{_OWN}.account_id", f"{_OWN}.company_id", *(f"{_OWN}.{name}" for name in GROUPS)),
)

NAMES = {"survey_response.created": "NPS Answered", "survey_response.updated": "NPS Answered"}


def _read(message: Message) -> Iterator[Event]:
    own, score = message.text("event_type"), number(message.look("event_data.score"))
    asked = message.look("event_data.survey_type")
    name = NAMES.get(own, own) if asked in ("nps", None) and score is not None else own
    yield message.event(name, _answer(message, own, score), traits=_traits(message))


def _answer(message: Message, own: str, score: float | None) -> Object:
    return known(
        score=None if score is None else round(score), comment=message.look("event_data.comment"),
        response=message.look("event_data.id"), survey=message.look("event_data.survey_type"),
        revised=own.endswith(".updated"),
    )  # fmt: skip


def _traits(message: Message) -> Object:
    person = message.object(_PERSON)
    return known(email=person.get("email"), name=person.get("name"))


DELIGHTED = Vendor("delighted", PRECEDENCE, _read, place="support")

SOURCE = DELIGHTED.source(
    "Delighted",
    names=NAMES,
    order="times in seconds; an answer and its revision within one fall back to their ids",
    cannot="the account, unless your surveys carry it as a property; whether a revision changed the score or the comment",
    proven="documented example",
    example="https://app.delighted.com/docs/api/webhooks",
    signs=(("event_type", "event_id", "event_data"),),
)
