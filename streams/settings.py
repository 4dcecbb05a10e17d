"""Settings: one TOML file, overridden by `JOURNEYS_*` variables; secrets come from variables or files only.

`JOURNEYS_BOOTSTRAP` overrides `bootstrap`, `JOURNEYS_CLICKHOUSE_URL` the `url` of `[clickhouse]`, and so on;
`JOURNEYS_SOURCES` is `topic:source` or `topic:source:user`, several with commas between them. A wrong setting stops the
start with the line it is on and what to write instead.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from schemas.sources import MAPPING, decoder
from schemas.time import parse_time

SECRETS = (
    "JOURNEYS_KAFKA_PASSWORD",
    "JOURNEYS_KAFKA_TOKEN",
    "JOURNEYS_KAFKA_CLIENT_SECRET",
    "JOURNEYS_CLICKHOUSE_PASSWORD",
    "JOURNEYS_CLICKHOUSE_READ_PASSWORD",
    "JOURNEYS_CLICKHOUSE_MIGRATE_PASSWORD",
    "JOURNEYS_COLLECT_KEYS",
    "JOURNEYS_ERASURE_KEY",
    "JOURNEYS_PRIVACY_KEY",
    "JOURNEYS_BOARD_TOKEN",
)
"""Variables, each with a twin ending in _FILE that names a file to read. They have no place in the TOML file."""

SHIPPED = Path(__file__).parent.parent / "schemas" / "definitions"

SHORTEST_KEY = 16
"""Characters of a key that hides people: shorter ones are guessed."""

_NAME = re.compile(r"[A-Za-z0-9._-]*")
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class SettingsError(ValueError):
    """A setting is wrong; the message says where, and what to write."""


@dataclass(frozen=True)
class SourceTopic:
    """A topic that we read and never write. keyed_by: `user` where its key is the user's id, hashed as Kafka does."""

    topic: str
    source: str = "canonical"
    keyed_by: Literal["user"] | None = None


Role = Literal["write", "read", "migrate"]


@dataclass(frozen=True)
class ClickHouse:
    """url: `https://user@host:8443`; ca_file: of a server whose certificate no public authority signed.

    user, read_user and migrate_user are who writes (the sink, erasures), who asks (explain, doctor, sql) and who makes
    tables (migrate). Those that are empty are the writer, and the writer is else whom the url names. Their passwords are
    JOURNEYS_CLICKHOUSE_PASSWORD, _READ_PASSWORD and _MIGRATE_PASSWORD.
    """

    url: str = "http://127.0.0.1:8123"
    database: str = "journeys"
    user: str = ""
    read_user: str = ""
    migrate_user: str = ""
    ca_file: str = ""
    password: str | None = field(default=None, repr=False)
    read_password: str | None = field(default=None, repr=False)
    migrate_password: str | None = field(default=None, repr=False)

    def login(self, role: Role) -> dict[str, str | None]:
        """{user, password, ca_file} of a role, as `connect` takes them."""
        users = {"write": self.user, "read": self.read_user, "migrate": self.migrate_user}
        passwords = {"write": self.password, "read": self.read_password, "migrate": self.migrate_password}
        own = role if users[role] else "write"
        return {"user": users[own] or None, "password": passwords[own], "ca_file": self.ca_file or None}


@dataclass(frozen=True)
class KafkaSecurity:
    """protocol: PLAINTEXT, SSL, SASL_SSL or SASL_PLAINTEXT. The password is JOURNEYS_KAFKA_PASSWORD.

    ca_file    signed the brokers' certificates, where no public authority did
    cert_file  our own certificate, for brokers that ask for one (mTLS); key_file its key, without a passphrase
    token_url  OAUTHBEARER: where a token is fetched (client credentials, RFC 6749 4.4) by client_id and
               JOURNEYS_KAFKA_CLIENT_SECRET; without it the token is JOURNEYS_KAFKA_TOKEN, or what the file that
               JOURNEYS_KAFKA_TOKEN_FILE names holds, read anew at each connection
    """

    protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL", "SASL_PLAINTEXT"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = "SCRAM-SHA-512"
    username: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    token_url: str = ""
    client_id: str = ""
    scope: str = ""
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    client_secret: str | None = field(default=None, repr=False)
    token_file: str = ""


@dataclass(frozen=True)
class DeadLetterLimits:
    """Beyond these a worker stops, because the cause is a deployment and not a record.

    ratio   percent of the last `window` records of a source topic; 100 is no limit
    window  records; fewer than these are not judged by their ratio
    run     records of one partition one after the other; 0 is no limit
    """

    ratio: int = 50
    window: int = 1_000
    run: int = 200


@dataclass(frozen=True)
class Collect:
    """The door that SDKs and webhooks send to. The keys are JOURNEYS_COLLECT_KEYS: `source:secret`, with commas between.

    largest     bytes of a body, unpacked; a record of Kafka's takes 1 MiB unless its topic says otherwise
    rate        requests a second of one key
    public_url  where senders see us, `https://in.acme.io`: HubSpot signs the address too
    cert_file   PEM, the certificate and those above it; with key_file, its key, the door speaks TLS
    """

    host: str = "127.0.0.1"
    port: int = 8090
    largest: int = 1_000_000
    rate: int = 500
    public_url: str = ""
    cert_file: str = ""
    key_file: str = ""
    keys: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Board:
    """Where people look. The token is JOURNEYS_BOARD_TOKEN; without it each start makes one and prints it.

    proxy_header  the header with a name in it that a proxy in front sets once it has checked who comes, X-Forwarded-User;
                  "" takes none
    proxies       addresses that the header is believed from, with spaces between
    """

    host: str = "127.0.0.1"
    port: int = 8088
    proxy_header: str = ""
    proxies: str = "127.0.0.1 ::1"
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class PrivacyFields:
    """Fields of source records that are hidden as they are read: names with commas between them, as the source writes them.

    hash  a keyed hash (HMAC-SHA-256 by JOURNEYS_PRIVACY_KEY) stands for each value: the same for the same value
    drop  the field is left out
    """

    hash: str = ""
    drop: str = ""
    key: str | None = field(default=None, repr=False)

    @property
    def hashed(self) -> tuple[str, ...]:
        return _names(self.hash)

    @property
    def dropped(self) -> tuple[str, ...]:
        return _names(self.drop)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


@dataclass(frozen=True)
class ClockChoice:
    """wall: `off` ends time at the last watermark; `on`; without it the definition decides.

    until: time ends here once all that the source topics hold has been read (RFC 3339); implies `off`.
    catch_up: `exact` lets what people and accounts tell each other be in time when history is read, as it is in live
    traffic; `fast` reads it half as fast again, or more. The same in every worker of a group.
    """

    wall: Literal["on", "off"] | None = None
    until: str | None = None
    catch_up: Literal["fast", "exact"] = "fast"

    @property
    def until_ms(self) -> int | None:
        return None if self.until is None else parse_time(self.until)


@dataclass(frozen=True)
class Settings:
    """What a worker or a sink needs to know.

    definition    path of a journey definition, or the name of a shipped one
    sources       topics that are read
    prefix        goes before the name of every topic of ours
    group         consumer group of the engine; the sink's is `<group>-sink`
    partitions    of the topics of ours, when `journeys topics --apply` makes them; `replication` too
    retention     of transitions, alerts, dead letters and re-keyed topics, when they are made
    instance      of a static group member (Kafka's group.instance.id): a restart under it moves no partitions
    session       the group takes partitions away after this much silence
    batch         most records of one partition taken at a time
    warm          users or accounts of one partition kept ready, 4 to 15 KB each; the others stay the bytes of their
                  record, 1 to 2 KB each, and cost half as much again when something happens to them
    state_dir     folder for copies of the tables, from which a restart goes on; none where it is empty
    metrics_port  of the engine; 0 is none; the sink's is one higher
    log           console or json, level as in `logging`
    dead_letters  how many of a source are too many
    privacy       fields that are hidden before anything is decoded
    erasure_key   of the hash that stands for a person in the record of an erasure: JOURNEYS_ERASURE_KEY
    """

    definition: str = "saas"
    sources: tuple[SourceTopic, ...] = ()
    prefix: str = ""
    group: str = "journeys"
    bootstrap: str = "127.0.0.1:9092"
    partitions: int = 4
    replication: int = 1
    retention: str = "30d"
    instance: str | None = None
    session: str = "10s"
    batch: int = 16_000
    warm: int = 100_000
    state_dir: str = ""
    metrics_port: int = 0
    log: Literal["console", "json"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"
    clock: ClockChoice = field(default_factory=ClockChoice)
    clickhouse: ClickHouse = field(default_factory=ClickHouse)
    kafka: KafkaSecurity = field(default_factory=KafkaSecurity)
    collect: Collect = field(default_factory=Collect)
    dead_letters: DeadLetterLimits = field(default_factory=DeadLetterLimits)
    privacy: PrivacyFields = field(default_factory=PrivacyFields)
    erasure_key: str | None = field(default=None, repr=False)
    board: Board = field(default_factory=Board)

    @property
    def sink_group(self) -> str:
        return f"{self.group}-sink"

    @property
    def definition_path(self) -> Path:
        """The file, or the shipped definition of that name."""
        path = Path(self.definition)
        shipped = SHIPPED / f"{self.definition}.yaml"
        return shipped if not path.exists() and shipped.exists() else path


def load_settings(path: Path | None = None, env: Mapping[str, str] | None = None) -> Settings:
    """Settings from the file at `path` or at JOURNEYS_SETTINGS, or none, and the environment. Raises SettingsError."""
    variables = os.environ if env is None else env
    path = path or (Path(variables["JOURNEYS_SETTINGS"]) if variables.get("JOURNEYS_SETTINGS") else None)
    text = _read(path) if path is not None else ""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}") from None
    return _Reader(str(path), lines_of(text), variables).settings(told)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"the settings file {path} cannot be read: {error.strerror}") from None


def lines_of(text: str) -> dict[str, int]:
    """{dotted name: line} of the keys of a TOML file; tables in an array are numbered, as in `sources.0.topic`."""
    found: dict[str, int] = {}
    table, counts = "", dict[str, int]()
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if heading := re.fullmatch(r"\[\[\s*([\w.-]+)\s*\]\].*", stripped):
            name = heading[1]
            table = f"{name}.{counts.get(name, 0)}."
            counts[name] = counts.get(name, 0) + 1
            found.setdefault(name, number)
            found[table.rstrip(".")] = number
        elif heading := re.fullmatch(r"\[\s*([\w.-]+)\s*\].*", stripped):
            table = f"{heading[1]}."
            found[heading[1]] = number
        elif key := re.match(r"([\w-]+)\s*=", stripped):
            found.setdefault(table + key[1], number)
    return found


def duration_ms(text: str) -> int | None:
    """`30d`, `10s`, `250ms` in ms; None for anything else."""
    match = _DURATION.fullmatch(text)
    return int(match[1]) * _UNITS[match[2]] if match else None


def _variable(name: str) -> str:
    """The variable that overrides a setting; those of a source are overridden together, by JOURNEYS_SOURCES."""
    return "JOURNEYS_SOURCES" if name.startswith("sources") else f"JOURNEYS_{name.replace('.', '_').upper()}"


TABLES: dict[str, type[Any]] = {
    "clock": ClockChoice,
    "clickhouse": ClickHouse,
    "kafka": KafkaSecurity,
    "collect": Collect,
    "dead_letters": DeadLetterLimits,
    "privacy": PrivacyFields,
    "board": Board,
}
"""Tables of the file, each with a class of its own. Besides them there is [[sources]]."""

SECRET_FIELDS = {
    name: {f.name: _variable(f"{name}.{f.name}") for f in fields(kind) if _variable(f"{name}.{f.name}") in SECRETS}
    for name, kind in TABLES.items()
}
"""{table: {field: variable}} of what has no place in the file."""


class _Reader:
    """Turns what TOML and the environment say into Settings."""

    def __init__(self, path: str, lines: Mapping[str, int], env: Mapping[str, str]) -> None:
        self._path, self._lines, self._env = path, lines, env

    def settings(self, told: dict[str, Any]) -> Settings:
        self._no_strangers()
        tables = tuple(TABLES)
        values = self._table(Settings, told, "", without=("sources", "erasure_key", *tables))
        values["sources"] = self._sources(told.get("sources", []))
        for name, kind in TABLES.items():
            secrets = SECRET_FIELDS.get(name, {})
            table = self._table(kind, told.get(name, {}), f"{name}.", without=(*secrets, "token_file"))
            values[name] = kind(**table, **{key: self._secret(variable) for key, variable in secrets.items()})
        token_file = self._env.get("JOURNEYS_KAFKA_TOKEN_FILE", "")
        values["kafka"] = replace(values["kafka"], token_file=token_file)
        values["erasure_key"] = self._secret("JOURNEYS_ERASURE_KEY")
        found = Settings(**values)
        self._check(found)
        return found

    def _no_strangers(self) -> None:
        """A misspelt variable would be a setting that does nothing."""
        known = {
            "JOURNEYS_SETTINGS",
            "JOURNEYS_SOURCES",
            "JOURNEYS_NATIVE",
            *SECRETS,
            *(f"{name}_FILE" for name in SECRETS),
        }
        known |= {f"JOURNEYS_{f.name.upper()}" for f in fields(Settings)}
        for table, kind in TABLES.items():
            known |= {_variable(f"{table}.{f.name}") for f in fields(kind)}
        for name in sorted(self._env):
            if name.startswith("JOURNEYS_") and name not in known:
                raise SettingsError(f"variable {name}: there is no such setting{_near(name, known)}")

    def _table(self, kind: type[Any], told: Any, at: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
        if not isinstance(told, dict):
            raise self._wrong(at.rstrip("."), f"is a table: write [{at.rstrip('.')}] and its settings below it")
        known = {f.name: f for f in fields(kind)}
        for name in told:
            if name in without and _variable(at + name) in SECRETS:
                raise self._wrong(at + name, f"has no place in a file: set {_variable(at + name)}, or its _FILE")
            if name not in known or name == "token_file":
                raise self._wrong(at + name, f"is no setting{_near(name, known)}")
        values = {}
        for name, setting in known.items():
            raw = told.get(name) if name not in without else None
            override = None if at.startswith("sources") else self._env.get(_variable(at + name))
            if override is not None and name not in without:
                raw = override
            if raw is not None:
                values[name] = self._value(at + name, raw, kind, setting)
        return values

    def _value(self, name: str, raw: Any, kind: type[Any], setting: Field[Any]) -> Any:
        number, choices = _hint(kind, setting.name)
        if number:
            if isinstance(raw, str) and raw.isdecimal() and _variable(name) in self._env:
                raw = int(raw)
            if not isinstance(raw, int) or isinstance(raw, bool) or raw < 0:
                raise self._wrong(name, f"is a whole number, such as {setting.default}; not {raw!r}")
            return raw
        if not isinstance(raw, str):
            raise self._wrong(name, f'is text: write {setting.name} = "{raw}"')
        if choices and raw not in choices:
            raise self._wrong(name, f"is {_or(choices)}; not {raw!r}")
        return raw

    def _sources(self, told: Any) -> tuple[SourceTopic, ...]:
        listed = self._env.get("JOURNEYS_SOURCES")
        if listed is not None:
            told = [_listed(item) for item in listed.split(",")]
        if not isinstance(told, list):
            raise self._wrong("sources", "is a list: write [[sources]] with topic and source below it")
        return tuple(self._source(item, number) for number, item in enumerate(told))

    def _source(self, told: Any, number: int) -> SourceTopic:
        at = f"sources.{number}."
        values = self._table(SourceTopic, told, at)
        if not values.get("topic"):
            raise self._wrong(at.rstrip("."), 'needs a topic: write topic = "name"')
        found = SourceTopic(**values)
        try:
            decoder(found.source)
        except ValueError as problem:
            raise self._wrong(f"{at}source", str(problem)) from None
        return found

    def _secret(self, name: str) -> str | None:
        if self._env.get(f"{name}_FILE"):
            return _read(Path(self._env[f"{name}_FILE"])).strip()
        return self._env.get(name)

    def _check(self, found: Settings) -> None:
        for name in ("prefix", "group"):
            if not _NAME.fullmatch(getattr(found, name)):
                raise self._wrong(name, "takes letters, digits, '.', '_' and '-', as Kafka does")
        for name in ("retention", "session"):
            if duration_ms(getattr(found, name)) is None:
                raise self._wrong(name, f"is a duration such as 10s, 12h or 30d; not {getattr(found, name)!r}")
        if found.dead_letters.ratio > 100 or found.dead_letters.window < 1:
            raise self._wrong("dead_letters", "takes a ratio of 0 to 100 percent and a window of at least 1 record")
        self._check_kafka(found.kafka)
        if found.privacy.hash and len(found.privacy.key or "") < SHORTEST_KEY:
            what = f"needs JOURNEYS_PRIVACY_KEY or its _FILE: {SHORTEST_KEY} characters or more, that never change"
            raise self._wrong("privacy.hash", what)
        for name in ("partitions", "replication", "batch", "warm"):
            if getattr(found, name) < 1:
                raise self._wrong(name, "is at least 1")
        if found.clock.until is not None and found.clock.until_ms is None:
            raise self._wrong("clock.until", f"is a time such as 2024-06-30T00:00:00Z; not {found.clock.until!r}")
        names = [source.topic for source in found.sources]
        for name in names:
            if names.count(name) > 1:
                raise self._wrong("sources", f"names the topic {name!r} twice")

    def _check_kafka(self, kafka: KafkaSecurity) -> None:
        if bool(kafka.cert_file) != bool(kafka.key_file):
            raise self._wrong("kafka.cert_file", "and kafka.key_file go together: write both or none")
        if not kafka.protocol.startswith("SASL"):
            return
        if kafka.mechanism != "OAUTHBEARER":
            if not kafka.username or kafka.password is None:
                what = f"with {kafka.mechanism} needs username, and JOURNEYS_KAFKA_PASSWORD or its _FILE"
                raise self._wrong("kafka.protocol", what)
        elif kafka.token_url and not (kafka.client_id and kafka.client_secret):
            raise self._wrong("kafka.token_url", "needs client_id, and JOURNEYS_KAFKA_CLIENT_SECRET or its _FILE")
        elif not kafka.token_url and not kafka.token:
            raise self._wrong("kafka.mechanism", "OAUTHBEARER needs token_url, or JOURNEYS_KAFKA_TOKEN or its _FILE")

    def _wrong(self, name: str, what: str) -> SettingsError:
        line = self._lines.get(name)
        where = f"{self._path}:{line}" if line and _variable(name) not in self._env else f"variable {_variable(name)}"
        return SettingsError(f"{where}: {name} {what}")


def _listed(item: str) -> dict[str, str]:
    """One item of JOURNEYS_SOURCES. The name of a mapping file has a colon of its own: `topic:mapping:FILE:user`."""
    topic, mapping, rest = item.partition(f":{MAPPING}")
    if not mapping:
        return dict(zip(("topic", "source", "keyed_by"), item.split(":"), strict=False))
    file = rest.removesuffix(":user")
    keyed = {"keyed_by": "user"} if file != rest else {}
    return {"topic": topic, "source": MAPPING + file, **keyed}


def _near(name: str, known: Any) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _or(choices: tuple[str, ...]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else choices[0]


def _hint(kind: type[Any], name: str) -> tuple[bool, tuple[str, ...]]:
    """(whether a setting is a whole number, the words that it may be; none where it is any text)."""
    hint = get_type_hints(kind)[name]
    literals = [part for part in (hint, *get_args(hint)) if get_origin(part) is Literal]
    return hint is int, get_args(literals[0]) if literals else ()
