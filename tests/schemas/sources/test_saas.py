"""The shipped saas.yaml reads what the decoders emit: each canonical name by a selection, or it is listed here why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.definition.model import Definition
from schemas.definition.parse import load
from schemas.sources import REGISTRY
from schemas.sources.vendor import Source
from schemas.vocabulary import IDENTITY, NAMES, PLACE_OF

SAAS = load(Path(__file__).parents[3] / "schemas" / "definitions" / "saas.yaml")

UNREAD = {
    "Subscription Downgraded": "the update before it carries the smaller terms; no rule asks for the step",
    "Ticket Solved": "open tickets are not counted, those of 30 days are",
    "Contact Role Set": "the level of a person is read from their title",
}
"""Canonical names that decoders emit and nothing in saas.yaml selects, and why."""

NOBODYS = {
    "canonical": "it maps nothing: it is what the others are mapped to",
    "cloudevents": "its names are the company's own",
}
"""Sources without a mapping of names."""


def selected(definition: Definition) -> set[str]:
    return {name for selection in definition.selections.values() for name in selection.names}


def emitted(source: Source) -> set[str]:
    """Canonical names that a source maps some of its own to."""
    return set(source.names.values()) & set(NAMES)


def is_read(name: str) -> bool:
    """By a selection of its name; as who is who; or as a sign of life in the product, which `active` takes whatever it is."""
    return name in selected(SAAS) or name in IDENTITY or PLACE_OF[name] == "product"


@pytest.mark.parametrize("source", [s for s in REGISTRY if s.name not in NOBODYS], ids=lambda s: s.name)
def test_what_a_decoder_calls_by_a_canonical_name_is_read(source: Source) -> None:
    assert emitted(source), f"{source.name} maps nothing"
    assert {name for name in emitted(source) if not is_read(name)} <= set(UNREAD)
    assert any(is_read(name) for name in emitted(source))


def test_what_is_listed_as_unread_is_emitted_and_unread() -> None:
    everything = set().union(*(emitted(source) for source in REGISTRY))
    assert {name for name in everything if not is_read(name)} == set(UNREAD)
    assert {source.name for source in REGISTRY if not emitted(source)} == set(NOBODYS)
