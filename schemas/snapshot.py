"""Snapshot: where an entity stands now. The newest one per entity is kept, so that a new consumer needs no history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from schemas.shape import TIME, Form, Shape
from schemas.transition import Kind

_MACHINES = Form(
    {
        "additionalProperties": {
            "type": "object",
            "required": ["state", "since"],
            "properties": {"state": {"type": "string"}, "since": {"type": "string", **TIME.schema}},
        }
    }
)


WRITTEN = "written"
"""Header of snapshots, null ones too, and of alerts: when the state behind the record became durable, by the broker's clock
in ms. It tells the later of two, where a transition has `seq`: a worker that was replaced while it slept may send older
records after its heir's."""


@dataclass(slots=True)
class Snapshot:
    """Where a user or account stands: its states, the measures that the definition publishes, what it carries.

    On a compacted topic, keyed by the entity; a null record says that the entity is gone.
    """

    kind: Annotated[Kind, "whose"]
    entity: Annotated[str, "the user's or account's id"]
    account: Annotated[str | None, "the account, or the account of the user"]
    as_of: Annotated[int, TIME, "the instant of event time that it describes"]
    definition: Annotated[str, "name of the definition"]
    version: Annotated[int, "the definition's version, a label"]
    machines: Annotated[dict[str, Any], _MACHINES, "{machine: {state, since}}, since in RFC 3339"]
    signals: Annotated[list[str], "the signals that hold"]
    measures: Annotated[dict[str, Any], "published measures by name; null where not known, times in RFC 3339"]
    carry: Annotated[dict[str, Any], "attributes that the definition carries: name, owner, plan ..."]
    merging: Annotated[list[str] | None, "accounts merged into this one whose members are still to come"] = None

    def to_json(self) -> bytes:
        return SHAPE.to_json(self)

    @staticmethod
    def from_json(data: bytes) -> Snapshot:
        """Raises ShapeError, a ValueError, naming the field that does not fit."""
        return SHAPE.from_json(data)


SHAPE = Shape(Snapshot, absent="merging")
