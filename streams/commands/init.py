"""`journeys init SAMPLE`: a first definition matched to what a sample holds, each unsure line marked `# TODO`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches

from schemas.definition.model import Definition
from streams.commands.sample import Sample

_LINE = re.compile(r"^(  (?P<name>\w+):\s*)\{(?P<body>.*)\}(?P<rest>.*)$")


def propose(template: str, definition: Definition, sample: Sample, source: str) -> str:
    """The template with its event names replaced by those of the sample; what was not found keeps its name and a TODO."""
    lines: list[str] = [
        f"# Proposed by `journeys init` from {sample.events:,} events of source {source}. Lines marked TODO are guesses.",
        f"# Seen: {_some(sample.names.most_common(12))}",
        f"# {len(sample.users):,} users, {_share(sample)} of them with an account; {len(sample.accounts):,} accounts;"
        f" traits: {_some(sample.traits.most_common(8)) or 'none'}",
    ]
    inside = False
    for line in template.splitlines():
        if re.match(r"^\w+:", line):
            inside = line.startswith("events:")
        match = _LINE.match(line) if inside else None
        name = match["name"] if match else None
        selection = definition.selections.get(name) if name else None
        if match is None or selection is None or not selection.names:
            lines.append(_levels(line, definition, sample))
            continue
        lines.append(match[1] + _selection(selection.names, match["body"], sample))
    lines += ["", *_leftovers(definition, sample)]
    return "\n".join(lines) + "\n"


def _selection(names: tuple[str, ...], body: str, sample: Sample) -> str:
    """The names of a selection as the sample has them."""
    found = {seen for name in names for seen in _same(name, sample.names)}
    if found:
        others = body.split("]", 1)[1] if body.startswith("name: [") else ""
        return "{name: [" + ", ".join(_quoted(name) for name in sorted(found)) + "]" + others + "}"
    near = {seen for name in names for seen in get_close_matches(name, sample.names, 1, 0.6)}
    if near:
        return (
            "{name: ["
            + ", ".join(_quoted(name) for name in sorted(near))
            + "]}   # TODO a guess by likeness; is it this?"
        )
    return "{" + body + "}   # TODO nothing like it in the sample: name yours, or take the rules that use it out"


def _levels(line: str, definition: Definition, sample: Sample) -> str:
    if definition.levels is None or line.strip() != f"trait: {definition.levels.trait}":
        return line
    if sample.traits[definition.levels.trait]:
        return line
    near = get_close_matches(definition.levels.trait, sample.traits, 1, 0.5)
    if near:
        return line.replace(definition.levels.trait, near[0]) + "   # TODO a guess by likeness"
    return line + "   # TODO no such trait in the sample: levels stay unknown"


def _leftovers(definition: Definition, sample: Sample) -> list[str]:
    """The events that no selection names, most frequent first: what a journey may be missing."""
    used = {name for selection in definition.selections.values() for name in selection.names}
    left = [(name, n) for name, n in sample.names.most_common() if not any(_same(u, [name]) for u in used)]
    return [f"# TODO not used by any selection: {_told(name)} ({n:,} times)" for name, n in left[:20]]


def _same(name: str, seen: Iterable[str]) -> list[str]:
    """Names that differ only in case and punctuation: `report_created` is `Report Created`."""
    return [other for other in seen if _bare(other) == _bare(name)]


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off"))
"""What some YAML reader takes for something else than text."""


def _quoted(name: str) -> str:
    """A name as YAML reads it back: plain where it is plainly text, else in JSON's quotes, which YAML shares."""
    plain = re.fullmatch(r"[A-Za-z][\w $-]*[\w$]", name, re.ASCII) and name.lower() not in _WORDS
    return name if plain else json.dumps(name, ensure_ascii=False)


def _some(pairs: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{_told(name)} ({n:,})" for name, n in pairs)


def _told(name: str) -> str:
    """A name inside a comment, which ends with its line."""
    return name if name.isprintable() else json.dumps(name)


def _share(sample: Sample) -> str:
    return f"{len(sample.users_with_account) / len(sample.users):.0%}" if sample.users else "none"
