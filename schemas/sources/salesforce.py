"""Salesforce: Change Data Capture events, as CometD, the Pub/Sub API or a connector writes them.

- one message may carry many record ids that had the same change: it fans out into an event each
- an event holds only what changed: a stage that changed without its account is told of the opportunity, an account of its
  own until the account field is told, `salesforce:opportunity:006…`
- GAP_ events and ids such as `001*` say that something changed and not what: dead letters, for the records to be read again
- the sequence number orders the changes of one transaction; with leading zeros it stands in the id
- amounts are in major units of the record's or the organisation's currency
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.event import Event
from schemas.sources.outcome import Refused, Skipped
from schemas.sources.precedence import Precedence, look
from schemas.sources.reading import Object, kind_of
from schemas.sources.terms import currency, known, minor, word
from schemas.sources.vendor import Message, Skip, Vendor, alone_or_listed

PRECEDENCE = Precedence(
    time=("header.commitTimestamp",),
    id=("{header.transactionKey}/{sequence}/{record}", "{replayId}/{record}"),
    user=("email:{fields.Email}",),
    anonymous=("salesforce:contact:{Contact}", "salesforce:lead:{Lead}", "salesforce:contact:{fields.ContactId}"),
    account=(
        "salesforce:{Account}", "salesforce:{fields.AccountId}", "salesforce:opportunity:{Opportunity}",
        "salesforce:opportunity:{fields.OpportunityId}",
        "salesforce:case:{Case}",
    ),
    unit="ms",
)  # fmt: skip
"""`header` is ChangeEventHeader, `fields` all beside it, `record` one of recordIds, and `Account`, `Contact` … that id
by the entity's name."""

NAMES = {
    "Opportunity CREATE": "Deal Opened",
    "Case CREATE": "Ticket Opened",
    "Lead CREATE": "Lead Created",
    "Account CREATE": "Account Identified",
    "Account UPDATE": "Account Identified",
    "Contact CREATE": "Identified",
    "Contact UPDATE": "Identified",
    "OpportunityContactRole CREATE": "Contact Role Set",
    "OpportunityContactRole UPDATE": "Contact Role Set",
}

STAGES = {"Closed Won": "Deal Won", "Closed Lost": "Deal Lost"}
CLOSED = frozenset({"Closed", "Solved", "Resolved"})

MAPS = {
    **NAMES,
    "Opportunity UPDATE, StageName Closed Won": "Deal Won",
    "Opportunity UPDATE, StageName Closed Lost": "Deal Lost",
    "Case UPDATE, Status Closed": "Ticket Solved",
}

_PARTS = {"Opportunity": "salesforce_opportunity", "Case": "salesforce_case"}
"""What is an account of its own until its account is told, and the trait that tells it."""

ENTITIES = ("Account", "Contact", "Lead", "Opportunity", "Case")
"""Entities that are a person or an account, or stand for one until it is told."""

DIGITS = 6
"""Width of a sequence number in the id: a transaction changes at most 50,000 records."""


def _split(payload: Any) -> list[Any]:
    return [message for item in alone_or_listed(payload) for message in _fanned(item)]


def _fanned(item: Any) -> list[Any]:
    """A message for each record id."""
    body = _payload(item)
    header = body.get("ChangeEventHeader") if type(body) is dict else None
    if type(body) is not dict or type(header) is not dict:
        return [item]
    records = header.get("recordIds")
    fields = {name: value for name, value in body.items() if name not in ("ChangeEventHeader", "replayId")}
    sequence = header.get("sequenceNumber")
    shared = known(
        header=header, fields=fields, replayId=_replay(item),
        sequence=str(sequence).zfill(DIGITS) if type(sequence) is int else None,
    )  # fmt: skip
    listed = records if type(records) is list and records else [None]
    kind = header.get("entityName")
    named = [kind] if kind in ENTITIES else []
    return [{**shared, "record": record, **dict.fromkeys(named, record)} for record in listed]


def _payload(item: Any) -> Any:
    """The change itself, out of what CometD and connectors put around it."""
    for path in ("data.payload", "payload"):
        found = look(item, path)
        if type(found) is dict and "ChangeEventHeader" in found:
            return found
    return item


def _replay(item: Any) -> Any:
    paths = ("data.event.replayId", "event.replayId", "replayId")
    return next((found for found in (look(item, path) for path in paths) if found is not None), None)


def _read(message: Message) -> Iterator[Event]:
    header = message.body.get("header")
    if type(header) is not dict:
        raise Refused("wrong_type", f"ChangeEventHeader is {kind_of(header)}; write an object")
    kind, change, record = (
        message.text("header.entityName"),
        message.text("header.changeType"),
        word(message.body.get("record")),
    )
    if change.startswith("GAP_") or record.endswith("*"):
        raise Refused("gap", f"{kind} {record or '(all)'}: {change} without its content; read it from Salesforce again")
    own, fields = f"{kind} {change}".strip(), message.object("fields")
    if kind not in ENTITIES and message.account is None and message.anonymous is None:
        raise Skip(Skipped("nobody", f"{own} is about neither a person nor a company"))
    name = _name(own, fields)
    if name == "Account Identified":
        yield message.event(name, kind="group", traits={**fields, **_account(fields), "salesforce_account": record})
    elif name == "Identified":
        yield message.event(name, kind="identify", traits={**fields, **_person(fields)})
    else:
        yield message.event(
            name, _properties(name, kind, record, fields), traits=_person(fields) if kind == "Lead" else {}
        )
        if kind in _PARTS and message.entity("fields.AccountId") is not None:
            link = {_PARTS[kind]: record}
            yield message.event(
                "Account Identified", kind="group", traits=link, anonymous=None, user=None, part="account"
            )


def _name(own: str, fields: Object) -> str:
    if own == "Opportunity UPDATE":
        return STAGES.get(word(fields.get("StageName")), own)
    if own == "Case UPDATE" and word(fields.get("Status")) in CLOSED:
        return "Ticket Solved"
    return NAMES.get(own, own)


def _account(fields: Object) -> Object:
    site = word(fields.get("Website")).lower().removeprefix("https://").removeprefix("http://").removeprefix("www.")
    return known(name=fields.get("Name"), domain=site.split("/")[0] or None)


def _person(fields: Object) -> Object:
    return known(email=fields.get("Email"), title=fields.get("Title"), name=fields.get("Name"))


def _properties(name: str, kind: str, record: str, fields: Object) -> Object:
    if kind == "Opportunity" and name.startswith("Deal"):
        code = currency(fields.get("CurrencyIsoCode"))
        reason = fields.get("Loss_Reason__c")
        return known(deal=record, amount=minor(fields.get("Amount"), code), currency=code, reason=reason)
    if kind == "Case" and name.startswith("Ticket"):
        return known(ticket=record, severity=fields.get("Priority"))
    if name == "Contact Role Set":
        return known(role=fields.get("Role"), deal=fields.get("OpportunityId"))
    return {**fields, "record": record}


SALESFORCE = Vendor("salesforce", PRECEDENCE, _read, split=_split, place="crm", actor="staff")

SOURCE = SALESFORCE.source(
    "Salesforce CDC",
    names=MAPS,
    order="commitTimestamp in ms; within a transaction, the sequence number in the id",
    cannot="fields that did not change, the account of an opportunity among them; your own id of the account; formula fields",
    proven="documented example",
    example="https://github.com/WorkPuma/vivaeve/blob/master/viva-sf-ng-outbound-papi/src/test/resources/MunitFiles/"
    "s15Payload.dwl",
    signs=(("header.entityName", "header.recordIds"), ("header.entityName", "header.changeType")),
)
