"""Gainsight: rows of its objects, as a rule or a connector exports them: companies, CTAs, scorecards and NPS answers.

Gainsight sends no events of its own; what a row is about follows from its fields. Ids are its own (GSID) and prefixed.
- a score from 0 to 10 with a survey or a respondent is an NPS answer; a CTA that is closed is told apart by ClosedDate
- a row is exported again whenever it changes: its time of change is part of the event id
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.event import Event
from schemas.sources.precedence import RECORD, Precedence
from schemas.sources.terms import known, number
from schemas.sources.vendor import Message, Vendor

PRECEDENCE = Precedence(
    time=("ModifiedDate", "ResponseDate", "CreatedDate", RECORD),
    id=("{Gsid}/{ModifiedDate}", "{Gsid}/{ResponseDate}", "{Gsid}/{CreatedDate}"),
    user=("PersonExternalId", "email:{PersonEmail}", "email:{Email}"),
    anonymous=("gainsight:{PersonId}",),
    account=("CompanyExternalId", "gainsight:{CompanyId}", "gainsight:{company}"),
    unit="ms",
)
"""`company` is the Gsid of a row of the company object itself."""

NAMES = {"NPS answer": "NPS Answered", "company": "Account Identified"}


def _read(message: Message) -> Iterator[Event]:
    score = number(message.look("NpsScore") if "NpsScore" in message.body else message.look("Score"))
    if "TypeId" in message.body or "TypeName" in message.body:
        closed = message.look("ClosedDate") not in (None, "")
        yield message.event("CTA Closed" if closed else "CTA Opened", _cta(message), user=None, anonymous=None)
    elif score is not None and (
        "NpsScore" in message.body or "ResponseDate" in message.body or "SurveyId" in message.body
    ):
        answer = known(score=round(score), comment=message.look("Comment"), survey=message.look("SurveyId"))
        yield message.event("NPS Answered", answer, traits=known(email=message.look("PersonEmail")), actor="user")
    elif "MeasureName" in message.body or "ScorecardId" in message.body:
        told = known(measure=message.look("MeasureName"), score=score, label=message.look("CurrentLabel"))
        yield message.event("Scorecard Updated", told, user=None, anonymous=None)
    elif "Name" in message.body:
        yield _company(message)


def _cta(message: Message) -> dict[str, object]:
    return known(
        cta=message.look("Gsid"), name=message.look("Name"), type=message.look("TypeName"),
        reason=message.look("ReasonName"), status=message.look("StatusName"), owner=message.look("OwnerName"),
        due=message.look("DueDate"),
    )  # fmt: skip


def _company(message: Message) -> Event:
    message.body = {**message.body, "company": message.look("Gsid")}
    traits = known(
        name=message.look("Name"), stage=message.look("Stage"), status=message.look("Status"),
        csm=message.look("CSMName"), gainsight_company=message.look("Gsid"),
    )  # fmt: skip
    return message.event("Account Identified", kind="group", traits=traits, user=None, anonymous=None)


GAINSIGHT = Vendor("gainsight", PRECEDENCE, _read, place="crm", actor="staff")

SOURCE = GAINSIGHT.source(
    "Gainsight",
    names=NAMES,
    order="ModifiedDate; rows of one instant fall back to their ids",
    cannot="changes between two exports; your own id of the company, unless the export carries it as CompanyExternalId",
    proven="own reading",
    example="https://schemas.apis.io/schemas/gainsight/gainsight-cta/",
    signs=(("Gsid", "CompanyId"), ("Gsid", "Name", "ModifiedDate"), ("NpsScore", "CompanyId")),
)
