"""Slack, Teams and PagerDuty as apprise speaks to them, led to a server of this machine: the bodies are those that they document.

apprise has no address of another host for Slack and PagerDuty: the constants of its plugins are changed. Teams' address
names its host; it speaks TLS alone.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from apprise.plugins import pagerduty, slack

from streams.notify.channels import Failed
from streams.notify.desk import Desk, Message
from streams.notify.parse import parse
from streams.notify.rules import Rules
from tests.streams.notify.receivers import Hook
from tests.streams.notify.samples import HOUR, NOON, alert
from tests.streams.notify.test_channels import send

ROUTING = "k" * 32

RULES = """\
language: 1
link: "https://board.acme.io/{kind}/{entity}#alert-{alert}"
channels: {people: {url: $URL}}
routes: [{send: people, group: {by: owner, within: 10m}}]
"""


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook(200) as found:
        yield found


def rules(url: str) -> Rules:
    return parse(RULES, {"URL": url})


def opened(found: Rules, count: int = 1, **told: Any) -> tuple[Desk, Message]:
    """A desk that has alerts to tell, in one message."""
    desk = Desk(found)
    for n in range(1, count + 1):
        desk.take(alert(n, severity="critical", **told), (0, n), NOON)
    (message,) = desk.due(NOON + HOUR)
    return desk, message


def closed(desk: Desk, message: Message) -> Message:
    """The end of everything in a message that was told."""
    desk.done(message, desk.noted(message, True))
    for n, record in enumerate(message.records, 100):
        ended = alert(status="resolved", at=NOON + HOUR, of={**record}, entity=record["entity"], severity="critical")
        desk.take(ended, (0, n), NOON + HOUR)
    (found,) = desk.due(NOON + 2 * HOUR)
    return found


def text(message: Message) -> str:
    """What is told of the one alert."""
    return (
        "account: Acme (a1)\nowner: kim\nwhy: silent 14d\nvalues: core_7 3 >= 3\nclears when: idle < 1d\ndo: call\n"
        "by: 2024-05-03\nsince: 2024-05-01 12:00 UTC\n"
        f"more: https://board.acme.io/account/a1#alert-{message.records[0]['opens']}"
    )


def test_slack_gets_an_attachment_with_its_three_signs_escaped(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments"""
    monkeypatch.setattr(slack.NotifySlack, "webhook_url", f"http://127.0.0.1:{hook.port}/services")
    found = rules("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/")
    _, message = opened(found)
    assert send(found, message) is None
    (post,) = hook.posts
    assert post.path == "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    assert post.headers["Content-Type"].startswith("application/json")
    told = post.told
    assert told["attachments"][0].pop("ts") > 1_700_000_000
    escaped = text(message).replace("<", "&lt;").replace(">", "&gt;")
    attachment = {"title": "[critical] Alert 1", "text": escaped, "color": "#A32037", "footer": "journeys"}
    assert told == {"mrkdwn": False, "attachments": [attachment]}


def test_teams_gets_an_adaptive_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using"""
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with Hook(202, tls) as hook:
        found = rules(f"workflows://127.0.0.1:{hook.port}/workflow/signature")
        _, message = opened(found)
        assert send(found, message) is None
    (post,) = hook.posts
    assert post.path.startswith("/workflows/workflow/triggers/manual/paths/invoke?api-version=")
    assert post.path.endswith("&sig=signature")
    (attachment,) = post.told["attachments"]
    assert (post.told["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    title, body = card["body"]  # and no picture, which everybody would fetch from apprise's own home
    assert (title["type"], title["text"]) == ("TextBlock", "[critical] Alert 1")
    assert (body["type"], body["wrap"], body["text"].replace("\\", "")) == ("TextBlock", True, text(message))


@pytest.fixture
def pager(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> Rules:
    """https://developer.pagerduty.com/docs/send-alert-event, its address led to the hook."""
    monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", f"http://127.0.0.1:{hook.port}/v2/enqueue")
    return rules(f"pagerduty://{ROUTING}@{'a' * 20}")


def test_pagerduty_gets_an_incident_and_its_end_under_one_key(hook: Hook, pager: Rules) -> None:
    desk, message = opened(pager)
    assert send(pager, message) is None
    assert send(pager, closed(desk, message)) is None
    assert [post.path for post in hook.posts] == ["/v2/enqueue"] * 2
    begins, ends = (post.told for post in hook.posts)
    key = message.records[0]["opens"]
    assert begins == {
        "routing_key": ROUTING, "event_action": "trigger", "dedup_key": key, "client": "journeys",
        "payload": {
            "summary": f"[critical] Alert 1\r\n{text(message)}", "severity": "critical", "source": "Apprise",
            "component": "Notification",
        },
    }  # fmt: skip
    assert ends == {"routing_key": ROUTING, "event_action": "resolve", "dedup_key": key}


def test_a_summary_is_as_long_as_pagerduty_takes_it(hook: Hook, pager: Rules) -> None:
    _, message = opened(pager, 23)
    assert send(pager, message) is None
    (post,) = hook.posts
    summary = post.told["payload"]["summary"]
    assert summary.startswith("[critical] 23 alerts of kim")
    assert 1_000 < len(summary) <= 1_024


def test_ends_that_come_together_open_no_incident(hook: Hook, pager: Rules) -> None:
    desk, message = opened(pager, 3)
    ends = closed(desk, message)
    assert len(ends.items) == 3
    assert send(pager, ends) is None
    told = {(post.told["event_action"], post.told["dedup_key"]) for post in hook.posts}
    assert told == {("resolve", record["opens"]) for record in message.records}


def test_a_vendor_that_refuses_is_asked_again_later(hook: Hook, pager: Rules) -> None:
    hook.answers = [429]
    _, message = opened(pager)
    failed = send(pager, message)
    assert failed == Failed("apprise could not deliver it; its log says why")
    assert send(pager, message) is None
    assert hook.posts[0].body == hook.posts[1].body
