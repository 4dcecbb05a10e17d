"""A churn measure: whose silence it foretells, over which horizon, with which coefficients, and what these rest on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from schemas.definition.errors import nearest
from schemas.definition.fields import DAY, MAX_WINDOW, Fields, entries
from schemas.definition.model import Churn, Measure
from schemas.definition.yaml_reader import Node, Scalar

MAX_TERMS = 4
"""Decayed counters a churn measure may keep: each is a number of an entity's state, and none after the second pays."""

MAX_AFTER = 100
"""Active days to wait for at most: whoever came a hundred times is known."""

RATES = ("base_rate", "auc", "average_precision", "brier")
"""Of what `fitted` may say, the figures from 0 to 1."""

FITTED = ("date", "rows", "entities", *RATES, "slope")


def parse_churn(measure: Measure, fields: Fields, selections: tuple[str, ...], is_account: bool) -> Measure:
    """`{churn: active, horizon: 90d, after: 3, coefficients: {intercept: 0.5, 30d: -0.8, 120d: -0.8}, fitted: {...}}`."""
    of = fields.choice("churn", (*selections, *(("members",) if is_account else ())), required=True)
    horizon = fields.window("horizon", required=True)
    after = fields.integer("after", 1, 1, MAX_AFTER)
    intercept, terms = _coefficients(fields)
    if horizon is None or intercept is None or not terms:
        return replace(measure, of=of)
    found = Churn(horizon, intercept, terms, after, _fitted(fields))
    return replace(measure, of=None if of == "members" else of, churn=found)


def _coefficients(fields: Fields) -> tuple[float | None, tuple[tuple[float, float], ...]]:
    """The intercept, and (decay in days, weight) of each counter."""
    node = fields.required("coefficients")
    intercept: float | None = None
    terms: dict[float, float] = {}
    listed = list(entries(node, f"`coefficients` of {fields.what}", fields.report))
    for key, body in listed:
        if key.value == "intercept":
            intercept = fields.constants.number(body, f"`intercept` of {fields.what}", "number", fields.report)
        else:
            _term(fields, key, body, terms)
    if node is not None and "intercept" not in [key.value for key, _ in listed]:
        fields.report.error(node, f"`coefficients` of {fields.what} need an `intercept`")
    if node is not None and not 1 <= len(listed) - 1 <= MAX_TERMS:
        example = "{intercept: 0.5, 30d: -0.8, 120d: -0.8}"
        message = f"`coefficients` of {fields.what} need a weight for each of 1 to {MAX_TERMS} decays"
        fields.report.error(node, message, example)
    return intercept, tuple(terms.items())


def _term(fields: Fields, key: Scalar, body: Node, terms: dict[float, float]) -> None:
    near = nearest(key.value, ("intercept",))
    if near is not None:
        fields.report.error(key, f"`coefficients` of {fields.what} have no key {key.value!r}", near)
        return
    decay = fields.constants.number(key, f"a decay of {fields.what}", "duration", fields.report)
    weight = fields.constants.number(body, f"the weight of {key.value} of {fields.what}", "number", fields.report)
    if decay is not None and not DAY <= decay <= MAX_WINDOW * DAY:
        near = "1d" if decay < DAY else f"{MAX_WINDOW}d"
        fields.report.error(key, f"a decay of {fields.what} must be from 1d to {MAX_WINDOW}d", near)
    elif decay is not None and decay / DAY in terms:
        fields.report.error(key, f"the decay {key.value} of {fields.what} stands here twice")
    elif decay is not None and weight is not None:
        terms[decay / DAY] = weight
    if weight is not None and weight > 0:
        message = f"the weight of {key.value} of {fields.what} must not be above 0: silence would lower the probability"
        fields.report.error(body, message, "0")


def _fitted(fields: Fields) -> tuple[tuple[str, float | str], ...]:
    """What the coefficients were fitted on, as it was written; for people, not for the engine."""
    said = fields.child("fitted", f"`fitted` of {fields.what}", FITTED)
    if said is None:
        return ()
    found: dict[str, float | str] = {}
    for name in FITTED:
        if name not in said:
            continue
        if name == "date":
            day = said.text(name)
            if day is not None and not _is_date(day):
                fields.report.error(said.get(name) or said.place, f"`date` of {said.what} must be like 2024-10-24")
            found[name] = day or ""
        elif name in ("rows", "entities"):
            found[name] = said.integer(name, 0, 1, 10**12)
        else:
            found[name] = _figure(said, name)
    return tuple(found.items())


def _figure(said: Fields, name: str) -> float:
    value = said.number(name)
    if value is not None and name in RATES and not 0 <= value <= 1:
        said.report.error(said.get(name) or said.place, f"`{name}` of {said.what} must be from 0 to 1")
    return 0.0 if value is None else value


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
