"""docs/sources.md says what the registry says, and its mapping file is one."""

from __future__ import annotations

import re

from schemas.sources import REGISTRY
from schemas.sources.mapping import parse
from schemas.sources.table import PAGE, page


def test_the_page_is_as_the_registry_has_it() -> None:
    text = PAGE.read_text()
    assert page(text) == text, "run python -m schemas.sources.table"
    assert all(f"| `{source.name}` {source.title} |" in text for source in REGISTRY)


def test_the_mapping_file_on_the_page_is_read() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert parse(text).precedence.user == ("customer.id", "email:{customer.email}")
