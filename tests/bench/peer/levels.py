"""Job titles as the peer reads them: the globs of saas.yaml, put into one pattern a level; a title is matched once."""

from __future__ import annotations

import re
from fnmatch import translate
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from schemas.definition.parse import load

SAAS = Path(__file__).parents[3] / "schemas" / "definitions" / "saas.yaml"


@cache
def _levels() -> tuple[list[tuple[str, re.Pattern[str]]], frozenset[str]]:
    levels = load(SAAS).levels
    assert levels is not None
    found = [(name, re.compile("|".join(map(translate, globs)), re.IGNORECASE)) for name, globs in levels.patterns]
    return found, frozenset(levels.admin_values)


@lru_cache(4096)
def level_of(title: Any, role: Any) -> tuple[str, bool]:
    """(level, whether an administrator)"""
    patterns, admins = _levels()
    level = "unknown" if not title else next((name for name, p in patterns if p.match(title)), "unknown")
    return level, role in admins
