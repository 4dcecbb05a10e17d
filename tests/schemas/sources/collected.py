"""All examples and full messages of all sources."""

from __future__ import annotations

from tests.schemas.sources import examples_analytics, examples_behaviour, examples_customer, examples_revenue
from tests.schemas.sources.examples import Example, Full

EXAMPLES: list[Example] = [
    *examples_analytics.EXAMPLES,
    *examples_behaviour.EXAMPLES,
    *examples_revenue.EXAMPLES,
    *examples_customer.EXAMPLES,
]
FULL: list[Full] = [*examples_analytics.FULL, *examples_behaviour.FULL, *examples_revenue.FULL, *examples_customer.FULL]
