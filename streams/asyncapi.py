"""AsyncAPI: the topics that we publish as an AsyncAPI 3 document, made from topics, schemas and headers.

`python -m streams.asyncapi` writes docs/asyncapi.json; a test fails while it differs, and holds it against AsyncAPI's own
JSON Schema. Source of the form: https://www.asyncapi.com/docs/reference/specification/v3.0.0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import orjson

from schemas.records import schemas
from schemas.snapshot import WRITTEN
from streams.delivery.attributes import ABOUT, of_transition, source
from streams.settings import Settings
from streams.topics import plan

FILE = Path(__file__).parent.parent / "docs" / "asyncapi.json"

VERSION = "0.1.0"
"""Of the records, not of the program: the newest folder of schemas/released."""

Object = dict[str, Any]


class Told(NamedTuple):
    """What a person should know of a topic: one line, and what its key is."""

    summary: str
    key: str
    schema: str


TOPICS: dict[str, Told] = {
    "transitions.user": Told("A state machine of a user moved", "the user", "transition"),
    "transitions.account": Told("A state machine of an account moved", "the account", "transition"),
    "alerts": Told("An alert opened, was resolved, or was retracted", "the user or account", "alert"),
    "state.user": Told("Where a user stands; null when it is gone", "the user", "snapshot"),
    "state.account": Told("Where an account stands; null when it is gone", "the account", "snapshot"),
    "dead-letters": Told("A record that could not be processed: its own bytes, the reason in headers", "the original key", ""),
    "events": Told("Events by user, between our own agents; also the form of a source called canonical", "the user", "event"),
    "members": Told("What accounts are told of their members, between our own agents", "the account", "member"),
}  # fmt: skip

_DEAD = ("id", "reason", "detail", "topic", "partition", "offset", "index", "timestamp")


def document(settings: Settings | None = None) -> Object:
    """The document of one installation, or, without settings, of any: names and servers are parameters then."""
    where = settings or Settings()
    planned = {topic.name.removeprefix(where.prefix): topic for topic in plan(where)}
    channels = {_id(name): _channel(name, settings, planned[name].configs) for name in TOPICS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "journeys",
            "version": VERSION,
            "description": "Where each user and each account stands, and why. Records may be delivered more than once: keep "
            "one per `id`, and of those the one with the highest `seq`. Fields may be added: pass over what you do not know.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": _server(settings)},
        "channels": channels,
        "operations": {_id(name): _operation(name) for name in TOPICS},
        "components": {
            "messages": {_id(name): _message(name, where.prefix if settings else "") for name in TOPICS},
            "schemas": {name.removesuffix(".schema.json"): _plain(schema) for name, schema in schemas().items()},
        },
    }


def _id(name: str) -> str:
    """A name without dots, which references may use: `transitionsUser`, `deadLetters`."""
    first, *rest = name.replace("-", ".").split(".")
    return first + "".join(part.capitalize() for part in rest)


def _server(settings: Settings | None) -> Object:
    if settings is None:
        return {"host": "{bootstrap}", "protocol": "kafka", "variables": {"bootstrap": {"default": "127.0.0.1:9092"}}}
    secure = settings.kafka.protocol.endswith("SSL")
    return {"host": settings.bootstrap.split(",")[0], "protocol": "kafka-secure" if secure else "kafka"}


def _channel(name: str, settings: Settings | None, configs: Any) -> Object:
    told, compact = TOPICS[name], configs.get("cleanup.policy") == "compact"
    found: Object = {
        "address": (settings.prefix if settings else "{prefix}") + name,
        "summary": told.summary,
        "messages": {_id(name): {"$ref": f"#/components/messages/{_id(name)}"}},
        "bindings": {"kafka": {"bindingVersion": "0.5.0", "topicConfiguration": _configuration(configs, compact)}},
    }
    if settings is None:
        prefix = {"default": "", "description": "`prefix` of the settings", "examples": ["journeys."]}
        found["parameters"] = {"prefix": prefix}
    return found


def _configuration(configs: Any, compact: bool) -> Object:
    return {"cleanup.policy": ["compact"]} if compact else {"retention.ms": int(configs["retention.ms"])}


def _operation(name: str) -> Object:
    channel = {"$ref": f"#/channels/{_id(name)}"}
    return {"action": "send", "channel": channel, "summary": TOPICS[name].summary}


def _message(name: str, prefix: str) -> Object:
    told = TOPICS[name]
    key = {"bindingVersion": "0.5.0", "key": {"type": "string", "description": told.key}}
    found: Object = {"name": _id(name), "summary": told.summary, "bindings": {"kafka": key}}
    if told.schema:
        found["payload"] = {"$ref": f"#/components/schemas/{told.schema}"}
    if name in ABOUT:
        found["headers"] = _headers(name, prefix)
    if name == "dead-letters":
        texts = {part: {"type": "string"} for part in _DEAD}
        found["contentType"] = "application/octet-stream"
        found["headers"] = {"type": "object", "required": list(_DEAD), "properties": texts}
    return found


def _headers(name: str, prefix: str) -> Object:
    told = {
        "ce_specversion": {"const": "1.0"},
        "ce_type": {"const": ABOUT[name].type},
        "ce_source": {"const": source(prefix + name)} if prefix else {"type": "string", "format": "uri"},
        "ce_id": {"type": "string", "description": "unique within the source; the same when a record is sent again"},
        "ce_time": {
            "type": "string",
            "format": "date-time",
            "description": "when it happened: the record's at or as_of",
        },
        "ce_subject": {"type": "string", "description": "the entity"},
        "content-type": {"const": "application/json"},
    }
    if ABOUT[name].varying is not of_transition:
        told[WRITTEN] = {
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "which of two is the later one; on a null record too",
        }
    return {"type": "object", "description": "CloudEvents 1.0, binary mode; none on a null record", "properties": told}


def _plain(schema: Object) -> Object:
    """Without the names that only a file of its own has: AsyncAPI's default format is JSON Schema of draft 7."""
    return {name: value for name, value in schema.items() if name not in ("$schema", "$id")}


def text(settings: Settings | None = None) -> str:
    """The document as JSON."""
    return orjson.dumps(document(settings), option=orjson.OPT_INDENT_2).decode() + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
    print(f"wrote {FILE.name}")
