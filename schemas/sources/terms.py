"""Terms: what vendors of billing and CRM share: prices a month in minor units, and the order of what happened in a second."""

from __future__ import annotations

from typing import Any

from schemas.sources.reading import Object

_WHOLE = frozenset(
    {
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    }
)
"""Currencies without a minor unit (ISO 4217, exponent 0)."""

_THOUSANDTHS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
"""Currencies whose minor unit is a thousandth (exponent 3)."""

_MONTHS = {"day": 12 / 365, "week": 84 / 365, "month": 1.0, "year": 12.0}
"""How many months a billing period of one is."""

ENDED = 900
"""Rank of what ends a contract: after all else of its second."""


STEPS = frozenset({"Subscription Upgraded", "Subscription Downgraded", "Subscription Renewed"})
"""Events that say what a change of the terms was. The terms themselves come with an update, before it."""


def with_update(name: str) -> tuple[tuple[str, str], ...]:
    """(event name, part of the id) of what one event of a vendor is: a step of a contract comes after its update."""
    return (("Subscription Updated", ""), (name, "step")) if name in STEPS else ((name, ""),)


def number(value: Any) -> float | None:
    """A number, also where it is written as text; None for anything else."""
    if type(value) is str:
        try:
            value = float(value)
        except ValueError:
            return None
    if type(value) in (int, float) and abs(value) < 1e15:  # beyond, and NaN, it is no amount of anything
        return float(value)
    return None


def currency(value: Any) -> str | None:
    """An ISO 4217 code in capitals; None where there is none."""
    return value.upper() if type(value) is str and len(value) == 3 and value.isalpha() else None


def minor(amount: Any, code: str | None) -> int | None:
    """An amount in major units (1,200.50) as minor ones; currencies that are not named are taken to have cents."""
    found = number(amount)
    if found is None:
        return None
    return round(found * (1 if code in _WHOLE else 1000 if code in _THOUSANDTHS else 100))


def monthly(amount: float, interval: Any, count: Any = 1) -> int | None:
    """An amount a billing period as an amount a month; None for a period that is none."""
    months = _MONTHS.get(interval) if type(interval) is str else None
    periods = number(count) or 1.0
    return None if months is None or periods <= 0 else round(amount / (months * periods))


def ranked(at: int, rank: int) -> int:
    """Where a vendor's time is a whole second, its milliseconds carry the rank (0 to 999) of what happened in it.

    Events of one instant are taken in the order of their ids, which says nothing about what came first; a time that
    the vendor itself tells to the millisecond is left as it is.
    """
    return at + rank if at % 1000 == 0 else at


def word(value: Any) -> str:
    """Text; empty for anything else. What is looked up in a set must be hashable."""
    return value if type(value) is str else ""


def known(**values: Any) -> Object:
    """The values that are there."""
    return {name: value for name, value in values.items() if value is not None}
