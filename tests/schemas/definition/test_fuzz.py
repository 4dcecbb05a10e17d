"""Whatever stands in the file, the answer is a definition or a list of problems; never another exception."""

from __future__ import annotations

import re
import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.definition.check import check
from schemas.definition.model import Definition
from schemas.definition.parse import parse
from schemas.definition.yaml_reader import MAX_TEXT
from tests.schemas.definition.writing import BASE, problems, with_guard
from tests.strategies.definitions import definitions

LINES = (Path(__file__).parent / "data" / "saas_example.yaml").read_text(encoding="utf-8").splitlines(keepends=True)
PIECES = [
    "{", "}", "[", "]", ": ", "- ", "'", '"', "#", "&a ", "*a", "!x ", "|\n", ">-\n", "\n", "\t", "  ", "~", "null",
    "0", "-1", "30d", "1e9", "idle", "stage", "or ", "not ", "(", ")", "==", "ü", "\x85", "\u2028", "%", "@", "? ",
    "...", "---\n",
]  # fmt: skip
LINE_ENDS = "\n\r\x85\u2028\u2029"


def refused(text: str) -> bool:
    """Whether a text is refused, with at least one problem, all of them standing inside it."""
    found = problems(text)
    lines = sum(text.count(end) for end in LINE_ENDS)
    assert all(1 <= p.line <= lines + 2 and p.column >= 1 and p.message for p in found)
    if not found:
        check(parse(text))
    return bool(found)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A part of the example with some characters cut out, doubled or replaced."""
    start = draw(st.integers(0, len(LINES) - 1))
    text = "".join(LINES[start : start + draw(st.integers(1, 25))])
    for _ in range(draw(st.integers(1, 3))):
        i = draw(st.integers(0, len(text)))
        j = min(len(text), i + draw(st.integers(0, 12)))
        text = text[:i] + draw(st.sampled_from([*PIECES, "", text[i:j] * 2])) + text[j:]
    return text


@settings(max_examples=120, deadline=None)
@given(mutated())
def test_a_mutated_part_of_a_definition_raises_nothing_else(text: str) -> None:
    refused(text)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(BASE)), st.integers(0, 12), st.sampled_from([*PIECES, ""]))
def test_a_mutated_definition_raises_nothing_else(start: int, length: int, piece: str) -> None:
    refused(BASE[:start] + piece + BASE[start + length :])


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text_raises_nothing_else(text: str) -> None:
    assert refused(text)


WORDS = [
    "core_7", "weeks", "nps", "plan", "contract", "silent", "stage", "risk", "churn", "idle", "in_state", "quiet",
    "few", "3", "14d", "'pro'", "true", "(", ")", "[", "]", ",", ">=", "<", "==", "!=", "+", "-", "*", "/", "and", "or",
    "not", "in", "known(", "age(", "min(", "count(signals)", "reached(at_risk)", "if", "else", "lambda", ":", ".", "=",
    "**", "is", "1e400",
]  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12))
def test_any_expression_is_read_or_refused_at_its_own_line(words: list[str]) -> None:
    text = with_guard(" ".join(words))
    line = text[: text.index("name: probe")].count("\n") + 1
    assert {p.line for p in problems(text)} <= {line}


@settings(max_examples=40, deadline=None)
@given(definitions())
def test_what_the_strategy_writes_is_always_valid_and_checkable(definition: Definition) -> None:
    assert definition.user.machines[0].name == "stage"
    assert all(p.severity == "warning" for p in check(definition))


FILES = sorted((Path(__file__).parents[3] / "schemas" / "definitions").glob("*.yaml"))
HUGE = ("9" * 400, "1e999", "99999999999d", "-1", "0d", "0.1", "1e-320", "٣", "(" * 200, "not " * 300, "weeks + " * 200)


def whole_mutated(luck: Random) -> str:
    """A shipped definition with lines moved in, out and sideways, words swapped and numbers replaced."""
    text = luck.choice(FILES).read_text(encoding="utf-8")
    for _ in range(luck.choice((1, 1, 2, 5))):
        lines = text.splitlines(keepends=True)
        at = luck.randrange(len(lines))
        some = lines[at : at + luck.randint(1, 8)]
        match luck.randrange(5):
            case 0:
                lines[at:at] = [luck.choice(LINES)]
            case 1:
                del lines[at : at + len(some)]
            case 2:
                lines[at : at + len(some)] = [luck.choice(("  ", "    ")) + line for line in some]
            case 3:
                lines[at : at + len(some)] = [line.removeprefix("  ") for line in some]
            case _:
                words = re.findall(r"[\w.]+", lines[at]) or ["x"]
                lines[at] = lines[at].replace(luck.choice(words), luck.choice((*HUGE, *words, *WORDS)), 1)
        text = "".join(lines)
    return text


def test_a_shipped_definition_with_its_lines_mixed_up_raises_nothing_else() -> None:
    luck = Random(7)
    told = [refused(whole_mutated(luck)) for _ in range(60)]
    assert 30 < sum(told) < 60, "nearly everything is refused, or nothing"


HOSTILE = {
    "aliases of aliases": "a: &a [x, x]\n" + "".join(f"k{n}: &b{n} [*{'a' if n == 0 else f'b{n - 1}'}, *a]\n" for n in range(40)),
    "an alias of itself": "user: &a [*a]\n",
    "a merge of itself": "user: &a\n  <<: *a\n",
    "lists in lists": "[" * 1_000,
    "mappings in mappings": "".join(" " * n + "a:\n" for n in range(500)),
    "many keys": "".join(f"key{n}: 1\n" for n in range(3_000)),
    "one long quote": "'" * MAX_TEXT,
    "one long word": "a" * MAX_TEXT,
    "too long": "a" * (MAX_TEXT + 1),
    "clauses that multiply": with_guard(" and ".join(f"(weeks > {n} or nps < {n})" for n in range(40))),
    "a power of powers": with_guard("weeks > 9**9**9"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_that_is_written_to_hang_the_reader_does(name: str) -> None:
    begun = time.process_time()
    refused(HOSTILE[name])
    assert time.process_time() - begun < 10, "CPU seconds, whoever else is at work"
