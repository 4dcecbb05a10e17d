"""Envelope: what is wrapped around the events of a record, undone: gzip, JSON, JSON within JSON, forms, lines."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from schemas.sources.outcome import Headers, Refused
from schemas.sources.reading import GZIP, Object, gunzipped, kind_of, parse, sized

NESTED = 48
"""Levels of nesting in a vendor's record. Its parts move into other places of the event, which may be 64 deep."""

INNER = 40
"""Levels of nesting of JSON that stands as text in a record, so that both together stay below 64."""

FORM_FIELDS = 5_000
"""Fields of a form. Maxio's largest, a subscription with its components, has a few hundred."""


def unpacked(value: bytes | None) -> bytes:
    """The bytes of a record, out of gzip where they are in it. Raises Refused."""
    data = sized(value)
    return gunzipped(data) if data.startswith(GZIP) else data


def from_json(value: bytes | None, headers: Headers = ()) -> Any:
    """The JSON value of a record."""
    return parse(unpacked(value), NESTED)


def from_json_lines(value: bytes | None, headers: Headers = ()) -> Any:
    """The JSON value of a record, or the list of them where it holds one a line."""
    data = unpacked(value)
    lines = data.splitlines() if b"\n" in data and data.lstrip()[:1] == b"{" else []
    if len(lines) > 1 and all(_whole(line) for line in lines):
        return [parse(line, NESTED) for line in lines if line.strip()]
    return parse(data, NESTED)


def _whole(line: bytes) -> bool:
    """Whether a line can be an object of its own, not a part of one that is written over several lines."""
    text = line.strip()
    return not text or (text[:1] == b"{" and text[-1:] == b"}")


def inner(value: Any, name: str) -> Any:
    """What a field holds, read once more where it is JSON written as text. Raises Refused."""
    if type(value) is not str:
        return value
    try:
        return parse(value.encode(), INNER) if value else None
    except UnicodeEncodeError:
        raise Refused("bad_envelope", f"{name} is text that is no JSON") from None
    except Refused as refused:
        reason = "bad_envelope" if refused.failure.reason == "not_json" else refused.failure.reason
        raise Refused(reason, f"{name} is text that should be JSON: {refused.failure.detail}") from None


def inner_object(value: Any, name: str) -> Object:
    """As `inner`, for a field that holds an object; a new empty one where it is missing."""
    found = inner(value, name)
    if found is None:
        return {}
    if type(found) is not dict:
        raise Refused("wrong_type", f"{name} is {kind_of(found)}; write an object")
    return found


def from_form(value: bytes | None, headers: Headers = ()) -> Any:
    """A form, `payload[subscription][id]=7&…`, as nested objects whose leaves are text. JSON where it is JSON."""
    data = unpacked(value)
    if data.lstrip()[:1] in (b"{", b"["):
        return parse(data, NESTED)
    try:
        pairs = parse_qsl(data.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=FORM_FIELDS)
    except UnicodeDecodeError as wrong:
        raise Refused("not_utf8", f"byte {wrong.start} is not UTF-8") from None
    except ValueError as error:
        raise Refused("bad_envelope", f"no form: {error}") from None
    found: Object = {}
    for name, leaf in pairs:
        _put(found, name.replace("]", "").split("["), leaf)
    return found


def _put(table: Object, path: list[str], leaf: str) -> None:
    if len(path) > INNER:
        raise Refused("too_deep", f"nested deeper than {INNER} levels")
    for step in path[:-1]:
        nested = table.setdefault(step, {})
        if type(nested) is not dict:
            raise Refused("bad_envelope", f"the form uses {step} for a value and for a group of values")
        table = nested
    table[path[-1]] = leaf
