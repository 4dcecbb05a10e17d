"""What decoding comes to besides events: a failure with a reason, or a sender's promise about time."""

from __future__ import annotations

from typing import Literal, NamedTuple

Reason = Literal[
    "no_value", "too_big", "not_utf8", "not_json", "too_deep", "wrong_type", "missing_name", "missing_entity", "bad_time",
    "future", "placeholder_id",
]  # fmt: skip
"""Why a record, or a part of it, is no event."""


class Failure(NamedTuple):
    """This record, or this part of a batch, cannot be an event."""

    reason: Reason
    detail: str = ""


class Watermark(NamedTuple):
    """The sender promises that nothing earlier than `at` (ms) follows on this partition."""

    at: int
