"""Pins: what we override private parts of is wanted in exactly the version whose privates we know, everywhere."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OVERRIDES = ROOT / "streams" / "batch"
"""The one room in which private methods of others are overridden (CONTRIBUTING.md)."""


def overridden() -> set[str]:
    """Distributions of which a class is subclassed in that room."""
    ours = {"streams", "schemas", "sinks", "deploy"}
    found: set[str] = set()
    for path in OVERRIDES.glob("*.py"):
        tree = ast.parse(path.read_text())
        roots = {
            alias.asname or alias.name: node.module.split(".")[0]
            for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module for alias in node.names
        }  # fmt: skip
        bases = [base for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases]
        names = {ast.unparse(base).split("[")[0].split(".")[0] for base in bases}
        found |= {roots[name] for name in names & roots.keys()}
    known = packages_distributions()
    return {known[root][0] for root in found - ours if root in known}


def pins() -> dict[str, str]:
    """{distribution: what pyproject asks of its version}."""
    parts = (re.match(r"([\w.-]+)(?:\[[^]]*\])?\s*([^;]*)", line) for line in PROJECT["dependencies"])
    return {part[1].lower(): part[2].strip() for part in parts if part}


def test_what_is_overridden_is_found_by_this_test() -> None:
    assert {"faust-streaming", "aiokafka"} <= overridden()


def test_what_we_override_is_pinned_exactly_and_is_what_runs_here() -> None:
    for name in overridden() | {"mode-streaming"}:  # Faust's services, started and stopped by us
        assert pins()[name] == f"=={version(name)}", (
            f"pyproject must pin {name} exactly: its private methods are overridden"
        )


def test_both_lock_files_hold_the_same_exact_version_with_hashes() -> None:
    for file in ("lock.txt", "runtime.txt"):
        text = (ROOT / "requirements" / file).read_text()
        for name in overridden():
            assert re.search(
                rf"^{re.escape(name)}{re.escape(pins()[name])}\b[^\n]*\\\n\s+--hash=sha256:", text, re.M
            ), (file, name)


def test_every_dependency_has_a_lower_bound_at_least() -> None:
    assert not [name for name, wanted in pins().items() if not re.match(r"(==|~=|>=)\s*\d", wanted)]
