"""Identifiers: placeholders name nobody, however they are written."""

from __future__ import annotations

import pytest

from schemas.identifiers import PLACEHOLDERS, NotAnIdentifier, identifier


@pytest.mark.parametrize(
    "value",
    [
        None, "", "   ", "null", "NULL", " Null ", "undefined", "anonymous", "Anonymous", "0", 0, 0.0, -1, "none", "NaN",
        "00000000-0000-0000-0000-000000000000", "[object Object]", "{{user_id}}", "true",
    ],
)  # fmt: skip
def test_a_placeholder_names_nobody(value: object) -> None:
    assert identifier(value) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("u_1", "u_1"),
        (" u_1\n", "u_1"),
        ("Ann@Example.org", "Ann@Example.org"),
        (42, "42"),
        (42.0, "42"),
        ("nully", "nully"),
    ],
)
def test_an_identifier_keeps_its_case_and_loses_the_space_around_it(value: object, text: str) -> None:
    assert identifier(value) == text


@pytest.mark.parametrize("value", [True, [], {}, 1.5, float("nan"), float("inf"), "x" * 513, "a\x00b"])
def test_what_cannot_be_an_identifier_is_refused(value: object) -> None:
    with pytest.raises(NotAnIdentifier):
        identifier(value)


def test_the_list_is_in_lower_case() -> None:
    assert all(word == word.lower().strip() for word in PLACEHOLDERS)
