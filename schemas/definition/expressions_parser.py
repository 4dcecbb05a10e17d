"""Expression text to our typed tree: the ways in. Each mistake is reported at its own line and column."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.definition.errors import Report
from schemas.definition.expression import Const, Guard
from schemas.definition.expression_conditions import Conditions
from schemas.definition.expression_values import Value, Values
from schemas.definition.scope import WORDS, Param, Scope, Type
from schemas.definition.yaml_reader import Node, Scalar, kind


class Constants:
    """Numbers and durations written as constant expressions, in which earlier params may stand."""

    def __init__(self, params: Mapping[str, Param] | None = None) -> None:
        self.params = params if params is not None else {}

    def number(self, node: Node, what: str, wanted: Type, report: Report) -> float | None:
        """The value, ms for a duration; None after reporting what is wrong."""
        found = self.param(node, what, report)
        if found is None:
            return None
        if found.type == wanted:
            return found.value
        hint = _with_unit(node) if wanted == "duration" else None
        units = ": a number with w, d, h, m or s" if wanted == "duration" else ""
        report.error(node, f"{what} must be {WORDS[wanted]}{units}, not {WORDS[found.type]}", hint)
        return None

    def param(self, node: Node, what: str, report: Report) -> Param | None:
        """A constant of either type."""
        if not isinstance(node, Scalar):
            report.error(node, f"{what} must be a number or a duration, not {kind(node)}")
            return None
        found = Values(node, Scope(params=self.params, moving=False), report).value()
        if found is None:
            return None
        if isinstance(found.tree, Const) and found.type in ("number", "duration"):
            return Param(float(found.tree.value), found.type)
        report.error(node, f"{what} must be a number or a duration, not {WORDS[found.type]}")
        return None


def parse_guard(node: Node, what: str, scope: Scope, report: Report) -> Guard | None:
    """A condition; None after reporting what is wrong."""
    if isinstance(node, Scalar):
        return Conditions(node, scope, report).guard()
    report.error(node, f"{what} must be a condition such as `idle >= 14d`, not {kind(node)}; put it in quotes")
    return None


def parse_number(node: Node, what: str, scope: Scope, report: Report) -> Value | None:
    """A number or other value; None after reporting what is wrong."""
    if isinstance(node, Scalar):
        return Values(node, scope, report).value()
    report.error(node, f"{what} must be an expression such as `weekly / seats`, not {kind(node)}; put it in quotes")
    return None


def _with_unit(node: Node) -> str | None:
    return f"{node.value}d" if isinstance(node, Scalar) and node.number is not None else None
