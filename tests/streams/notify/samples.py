"""Alerts and a file of rules for the tests of `journeys notify`."""

from __future__ import annotations

from typing import Any

import orjson

from schemas.time import rfc3339
from tests.schemas.test_records import an_alert

NOON = 1_714_564_800_000
"""2024-05-01 12:00 UTC, a Wednesday."""

MINUTE, HOUR = 60_000, 3_600_000

ENV = {"CRM_SECRET": "s3cret", "SMTP": "mailto://127.0.0.1:2525"}

TEXT = """\
language: 1
link: "https://board.acme.io/{kind}/{entity}#alert-{alert}"
channels:
  oncall: {webhook: "https://in.acme.io/oncall", secret: $CRM_SECRET}
  owners: {url: "$SMTP?from=journeys@acme.io&to={to}"}
  feed:   {webhook: "https://in.acme.io/feed", secret: $CRM_SECRET}
owners: {kim: kim@acme.io}
otherwise: cs@acme.io
quiet:
  nights: {from: "20:00", to: "07:00", zone: Europe/Berlin, except: [critical]}
routes:
  - {when: {severity: critical}, send: [oncall, owners]}
  - {when: {severity: ">= high", segment: {plan: [enterprise, "pro*"]}}, send: owners, quiet: nights}
  - {when: {kind: user}, send: feed, resolved: false}
  - {when: {owner: "ki*"}, send: [owners, feed], group: {by: owner, within: 10m}}
digest: {send: owners, after: 10m}
retry: {first: 1s, most: 1m, stop: 2h}
"""


def alert(
    n: int = 1, status: str = "opened", at: int = NOON, of: dict[str, Any] | None = None, **told: Any
) -> dict[str, Any]:
    """A record as it is on the topic; `of`: the opening record that this one closes."""
    entity = told.pop("entity", f"a{n}")
    made = an_alert(entity=entity, account=entity, at=at, detected_at=at, status=status, title=f"Alert {n}", **told)
    found: dict[str, Any] = orjson.loads(made.to_json())
    if of is not None:
        found["opens"] = of["id"]
    return {**found, "detected_at": rfc3339(at)}
