"""Website: Snowplow's enriched events. A visitor is a cookie; the form that somebody sends tells the address behind it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import orjson

from deploy.demo.wire.books import Books, Fact, Sent, uuid
from schemas.sources.snowplow_fields import COLUMNS

SITE = "https://www.flowboard.example"
"""Where the company is. Made up."""

FORM = "iglu:com.snowplowanalytics.snowplow/submit_form/jsonschema/1-0-0"
EVENT = "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0"


def stamp(at: int) -> str:
    """As Snowplow writes times."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{at % 1000:03}"


class Website:
    """Snowplow, as its enrichment writes it to Kafka: 131 columns with tabs between."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def take(self, at: int, fact: Fact, key: str) -> Iterator[Sent]:
        told = fact.get("properties", {})
        if fact["event"] == "Form Submitted":
            data = {"formId": told["form"], "formClasses": [], "elements": []}
            form = orjson.dumps({"schema": EVENT, "data": {"schema": FORM, "data": data}}).decode()
            mail = self._books.mail(fact["user"])
            yield self._row(at, fact, key, "unstruct", "submit_form", "/pricing", unstruct_event=form, user_id=mail)
        else:
            yield self._row(at, fact, key, "page_view", "page_view", told["path"])

    def _row(self, at: int, fact: Fact, key: str, event: str, name: str, path: str, **more: str) -> Sent:
        told = {
            "app_id": "website", "platform": "web", "event": event, "event_id": uuid(key), "event_name": name,
            "event_vendor": "com.snowplowanalytics.snowplow", "event_format": "jsonschema", "event_version": "1-0-0",
            "name_tracker": "sp", "v_tracker": "js-3.24.0", "v_collector": "ssc-3.2.0-kafka", "v_etl": "snowplow-enrich-kafka-5.0.0",
            "domain_userid": self._books.cookie(fact["user"]), "domain_sessionid": uuid("session", fact["user"], at // 86_400_000),
            "domain_sessionidx": "1", "page_url": SITE + path, "page_urlscheme": "https", "page_urlhost": SITE.partition("//")[2],
            "page_urlport": "443", "page_urlpath": path, "page_title": path.strip("/") or "home", "os_timezone": "UTC",
            "dvce_created_tstamp": stamp(at), "dvce_sent_tstamp": stamp(at + 60), "collector_tstamp": stamp(at + 90),
            "derived_tstamp": stamp(at), "etl_tstamp": stamp(at + 900), **more,
        }  # fmt: skip
        return Sent("snowplow", at, "\t".join(told.get(column, "") for column in COLUMNS).encode())
