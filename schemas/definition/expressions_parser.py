"""Expression text to our typed tree, every name resolved, every type checked, each mistake reported at its own column.

Python's own grammar reads the text (`ast.parse`, never `eval`), and a closed list of its nodes is taken over.

A duration such as `30d` is no Python, so its unit is replaced by `j`, a number's only legal suffix: the text keeps its
width and columns stay true. What it stood for is looked up by its place.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from schemas.definition.errors import Report, listed, nearest
from schemas.definition.expression import (
    Age,
    And,
    Arith,
    ArithOp,
    Compare,
    CompareOp,
    Const,
    CountSignals,
    Fold,
    Guard,
    Idle,
    InState,
    Known,
    MeasureRef,
    Not,
    Number,
    Or,
    Reached,
    SignalHolds,
    Span,
    StateIn,
    Truth,
    Until,
)  # fmt: skip
from schemas.definition.scope import FUNCTIONS, WORDS, Param, Scope, Type
from schemas.definition.yaml_reader import Node, Scalar, kind

T = TypeVar("T")

UNITS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}
"""Milliseconds."""

MAX_LENGTH = 2_000
"""Characters of one expression; a longer one is no rule that a person can read."""

MAX_DEPTH = 40
"""Levels of nesting, so that no text can exhaust the stack."""

_DURATION = re.compile(r"""(?P<text>'[^']*'|"[^"]*")|(?<![\w.])(?P<number>\d+(?:\.\d+)?)(?P<unit>[wdhms])(?!\w)""")
_ARITH: dict[type[ast.operator], ArithOp] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARE: dict[type[ast.cmpop], CompareOp] = {
    ast.GtE: ">=", ast.Gt: ">", ast.LtE: "<=", ast.Lt: "<", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_HABITS = {
    "&&": "and",
    "||": "or",
    "!": "not",
    "=": "==",
    "<>": "!=",
    "AND": "and",
    "OR": "or",
    "NOT": "not",
    "===": "==",
}
_HABIT = re.compile(r"&&|\|\||===|<>|!(?!=)|(?<![<>=!])=(?!=)|\b(?:AND|OR|NOT)\b")


class Value(NamedTuple):
    """A number expression and its type."""

    tree: Number
    type: Type


class Wrong(Exception):
    """One mistake inside an expression, at a column of its text."""

    def __init__(self, node: ast.AST | int, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.node = node
        self.message = message
        self.suggestion = suggestion


class Spoilt(Exception):
    """The expression uses a name whose own line is wrong; saying more would not help."""


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
        found = _Parser(node, Scope(params=self.params, moving=False), report).value()
        if found is None:
            return None
        if isinstance(found.tree, Const) and found.type in ("number", "duration"):
            return Param(float(found.tree.value), found.type)
        report.error(node, f"{what} must be a number or a duration, not {WORDS[found.type]}")
        return None


def parse_guard(node: Node, what: str, scope: Scope, report: Report) -> Guard | None:
    """A condition; None after reporting what is wrong."""
    if isinstance(node, Scalar):
        return _Parser(node, scope, report).guard()
    report.error(node, f"{what} must be a condition such as `idle >= 14d`, not {kind(node)}; put it in quotes")
    return None


def parse_number(node: Node, what: str, scope: Scope, report: Report) -> Value | None:
    """A number or other value; None after reporting what is wrong."""
    if isinstance(node, Scalar):
        return _Parser(node, scope, report).value()
    report.error(node, f"{what} must be an expression such as `weekly / seats`, not {kind(node)}; put it in quotes")
    return None


class _Parser:
    """One expression. Its methods raise Wrong for a mistake; conditions joined by and/or each report their own."""

    def __init__(self, node: Scalar, scope: Scope, report: Report) -> None:
        self._node = node
        self._scope = scope
        self._report = report
        self._durations: dict[int, float] = {}
        self._text = ""
        self._lead = 0  # white space that was taken off before Python read it

    # --- text --------------------------------------------------------------------------------------------------------

    def guard(self) -> Guard | None:
        tree = self._tree()
        return None if tree is None else self._tried(tree, self._guard)

    def value(self) -> Value | None:
        tree = self._tree()
        return None if tree is None else self._tried(tree, lambda node: self._finite(self._value(node, 0), node))

    def _tree(self) -> ast.expr | None:
        text = re.sub(r"\s", " ", self._node.value)
        if not text.strip():
            self._report.error(self._node, "nothing stands here; write an expression")
            return None
        if len(text) > MAX_LENGTH:
            self._report.error(
                self._node, f"longer than {MAX_LENGTH:,} characters; name its parts as measures or signals"
            )
            return None
        self._text = text
        self._lead = len(text) - len(text.lstrip())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python warns of `1if` and the like; we report it ourselves
                tree = ast.parse(self._rewritten(text).strip(), mode="eval").body
        except SyntaxError as error:
            self._syntax((error.offset or 1) - 1 + self._lead, error.msg or "")
        except (ValueError, MemoryError, RecursionError):
            self._report.error(self._node, "this cannot be read as an expression")
        else:
            return tree
        return None

    def _rewritten(self, text: str) -> str:
        """The text with the same width in which every duration is a number that Python can read."""

        def number(found: re.Match[str]) -> str:
            if found["text"]:
                return found[0]
            self._durations[found.start()] = float(found["number"]) * UNITS[found["unit"]]
            return found["number"] + "j"

        return _DURATION.sub(number, text)

    def _syntax(self, offset: int, said: str) -> None:
        habit = _HABIT.search(re.sub(r"'[^']*'|\"[^\"]*\"", lambda m: "_" * len(m[0]), self._text))
        if habit is not None:
            word = habit[0]
            self._report.error(self._node.at(habit.start()), f"{word!r} is not of this language", f"`{_HABITS[word]}`")
            return
        offset = max(0, min(offset, len(self._text) - 1))
        said = said.split("(")[0].strip().rstrip(".").replace("invalid syntax. Perhaps you forgot a comma?", "")
        detail = (
            f" ({said})" if said and said != "invalid syntax" and "<" not in said and "expression" not in said else ""
        )
        near = self._text[offset : offset + 20].strip()
        self._report.error(self._node.at(offset), f"cannot be read from {near!r} on{detail}")

    # --- places ------------------------------------------------------------------------------------------------------

    def _offset(self, node: ast.AST | int) -> int:
        """Character offset in the value; Python counts bytes."""
        return node if isinstance(node, int) else self._characters(getattr(node, "col_offset", 0))

    def _characters(self, count: int) -> int:
        return self._lead + len(self._text[self._lead :].encode()[:count].decode(errors="ignore"))

    def _span(self, first: ast.AST, last: ast.AST | None = None) -> Span:
        start = self._offset(first)
        text = self._text[start : self._characters(getattr(last or first, "end_col_offset", None) or 0)]
        place = self._node.at(start)
        return Span(place.line, place.column, " ".join(text.split()))

    def _tried(self, node: ast.expr, read: Callable[[ast.expr], T]) -> T | None:
        try:
            return read(node)
        except Wrong as wrong:
            self._report.error(self._node.at(self._offset(wrong.node)), wrong.message, wrong.suggestion)
        except Spoilt:
            pass
        return None

    # --- conditions --------------------------------------------------------------------------------------------------

    def _guard(self, node: ast.expr, depth: int = 0) -> Guard:
        if depth > MAX_DEPTH:
            raise Wrong(node, f"nested more than {MAX_DEPTH} deep")
        match node:
            case ast.BoolOp(op=op, values=values):
                return self._joined(And if isinstance(op, ast.And) else Or, values, depth)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Not(self._guard(operand, depth + 1))
            case ast.Compare():
                return self._compared(node, depth)
            case ast.Name():
                return self._condition_name(node)
            case ast.Call(func=ast.Name(id="known" | "reached")):
                return self._condition_call(node)
        return self._no_condition(node, depth)

    def _joined(self, join: type[And] | type[Or], values: list[ast.expr], depth: int) -> Guard:
        found = [self._tried(value, lambda v: self._guard(v, depth + 1)) for value in values]
        return join(tuple(item for item in found if item is not None))

    def _no_condition(self, node: ast.expr, depth: int) -> Guard:
        if (isinstance(node, ast.Constant) and isinstance(node.value, bool)) or (
            isinstance(node, ast.Name) and node.id in ("true", "false")
        ):
            raise Wrong(node, "a condition that never changes; write what must hold, such as `idle >= 14d`")
        value = self._value(node, depth)
        raise Wrong(node, f"{self._quoted(node)} is {WORDS[value.type]}, not a condition; compare it, as in `>= 3`")

    def _condition_name(self, node: ast.Name) -> Guard:
        name, scope = node.id, self._scope
        if name in scope.measures:
            known = scope.measures[name]
            if known.type == "broken":
                raise Spoilt
            if known.type == "bool":
                return Truth(name, self._span(node))
            hint = f"{name} >= 1" if known.type == "number" else f"known({name})"
            raise Wrong(node, f"{name!r} is {WORDS[known.type]}, not a condition; compare it", hint)
        if name in scope.signals:
            return SignalHolds(name, self._span(node))
        if name in scope.machines:
            raise Wrong(node, f"{name!r} is a machine; say which state", f"{name} == {scope.machines[name][0]}")
        return self._no_condition(node, 0)

    def _condition_call(self, node: ast.Call) -> Guard:
        function = node.func.id if isinstance(node.func, ast.Name) else ""
        argument = self._argument(node)
        if function == "known":
            self._measure(argument)
            return Known(argument.id, self._span(node))
        scope = self._scope
        if scope.own is not None and argument.id in scope.own_states:
            return Reached(scope.own, argument.id, self._span(node))
        if argument.id in scope.machines.get("stage", ()):
            return Reached("stage", argument.id, self._span(node))
        states = dict.fromkeys((*scope.own_states, *scope.machines.get("stage", ())))
        raise self._unknown(argument, "state", tuple(states))

    # --- comparisons -------------------------------------------------------------------------------------------------

    def _compared(self, node: ast.Compare, depth: int) -> Guard:
        sides = [node.left, *node.comparators]
        pairs = [
            self._pair(op, left, right, depth)
            for op, left, right in zip(node.ops, sides, sides[1:], strict=False)
        ]  # fmt: skip
        return pairs[0] if len(pairs) == 1 else And(tuple(pairs))

    def _pair(self, op: ast.cmpop, left: ast.expr, right: ast.expr, depth: int) -> Guard:
        if isinstance(op, (ast.Is, ast.IsNot)):
            raise Wrong(left, "`is` is not of this language", "`==`, or known(...)")
        if isinstance(left, ast.Name) and self._is_machine(left.id):
            return self._state(op, left, right)
        if isinstance(right, ast.Name) and self._is_machine(right.id):
            raise Wrong(left, f"the machine comes first: {right.id} == {self._quoted(left)}")
        if isinstance(op, (ast.In, ast.NotIn)):
            return self._one_of(op, left, right, depth)
        return self._compare(_COMPARE[type(op)], left, right, depth)

    def _is_machine(self, name: str) -> bool:
        scope = self._scope
        if name in scope.machines:
            return True
        return name == scope.own and name not in scope.measures

    def _state(self, op: ast.cmpop, left: ast.Name, right: ast.expr) -> Guard:
        scope = self._scope
        if left.id not in scope.machines:
            raise Wrong(
                left, f"a rule of {left.id!r} says in `from` which states it leaves; {left.id!r} cannot be read here"
            )
        if not isinstance(op, (ast.Eq, ast.NotEq, ast.In, ast.NotIn)):
            raise Wrong(
                left, f"{left.id!r} is a machine, and states have no order; use ==, !=, in [...] or not in [...]"
            )
        many = isinstance(op, (ast.In, ast.NotIn))
        if many != isinstance(right, (ast.List, ast.Tuple, ast.Set)):
            raise Wrong(
                right,
                "`in` wants a list of states, `==` one state",
                f"{left.id} in [{self._quoted(right)}]" if many else None,
            )
        nodes = right.elts if isinstance(right, (ast.List, ast.Tuple, ast.Set)) else [right]
        if not nodes:
            raise Wrong(right, "an empty list: no state is in it")
        states = tuple(dict.fromkeys(self._state_name(n, left.id) for n in nodes))
        guard = StateIn(left.id, states, self._span(left, right))
        return Not(guard) if isinstance(op, (ast.NotEq, ast.NotIn)) else guard

    def _state_name(self, node: ast.expr, machine: str) -> str:
        states = self._scope.machines[machine]
        match node:
            case ast.Name(id=name) | ast.Constant(value=str(name)):
                if name in states:
                    return name
                near = nearest(name, states)
                raise Wrong(
                    node, f"{machine!r} has no state {name!r}" + ("" if near else f"; it has {listed(states)}"), near
                )
        raise Wrong(node, f"not the name of a state of {machine!r}; it has {listed(states)}")

    def _one_of(self, op: ast.cmpop, left: ast.expr, right: ast.expr, depth: int) -> Guard:
        if not isinstance(right, (ast.List, ast.Tuple, ast.Set)):
            raise Wrong(right, "`in` wants a list", f"[{self._quoted(right)}]")
        if not right.elts:
            raise Wrong(right, "an empty list: nothing is in it")
        guard = Or(tuple(self._compare("==", left, item, depth) for item in right.elts))
        return Not(guard) if isinstance(op, ast.NotIn) else guard

    def _compare(self, op: CompareOp, left: ast.expr, right: ast.expr, depth: int) -> Guard:
        a, b = self._value(left, depth + 1), self._value(right, depth + 1)
        if "bool" in (a.type, b.type):
            return self._compared_flag(op, left, right, a, b)
        self._same_type(left, right, a, b)
        if op not in ("==", "!=") and "text" in (a.type, b.type):
            raise Wrong(left, "texts have no order here; use ==, != or in [...]")
        if op in ("==", "!=") and (_moves(a.tree) or _moves(b.tree)):
            raise Wrong(left, "a duration that runs is equal to a value for one millisecond only; use >= or <")
        return Compare(op, a.tree, b.tree, self._span(left, right))

    def _compared_flag(self, op: CompareOp, left: ast.expr, right: ast.expr, a: Value, b: Value) -> Guard:
        """`contract == true` is `contract`."""
        match a.tree, b.tree:
            case (MeasureRef(name), Const(bool(wanted))) | (Const(bool(wanted)), MeasureRef(name)):
                if a.type == b.type == "bool" and op in ("==", "!="):
                    truth = Truth(name, self._span(left, right))
                    return truth if wanted == (op == "==") else Not(truth)
        flag = left if a.type == "bool" else right
        raise Wrong(flag, f"{self._quoted(flag)} is true or false and is not compared; use it alone, or after `not`")

    def _same_type(self, left: ast.expr, right: ast.expr, a: Value, b: Value) -> None:
        if a.type == b.type or {a.type, b.type} in ({"any", "number"}, {"any", "text"}):
            return
        node, value = (right, b) if isinstance(b.tree, Const) else (left, a)
        hint, advice = None, ""
        if {a.type, b.type} == {"duration", "number"} and value.type == "number" and isinstance(value.tree, Const):
            hint = f"{self._quoted(node)}d"
        elif "time" in (a.type, b.type):
            advice = "; use age(x) or until(x) for the duration since or until a time"
        elif {a.type, b.type} in ({"any", "duration"}, {"any", "time"}):
            advice = "; if the property is a time, say `as: time` at the measure"
        one, two = self._quoted(left), self._quoted(right)
        raise Wrong(node, f"cannot compare {one}, {WORDS[a.type]}, with {two}, {WORDS[b.type]}{advice}", hint)

    # --- values ------------------------------------------------------------------------------------------------------

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
        if isinstance(a.tree, Const) and isinstance(b.tree, Const):
            return self._finite(Value(Const(self._computed(node, op, a.tree, b.tree)), found), node)
        moving = _moves(a.tree) + _moves(b.tree)
        if moving and (op not in "+-" or not (isinstance(a.tree, Const) or isinstance(b.tree, Const))):
            raise Wrong(
                node, "idle, in_state, age() and until() change all the time: compare them, after adding or "
                "subtracting a constant at most",
            )  # fmt: skip
        return Value(Arith(op, a.tree, b.tree), found)

    def _computed(self, node: ast.expr, op: ArithOp, a: Const, b: Const) -> float:
        x, y = float(a.value), float(b.value)
        if op == "/" and y == 0:
            raise Wrong(node, "a division by zero")
        return x + y if op == "+" else x - y if op == "-" else x * y if op == "*" else x / y

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
        if any(_moves(value.tree) for value in values):
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

    def _quoted(self, node: ast.expr) -> str:
        return self._span(node).text


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


def _moves(tree: Number) -> bool:
    """Whether time alone changes the value continuously."""
    match tree:
        case Idle() | InState() | Age() | Until():
            return True
        case Arith(_, left, right):
            return _moves(left) or _moves(right)
    return False


def _with_unit(node: Node) -> str | None:
    return f"{node.value}d" if isinstance(node, Scalar) and node.number is not None else None
