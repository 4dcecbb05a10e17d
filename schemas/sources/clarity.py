"""Microsoft Clarity: its data export, and smart events as a page's own script can pass them on.

The export is figures about many sessions (`metricName`, `information`): nobody's event, and skipped by that reason. What
can be followed are rows of smart events with Clarity's user and session ids, if a tag on the page writes them; the ids
are cookies of one browser, unless the page calls identify, which gives a custom id.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.event import Event, EventType
from schemas.sources.outcome import Skipped
from schemas.sources.precedence import RECORD, Precedence
from schemas.sources.vendor import Message, Skip, Vendor, page_place

PRECEDENCE = Precedence(
    time=("timestamp", RECORD),
    id=("eventId", "{sessionId}/{timestamp}/{event}"),
    user=("customUserId",),
    anonymous=("clarity:{userId}", "clarity:{sessionId}"),
    account=("accountId",),
    unit="ms",
)

NAMES = {
    "pageView": "Page Viewed",
    "Submit form": "Form Submitted",
    "Sign up": "Signed Up",
    "Log in": "Signed In",
    "Request demo": "Demo Booked",
}


def _read(message: Message) -> Iterator[Event]:
    if "metricName" in message.body:
        raise Skip(Skipped("aggregate", f"{message.text('metricName') or 'a metric'}: figures about many sessions"))
    own = message.text("event") or message.text("smartEvent")
    name = NAMES.get(own, own)
    kind: EventType = "page" if name == "Page Viewed" else "track"
    left_out = ("userId", "sessionId", "customUserId", "accountId", "eventId")
    properties = {field: value for field, value in message.body.items() if field not in left_out}
    yield message.event(name, properties, kind=kind, place=page_place(name, message.user))


CLARITY = Vendor("clarity", PRECEDENCE, _read, place="website")

SOURCE = CLARITY.source(
    "Microsoft Clarity",
    names=NAMES,
    order="none is given",
    cannot="events of its own: its export counts sessions; people across browsers; accounts; anything older than three days",
    proven="own reading",
    example="https://learn.microsoft.com/en-us/clarity/setup-and-installation/clarity-data-export-api",
    signs=(("metricName", "information"), ("sessionId", "smartEvent"), ("sessionId", "userId", "event")),
)
