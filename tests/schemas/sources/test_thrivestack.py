"""Source thrivestack: three calls told apart by their fields, the place that they name, and ids that content gives."""

from __future__ import annotations

from typing import Any

import orjson

from schemas.sources import decode

AT = "2024-05-01T12:00:00Z"


def read(*calls: dict[str, Any]) -> list[Any]:
    return decode("thrivestack", orjson.dumps(list(calls)))


def test_the_call_follows_from_its_fields() -> None:
    track, identify, group, nothing = read(
        {"event_name": "feature_used", "user_id": "u1", "properties": {"feature": "a"}, "timestamp": AT},
        {"user_id": "u1", "traits": {"user_email": "a@b.c"}, "timestamp": AT},
        {"group_id": "g1", "user_id": "u1", "traits": {"account_domain": "b.c", "account_name": "B"}, "timestamp": AT},
        {"user_id": "u1", "timestamp": AT},
    )
    assert (track.type, identify.type, group.type) == ("track", "identify", "group")
    assert (group.account, group.traits) == ("g1", {"domain": "b.c", "name": "B"})
    assert nothing.reason == "missing_name"


def test_the_source_splits_product_from_marketing() -> None:
    page = {"event_name": "page_visit", "user_id": "u1", "timestamp": AT}
    places = [
        event.place for event in read(*({**page, "context": {"source": s}} for s in ("product", "marketing", 7)), page)
    ]
    assert places == ["product", "website", "product", "product"]


def test_a_call_repeated_with_the_same_content_is_the_same_event() -> None:
    call = {"event_name": "x", "user_id": "u1", "timestamp": AT}
    first, again = read(call, dict(reversed(call.items())))
    (other,) = read({**call, "user_id": "u2"})
    assert first.id == again.id != other.id
