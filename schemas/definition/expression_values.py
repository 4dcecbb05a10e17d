"""Expressions that have a value: names resolved, types checked, constants folded."""

from __future__ import annotations

import ast
import math
from typing import NamedTuple

from schemas.definition.errors import Report, listed, nearest
from schemas.definition.expression import (
    Age,
    Arith,
    ArithOp,
    Const,
    CountSignals,
    Fold,
    Idle,
    InState,
    MeasureRef,
    Number,
    Until,
)  # fmt: skip
from schemas.definition.expression_text import Spoilt, Text, Wrong
from schemas.definition.scope import FUNCTIONS, WORDS, Scope, Type
from schemas.definition.yaml_reader import Scalar

MAX_DEPTH = 40
"""Levels of nesting, so that no text can exhaust the stack."""

_ARITH: dict[type[ast.operator], ArithOp] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


class Value(NamedTuple):
    """A number expression and its type."""

    tree: Number
    type: Type


class Values(Text):
    """Reads an expression that has a value."""

    def __init__(self, node: Scalar, scope: Scope, report: Report) -> None:
        super().__init__(node, report)
        self._scope = scope

    def value(self) -> Value | None:
        """The whole text as a value; None after reporting what is wrong."""
        tree = self._tree()
        return None if tree is None else self._tried(tree, lambda node: self._finite(self._value(node, 0), node))

    def _value(self, node: ast.expr, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise Wrong(node, f"nested more than {MAX_DEPTH} deep")
        match node:
            case ast.Constant():
                return self._literal(node)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                return self._signed(node, self._value(operand, depth + 1))
            case ast.BinOp(op=op) if type(op) in _ARITH:
                return self._arith(node, _ARITH[type(op)], depth)
            case ast.Name():
                return self._name(node)
            case ast.Call():
                return self._call(node, depth)
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                raise Wrong(node, "a condition stands where a number belongs")
        raise Wrong(node, f"{self._quoted(node)!r} is not of this language")

    def _literal(self, node: ast.Constant) -> Value:
        value = node.value
        if isinstance(value, complex):
            found = self._durations.get(self._offset(node))
            if found is None:
                raise Wrong(node, f"{self._quoted(node)} has no unit of this language; units are w, d, h, m and s")
            return self._finite(Value(Const(found), "duration"), node)
        if isinstance(value, bool):
            return Value(Const(value), "bool")
        if isinstance(value, str):
            return Value(Const(value), "text")
        if isinstance(value, (int, float)):
            try:
                return self._finite(Value(Const(float(value)), "number"), node)
            except OverflowError:
                raise Wrong(node, "too large a number") from None
        raise Wrong(node, f"{self._quoted(node)!r} is not of this language")

    def _finite(self, value: Value, node: ast.expr) -> Value:
        if (
            isinstance(value.tree, Const)
            and isinstance(value.tree.value, float)
            and not math.isfinite(value.tree.value)
        ):
            raise Wrong(node, "too large a number")
        return value

    def _signed(self, node: ast.UnaryOp, value: Value) -> Value:
        if value.type not in ("number", "duration", "any"):
            raise Wrong(node, f"a sign before {WORDS[value.type]} means nothing")
        if isinstance(node.op, ast.UAdd):
            return value
        if isinstance(value.tree, Const):
            return Value(Const(-float(value.tree.value)), value.type)
        return self._combined(node, "-", Value(Const(0.0), value.type), value)

    def _arith(self, node: ast.BinOp, op: ArithOp, depth: int) -> Value:
        return self._combined(node, op, self._value(node.left, depth + 1), self._value(node.right, depth + 1))

    def _combined(self, node: ast.expr, op: ArithOp, a: Value, b: Value) -> Value:
        found = _RESULT.get((op, a.type, b.type))
        if found is None:
            raise Wrong(node, f"{WORDS[a.type]} {op} {WORDS[b.type]} means nothing")
        if op == "/" and b.tree == Const(0.0):
            raise Wrong(node, "a division by zero")
        if isinstance(a.tree, Const) and isinstance(b.tree, Const):
            return self._finite(Value(Const(_computed(op, float(a.tree.value), float(b.tree.value))), found), node)
        moving = moves(a.tree) + moves(b.tree)
        if moving and (op not in "+-" or not (isinstance(a.tree, Const) or isinstance(b.tree, Const))):
            raise Wrong(
                node, "idle, in_state, age() and until() change all the time: compare them, after adding or "
                "subtracting a constant at most",
            )  # fmt: skip
        return Value(Arith(op, a.tree, b.tree), found)

    def _name(self, node: ast.Name) -> Value:
        name, scope = node.id, self._scope
        if name in ("true", "false"):
            return Value(Const(name == "true"), "bool")
        found = scope.params.get(name) or scope.measures.get(name)
        if found is not None and found.type == "broken":
            raise Spoilt
        if name in scope.params:
            return Value(Const(scope.params[name].value), scope.params[name].type)
        if name in scope.measures:
            return Value(MeasureRef(name), scope.measures[name].type)
        if name in ("idle", "in_state"):
            return Value(self._running(node), "duration")
        if name in scope.signals:
            raise Wrong(node, f"{name!r} is a signal: use it alone, or after `not`")
        if name in scope.machines:
            raise Wrong(node, f"{name!r} is a machine; compare it with a state by ==, !=, in or not in")
        raise self._unknown(node, "name", (*scope.names(), *FUNCTIONS) if scope.moving else scope.names())

    def _running(self, node: ast.Name) -> Number:
        if not self._scope.moving:
            raise Wrong(node, f"{node.id} changes all the time and may not stand here")
        if node.id == "idle":
            return Idle()
        if self._scope.own is None:
            raise Wrong(node, "in_state belongs to the rules of a machine; say of which machine", "age(stage)")
        return InState()

    def _call(self, node: ast.Call, depth: int) -> Value:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in ("min", "max"):
            return self._extreme(node, "min" if name == "min" else "max", depth)
        if name in ("known", "reached"):
            raise Wrong(node, f"{name}() is a condition, not a number")
        if name not in FUNCTIONS:
            what = self._quoted(node.func)
            raise Wrong(node, f"there is no function {what!r}; there is {listed(FUNCTIONS)}", nearest(what, FUNCTIONS))
        argument = self._argument(node)
        if name == "count":
            return self._count(argument)
        if not self._scope.moving:
            raise Wrong(node, f"{name}() changes all the time and may not stand here")
        return Value(self._age(argument) if name == "age" else self._until(argument), "duration")

    def _argument(self, node: ast.Call) -> ast.Name:
        if len(node.args) == 1 and not node.keywords and isinstance(node.args[0], ast.Name):
            return node.args[0]
        name = self._quoted(node.func)
        raise Wrong(node, f"{name}() takes one name, as in {name}(x)")

    def _count(self, argument: ast.Name) -> Value:
        if argument.id != "signals":
            hint = argument.id if argument.id in self._scope.measures else "count(signals)"
            raise Wrong(argument, "count() counts signals; how many events there were is a measure", hint)
        if not self._scope.signals:
            why = self._scope.refused.get("signals", "there are no signals here")
            raise Wrong(argument, why)
        return Value(CountSignals(), "number")

    def _age(self, argument: ast.Name) -> Age:
        name, scope = argument.id, self._scope
        if name in scope.machines:
            return Age("machine", name)
        if name == scope.own:
            raise Wrong(
                argument, f"the time since {name!r}, the rule's own machine, entered its state is in_state", "in_state"
            )
        known = scope.measures.get(name)
        if known is not None and known.type not in ("bool", "time"):
            raise Wrong(argument, f"age() is of a machine, a flag or a time; {name!r} is {WORDS[known.type]}")
        if known is None:
            raise self._unknown(
                argument, "machine, flag or time", self._of_type(("bool", "time"), tuple(scope.machines))
            )
        return Age("measure", name)

    def _until(self, argument: ast.Name) -> Until:
        known = self._scope.measures.get(argument.id)
        if known is None:
            raise self._unknown(argument, "time", self._of_type(("time",)))
        if known.type != "time":
            advice = "; say `as: time` at the measure" if known.type == "any" else ""
            raise Wrong(argument, f"until() is of a time; {argument.id!r} is {WORDS[known.type]}{advice}")
        return Until(argument.id)

    def _of_type(self, types: tuple[Type, ...], more: tuple[str, ...] = ()) -> tuple[str, ...]:
        return (*(name for name, known in self._scope.measures.items() if known.type in types), *more)

    def _extreme(self, node: ast.Call, fn: str, depth: int) -> Value:
        if len(node.args) < 2 or node.keywords:
            raise Wrong(node, f"{fn}() wants two values or more")
        values = [self._value(arg, depth + 1) for arg in node.args]
        types = {value.type for value in values}
        if len(types - {"any"}) > 1 or types & {"text", "bool"}:
            raise Wrong(node, f"{fn}() wants values of one type, not {' and '.join(sorted(WORDS[t] for t in types))}")
        if any(moves(value.tree) for value in values):
            raise Wrong(node, f"idle, in_state, age() and until() change all the time and may not stand in {fn}()")
        found: Type = next(iter(types - {"any"}), "any")
        trees = tuple(value.tree for value in values)
        if all(isinstance(tree, Const) for tree in trees):
            pick = min if fn == "min" else max
            return Value(Const(pick(float(t.value) for t in trees if isinstance(t, Const))), found)
        return Value(Fold("min" if fn == "min" else "max", trees), found)

    # --- names -------------------------------------------------------------------------------------------------------

    def _measure(self, node: ast.Name) -> None:
        if node.id not in self._scope.measures:
            raise self._unknown(node, "measure", tuple(self._scope.measures))

    def _unknown(self, node: ast.Name, what: str, known: tuple[str, ...]) -> Wrong:
        if node.id in self._scope.refused:
            return Wrong(node, self._scope.refused[node.id])
        near = nearest(node.id, known)
        return Wrong(node, f"unknown {what} {node.id!r}" + ("" if near else f"; there is {listed(known)}"), near)


def _result_types() -> dict[tuple[str, Type, Type], Type]:
    """What arithmetic gives; a pair that is not here means nothing. A property (`any`) can be a number."""
    found: dict[tuple[str, Type, Type], Type] = {}
    numbers: tuple[Type, ...] = ("number", "any")
    for a in numbers:
        found |= {("*", a, "duration"): "duration", ("*", "duration", a): "duration", ("/", "duration", a): "duration"}
        for b in numbers:
            found |= {(op, a, b): "number" for op in "+-*/"}
    found |= {("+", "duration", "duration"): "duration", ("-", "duration", "duration"): "duration"}
    found |= {("/", "duration", "duration"): "number", ("-", "time", "time"): "duration"}
    found |= {("+", "time", "duration"): "time", ("+", "duration", "time"): "time", ("-", "time", "duration"): "time"}
    return found


_RESULT = _result_types()


def _computed(op: ArithOp, x: float, y: float) -> float:
    return x + y if op == "+" else x - y if op == "-" else x * y if op == "*" else x / y


def moves(tree: Number) -> bool:
    """Whether time alone changes the value continuously."""
    match tree:
        case Idle() | InState() | Age() | Until():
            return True
        case Arith(_, left, right):
            return moves(left) or moves(right)
    return False
