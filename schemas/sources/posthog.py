"""PostHog: capture calls, batches, its ingestion topic and its events topic for ClickHouse, in which JSON stands as text.

- a person: distinct_id is the company's own user id once PostHog knows who it is, and the device's until then. Which of
  the two is told by $user_id, $is_identified, $process_person_profile, person_mode, or by it being $device_id. Where
  nothing is told (calls from a server) it is the user's. PostHog's own person_id is in nobody else's records: not used
- an account: the group of a type that means an account (`GROUPS`), else $group_0, the type that was created first
- PostHog wants a distinct_id with a group call, too, and clients of servers make one up (`$company_acme`, a fresh UUID): it
  is a person only where a browser vouches for it by $is_identified or $user_id
- $identify with $anon_distinct_id names both ids; $create_alias merges distinct_id into alias, which goes on
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.event import Event, EventType
from schemas.sources.envelope import inner_object
from schemas.sources.outcome import Skipped
from schemas.sources.precedence import GROUPS, RECORD, Precedence, entity
from schemas.sources.reading import Object, entity_id, nobody
from schemas.sources.vendor import Message, Skip, Vendor, page_place, within

PRECEDENCE = Precedence(
    time=("timestamp", "now", "created_at", RECORD),
    id=("uuid",),
    user=("properties.$user_id", "distinct_id", "properties.distinct_id"),
    anonymous=("properties.$anon_distinct_id", "properties.$device_id", "distinct_id", "properties.distinct_id"),
    account=(*(f"properties.$groups.{name}" for name in GROUPS), "properties.$group_0"),
    received=("now", "created_at"),
)

NAMES = {
    "$pageview": "Page Viewed",
    "$screen": "Screen Viewed",
    "$identify": "Identified",
    "$set": "Identified",
    "$groupidentify": "Account Identified",
    "$create_alias": "User Aliased",
    "$merge_dangerously": "User Aliased",
}

TYPES: dict[str, EventType] = {
    "Page Viewed": "page",
    "Screen Viewed": "screen",
    "Identified": "identify",
    "Account Identified": "group",
    "User Aliased": "alias",
}

AUTOMATIC = frozenset({"$feature_flag_called", "$set", "$web_vitals", "$snapshot", "$pageleave", "$exception"})
"""What the client sends by itself: nobody did anything in the product."""


def _read(message: Message) -> Iterator[Event]:
    body = message.body = _opened(message.body)
    own = message.text("event")
    name = NAMES.get(own, own)
    kind = TYPES.get(name, "track")
    properties = body["properties"]
    if kind == "alias":
        yield _alias(message, name, properties)
    elif kind == "group":
        yield _group(message, name, properties)
    else:
        user, anonymous = _people(message)
        traits = _traits(body, properties)
        if kind in ("page", "screen"):
            _place_names(properties)
        yield message.event(
            name, properties, kind=kind, traits=traits, user=user, anonymous=anonymous, place=page_place(name, user),
            actor="system" if own in AUTOMATIC else None,
        )  # fmt: skip


def _traits(body: Object, properties: Object) -> Object:
    """What is told of the person, the newest last. SDKs set it beside the properties, the browser among them."""
    told: Object = {}
    for where, name in (
        (properties, "$set_once"), (body, "$set_once"), (body, "person_properties"), (properties, "$set"), (body, "$set"),
    ):  # fmt: skip
        told |= _object(where, name)
    return told


def _opened(body: Object) -> Object:
    """The call with its properties as an object, out of the envelope of the ingestion topic where it is in one."""
    if type(body.get("data")) is str:
        call = inner_object(body["data"], "data")
        body = {**call, **{name: value for name, value in body.items() if name != "data" and value is not None}}
    opened = {"person_properties": inner_object(body.get("person_properties"), "person_properties")}
    return {**body, **opened, "properties": inner_object(body.get("properties"), "properties")}


def _people(message: Message) -> tuple[str | None, str | None]:
    """(the user, the anonymous person)."""
    user, device = message.user, message.entity("properties.$anon_distinct_id", "properties.$device_id")
    if user is None or message.entity("properties.$user_id") is not None or not _anonymous(message, user, device):
        return user, device
    return None, user


def _anonymous(message: Message, person: str, device: str | None) -> bool:
    told = (message.look("properties.$is_identified"), message.look("properties.$process_person_profile"))
    return False in told or message.look("person_mode") == "propertyless" or person == device


def _alias(message: Message, name: str, properties: Object) -> Event:
    previous, user = message.entity("distinct_id", "properties.distinct_id"), message.entity("properties.alias")
    if user is None:
        raise nobody(properties, "alias")
    if previous is None:
        raise nobody(message.body, "distinct_id")
    if message.text("event") == "$merge_dangerously":  # here the distinct_id goes on, and the alias ends in it
        previous, user = user, previous
    return message.event(
        name, {**properties, "previous_id": previous}, kind="alias", user=user, anonymous=None, actor="system"
    )


def _group(message: Message, name: str, properties: Object) -> Event:
    kind, key = properties.get("$group_type"), entity_id(properties.get("$group_key"), "$group_key")
    if kind not in GROUPS:
        raise Skip(Skipped("other_group", f"a group of the type {kind!r}, which is no account"))
    vouched = properties.get("$is_identified") is True
    user = message.user if vouched else message.entity("properties.$user_id")
    traits = {**properties.get("$group_set", {})} if type(properties.get("$group_set")) is dict else {}
    account = key or entity(message.body, PRECEDENCE.account)
    return message.event(
        name,
        {"group_type": kind},
        kind="group",
        traits=traits,
        user=user,
        anonymous=None,
        account=account,
        actor="system",
    )


def _object(table: Object, name: str) -> Object:
    found = table.get(name)
    return found if type(found) is dict else {}


def _place_names(properties: Object) -> None:
    for own, ours in (("$pathname", "path"), ("$screen_name", "name"), ("title", "name")):
        if type(properties.get(own)) is str:
            properties.setdefault(ours, properties[own])


POSTHOG = Vendor("posthog", PRECEDENCE, _read, split=within("batch"))

SOURCE = POSTHOG.source(
    "PostHog",
    names=NAMES,
    order="none is given; the same millisecond falls back to the uuid, which is time-ordered where the client makes version 7",
    cannot="groups of types that are no account; whether a distinct_id from a server is an anonymous one",
    proven="real SDK",
    example="https://github.com/PostHog/posthog.com/blob/2a0718f/contents/docs/api/capture.mdx",
    signs=(
        ("event", "distinct_id", "api_key"),
        ("event", "distinct_id", "token", "data"),
        ("event", "distinct_id", "uuid", "team_id"),
        ("event", "distinct_id", "properties.$lib"),
        ("event", "distinct_id", "properties", "timestamp"),
        ("event", "properties.distinct_id", "timestamp"),
    ),
)
