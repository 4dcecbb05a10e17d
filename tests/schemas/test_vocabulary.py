"""Vocabulary: complete for the shipped definition, free of doubles, and able to suggest."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from schemas.definition.parse import load
from schemas.event import Place
from schemas.vocabulary import NAMES, PLACE_OF, VOCABULARY, nearest_name

SAAS = Path(__file__).parents[2] / "schemas" / "definitions" / "saas.yaml"


def test_every_event_of_the_shipped_definition_is_in_the_vocabulary() -> None:
    wanted = {name for selection in load(SAAS).selections.values() for name in selection.names}
    assert wanted - set(NAMES) == set()


def test_a_name_stands_there_once_with_a_place_and_a_meaning() -> None:
    assert len(NAMES) == len(VOCABULARY)
    for name in VOCABULARY:
        assert name.place in get_args(Place)
        assert name.meaning
        assert len({p.name for p in name.properties}) == len(name.properties)


def test_money_comes_with_its_currency() -> None:
    for name in VOCABULARY:
        properties = {p.name: p for p in name.properties}
        for money in (p for p in name.properties if p.unit == "minor units"):
            assert properties["currency"].required or not money.required, name.name


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("trial_started", "Trial Started"),
        ("Trial started", "Trial Started"),
        ("Subscripton Created", "Subscription Created"),
        ("add on purchased", "Add-on Purchased"),
        ("change_authored", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_suggested(written: str, meant: str | None) -> None:
    assert nearest_name(written) == meant


def test_a_payment_does_not_happen_in_the_product() -> None:
    assert PLACE_OF["Invoice Paid"] == "billing"
