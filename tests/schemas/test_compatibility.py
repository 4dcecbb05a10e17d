"""A record may gain fields that can be missing, and nothing else may change: everything that would break somebody is said."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.compatibility import breaks, released
from schemas.records import schemas

NOW = schemas()
OLD = {"type": "object", "required": ["id", "kind"], "properties": {
    "id": {"type": "string", "pattern": "^[0-9a-f]{32}$"}, "kind": {"enum": ["user", "account"]}, "dwell_s": {"type": ["number", "null"]},
    "because": {"type": "array", "items": {"type": "object", "required": ["op"], "properties": {"op": {"type": "string"}}}},
}}  # fmt: skip


def changed(**fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = deepcopy(OLD)
    found["properties"].update(fields)
    return found


@pytest.mark.parametrize("release", released())
def test_what_is_published_now_breaks_nobody_who_reads_by_a_release(release: str) -> None:
    problems = [
        f"{name}: {sentence}"
        for name, schema in released()[release].items()
        for sentence in (breaks(schema, NOW[name]) if name in NOW else ["is gone: its topic still has readers"])
    ]
    assert problems == [], "\n".join([f"release {release} promised otherwise:", *problems])


def test_every_record_of_now_is_in_the_newest_release() -> None:
    assert set(list(released().values())[-1]) == set(NOW), "copy schemas/json to schemas/released/<version>"


def test_a_field_that_may_be_missing_and_another_wording_break_nothing() -> None:
    assert breaks(OLD, changed(colour={"type": "string"})) == []
    assert breaks(OLD, changed(kind={"enum": ["account", "user"], "description": "whose journey"})) == []


def test_a_field_that_is_gone_is_named_with_what_to_do() -> None:
    new = deepcopy(OLD)
    del new["properties"]["dwell_s"]  # type: ignore[attr-defined]
    assert breaks(OLD, new) == ["dwell_s is gone: readers of the released schema look for it; keep it"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"dwell_s": {"type": "number"}}, "dwell_s is no longer null: records that are on the topic already are"),
        ({"dwell_s": {"type": ["number", "null", "string"]}}, "dwell_s may now be string: readers"),
        ({"kind": {"enum": ["user"]}}, "kind can no longer be 'account'"),
        ({"kind": {"enum": ["user", "account", "team"]}}, "kind may now be 'team': readers handle account or user"),
        ({"id": {"type": "string", "pattern": "^[0-9]+$"}}, "id: `pattern` was ^[0-9a-f]{32}$ and is ^[0-9]+$"),
        ({"id": {"type": "string", "pattern": "^[0-9a-f]{32}$", "enum": ["0"]}}, "id is now one of a closed list"),
        ({"because": {"type": "array", "items": {"type": "object", "required": [], "properties": {"op": {"type": "string"}}}}},
         "because.items.op may now be missing"),
        ({"because": {"type": "array", "items": {"type": "object", "required": ["op"], "properties": {"op": {"type": "number"}}}}},
         "because.items.op is no longer string"),
    ],
)  # fmt: skip
def test_a_change_that_breaks_somebody_is_said_in_one_sentence(fields: dict[str, Any], sentence: str) -> None:
    (first, *_) = [found for found in breaks(OLD, changed(**fields)) if found.startswith(sentence.split(":")[0])]
    assert first.startswith(sentence)


def test_a_field_that_becomes_required_is_told_from_one_that_no_longer_is() -> None:
    assert breaks(OLD, {**OLD, "required": ["id", "kind", "dwell_s"]})[0].startswith("dwell_s is now required")
    assert breaks(OLD, {**OLD, "required": ["id"]})[0].startswith("kind may now be missing")


types = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"])
values = st.one_of(
    st.text(max_size=3), st.integers(-2, 2), st.floats(-1, 1), st.booleans(), st.none(), st.just([]), st.just({})
)
schemas_ = st.fixed_dictionaries(
    {"type": st.lists(types, min_size=1, max_size=3, unique=True)},
    optional={"enum": st.lists(values, min_size=1, max_size=3)},
)


@settings(max_examples=300)
@given(schemas_, schemas_, values)
def test_where_nothing_is_said_a_value_fits_both_schemas_or_neither(old: Any, new: Any, value: Any) -> None:
    if breaks(old, new) == []:
        assert Draft202012Validator(old).is_valid(value) == Draft202012Validator(new).is_valid(value)


def test_the_checked_in_copy_is_whole() -> None:
    for files in released().values():
        for name, schema in files.items():
            Draft202012Validator.check_schema(schema)
            assert orjson.dumps(schema), name
