"""A file of notification rules to Rules, or to all that is wrong with it, with line, column and a suggestion.

Addresses with secrets in them have no place in a file: `url: $SLACK_URL` is read from the environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from schemas.definition.errors import DefinitionErrors, Problem, Report, listed, nearest
from schemas.definition.expressions_parser import Constants
from schemas.definition.fields import Fields, choice, entries, items, text
from schemas.definition.yaml_reader import Items, Node, Scalar, Table, read
from streams.notify.rules import Channel, Digest, Group, Quiet, Retry, Route, Rules

KEYS = ("language", "link", "channels", "routes", "quiet", "owners", "otherwise", "digest", "retry")
WHEN = ("severity", "alert", "owner", "kind", "segment")
SEVERITIES = ("info", "low", "medium", "high", "critical")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LINK = ("kind", "entity", "account", "alert")
"""What `link` fills in."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_VARIABLE = re.compile(r"\$([A-Z_][A-Z0-9_]*)")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def load(path: Path, env: Mapping[str, str]) -> Rules:
    """Read a file. Raises DefinitionErrors, also where the file cannot be read."""
    try:
        found = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionErrors(str(path), [Problem(1, 1, f"cannot be read: {error}")]) from None
    return parse(found, env, str(path))


def parse(text: str, env: Mapping[str, str], filename: str = "<rules>") -> Rules:
    """Read a text. Raises DefinitionErrors with every problem found, never anything else."""
    report = Report()
    root = read(text, report)
    found = None if root is None else _Reader(report, env).rules(root)
    if found is None or report.failed:
        raise DefinitionErrors(filename, report.problems)
    return found


class _Reader:
    """Reads sections in the order in which they name each other: channels and quiet hours, then routes."""

    def __init__(self, report: Report, env: Mapping[str, str]) -> None:
        self._report, self._env = report, env
        self._constants = Constants()
        self._channels: dict[str, Channel] = {}
        self._quiet: dict[str, Quiet] = {}

    def rules(self, root: Node) -> Rules | None:
        fields = Fields(root, "the file", KEYS, self._report, self._constants)
        if fields.table is None:
            return None
        fields.integer("language", 1, 1, 1, required=True)
        for key, body in entries(fields.required("channels"), "`channels`", self._report):
            self._channels[key.value] = self._channel(key, body)
        for key, body in entries(fields.get("quiet"), "`quiet`", self._report):
            self._quiet[key.value] = self._hours(key, body)
        owners = {
            key.value: text(body, "an address", self._report) or ""
            for key, body in entries(fields.get("owners"), "`owners`", self._report)
        }
        routes = tuple(self._route(node) for node in items(fields.required("routes"), "`routes`", self._report))
        found = Rules(
            self._channels, routes, self._quiet, self._digest(fields), self._retry(fields), self._link(fields), owners,
            fields.text("otherwise") or "",
        )  # fmt: skip
        self._whole(fields, found)
        return found

    def _whole(self, fields: Fields, found: Rules) -> None:
        """What no section shows by itself: owners without an address, rules after one that takes everything."""
        for name, channel in found.channels.items():
            if "{to}" in channel.url and not found.otherwise:
                place = fields.get("channels") or fields.place
                message = (
                    f"channel {name} goes to `{{to}}`, so `otherwise:` must say who hears of owners without an address"
                )
                self._report.error(place, message)
        for node in items(fields.get("routes"), "`routes`", Report())[:-1]:
            if isinstance(node, Table) and node.get("when") is None:
                self._report.error(
                    node, "this route takes every alert, so those behind it are never asked: put it last"
                )

    def _channel(self, key: Scalar, body: Node) -> Channel:
        fields = Fields(body, f"channel {key.value}", ("url", "webhook", "secret"), self._report, self._constants)
        url, webhook, secret = (self._secret(fields, name) for name in ("url", "webhook", "secret"))
        if fields.table is not None and ("url" in fields) == ("webhook" in fields):
            self._report.error(body, f"channel {key.value} needs one of `url:` (of apprise) and `webhook:`")
        if "webhook" in fields and "secret" not in fields:
            self._report.error(
                body, f"channel {key.value} needs `secret:`, which its body is signed with", "secret: $NAME"
            )
        if webhook and not webhook.startswith(("https://", "http://")):
            self._report.error(
                fields.get("webhook") or body, "a webhook is an address such as https://in.acme.io/alerts"
            )
        if url:
            self._known_url(fields.get("url") or body, url)
        return Channel(key.value, url, webhook, secret)

    def _known_url(self, place: Node, url: str) -> None:
        from apprise import Apprise

        if Apprise.instantiate(url.replace("{to}", "somebody@example.com")) is None:
            kind = url.split(":")[0]
            self._report.error(
                place, f"apprise does not understand this address, which begins with {kind}:; see docs/notify.md"
            )

    def _secret(self, fields: Fields, name: str) -> str:
        """A text in which `$NAME` stands for a variable."""
        told = fields.text(name)
        if told is None:
            return ""
        for variable in _VARIABLE.findall(told):
            if not self._env.get(variable):
                self._report.error(
                    fields.get(name) or fields.place,
                    f"the variable {variable} is not set",
                    nearest(variable, self._env),
                )
        return _VARIABLE.sub(lambda found: self._env.get(found[1], ""), told)

    def _hours(self, key: Scalar, body: Node) -> Quiet:
        fields = Fields(
            body, f"quiet {key.value}", ("from", "to", "zone", "days", "except"), self._report, self._constants
        )
        days = frozenset(DAYS.index(day) for day in fields.choices("days", DAYS)) or frozenset(range(7))
        never = frozenset(fields.choices("except", SEVERITIES))
        begins, ends = self._clock(fields, "from"), self._clock(fields, "to")
        return Quiet(key.value, self._zone(fields), begins, ends, days, never)

    def _clock(self, fields: Fields, name: str) -> time:
        told = fields.text(name, required=True)
        match = _CLOCK.fullmatch(told or "")
        if told is not None and match is None:
            self._report.error(fields.get(name) or fields.place, f"`{name}` is a time of day, not {told!r}", '"20:00"')
        return time(int(match[1]), int(match[2])) if match else time()

    def _zone(self, fields: Fields) -> str:
        name = fields.text("zone", required=True)
        try:
            return ZoneInfo(name or "UTC").key
        except (KeyError, ValueError, OSError):
            near = nearest(name or "", available_timezones())
            self._report.error(
                fields.get("zone") or fields.place, f"unknown time zone {name!r}; write it like Europe/Berlin", near
            )
            return "UTC"

    def _route(self, node: Node) -> Route:
        fields = Fields(node, "a route", ("when", "send", "group", "quiet", "resolved"), self._report, self._constants)
        when = fields.child("when", "`when`", WHEN)
        quiet = fields.choice("quiet", self._quiet)
        found = Route(
            self._send(fields), group=self._group(fields), quiet=quiet, resolved=fields.boolean("resolved", True)
        )
        if when is None:
            return found
        return Route(
            found.send, self._severity(when), _words(when, "alert"), _words(when, "owner"),
            when.choice("kind", ("user", "account")), self._segment(when.get("segment")), found.group, quiet, found.resolved,
        )  # fmt: skip

    def _send(self, fields: Fields) -> tuple[str, ...]:
        return fields.choices("send", self._channels, required=True)

    def _severity(self, when: Fields) -> frozenset[str]:
        """`[high, critical]`, or `">= high"`."""
        node = when.get("severity")
        if isinstance(node, Scalar) and node.value.startswith(">="):
            least = choice(
                Scalar(node.line, node.column, node.value[2:].strip(), True), SEVERITIES, "`severity`", self._report
            )
            return frozenset(SEVERITIES[SEVERITIES.index(least) :]) if least else frozenset()
        return frozenset(when.choices("severity", SEVERITIES)) if node is not None else frozenset()

    def _segment(self, node: Node | None) -> dict[str, tuple[str, ...]]:
        found = {}
        for key, body in entries(node, "`segment`", self._report):
            wanted = body.items if isinstance(body, Items) else (body,)
            found[key.value] = tuple(text(one, f"`{key.value}` of `segment`", self._report) or "" for one in wanted)
        return found

    def _group(self, fields: Fields) -> Group | None:
        group = fields.child("group", "`group`", ("by", "within"))
        if group is None:
            return None
        by = group.choice("by", ("owner", "account", "channel"), required=True)
        return Group(by or "owner", group.duration("within", required=True) or 0)  # type: ignore[arg-type]

    def _digest(self, fields: Fields) -> Digest | None:
        digest = fields.child("digest", "`digest`", ("send", "after"))
        if digest is None:
            return None
        after = digest.duration("after")
        return Digest(self._send(digest), 600_000 if after is None else after)

    def _retry(self, fields: Fields) -> Retry:
        default, told = Retry(), fields.child("retry", "`retry`", ("first", "most", "stop"))
        if told is None:
            return default
        found = {name: told.duration(name) for name in ("first", "most", "stop")}
        if found["first"] == 0:
            self._report.error(told.get("first") or told.place, "`first` of `retry` must be more than nothing", "1s")
        return Retry(**{name: getattr(default, name) if value is None else value for name, value in found.items()})

    def _link(self, fields: Fields) -> str:
        link = fields.text("link") or ""
        if re.search(r"[{}]", _PLACEHOLDER.sub("", link)):
            self._report.error(fields.get("link") or fields.place, "`link` has a bracket without its other half")
        for word in _PLACEHOLDER.findall(link):
            if word not in LINK:
                near = nearest(word, LINK)
                message = f"`link` fills in {{{word}}}, which is none of {listed(LINK)}"
                self._report.error(fields.get("link") or fields.place, message, f"{{{near}}}" if near else None)
        return link


def _words(fields: Fields, name: str) -> tuple[str, ...]:
    found: Iterable[Scalar] = fields.texts(name) if name in fields else ()
    return tuple(word.value for word in found)
