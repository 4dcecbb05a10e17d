"""The guess: every example is told to be its own source's, alone and among others."""

from __future__ import annotations

import pytest

from schemas.sources.guess import Guess, guesses
from tests.schemas.sources.collected import EXAMPLES
from tests.schemas.sources.examples import Example, encoded

TWINS = {"june": "segment", "ga360": "ga4"}
"""Sources whose records are those of another one."""


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.source}-{e.address.rsplit('/', 1)[-1]}")
def test_an_example_is_told_to_be_its_own_source(example: Example) -> None:
    assert guesses([encoded(example.record)])[0].source == TWINS.get(example.source, example.source)


def test_most_lines_decide_and_the_others_are_named() -> None:
    segment, stripe = (
        next(encoded(e.record) for e in EXAMPLES if e.source == source) for source in ("segment", "stripe")
    )
    assert guesses([stripe, segment, segment, b"{"]) == [Guess("segment", 2), Guess("stripe", 1)]


def test_lines_that_look_like_nothing_have_no_source() -> None:
    assert guesses([b"{", b"[]", b"7", b""]) == []
