"""Transition: one machine of one entity went from one state to another. The record that other teams consume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from schemas.draft import Origin
from schemas.shape import BECAUSE, ID, TIME, Form, Shape

Kind = Literal["user", "account"]

_CAUSE = Form(
    {"minProperties": 1, "propertyNames": {"enum": ["event", "timer", "member", "link", "definition", "erasure"]}}
)


@dataclass(slots=True)
class Transition:
    """A state machine of one user or account moved. Published once under its id; a correction publishes the id again.

    The truth of an id is its record with the highest `seq`. Times are ms here and RFC 3339 in JSON, durations seconds.
    """

    id: Annotated[str, ID, "hash of the content: equal ids have equal payloads"]
    kind: Annotated[Kind, "whose journey"]
    entity: Annotated[str, "the user's or account's id"]
    account: Annotated[str | None, "the account of a user; null for an account's own transition"]
    machine: Annotated[str, "which machine: stage, risk, or another one of the definition"]
    from_: Annotated[str | None, "the state left; null where the entity begins"]
    to: Annotated[str | None, "the state entered; null where the entity ends"]
    name: Annotated[str, "the rule that fired; begins, ends or outside where it was none"]
    label: Annotated[str | None, "what the rule calls it, such as resurrected; merged, erased, forgotten where it ends"]
    at: Annotated[int, TIME, "event time, or the deadline of the timer that fired"]
    detected_at: Annotated[int, TIME, "when the engine found out, by its own clock"]
    seq: Annotated[int, Form({"minimum": 1}), "position in this entity's and machine's published log, from 1, no gaps"]
    dwell_s: Annotated[float | None, "seconds spent in the state left; null where the entity begins"]
    definition: Annotated[str, "name of the definition"]
    version: Annotated[int, "the definition's version, a label"]
    digest: Annotated[str, "hash of the normalised definition, its identity"]
    cause: Annotated[
        dict[str, Any],
        _CAUSE,
        "what set it off: {event: id}, {timer: deadline}, {member: id}, {link: id}, {erasure: id} ...",
    ]
    because: Annotated[list[dict[str, Any]], BECAUSE, "each condition of the rule, with its value at that moment"]
    signals: Annotated[list[str], "the signals that held"]
    evidence: Annotated[list[str], "ids of the events that moved the measures in `because`"]
    carry: Annotated[dict[str, Any], "attributes that the definition carries: name, owner, plan ..."]
    origin: Annotated[Origin, "live; backfill when it happened long before; migration; correction"]
    valid: Annotated[bool, "false: this id is taken back"]
    supersedes: Annotated[str | None, "a hint: the id that this correction replaces"]
    into: Annotated[str | None, "where it ends because it was merged: the entity that goes on"] = None

    def to_json(self) -> bytes:
        return SHAPE.to_json(self)

    @staticmethod
    def from_json(data: bytes) -> Transition:
        """Raises ShapeError, a ValueError, naming the field that does not fit."""
        return SHAPE.from_json(data)


SHAPE = Shape(Transition, uncounted=("id", "detected_at", "seq", "valid", "supersedes", "origin"), absent="into")


def transition_id(record: Transition) -> str:
    """32 hex digits over what happened; when, where in the log and whether it still holds are left out."""
    return SHAPE.content_id(record)
