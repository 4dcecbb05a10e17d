"""Alert: something that a person should act on, from its opening to its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from schemas.draft import Origin
from schemas.shape import BECAUSE, ID, TIME, Shape
from schemas.transition import Kind

Status = Literal["opened", "resolved", "retracted"]
Severity = Literal["info", "low", "medium", "high", "critical"]


@dataclass(slots=True)
class Alert:
    """One record in the life of an alert: it opened, resolved, or was retracted because it never should have opened.

    All records of one life share `opens`, the id of the first. One alert is open per name and entity.
    """

    id: Annotated[str, ID, "hash of the content: equal ids have equal payloads"]
    name: Annotated[str, "which alert of the definition"]
    status: Annotated[Status, "opened, resolved, or retracted by a correction"]
    opens: Annotated[str, ID, "id of the record that opened it; its own id where it is that record"]
    kind: Annotated[Kind, "whose alert"]
    entity: Annotated[str, "the user's or account's id"]
    account: Annotated[str | None, "the account, or the account of the user"]
    severity: Annotated[Severity, "how bad"]
    title: Annotated[str, "one readable sentence"]
    signals: Annotated[list[str], "the signals that hold: the reasons, by name"]
    because: Annotated[list[dict[str, Any]], BECAUSE, "each condition behind it, with its value"]
    evidence: Annotated[list[str], "ids of the events that moved those values"]
    clears_when: Annotated[str | None, "the change that ends it and asks for least, in words; `now` is its opening"]
    do: Annotated[str, "what to do about it"]
    act_by: Annotated[int | None, TIME, "until when to act"]
    owner: Annotated[str | None, "who looks after the account"]
    carry: Annotated[dict[str, Any], "attributes that the definition carries: name, owner, plan ..."]
    transition: Annotated[str | None, "id of the transition behind it; null where a signal is"]
    at: Annotated[int, TIME, "event time"]
    detected_at: Annotated[int, TIME, "when the engine found out, by its own clock"]
    definition: Annotated[str, "name of the definition"]
    version: Annotated[int, "the definition's version, a label"]
    origin: Annotated[Origin, "only live alerts page anybody"]

    def to_json(self) -> bytes:
        return SHAPE.to_json(self)

    @staticmethod
    def from_json(data: bytes) -> Alert:
        """Raises ShapeError, a ValueError, naming the field that does not fit."""
        return SHAPE.from_json(data)


SHAPE = Shape(Alert, uncounted=("id", "detected_at", "origin"))


def alert_id(record: Alert) -> str:
    """32 hex digits over the content. An opening record's `opens` is its own id, so it cannot count in it."""
    return SHAPE.content_id(record, "opens") if record.status == "opened" else SHAPE.content_id(record)
