"""Connection: how Kafka is reached, from settings, for Faust and for plain clients; and waiting until it answers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import faust
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from faust.auth import OAuthCredentials

from streams.oauth import Tokens
from streams.settings import Settings, SettingsError

ANSWER_S = 5.0
RETRY_S = 1.0


def client_options(settings: Settings) -> dict[str, Any]:
    """Options of any aiokafka client."""
    options: dict[str, Any] = {"bootstrap_servers": settings.bootstrap, "security_protocol": settings.kafka.protocol}
    if settings.kafka.protocol.endswith("SSL"):
        options["ssl_context"] = _ssl(settings)
    if settings.kafka.protocol.startswith("SASL"):
        options["sasl_mechanism"] = settings.kafka.mechanism
        if settings.kafka.mechanism == "OAUTHBEARER":
            options["sasl_oauth_token_provider"] = Tokens(settings.kafka)
        else:
            options |= {
                "sasl_plain_username": settings.kafka.username,
                "sasl_plain_password": settings.kafka.password,
            }
    return options


def credentials(settings: Settings) -> Any:
    """The same for Faust's `broker_credentials`; None for an open broker."""
    kafka = settings.kafka
    context = _ssl(settings) if kafka.protocol.endswith("SSL") else None
    if kafka.protocol.startswith("SASL"):
        if kafka.mechanism == "OAUTHBEARER":
            return OAuthCredentials(oauth_cb=Tokens(kafka), ssl_context=context)
        return faust.SASLCredentials(
            username=kafka.username, password=kafka.password, mechanism=kafka.mechanism, ssl_context=context
        )
    return faust.SSLCredentials(context) if context is not None else None


def _ssl(settings: Settings) -> ssl.SSLContext:
    """Raises SettingsError where a file of certificates cannot be read."""
    kafka = settings.kafka
    try:
        context = ssl.create_default_context(cafile=kafka.ca_file or None)
        if kafka.cert_file:
            context.load_cert_chain(kafka.cert_file, kafka.key_file)
    except OSError as error:  # ssl.SSLError is one
        files = ", ".join(filter(None, (kafka.ca_file, kafka.cert_file, kafka.key_file)))
        raise SettingsError(f"kafka.ca_file, cert_file or key_file ({files}) cannot be used: {error}") from None
    return context


async def reach_kafka(
    settings: Settings, say: Callable[[str], None], patience_s: float | None = None
) -> AIOKafkaClient:
    """A connected client, as soon as Kafka answers. Raises ConnectionError after `patience_s`; None waits for ever."""
    waited, told = 0.0, False
    while True:
        client = AIOKafkaClient(**client_options(settings), request_timeout_ms=int(ANSWER_S * 1000))
        try:
            await asyncio.wait_for(client.bootstrap(), ANSWER_S)
            return client
        except (KafkaError, OSError, TimeoutError) as error:
            await client.close()
            problem = f"no Kafka answers at {settings.bootstrap} ({error or type(error).__name__})"
        if patience_s is not None and waited >= patience_s:
            raise ConnectionError(f'{problem}; name yours with bootstrap = "host:port" or JOURNEYS_BOOTSTRAP')
        if not told:
            say(f"{problem}; trying until it does")
            told = True
        await asyncio.sleep(RETRY_S)
        waited += RETRY_S
