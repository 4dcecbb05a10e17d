"""All examples and full messages of all sources."""

from __future__ import annotations

from tests.schemas.sources import examples_behaviour
from tests.schemas.sources.examples import Example, Full

EXAMPLES: list[Example] = [*examples_behaviour.EXAMPLES]
FULL: list[Full] = [*examples_behaviour.FULL]
