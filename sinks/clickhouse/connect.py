"""Connect: one address into a ClickHouse client, be it a server over HTTP or the engine inside this process."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client

_PORTS = {"http": 8123, "https": 8443}

ANSWER_WITHIN = 60
"""Seconds to wait for an answer. An insert that ClickHouse holds back for too many parts may take most of it."""


class AddressError(ValueError):
    """The address cannot be read; the message says what to write."""


def connect(
    address: str,
    database: str | None = None,
    password: str | None = None,
    user: str | None = None,
    ca_file: str | None = None,
) -> Client:
    """A client for `http://user@host:8123/database`, `https://...` or `chdb:///path/of/a/folder`.

    `user` and `password` win over those in the address: keep it out of files and process lists. `ca_file` signed the
    server's certificate where no public authority did. One client per thread: a client
    does one call at a time. The engine in this process takes one path only. Raises clickhouse-connect's errors where
    nobody answers (see retry.py), AddressError for an address it cannot read.
    """
    parts = urlsplit(address if "://" in address else f"http://{address}")
    if parts.scheme == "chdb":
        return clickhouse_connect.get_client(interface="chdb", path=parts.netloc + parts.path, database=database)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise AddressError(
            f"no ClickHouse address: {parts.scheme}://...; write http://host:8123, https://host:8443 or chdb:///folder"
        )
    return clickhouse_connect.get_client(
        host=parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        secure=parts.scheme == "https",
        username=user or (unquote(parts.username) if parts.username else None),
        password=password if password is not None else unquote("" if user else parts.password or ""),
        ca_cert=ca_file,
        database=database or parts.path.strip("/") or "__default__",
        autogenerate_session_id=False,
        send_receive_timeout=ANSWER_WITHIN,
        connect_timeout=5,
    )
