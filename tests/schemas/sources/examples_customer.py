"""Examples of what sales, success and support write: HubSpot, Salesforce, Gainsight, Zendesk, Intercom, Delighted."""

from __future__ import annotations

from typing import Any

from tests.schemas.sources.examples import RECORD_TIME, Example, Full, Given

HUBSPOT = "https://actioner.com/help/hubspot-event-types"
SALESFORCE = (
    "https://github.com/WorkPuma/vivaeve/blob/master/viva-sf-ng-outbound-papi/src/test/resources/MunitFiles/"
    "s15Payload.dwl"
)
ZENDESK = "https://developer.zendesk.com/api-reference/webhooks/event-types/webhook-event-types/"
ZENDESK_TICKET = "https://prismatic.io/docs/example-payloads/zendesk/triggers/webhook.json"
INTERCOM = (
    "https://github.com/hull/hull-connectors/blob/master/packages/connectors/hull-intercom/test/unit/purplefusion/"
    "fixtures/webhook-conversation-admin-closed.js"
)
DELIGHTED = "https://app.delighted.com/docs/api/webhooks"

NOON = 1_714_564_800_000
SECONDS = NOON // 1000


def hubspot(kind: str, **more: Any) -> dict[str, Any]:
    """A HubSpot notification with all common fields."""
    return {
        "eventId": 3418880613, "subscriptionId": 1859972, "portalId": 27356661, "appId": 1109808, "attemptNumber": 0,
        "occurredAt": 1663842379678, "changeSource": "CRM_UI", "subscriptionType": kind, "objectId": 6355821024, **more,
    }  # fmt: skip


def change(entity: str, kind: str, *records: str, **fields: Any) -> dict[str, Any]:
    """A Salesforce change event as CometD delivers it."""
    header = {
        "entityName": entity, "recordIds": list(records), "changeType": kind, "changeOrigin": "", "commitUser": "005",
        "transactionKey": "000046c7-a642-11e2-c29b-229c6786473e", "sequenceNumber": 1, "commitTimestamp": NOON,
        "commitNumber": 92847272780, "changedFields": [],
    }  # fmt: skip
    return {
        "data": {"schema": "abc", "payload": {"ChangeEventHeader": header, **fields}, "event": {"replayId": 2}},
        "channel": f"/data/{entity}ChangeEvent",
    }  # fmt: skip


def zendesk(kind: str, detail: dict[str, Any], event: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "type": f"zen:event-type:{kind}", "account_id": 12514403, "id": "2b24ef10-19d4-4740-93cf-8f98ec4776c0",
        "time": "2024-05-01T12:00:00Z", "zendesk_event_version": "2022-06-20", "subject": "zen:x:1", "detail": detail,
        "event": event or {}, **more,
    }  # fmt: skip


def intercom(topic: str, item: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "notification_event", "app_id": "lkqcyt9t", "id": "notif_1", "topic": topic, "created_at": SECONDS,
        "data": {"type": "notification_event_data", "item": item}, "delivery_attempts": 1, "delivery_status": "pending",
        "delivered_at": 0, "first_sent_at": SECONDS + 5, **more,
    }  # fmt: skip


CLOSED: dict[str, Any] = {
    "type": "conversation", "id": "137324500000000", "created_at": 1596634805, "updated_at": 1596635368,
    "user": {"type": "user", "id": "5ee3d479d1cf3dedbee23d68", "user_id": "234523452345345", "name": "Bob Dylan",
             "email": "bob.dylan@rei.com", "do_not_track": None},
    "assignee": {"type": "admin", "id": "3330619", "name": "Andy", "email": "andy@gmail.com"}, "state": "closed",
}  # fmt: skip

ANSWER: dict[str, Any] = {
    "event_type": "survey_response.updated",
    "event_id": "b8d057c59327541d7ec2104c0a9a255ad1997fb00831b9c6bbf09561e6d5cbd0",
    "event_data": {
        "id": "5435", "person": {"id": "5975", "email": "charlie_gravis@example.com", "name": "Charlie Gravis",
                                 "created_at": 1732186784},
        "survey_type": "nps", "score": 9, "comment": "Your service is fast and flawless!",
        "permalink": "https://app.delighted.com/r/5pFDpmlyC8GUc5oxU6USto5VonSKAqOa", "created_at": 1732186844,
        "updated_at": 1732187444, "person_properties": None, "notes": [], "tags": [], "additional_answers": [],
    },
}  # fmt: skip

CTA: dict[str, Any] = {
    "Gsid": "1S01", "Name": "Renewal at risk", "CompanyId": "1P02", "CompanyName": "Acme", "TypeId": "1T", "TypeName": "Risk",
    "ReasonId": "1R", "ReasonName": "Low adoption", "PriorityId": "1Q", "StatusId": "1U", "StatusName": "Open",
    "OwnerName": "Dana", "DueDate": "2024-06-01", "CreatedDate": "2024-05-01T11:00:00Z", "ModifiedDate": "2024-05-01T12:00:00Z",
}  # fmt: skip

EXAMPLES = [
    Example(
        "hubspot", HUBSPOT, [hubspot("company.propertyChange", propertyName="hubspot_owner_id", propertyValue="468810689")],
        [{"name": "Account Identified", "type": "group", "account": "hubspot:6355821024", "at": 1_663_842_379_678,
          "id": "27356661/6355821024/1/1859972/hubspot_owner_id/1663842379678", "actor": "staff",
          "traits": {"hubspot_owner_id": "468810689", "hubspot_company": "6355821024"}}],
    ),
    Example(
        "salesforce", SALESFORCE,
        {
            "data": {
                "schema": "nTowGbw-ipH4sznrGpeohg",
                "payload": {
                    "LastModifiedDate": "2024-09-03T09:56:05.000Z", "ServiceTerritoryId": "0HhRj0000000B8LKAU",
                    "Status": "Cancelled by Provider", "ActualDuration": 0.0, "ContactId": "003Rj00000FEgK0IAL",
                    "ChangeEventHeader": {
                        "commitNumber": 1725357365187780609, "commitUser": "005Rj000005UEfQIAW", "sequenceNumber": 1,
                        "entityName": "ServiceAppointment", "changeType": "UPDATE", "changeOrigin": "",
                        "changedFields": ["LastModifiedDate", "ContactId", "Status", "ServiceTerritoryId", "ActualDuration"],
                        "transactionKey": "0000a62a-5497-10e0-dbe3-e99b71589a49", "commitTimestamp": 1725357365000,
                        "recordIds": ["08pRj000005kYAHIA2"]}},
                "event": {"replayId": 2142496}},
            "channel": "/data/ServiceAppointmentChangeEvent",
        },
        [{"name": "ServiceAppointment UPDATE", "anonymous": "salesforce:contact:003Rj00000FEgK0IAL", "account": None,
          "id": "0000a62a-5497-10e0-dbe3-e99b71589a49/000001/08pRj000005kYAHIA2", "at": 1_725_357_365_000}],
    ),
    Example(
        "zendesk", ZENDESK,
        {
            "type": "zen:event-type:user.active_changed", "account_id": 12514403, "id": "2b24ef10-19d4-4740-93cf-8f98ec4776c0",
            "time": "2099-07-04T05:33:18Z", "zendesk_event_version": "2022-06-20", "subject": "zen:user:6596848315901",
            "detail": {"created_at": "2099-07-04T05:27:58Z", "email": "jane@example.com", "external_id": "",
                       "default_group_id": "0", "id": "6596848315901", "organization_id": "0", "role": "end-user",
                       "updated_at": "2099-07-04T05:33:18Z"},
            "event": {"current": False, "previous": True},
        },
        [{"name": "Identified", "type": "identify", "user": "email:jane@example.com", "anonymous": "zendesk:6596848315901",
          "account": None, "traits": {"email": "jane@example.com"}}],
    ),
    Example(
        "zendesk", ZENDESK_TICKET,
        zendesk("ticket.created", {"id": "35436", "status": "Open", "via": {"channel": "web"}, "requester_id": "8447388090494"},
                {"current": {"status": "Open"}}, id="01HNXXXX-CTEXAMPLE", time="2024-04-17T17:18:10Z"),
        [{"name": "Ticket Opened", "id": "01HNXXXX-CTEXAMPLE", "anonymous": "zendesk:8447388090494", "place": "support",
          "at": 1_713_374_290_000, "properties": {"ticket": "35436"}}],
    ),
    Example(
        "intercom", INTERCOM, intercom("conversation.admin.closed", CLOSED),
        [{"name": "Ticket Solved", "user": "234523452345345", "anonymous": "intercom:5ee3d479d1cf3dedbee23d68",
          "at": NOON + 900, "actor": "staff", "properties": {"ticket": "137324500000000"},
          "traits": {"email": "bob.dylan@rei.com"}}],
    ),
    Example(
        "delighted", DELIGHTED, ANSWER,
        [{"name": "NPS Answered", "user": "email:charlie_gravis@example.com", "anonymous": "delighted:5975", "account": None,
          "at": 1_732_187_444_000, "properties": {"score": 9, "revised": True, "response": "5435"},
          "traits": {"email": "charlie_gravis@example.com"}}],
    ),
    Example(
        "gainsight", "https://schemas.apis.io/schemas/gainsight/gainsight-cta/", CTA,
        [{"name": "CTA Opened", "account": "gainsight:1P02", "user": None, "at": NOON, "id": "1S01/2024-05-01T12:00:00Z",
          "actor": "staff", "properties": {"type": "Risk", "reason": "Low adoption"}}],
    ),
]  # fmt: skip

OWN = "event_data.person_properties"

FULL = [
    Full(
        "hubspot",
        hubspot("contact.propertyChange", propertyName="email", propertyValue="Ada@Acme.io", objectId=7, portalId=1,
                subscriptionId=2, fromObjectId=8, toObjectId=9),
        {
            "time": {"occurredAt": 1_663_842_379_678},
            "id": {
                "{portalId}/{objectId}/{rank}/{subscriptionId}/{propertyName}/{occurredAt}": "1/7/1/2/email/1663842379678",
                "{portalId}/{objectId}/{rank}/{subscriptionId}/{occurredAt}": Given(
                    {"portalId": 1, "objectId": 7, "subscriptionId": 2, "occurredAt": 1663842379678}, "1/7/1/2/1663842379678"),
                "{portalId}/{fromObjectId}/{rank}/{subscriptionId}/{toObjectId}/{occurredAt}": Given(
                    {"portalId": 1, "subscriptionId": 2, "occurredAt": 1663842379678, "associationType": "CONTACT_TO_COMPANY",
                     "subscriptionType": "contact.associationChange"}, "1/8/1/2/9/1663842379678"),
            },
            "user": {"email:{email}": "email:ada@acme.io"},
            "anonymous": {"hubspot:contact:{contact}": "hubspot:contact:7"},
            "account": {
                "hubspot:{company}": Given({"subscriptionType": "company.propertyChange"}, "hubspot:7"),
                "hubspot:deal:{deal}": Given({"subscriptionType": "object.creation", "objectTypeId": "0-3"}, "hubspot:deal:7"),
                "hubspot:ticket:{ticket}": Given({"subscriptionType": "ticket.creation"}, "hubspot:ticket:7"),
            },
        },
        {"id": {"occurredAt": 1663842379678, "objectId": 7}, "user": {"propertyName": "phone"}, "anonymous": {"objectId": None}},
    ),
    Full(
        "salesforce",
        {"ChangeEventHeader": {"entityName": "Contact", "recordIds": ["003A"], "changeType": "UPDATE", "commitTimestamp": NOON,
                               "transactionKey": "t", "sequenceNumber": 12},
         "AccountId": "001A", "ContactId": "003B", "OpportunityId": "006B", "Email": "Ada@Acme.io", "replayId": 5},
        {
            "time": {"header.commitTimestamp": NOON},
            "id": {"{header.transactionKey}/{sequence}/{record}": "t/000012/003A",
                   "{replayId}/{record}": Given({"ChangeEventHeader.transactionKey": None}, "5/003A")},
            "user": {"email:{fields.Email}": "email:ada@acme.io"},
            "anonymous": {
                "salesforce:contact:{Contact}": "salesforce:contact:003A",
                "salesforce:lead:{Lead}": Given({"ChangeEventHeader.entityName": "Lead"}, "salesforce:lead:003A"),
                "salesforce:contact:{fields.ContactId}": Given({"ChangeEventHeader.entityName": "Task"}, "salesforce:contact:003B"),
            },
            "account": {
                "salesforce:{Account}": Given({"ChangeEventHeader.entityName": "Account"}, "salesforce:003A"),
                "salesforce:{fields.AccountId}": "salesforce:001A",
                "salesforce:opportunity:{Opportunity}": Given(
                    {"ChangeEventHeader.entityName": "Opportunity", "AccountId": None}, "salesforce:opportunity:003A"),
                "salesforce:opportunity:{fields.OpportunityId}": Given({"AccountId": None}, "salesforce:opportunity:006B"),
                "salesforce:case:{Case}": Given(
                    {"ChangeEventHeader.entityName": "Case", "AccountId": None, "OpportunityId": None}, "salesforce:case:003A"),
            },
        },
        {
            "time": {"ChangeEventHeader.commitTimestamp": None},
            "id": {"ChangeEventHeader.transactionKey": None, "replayId": None},
            "user": {"Email": None},
            "anonymous": {"ChangeEventHeader.entityName": "Task", "ContactId": None},
            "account": {"AccountId": None, "OpportunityId": None},
        },
    ),
    Full(
        "zendesk",
        zendesk("user.created", {"external_id": "u1", "email": "Ada@Acme.io", "id": "77", "requester_id": "88",
                                 "organization_id": "99"}),
        {
            "time": {"time": NOON}, "id": {"id": "2b24ef10-19d4-4740-93cf-8f98ec4776c0"},
            "user": {"user.external_id": "u1", "email:{user.email}": Given({"detail.external_id": ""}, "email:ada@acme.io")},
            "anonymous": {
                "zendesk:{user.id}": "zendesk:77",
                "zendesk:{detail.requester_id}": Given({"type": "zen:event-type:ticket.created"}, "zendesk:88"),
            },
            "account": {
                "organization.external_id": Given(
                    {"type": "zen:event-type:organization.created", "detail.external_id": "acme"}, "acme"),
                "zendesk:{organization.id}": Given(
                    {"type": "zen:event-type:organization.created", "detail.external_id": ""}, "zendesk:77"),
                "zendesk:{detail.organization_id}": "zendesk:99",
            },
        },
        {"user": {"detail.external_id": "", "detail.email": None}, "anonymous": {"detail.id": None}},
    ),
    Full(
        "intercom",
        intercom("conversation.user.created", {
            "id": "1", "type": "conversation",
            "contacts": {"contacts": [{"id": "c1", "external_id": "u1", "user_id": "u2", "email": "Ada@Acme.io", "type": "contact"}]},
            "company": {"company_id": "acme", "id": "ic1"}}),
        {
            "time": {"created_at": NOON, "first_sent_at": NOON + 5_000}, "id": {"id": "notif_1"},
            "user": {
                "person.external_id": "u1",
                "person.user_id": Given({"data.item.contacts.contacts.0.external_id": None}, "u2"),
                "email:{person.email}": Given(
                    {"data.item.contacts.contacts.0.external_id": None, "data.item.contacts.contacts.0.user_id": None},
                    "email:ada@acme.io"),
            },
            "anonymous": {"intercom:{person.id}": "intercom:c1"},
            "account": {
                "company.company_id": "acme",
                "intercom:{company.id}": Given({"data.item.company.company_id": None}, "intercom:ic1"),
            },
        },
        {
            "user": {"data.item.contacts.contacts.0.type": "lead", "data.item.contacts.contacts.0.email": None},
            "anonymous": {"data.item.contacts.contacts.0.id": None},
            "account": {"data.item.company": None},
        },
    ),
    Full(
        "delighted",
        {"event_type": "survey_response.created", "event_id": "e1", "event_data": {
            "updated_at": SECONDS, "created_at": SECONDS - 60, "score": 3, "survey_type": "nps", "email": "gone@acme.io",
            "person": {"id": "5", "email": "Ada@Acme.io"},
            "person_properties": {"user_id": "u1", "account_id": "a1", "company_id": "a2", "company": "c1", "organization": "c2",
                                  "organisation": "c3", "account": "c4", "workspace": "c5", "tenant": "c6", "customer": "c7"}}},
        {
            "time": {"event_data.updated_at": NOON, "event_data.created_at": NOON - 60_000}, "id": {"event_id": "e1"},
            "user": {f"{OWN}.user_id": "u1", "email:{event_data.person.email}": "email:ada@acme.io",
                     "email:{event_data.email}": "email:gone@acme.io"},
            "anonymous": {"delighted:{event_data.person.id}": "delighted:5"},
            "account": {
                f"{OWN}.account_id": "a1", f"{OWN}.company_id": "a2", f"{OWN}.company": "c1", f"{OWN}.organization": "c2",
                f"{OWN}.organisation": "c3", f"{OWN}.account": "c4", f"{OWN}.workspace": "c5", f"{OWN}.tenant": "c6",
                f"{OWN}.customer": "c7",
            },
        },
    ),
    Full(
        "gainsight",
        {"Gsid": "g1", "ModifiedDate": NOON, "ResponseDate": NOON - 1_000, "CreatedDate": NOON - 2_000, "NpsScore": 9,
         "PersonExternalId": "u1", "PersonEmail": "Ada@Acme.io", "Email": "b@acme.io", "PersonId": "p1",
         "CompanyExternalId": "acme", "CompanyId": "1P"},
        {
            "time": {"ModifiedDate": NOON, "ResponseDate": NOON - 1_000, "CreatedDate": NOON - 2_000, "@record": RECORD_TIME},
            "id": {"{Gsid}/{ModifiedDate}": f"g1/{NOON}",
                   "{Gsid}/{ResponseDate}": Given({"Gsid": "g1"}, f"g1/{NOON - 1_000}"),
                   "{Gsid}/{CreatedDate}": Given({"Gsid": "g1"}, f"g1/{NOON - 2_000}")},
            "user": {"PersonExternalId": "u1", "email:{PersonEmail}": "email:ada@acme.io", "email:{Email}": "email:b@acme.io"},
            "anonymous": {"gainsight:{PersonId}": "gainsight:p1"},
            "account": {"CompanyExternalId": "acme", "gainsight:{CompanyId}": "gainsight:1P",
                        "gainsight:{company}": Given({"NpsScore": None, "Name": "Acme", "ResponseDate": None}, "gainsight:g1")},
        },
    ),
]  # fmt: skip
