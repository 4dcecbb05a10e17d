"""A definition's text with new coefficients or params in it: every other character, comments included, stays as it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node

from schemas.definition.model import Churn, Definition
from streams.backtest.fitting import Fitted
from streams.journey.calendar import DAY

Edit = tuple[int, int, str]
"""(from, to, what stands there instead), as places in the text."""


class CannotWrite(ValueError):
    """The text has no place for it; the message says which part is missing."""


def with_fitted(definition: Definition, found: Iterable[Fitted]) -> str:
    """The text with these measures' coefficients, and the next version number: it is another definition now."""
    root = _root(definition.text)
    edits = [edit for one in found for edit in _edits(definition, root, one)]
    version = _value(root, "version")
    edits.append((version.start_mark.index, version.end_mark.index, str(definition.version + 1)))
    return _edited(definition.text, edits)


def with_param(text: str, name: str, value: str) -> str:
    """The text with another value for a param."""
    params = _find(_root(text), "params")
    node = _find(params, name) if params is not None else None
    if node is None:
        raise CannotWrite(f"the definition has no param {name}")
    return _edited(text, [(node.start_mark.index, _end(node), value)])


def _edits(definition: Definition, root: Node, one: Fitted) -> list[Edit]:
    section = _find(root, one.kind)
    measures = _find(section, "measures") if section is not None else None
    if not isinstance(measures, MappingNode) or not measures.value:
        raise CannotWrite(f"`{one.kind}` has no `measures` to put the probability among")
    if one.name is None:
        return [_added(measures, _free_name(definition, one), one)]
    measure = _value(measures, one.name)
    coefficients = _value(measure, "coefficients")
    known = _find(measure, "fitted")
    edits = [(coefficients.start_mark.index, _end(coefficients), coefficients_text(one.churn))]
    if known is not None:
        return [*edits, (known.start_mark.index, _end(known), fitted_text(one.churn))]
    key = next(k for k, _ in measure.value if k.value == "coefficients")
    join = ", " if measure.flow_style else "\n" + " " * key.start_mark.column
    begin, end, text = edits[0]
    return [(begin, end, f"{text}{join}fitted: {fitted_text(one.churn)}")]


def _added(measures: MappingNode, name: str, one: Fitted) -> Edit:
    """A measure more, after the last."""
    body = (
        f"{name}: {{churn: {one.of}, horizon: {one.churn.horizon // DAY}d, after: {one.churn.after}, publish: true, "
        f"coefficients: {coefficients_text(one.churn)}, fitted: {fitted_text(one.churn)}}}"
    )
    key, last = measures.value[-1]
    end = _end(last)
    if measures.flow_style:
        return (end, end, f", {body}")
    text = str(last.start_mark.buffer)
    line_end = text.find("\n", end)
    place = len(text.rstrip("\0")) if line_end < 0 else line_end
    return (place, place, "\n" + " " * key.start_mark.column + body)


def _free_name(definition: Definition, one: Fitted) -> str:
    entity = definition.user if one.kind == "user" else definition.account
    taken = set(definition.params) | {m.name for m in entity.measures} if entity is not None else set()
    if entity is not None:
        taken |= {m.name for m in entity.machines} | {s.name for s in entity.signals}
    name = f"churn_{one.churn.horizon // DAY}"
    while name in taken:
        name += "_"
    return name


def coefficients_text(churn: Churn) -> str:
    weights = [f"{decay:g}d: {weight:g}" for decay, weight in churn.terms]
    return "{" + ", ".join([f"intercept: {churn.intercept:g}", *weights]) + "}"


def fitted_text(churn: Churn) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in churn.fitted) + "}"


# --- the text as nodes -----------------------------------------------------------------------------------------------


def _root(text: str) -> Node:
    root: Any = YAML(typ="safe", pure=True).compose(text)
    assert isinstance(root, MappingNode), "a definition that was parsed is a mapping"
    return root


def _find(node: Node, name: str) -> Any:
    if not isinstance(node, MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def _value(node: Node, name: str) -> Any:
    found = _find(node, name)
    assert found is not None, f"a definition that was parsed has {name!r} here"
    return found


def _end(node: Any) -> int:
    """Where a node ends: a block's own mark lies at what follows it, so it is the end of its last part."""
    if isinstance(node, MappingNode) and not node.flow_style and node.value:
        return _end(node.value[-1][1])
    index: int = node.end_mark.index
    return index


def _edited(text: str, edits: list[Edit]) -> str:
    for begin, end, new in sorted(edits, reverse=True):
        text = text[:begin] + new + text[end:]
    return text
