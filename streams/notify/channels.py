"""Channels: one message to Slack, Teams, mail, PagerDuty and a hundred others through apprise, or signed to a webhook.

A webhook's body is signed as `t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body>">`, the form that Stripe uses
(https://docs.stripe.com/webhooks#verify-manually), so that receivers find code for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import aiohttp
import orjson
from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

from streams.notify.desk import Message
from streams.notify.rules import Channel, Rules
from streams.notify.text import body, link, subject, worst

ANSWER_S = 15.0
SIGNATURE, KEY = "Journeys-Signature", "Idempotency-Key"

_ASSET = AppriseAsset(app_id="journeys", app_desc="journeys", image_url_mask="", image_url_logo="")
"""Who speaks. No pictures: apprise would have every reader fetch its own from GitHub."""

_MAIL = ("mailto", "mailtos")
_JSON = ("json", "jsons", "xml", "xmls", "form", "forms")


class Failed(NamedTuple):
    """It did not go out. `final`: trying again cannot help."""

    reason: str
    final: bool = False


def payload(message: Message, rules: Rules) -> bytes:
    """The body of a webhook: the alerts as they are on the topic, each with the address of its explanation."""
    alerts = [{**record, **({"link": where} if (where := link(record, rules)) else {})} for record in message.records]
    return orjson.dumps({"key": message.key, "what": message.kind, "title": subject(message), "alerts": alerts})


def signature(secret: str, data: bytes, seconds: int) -> str:
    """What stands in the header; a receiver that finds `t` old should refuse it."""
    digest = hmac.new(secret.encode(), b"%d." % seconds + data, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def addressed(url: str, message: Message, rules: Rules) -> str:
    """An address of apprise with the receiver filled in, and what lets the receiver know a repetition."""
    url = url.replace("{to}", quote(rules.address(message.owner), safe="@"))
    kind, opens = urlsplit(url).scheme.lower(), message.records[0]["opens"]
    more: dict[str, str] = {}
    if kind in _MAIL:
        more = {
            f"+{KEY}": message.key,
            "+References": f"<{opens}@journeys>",
        }  # mail programs show one alert as one thread
    elif kind in _JSON:
        more = {f"+{KEY}": message.key}
    elif kind == "pagerduty":
        more = {"dedup": opens, "action": "map"} if len(message.items) == 1 else {"dedup": message.key}
        more["overflow"] = "truncate"  # the longest summary that it documents has 1,024 characters
    if not more:
        return url
    return (
        url + ("&" if "?" in url else "?") + "&".join(f"{quote(name)}={quote(value)}" for name, value in more.items())
    )


class Sender:
    """Sends, and says why not. `session` is for webhooks."""

    def __init__(self, rules: Rules, session: aiohttp.ClientSession) -> None:
        self._rules, self._session = rules, session

    async def send(self, channel: Channel, message: Message, seconds: int) -> Failed | None:
        """None once the other side has taken it. `seconds`: now, since the epoch. Never raises."""
        try:
            if channel.webhook:
                return await self._webhook(channel, message, seconds)
            return await asyncio.wait_for(asyncio.to_thread(self._apprise, channel, message), 4 * ANSWER_S)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Failed(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
        except (
            Exception
        ) as error:  # a record that somebody else wrote, whose parts are not ours: no other one waits for it
            return Failed(f"it cannot be put into words: {type(error).__name__}: {error}", final=True)

    async def _webhook(self, channel: Channel, message: Message, seconds: int) -> Failed | None:
        data = payload(message, self._rules)
        headers = {
            "Content-Type": "application/json", KEY: message.key, SIGNATURE: signature(channel.secret, data, seconds),
        }  # fmt: skip
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        async with self._session.post(
            channel.webhook, data=data, headers=headers, timeout=timeout, allow_redirects=False
        ) as answer:
            if answer.status < 300:
                return None
            # What a client got wrong stays wrong; 408, 425 and 429 ask to come again, and 3xx is an address to correct.
            final = answer.status < 500 and answer.status not in (408, 425, 429)
            return Failed(f"answered {answer.status}: {(await answer.text())[:200]}", final)

    def _apprise(self, channel: Channel, message: Message) -> Failed | None:
        for part in _parts(channel, message):
            failed = self._part(channel, part)
            if failed is not None:
                return failed
        return None

    def _part(self, channel: Channel, message: Message) -> Failed | None:
        notifier = Apprise(asset=_ASSET)
        if not notifier.add(addressed(channel.url, message, self._rules)):
            return Failed("apprise does not understand its address", final=True)
        sent: Any = notifier.notify(
            body=body(message, self._rules),
            title=subject(message),
            notify_type=_type(message),
            body_format=NotifyFormat.TEXT,
        )
        return None if sent else Failed("apprise could not deliver it; its log says why")


def _parts(channel: Channel, message: Message) -> list[Message]:
    """The message whole; but of ends one for each, where an end closes an incident: together they would open another."""
    if message.kind != "closed" or urlsplit(channel.url).scheme.lower() != "pagerduty":
        return [message]
    return [message._replace(key=item.key, items=(item,)) for item in message.items]


def _type(message: Message) -> NotifyType:
    if message.kind == "closed":
        return NotifyType.SUCCESS
    return NotifyType.FAILURE if worst(message.records) in ("high", "critical") else NotifyType.WARNING
