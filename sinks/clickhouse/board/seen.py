"""Seen: a selection of the definition as a condition over the table of events, as the core reads it."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

_COLUMNS = {"names": "name", "types": "type", "actors": "actor", "places": "place"}
_NUMBERS = "('Int64', 'UInt64', 'Double')"


class Where(NamedTuple):
    """One test of what an event says: a path into `properties` or `traits`, an operator, the value or several of them."""

    column: str
    path: tuple[str, ...]
    op: str
    value: Any

    def condition(self, tag: str) -> str:
        """As SQL. `tag` keeps its parameters apart from others'."""
        at = ", ".join([self.column, *(f"{{{tag}_{n}:String}}" for n in range(len(self.path)))])
        match self.op:
            case "in" | "==":
                told = " OR ".join(_compared(at, "=", f"{tag}_v{n}", one) for n, one in enumerate(self._values()))
            case "!=":
                told = f"JSONType({at}) != 'Null' AND NOT {_compared(at, '=', f'{tag}_v0', self.value)}"
            case _:
                told = _compared(at, self.op, f"{tag}_v0", self.value)
        # The name of the property is looked for as text first: most events lack it, and need not be read as JSON then.
        return f"(position({self.column}, {{{tag}_key:String}}) > 0 AND ({told or 'false'}))"

    def parameters(self, tag: str) -> dict[str, Any]:
        named = {f"{tag}_{n}": part for n, part in enumerate(self.path)} | {
            f"{tag}_key": orjson.dumps(self.path[-1]).decode()
        }
        values = (int(value) if isinstance(value, bool) else value for value in self._values())
        return named | {f"{tag}_v{n}": value for n, value in enumerate(values)}

    def _values(self) -> tuple[Any, ...]:
        return tuple(self.value) if self.op == "in" else (self.value,)


def _compared(at: str, op: str, parameter: str, value: Any) -> str:
    """A value of the event against one of the definition; of two kinds they are neither equal nor in order."""
    if isinstance(value, str):
        return (
            f"ifNull(if(JSONType({at}) = 'String', JSONExtractString({at}), NULL) {op} {{{parameter}:String}}, false)"
        )
    if not isinstance(value, (int, float)):
        return "false"
    number = (
        f"multiIf(JSONType({at}) IN {_NUMBERS}, JSONExtractFloat({at}),"
        f" JSONType({at}) = 'Bool', toFloat64(JSONExtractBool({at})), NULL)"
    )
    return f"ifNull({number} {op} {{{parameter}:Float64}}, false)"


class Seen(NamedTuple):
    """Which events a selection takes. Empty lists let everything through; of `where`, all must hold."""

    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    where: tuple[Where, ...] = ()

    def condition(self, tag: str = "seen") -> str:
        """As SQL. `tag` keeps its parameters apart from another one's in the same query."""
        said = [
            f"{column} IN {{{tag}_{field}:Array(String)}}" for field, column in _COLUMNS.items() if getattr(self, field)
        ]
        said += [one.condition(f"{tag}_w{n}") for n, one in enumerate(self.where)]
        return " AND ".join(said) or "true"

    def parameters(self, tag: str = "seen") -> dict[str, Any]:
        named = {f"{tag}_{field}": list(getattr(self, field)) for field in _COLUMNS if getattr(self, field)}
        for n, one in enumerate(self.where):
            named |= one.parameters(f"{tag}_w{n}")
        return named
