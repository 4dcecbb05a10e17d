"""Sources: the systems whose records we read, each with one decoder from bytes to events. A decoder never raises.

`mapping:FILE` is a source too: a company's own JSON, read by the YAML file of that name (`schemas.sources.mapping`).
"""

from __future__ import annotations

# ruff: noqa: E402 - where the modules are looked for must be known before the first of them is imported
from difflib import get_close_matches

from schemas.native import prefer

prefer(__name__, __path__)

from schemas.sources import (
    adobe,
    amplitude,
    baremetrics,
    canonical,
    chargebee,
    chartmogul,
    clarity,
    cloudevents,
    delighted,
    ga4,
    gainsight,
    heap,
    hubspot,
    intercom,
    mapping,
    maxio,
    mixpanel,
    posthog,
    rudderstack,
    salesforce,
    segment,
    snowplow,
    stripe,
    thrivestack,
    zendesk,
)
from schemas.sources.outcome import Decoded, Headers
from schemas.sources.vendor import Decode, Source

MAPPING = "mapping:"
"""Before the name of a mapping file, where a source is named."""

REGISTRY: tuple[Source, ...] = (
    canonical.SOURCE,
    # behaviour
    segment.SOURCE,
    rudderstack.RUDDERSTACK,
    snowplow.SOURCE,
    amplitude.SOURCE,
    mixpanel.SOURCE,
    posthog.SOURCE,
    ga4.SOURCE,
    ga4.SOURCE_360,
    heap.SOURCE,
    clarity.SOURCE,
    adobe.SOURCE,
    thrivestack.SOURCE,
    rudderstack.JUNE,
    # revenue
    stripe.SOURCE,
    chargebee.SOURCE,
    maxio.SOURCE,
    chartmogul.SOURCE,
    baremetrics.SOURCE,
    # sales, success and support
    hubspot.SOURCE,
    salesforce.SOURCE,
    gainsight.SOURCE,
    zendesk.SOURCE,
    intercom.SOURCE,
    delighted.SOURCE,
    # any
    cloudevents.SOURCE,
)
"""All sources, in the order in which they are listed."""

SOURCES: dict[str, Decode] = {source.name: source.decode for source in REGISTRY}
"""Decoders by the name that settings and `--source` give them."""


def decoder(source: str) -> Decode:
    """The decoder of a source. Raises ValueError, with the nearest name, for one that we do not have, and with line,
    column and suggestion for what is wrong in a mapping file."""
    found = SOURCES.get(source)
    if found is not None:
        return found
    if source.startswith(MAPPING):
        return mapping.load(source.removeprefix(MAPPING)).decode
    near = get_close_matches(source.lower(), SOURCES, n=1)
    hint = f"did you mean {near[0]}?" if near else f"write one of {', '.join(sorted(SOURCES))}, or mapping:FILE"
    raise ValueError(f"there is no source {source!r}; {hint}")


def decode(
    source: str, value: bytes | None, key: bytes | None = None, headers: Headers = (), timestamp: int = 0, *,
    max_future: int | None = None,
) -> Decoded:  # fmt: skip
    """What one record of a source means: events, failures, what is skipped and watermarks, one an item, in order.

    An event later than `timestamp` (Kafka's, ms) by more than `max_future` (ms) is a failure; both are needed.
    Never raises for what the record holds; ValueError for a source that we do not have.
    """
    return decoder(source)(value, key, headers, timestamp, max_future=max_future)
