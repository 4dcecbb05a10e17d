"""Adobe: ExperienceEvents (XDM) with their identityMap, and hits of a data feed as objects by column name.

- identityMap lists identities by name space: your own CRM or login name spaces are the user, ECID and other cookies the
  device; an identity of an unknown name space is an anonymous one, the primary first
- a hit is left out as Adobe leaves it out: exclude_hit above 0, or hit_source 5, 7, 8 or 9 (data sources)
- post_ columns hold what processing rules made of a value and come first; hit_time_gmt is in seconds, UTC, while
  date_time is in the report suite's zone and not used
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.event import Event, EventType
from schemas.sources.envelope import from_json_lines
from schemas.sources.outcome import Skipped
from schemas.sources.precedence import RECORD, Precedence
from schemas.sources.reading import Object
from schemas.sources.terms import number, word
from schemas.sources.vendor import Message, Skip, Vendor, page_place, within

_PEOPLE = ("CRMID", "CRM_ID", "userId", "UserID", "customerId", "loginId")
_DEVICES = ("ECID", "AAID", "FPID", "ADID", "IDFA", "GAID")
_ACCOUNTS = ("accountId", "AccountID", "companyId", "account", "company")

PRECEDENCE = Precedence(
    time=("timestamp", "cust_hit_time_gmt", "hit_time_gmt", RECORD),
    id=("_id", "{hitid_high}-{hitid_low}"),
    user=(
        *(f"identityMap.{name}.0.id" for name in _PEOPLE), "email:{identityMap.Email.0.id}", "post_cust_visid", "cust_visid",
    ),
    anonymous=(
        *(f"identityMap.{name}.0.id" for name in _DEVICES), "mcvisid", "{post_visid_high}-{post_visid_low}", "adobe:{primary}",
    ),
    account=tuple(f"identityMap.{name}.0.id" for name in _ACCOUNTS),
)  # fmt: skip
"""`primary` is the identity that is marked so in a name space that is none of these, else the first such one."""

NAMES = {
    "web.webpagedetails.pageViews": "Page Viewed",
    "web.formFilledOut": "Form Submitted",
    "leadOperation.newLead": "Lead Created",
    "directMarketing.emailClicked": "Campaign Touched",
    "directMarketing.emailOpened": "Campaign Touched",
    "hit 0": "Page Viewed",
}

HITS = {"0": "hit 0", "100": "custom link", "101": "download link", "102": "exit link"}
"""What post_page_event says a hit is; 10, 11 and 12 are those links in older feeds."""

NOT_COUNTED = frozenset({"5", "7", "8", "9"})

_KNOWN = frozenset({*_PEOPLE, *_DEVICES, *_ACCOUNTS, "Email"})
_OLD = {"10": "100", "11": "101", "12": "102"}


def _split(payload: Any) -> list[Any]:
    """XDM comes alone, as {event: {xdm}}, or as {events: [{xdm}]}, as Adobe's edge takes it."""
    if type(payload) is dict and type(payload.get("event")) is dict:
        payload = payload["event"]
    return [item["xdm"] if type(item) is dict and "xdm" in item else item for item in within("events")(payload)]


def _read(message: Message) -> Iterator[Event]:
    body = message.body = _bare(message.body)
    if body.get("hitid_high") is not None or body.get("hit_time_gmt") is not None:
        yield _hit(message)
        return
    message.body = {**body, "primary": _primary(body.get("identityMap"))}
    own = message.text("eventType")
    name = NAMES.get(own, own)
    properties = {
        field: value for field, value in body.items() if field not in ("identityMap", "_id", "timestamp", "eventType")
    }
    page = message.look("web.webPageDetails.name")
    if name == "Page Viewed" and type(page) is str:
        properties["name"] = page
    yield message.event(name, properties, kind=_kind(name), place=page_place(name, message.user))


def _kind(name: str) -> EventType:
    return "page" if name == "Page Viewed" else "track"


def _bare(value: Any) -> Any:
    """Names without the prefix of their vocabulary: `xdm:eventType` is eventType, `@id` is _id."""
    if type(value) is dict:
        return {_name(name): _bare(inner) for name, inner in value.items()}
    return [_bare(inner) for inner in value] if type(value) is list else value


def _name(name: str) -> str:
    return "_id" if name == "@id" else name.removeprefix("xdm:")


def _primary(identities: Any) -> str | None:
    found: list[Object] = []
    for space, listed in identities.items() if type(identities) is dict else ():
        if space not in _KNOWN and type(listed) is list:
            found += [item for item in listed if type(item) is dict and word(item.get("id"))]
    return next((word(item["id"]) for item in [*(i for i in found if i.get("primary") is True), *found]), None)


def _hit(message: Message) -> Event:
    body = message.body
    if (number(body.get("exclude_hit")) or 0) > 0 or str(body.get("hit_source")) in NOT_COUNTED:
        raise Skip(Skipped("vendor_excluded", "a hit that Adobe does not count"))
    code = str(body.get("post_page_event", body.get("page_event", "0")))
    own = HITS.get(_OLD.get(code, code), f"hit {code[:20]}")
    name = NAMES.get(own, own)
    properties = {field: value for field, value in body.items() if value not in (None, "")}
    page = word(body.get("post_pagename") or body.get("pagename"))
    if name == "Page Viewed" and page:
        properties["name"] = page
    return message.event(name, properties, kind=_kind(name), place=page_place(name, message.user))


ADOBE = Vendor("adobe", PRECEDENCE, _read, unpack=from_json_lines, split=_split, place="website")

SOURCE = ADOBE.source(
    "Adobe Experience Platform and Analytics",
    names=NAMES,
    order="none is given; hits of one second fall back to their ids",
    cannot="the TSV files of a feed, whose columns stand in a file of their own: write rows as objects; numbered events "
    "(post_event_list) by their meaning; your own name spaces, unless they are called as listed",
    proven="documented example",
    example="https://github.com/adobe/xdm/blob/3f1381ad/components/classes/experienceevent.example.1.json",
    signs=(
        ("identityMap", "eventType"), ("xdm:identityMap",), ("identityMap", "timestamp"), ("hitid_high", "hitid_low"),
        ("xdm.identityMap",),
    ),
)  # fmt: skip
