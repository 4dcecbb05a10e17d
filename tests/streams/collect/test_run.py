"""`journeys collect` as a process: it says what is wrong and ends, serves, and stops when it is told to."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.collect.run import tls_of
from streams.settings import Collect, SettingsError
from tests.streams.cluster import ROOT

CERTIFICATE = Path(__file__).parent / "localhost.pem"
"""A key and a certificate for 127.0.0.1 that it signed itself, valid to 2056: `openssl req -x509 -newkey rsa:2048 -nodes …`."""


def settings(folder: Path, kafka: str, topic: str) -> Path:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = folder / "collect.toml"
    path.write_text(
        f'bootstrap = "{kafka}"\n[[sources]]\ntopic = "{topic}"\nsource = "ga4"\n[collect]\nport = {port}\n'
    )
    return path


def collect(path: Path, keys: str = "ga4:secret") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "collect", "-s", str(path)], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**os.environ, "JOURNEYS_COLLECT_KEYS": keys},
    )  # fmt: skip


async def create(kafka: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()


def test_it_serves_until_it_is_told_to_stop(kafka: str, tmp_path: Path) -> None:
    topic = f"collect-{uuid4().hex[:8]}"
    asyncio.run(create(kafka, topic))
    process = collect(settings(tmp_path, kafka, topic))
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("collecting on http://127.0.0.1:"), said
        url = said.split()[2]
        call = urllib.request.Request(f"{url}/mp/collect?api_secret=secret", data=b'{"client_id":"c"}', method="POST")
        assert urllib.request.urlopen(call, timeout=20).status == 204
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.communicate()


def test_with_a_certificate_it_speaks_tls(kafka: str, tmp_path: Path) -> None:
    topic = f"collect-{uuid4().hex[:8]}"
    asyncio.run(create(kafka, topic))
    path = settings(tmp_path, kafka, topic)
    path.write_text(path.read_text() + f'cert_file = "{CERTIFICATE}"\nkey_file = "{CERTIFICATE}"\n')
    process = collect(path)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("collecting on https://127.0.0.1:"), said
        call = urllib.request.Request(f"{said.split()[2]}/mp/collect?api_secret=secret", data=b'{"client_id":"c"}')
        trusts_it = ssl.create_default_context(cafile=str(CERTIFICATE))
        assert urllib.request.urlopen(call, timeout=20, context=trusts_it).status == 204
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"cert_file": "a.pem"}, "go together"),
        ({"cert_file": "a.pem", "key_file": "a.pem"}, "a.pem with key_file a.pem: [Errno 2] No such file"),
        ({"cert_file": __file__, "key_file": __file__}, "NO_CERTIFICATE_OR_CRL_FOUND"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_said_before_the_door_opens(told: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError) as raised:
        tls_of(Collect(**told))
    assert says.split(":")[0] in str(raised.value) or "PEM" in str(raised.value)


@pytest.mark.parametrize(
    ("keys", "code", "says"),
    [
        ("ga4:secret", 3, "there is no topic missing-topic; make it"),
        ("stripe:secret", 2, "names 'stripe', and no [[sources]] has that source"),
    ],
)
def test_what_is_missing_is_said_before_the_door_opens(
    kafka: str, tmp_path: Path, keys: str, code: int, says: str
) -> None:
    process = collect(settings(tmp_path, kafka, "missing-topic"), keys)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, says in errors) == (code, True), errors
