"""What is wrong with a definition: problems with line, column and a suggestion, collected and raised together."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Literal, NamedTuple, Protocol

Severity = Literal["error", "warning"]


class Place(Protocol):
    """Anything that stands somewhere in the file: 1-based line and column."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class Problem(NamedTuple):
    """One thing that is wrong. `suggestion`: of an error, what to write instead, as it would stand in the file; of a

    warning, what to do about it, as a sentence without its full stop.
    """

    line: int
    column: int
    message: str
    suggestion: str | None = None
    severity: Severity = "error"

    def text(self, filename: str) -> str:
        """`file:line:col: message. Did you mean ...?`, as compilers print it and editors read it."""
        where = f"{filename}:{self.line}:{self.column}"
        if self.severity == "warning":
            return f"{where}: warning: {self.message}" + (f". {self.suggestion}" if self.suggestion else "")
        return f"{where}: {self.message}" + (f". Did you mean {self.suggestion}?" if self.suggestion else "")


class DefinitionErrors(ValueError):
    """A definition that cannot be used; `problems` holds all that was found, in file order, warnings among them."""

    def __init__(self, filename: str, problems: Iterable[Problem]) -> None:
        self.filename = filename
        self.problems = sorted(problems, key=lambda p: (p.line, p.column))
        super().__init__("\n".join(problem.text(filename) for problem in self.problems))


MOST = 1_000
"""Problems that are told of one file. Nobody reads more, and whatever has them is no definition."""


class Report:
    """Where the parts of the parser put what they find. Nothing is raised until the whole file has been read."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def error(self, place: Place, message: str, suggestion: str | None = None) -> None:
        problem = Problem(place.line, place.column, message, suggestion)
        full = len(self.problems) >= MOST
        if not full and problem not in self.problems:  # a list shared by an alias is read more than once
            self.problems.append(problem)

    @property
    def failed(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one, or None where nothing is like it (0.6: difflib's own default)."""
    choices = {choice.lower(): choice for choice in known}
    found = get_close_matches(name.lower(), choices, 1, 0.6)
    return choices[found[0]] if found else None


def listed(names: Iterable[str]) -> str:
    """`a, b, c`, or `none` for an empty list; a dozen names at most."""
    found = list(names)
    return ", ".join(found[:12]) + (f" and {len(found) - 12} more" if len(found) > 12 else "") or "none"
