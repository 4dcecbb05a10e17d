"""A real ClickHouse engine on this machine, reached over HTTP exactly as a server is; and the address of any other."""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from deploy.local.clickhouse_faults import FaultDoor
from deploy.local.process import LocalService, Say, ServiceError, free_port, quiet

PLAIN_PORT, TLS_PORT = 8123, 8443
"""Where ClickHouse listens for HTTP when nobody says otherwise."""
ANSWER_S = 5.0


class ClickHouseAddress(NamedTuple):
    """Where a ClickHouse is and who we are there."""

    host: str
    port: int
    secure: bool = False
    username: str = "default"
    password: str = ""
    database: str = "default"

    @property
    def url(self) -> str:
        """Without the password: it may be printed."""
        return f"{'https' if self.secure else 'http'}://{self.host}:{self.port}"

    @property
    def options(self) -> dict[str, Any]:
        """For `clickhouse_connect.get_client(**options)`."""
        return {**self._asdict(), "interface": "https" if self.secure else "http"}


class LocalClickHouse(LocalService):
    """`with LocalClickHouse() as clickhouse: client = clickhouse_connect.get_client(**clickhouse.options)`.

    `with_faults`: it can be made to fail, through `faults`.
    """

    name = "the local ClickHouse"

    def __init__(
        self, data: Path | None = None, *, port: int | None = None, with_faults: bool = False, say: Say = quiet
    ) -> None:
        super().__init__(data, port=port, say=say)
        self._faults_port = free_port() if with_faults else None

    @property
    def faults(self) -> FaultDoor:
        """The door through which it is made to fail."""
        if self._faults_port is None:
            raise ServiceError(f"{self.name} was started without faults: say with_faults=True")
        return FaultDoor(self.host, self._faults_port)

    @property
    def url(self) -> str:
        """`http://host:port`."""
        return self._address.url

    @property
    def options(self) -> dict[str, Any]:
        """For `clickhouse_connect.get_client(**options)`. It takes any user."""
        return self._address.options

    @property
    def _address(self) -> ClickHouseAddress:
        return ClickHouseAddress(self.host, self.port)

    def _command(self) -> Sequence[str]:
        # -P: whatever folder we are called from, its files are no modules of ours.
        ports = [self.port] if self._faults_port is None else [self.port, self._faults_port]
        server = [sys.executable, "-P", "-m", "deploy.local.clickhouse_server"]
        return [*server, str(self.folder / "data"), *map(str, ports)]

    def _environment(self) -> Mapping[str, str]:
        ours = str(Path(__file__).parents[2])
        theirs = os.environ.get("PYTHONPATH")
        return {"PYTHONPATH": os.pathsep.join([ours, theirs] if theirs else [ours])}

    def _answers(self) -> bool:
        return why_no_clickhouse(self.url) is None


def parse_address(address: str) -> ClickHouseAddress:
    """`host`, `host:port` or `http[s]://user:password@host:port/database`; what is missing is ClickHouse's default."""
    parts = urlsplit(address if "://" in address else f"http://{address}")
    secure = parts.scheme == "https"
    try:
        port = parts.port or (TLS_PORT if secure else PLAIN_PORT)
    except ValueError:  # not a number
        port = 0
    if parts.scheme not in ("http", "https") or not parts.hostname or not port:
        raise ServiceError(
            "this is no ClickHouse address; write host:port of its HTTP interface (8123 by default), "
            "or http://user:password@host:port/database"
        )
    user, password = unquote(parts.username or "default"), unquote(parts.password or "")
    return ClickHouseAddress(parts.hostname, port, secure, user, password, parts.path.strip("/") or "default")


def why_no_clickhouse(address: str, timeout_s: float = ANSWER_S) -> str | None:
    """None when a ClickHouse answers /ping there, else the reason. Asks for no password: that is a client's matter."""
    where = parse_address(address)
    connect = http.client.HTTPSConnection if where.secure else http.client.HTTPConnection
    connection = connect(where.host, where.port, timeout=timeout_s)
    try:
        connection.request("GET", "/ping")
        answer = connection.getresponse()
        text = answer.read(64)
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return None if text == b"Ok.\n" else f"it answers {answer.status} {text!r}: is this ClickHouse's HTTP port?"
