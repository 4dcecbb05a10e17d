"""Expressions that are true or not: the guards of transitions, signals and caps."""

from __future__ import annotations

import ast

from schemas.definition.errors import listed, nearest
from schemas.definition.expression import (
    And,
    Compare,
    CompareOp,
    Const,
    Guard,
    Known,
    MeasureRef,
    Not,
    Or,
    Reached,
    SignalHolds,
    StateIn,
    Truth,
)  # fmt: skip
from schemas.definition.expression_text import Spoilt, Wrong
from schemas.definition.expression_values import MAX_DEPTH, Value, Values, moves
from schemas.definition.scope import WORDS

_COMPARE: dict[type[ast.cmpop], CompareOp] = {
    ast.GtE: ">=", ast.Gt: ">", ast.LtE: "<=", ast.Lt: "<", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip


class Conditions(Values):
    """Reads an expression that is a condition. Those joined by and/or each report their own mistakes."""

    def guard(self) -> Guard | None:
        """The whole text as a condition; None after reporting what is wrong."""
        tree = self._tree()
        return None if tree is None else self._tried(tree, self._guard)

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
        if op in ("==", "!=") and (moves(a.tree) or moves(b.tree)):
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
