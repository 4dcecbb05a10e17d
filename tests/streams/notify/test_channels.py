"""Mail through a real SMTP server and signed webhooks: what arrives, by what a repetition is known, and what a refusal means."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest

from streams.notify.channels import Failed, Sender, addressed, payload, signature
from streams.notify.desk import Desk, Message
from streams.notify.parse import parse
from streams.notify.rules import Rules
from streams.notify.text import body, subject
from tests.streams.notify.receivers import Hook, Mailbox
from tests.streams.notify.samples import HOUR, NOON, TEXT, alert


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as found:
        yield found


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as found:
        yield found


def rules(mail: int = 25, hook: str = "https://in.acme.io/oncall") -> Rules:
    return parse(
        TEXT.replace("https://in.acme.io/oncall", hook), {"CRM_SECRET": "s3cret", "SMTP": f"mailto://127.0.0.1:{mail}"}
    )


def messages(found: Rules, severity: str = "critical", count: int = 1) -> dict[str, Message]:
    desk = Desk(found)
    for n in range(1, count + 1):
        desk.take(alert(n, severity=severity), (0, n), NOON)
    return {message.channel: message for message in desk.due(NOON + HOUR)}


def send(found: Rules, message: Message, seconds: int = 0) -> Failed | None:
    async def work() -> Failed | None:
        async with aiohttp.ClientSession() as session:
            return await Sender(found, session).send(found.channels[message.channel], message, seconds)

    return asyncio.run(work())


def test_a_mail_reaches_the_owner_with_the_reason_and_the_link(mailbox: Mailbox) -> None:
    found = rules(mailbox.port)
    message = messages(found)["owners"]
    assert send(found, message) is None
    (mail,), (receivers,) = mailbox.mails, mailbox.receivers
    assert receivers == ["kim@acme.io"]
    assert mailbox.subjects() == ["[critical] Alert 1"]
    text = mail.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert f"https://board.acme.io/account/a1#alert-{message.records[0]['opens']}".encode() in text
    assert b"core_7 3 >= 3" in text
    assert (mail["Idempotency-Key"], mail["References"]) == (message.key, f"<{message.records[0]['opens']}@journeys>")


def test_a_mail_server_that_says_no_is_asked_again_later(mailbox: Mailbox) -> None:
    mailbox.refuse = 1
    found = rules(mailbox.port)
    message = messages(found)["owners"]
    failed = send(found, message)
    assert failed is not None
    assert not failed.final
    assert send(found, message) is None
    assert len(mailbox.mails) == 1


def test_a_webhook_gets_the_record_signed_with_the_time(hook: Hook) -> None:
    import time

    found = rules(hook=hook.url)
    message = messages(found)["oncall"]
    assert send(found, message, int(time.time())) is None
    (post,) = hook.posts
    assert post.genuine("s3cret")
    assert not post.genuine("another")
    assert not post._replace(body=post.body.replace(b"critical", b"harmless")).genuine("s3cret")
    (told,) = post.told["alerts"]
    assert {**message.records[0]}.items() <= told.items()
    assert told["link"].startswith("https://board.acme.io/account/a1#alert-")
    assert post.key == post.told["key"] == message.key == f"{told['id']}.{told['detected_at']}"


@pytest.mark.parametrize(
    ("status", "final"), [(500, False), (503, False), (429, False), (408, False), (400, True), (404, True), (301, True)]
)
def test_what_a_webhook_answers_says_whether_to_come_again(hook: Hook, status: int, final: bool) -> None:
    hook.answers = [status]
    found = rules(hook=hook.url)
    failed = send(found, messages(found)["oncall"])
    assert failed is not None
    assert failed.final == final
    assert str(status) in failed.reason


def test_a_webhook_that_is_not_there_is_a_reason_and_no_error() -> None:
    found = rules(hook="http://127.0.0.1:9/alerts")
    failed = send(found, messages(found)["oncall"])
    assert failed is not None
    assert not failed.final


def test_a_record_that_cannot_be_put_into_words_holds_no_other_back(mailbox: Mailbox) -> None:
    found = rules(mailbox.port)
    message = messages(found)["owners"]
    item = message.items[0]
    strange = item._replace(record={**item.record, "because": [{"somebody": "else's"}]})
    failed = send(found, message._replace(items=(strange,)))
    assert failed is not None
    assert failed.final
    assert mailbox.mails == []


def test_a_signature_covers_body_and_time() -> None:
    found = {signature("s", b"x", 1), signature("s", b"y", 1), signature("s", b"x", 2), signature("t", b"x", 1)}
    assert len(found) == 4


def test_pagerduty_gets_the_alert_s_id_as_its_key_so_that_the_end_resolves_it() -> None:
    message = messages(rules())["owners"]
    opens = message.records[0]["opens"]
    wanted = f"pagerduty://key@api?dedup={opens}&action=map&overflow=truncate"
    assert addressed("pagerduty://key@api", message, rules()) == wanted
    assert addressed("slack://a/b/c", message, rules()) == "slack://a/b/c"
    assert (
        addressed("jsons://in.acme.io?x=1", message, rules())
        == f"jsons://in.acme.io?x=1&%2BIdempotency-Key={message.key.replace(':', '%3A')}"
    )


def test_many_alerts_of_an_owner_are_told_in_a_few_words_each() -> None:
    found = rules()
    message = messages(found, "low", 23)["owners"]
    assert subject(message) == "[low] 23 alerts of kim"
    text = body(message, found)
    assert text.count("[low] Alert") == 20
    assert text.endswith("and 3 more")
    assert len(payload(message, found)) > 23 * 500
