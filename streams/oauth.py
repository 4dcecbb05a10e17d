"""Oauth: bearer tokens for Kafka (OAUTHBEARER): from a variable, from a file that something else renews, or from an issuer.

The issuer is asked as RFC 6749, section 4.4 says (client credentials): https://datatracker.ietf.org/doc/html/rfc6749
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

from streams.settings import KafkaSecurity

EARLY = 0.8
"""A token is fetched again after this share of its life, so that no connection is opened with one that has just ended."""

ISSUER_S = 10.0
LIFE_S = 300.0
"""Of a token whose issuer does not say how long it lives."""


class Tokens(AbstractTokenProvider):  # type: ignore[misc]
    """What aiokafka asks for a token at each connection, and before one ends."""

    def __init__(self, kafka: KafkaSecurity, now: Callable[[], float] = time.monotonic) -> None:
        self._kafka = kafka
        self._now = now
        self._token = ""
        self._until = float("-inf")

    async def token(self) -> str:
        """Raises KafkaConnectionError where no token can be had; the message holds no secret."""
        if self._kafka.token_url:
            return await self._fetched()
        if not self._kafka.token_file:
            return self._kafka.token or ""
        try:
            return Path(self._kafka.token_file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise KafkaConnectionError(
                f"the token file {self._kafka.token_file} cannot be read: {error.strerror}"
            ) from None

    async def _fetched(self) -> str:
        if self._now() < self._until:
            return self._token
        answer = await self._asked()
        token = answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise KafkaConnectionError(f"{self._kafka.token_url} answered without an access_token")
        life = answer.get("expires_in")
        seconds = (
            float(life) if isinstance(life, int | float | str) and str(life).replace(".", "", 1).isdecimal() else LIFE_S
        )
        self._token, self._until = token, self._now() + EARLY * seconds
        return token

    async def _asked(self) -> dict[str, Any]:
        kafka = self._kafka
        form = {"grant_type": "client_credentials"} | ({"scope": kafka.scope} if kafka.scope else {})
        auth = aiohttp.BasicAuth(kafka.client_id, kafka.client_secret or "")
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ISSUER_S)) as session:
                async with session.post(kafka.token_url, data=form, auth=auth) as response:
                    if response.status != 200:
                        raise KafkaConnectionError(f"{kafka.token_url} gives no token: it answered {response.status}")
                    found = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise KafkaConnectionError(f"{kafka.token_url} gives no token: {type(error).__name__}") from None
        return found if isinstance(found, dict) else {}
