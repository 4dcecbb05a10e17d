"""Records: everything that is published, and its JSON Schemas. `python -m schemas.records` writes schemas/json again.

A test fails while the files differ from the code: other teams generate theirs from them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from schemas import alert, deadletter, member, snapshot, transition
from schemas.event_schema import event_schema
from schemas.shape import Object, Shape

FOLDER = Path(__file__).parent / "json"

RECORDS: dict[str, Shape[Any]] = {
    "transition": transition.SHAPE,
    "alert": alert.SHAPE,
    "snapshot": snapshot.SHAPE,
    "member": member.SHAPE,
    "dead-letter": deadletter.SHAPE,
}
"""Published records by the name of their schema."""


def schemas() -> dict[str, Object]:
    """{file name: JSON Schema} of every published record, and of the events in our own JSON that go in."""
    found = {f"{name}.schema.json": shape.schema(name) for name, shape in RECORDS.items()}
    return {**found, "event.schema.json": event_schema()}


def write(folder: Path = FOLDER) -> list[Path]:
    """Write the schemas, one a file. Returns the paths."""
    folder.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        (folder / name).write_bytes(orjson.dumps(schema, option=orjson.OPT_INDENT_2) + b"\n")
    return [folder / name for name in schemas()]


if __name__ == "__main__":
    for path in write():
        print(f"wrote {path.name}")
