"""Pack: what is kept of JSON says the same as what was written, in as little memory as it has bytes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from streams.journey.pack import pack
from streams.journey.selections import Hit
from streams.journey.state import State
from streams.journey.timeline import _packed

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@given(values)
def test_it_is_what_orjson_says(value: Any) -> None:
    assert pack(value) == orjson.dumps(value)


def each(make: Callable[[], bytes]) -> float:
    """Bytes of memory that one of many results holds."""
    tracemalloc.start()
    try:
        kept = [make() for _ in range(1_000)]
        return tracemalloc.get_traced_memory()[0] / len(kept)
    finally:
        tracemalloc.stop()


def test_what_is_kept_for_long_holds_hardly_more_memory_than_it_has_bytes() -> None:
    state = State(20, 3, [])
    assert each(state.dump) < len(state.dump()) + 100
    hit = lambda: Hit(1_700_000_000_000, "an event's id", 1_700_000_000_000, 5, None, "an account", None, None)  # noqa: E731
    assert each(lambda: _packed(hit())) < len(_packed(hit())) + 100
