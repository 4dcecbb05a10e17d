"""The lines of `journeys validate` that say how large one user's and one account's record can become."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.definition.model import Definition, Kind
from streams.journey.bound import A_MEMBERSHIP, TEXT, Bound, bound
from streams.journey.timeline import RECENT


def sizes(definition: Definition) -> Iterator[str]:
    """One line a kind of entity."""
    kinds: tuple[Kind, ...] = ("user", "account") if definition.account is not None else ("user",)
    for kind in kinds:
        yield _line(kind, bound(definition, kind))


def _line(kind: Kind, found: Bound) -> str:
    largest = ", ".join(f"{name} {size:,}" for name, size in found.measures)
    more = f", and {A_MEMBERSHIP} more for each further account it belongs to" if kind == "user" else ""
    return (
        f"{kind}: at most {found.total:,} bytes with texts of {TEXT} characters: state {found.state:,}"
        + (f" (largest measures: {largest})" if largest else "")
        + f", {RECENT} recent inputs {found.recent:,}{more}"
    )
