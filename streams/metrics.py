"""Metrics: every figure that an engine or a sink tells Prometheus, by name, on a port of its own.

Names are `journeys_<name>_<unit>[_total]`, declared once with what they mean. Figures are collected once a second from
what tasks and logics counted, so that counting costs the hot path one dictionary entry.
"""

from __future__ import annotations

from collections import Counter as Counted
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any, Literal, NamedTuple, get_args
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, make_wsgi_app

from streams.health import Health

Name = Literal[
    "journeys_records_total",
    "journeys_dead_letters_total",
    "journeys_dropped_total",
    "journeys_redirected_total",
    "journeys_outputs_total",
    "journeys_selection_matches_total",
    "journeys_rule_firings_total",
    "journeys_alerts_total",
    "journeys_timers_fired_total",
    "journeys_noticed_total",
    "journeys_works_total",
    "journeys_seeks_total",
    "journeys_changelog_bytes_total",
    "journeys_committed_lag_records",
    "journeys_watermark_lag_seconds",
    "journeys_armed_timers",
    "journeys_entities",
    "journeys_slice_records",
    "journeys_longest_slice_seconds",
    "journeys_waiting_batches",
    "journeys_recovery_seconds",
    "journeys_recovery_records",
    "journeys_recovery_copied_records",
    "journeys_sink_rows_total",
    "journeys_sink_failures_total",
    "journeys_sink_waiting_rows",
    "journeys_sink_flush_seconds",
    "journeys_notifications_total",
    "journeys_notifications_waiting",
]
"""All names. mypy refuses any other."""


class About(NamedTuple):
    """What a figure means, and by which labels it is told apart."""

    text: str
    labels: tuple[str, ...] = ()


ABOUT: dict[Name, About] = {
    # What became of input records; `outcome` is ok, duplicate, repeated, heartbeat, clock, ...
    "journeys_records_total": About("Records read, by what became of them", ("outcome", "topic")),
    # Anything here deserves a look: the record itself is on the dead-letter topic.
    "journeys_dead_letters_total": About("Records that could not be processed", ("reason",)),
    # Meant to be ignored: exclusions, account events that no measure reads.
    "journeys_dropped_total": About("Records ignored on purpose", ("reason",)),
    # `misplaced` growing means that a producer of a source keyed by user hashes keys otherwise than Kafka's clients.
    "journeys_redirected_total": About("Records sent on to another topic of ours", ("reason",)),
    "journeys_outputs_total": About("Records published", ("topic",)),
    # A selection at zero while events arrive is a misspelt event name.
    "journeys_selection_matches_total": About("Events that a selection of the definition matched", ("selection",)),
    "journeys_rule_firings_total": About("Transitions, by rule", ("rule",)),
    "journeys_alerts_total": About("Alerts opened, resolved and retracted", ("alert",)),
    "journeys_timers_fired_total": About("Timers that came due", ("table",)),
    # Whatever else tasks and logics count: late events, re-sent outputs, settled early, ...
    "journeys_noticed_total": About("Other things counted", ("what", "label")),
    "journeys_works_total": About("Batches made durable and published", ("task",)),
    "journeys_seeks_total": About("Times that reading went back because a batch did not continue the last", ("topic",)),
    "journeys_changelog_bytes_total": About("Bytes appended to changelogs"),
    # End of the topic minus commit: what a restart would read again, and what is not processed yet.
    "journeys_committed_lag_records": About("Records behind, by commit", ("topic", "partition")),
    # Wall clock minus event time. Large during a backfill, and where a source is silent and not live.
    "journeys_watermark_lag_seconds": About("How far event time is behind", ("task", "partition")),
    "journeys_armed_timers": About("Entities that wait for a moment", ("task", "partition")),
    "journeys_entities": About("Users and accounts kept", ("task", "partition")),
    "journeys_slice_records": About("Records computed in one go, by its measured cost", ("task", "partition")),
    # While one lane computes, all others of the worker wait.
    "journeys_longest_slice_seconds": About("Longest computing in one go, of the last minute", ("task", "partition")),
    "journeys_waiting_batches": About("Fetched batches that wait for their lane", ("task", "partition")),
    "journeys_recovery_seconds": About("How long the last taking over of partitions took"),
    "journeys_recovery_records": About("Changelog records that it read"),
    # Zero where `state_dir` is set says that copies were refused: `copy_refused` among journeys_noticed_total says why.
    "journeys_recovery_copied_records": About("Records that it read from copies on disk instead"),
    "journeys_sink_rows_total": About("Rows stored in ClickHouse", ("table",)),
    # Growing without rows growing means that ClickHouse is away; partitions are held back meanwhile.
    "journeys_sink_failures_total": About("Writes that failed and are tried again, by kind", ("kind",)),
    "journeys_sink_waiting_rows": About("Rows collected and not stored yet"),
    "journeys_sink_flush_seconds": About("How long the last flush took"),
    # `given_up` is an alert that somebody never heard of; the log says why.
    "journeys_notifications_total": About(
        "Messages of `journeys notify`, by what became of them", ("channel", "outcome")
    ),
    "journeys_notifications_waiting": About("Alerts that wait for their group, hour, digest or channel"),
}
assert set(ABOUT) == set(get_args(Name))

OF_TASK: dict[str, Name] = {
    "dead": "journeys_dead_letters_total",
    "dropped": "journeys_dropped_total",
    "redirected": "journeys_redirected_total",
    "fired": "journeys_timers_fired_total",
    "seek_back": "journeys_seeks_total",
    "matches": "journeys_selection_matches_total",
    "firings": "journeys_rule_firings_total",
    "alerts": "journeys_alerts_total",
}
"""(name, label) pairs that tasks and logics count, where they have a figure of their own."""

OUTCOMES = frozenset({"read", "ok", "duplicate", "repeated", "heartbeat", "clock"})


PLAIN = ("Content-Type", "text/plain; charset=utf-8")


class Metrics:
    """One registry, and whether the worker lives and is ready. `port` 0 tells nobody."""

    def __init__(self, port: int = 0, address: str = "") -> None:
        self.health = Health()
        self.registry = CollectorRegistry()
        self._figures: dict[str, Any] = {name: self._make(name, about) for name, about in ABOUT.items()}
        self._server: Any = None
        if port:
            try:
                self._server = make_server(address or "0.0.0.0", port, self._door(), _Server, _Silent)
            except OSError as error:
                raise OSError(f"metrics_port {port} cannot be used ({error.strerror}); write another, or 0") from None
            Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def _door(self) -> Callable[[Any, Any], Iterable[bytes]]:
        """/livez, /readyz, and the figures at every other path."""
        figures = make_wsgi_app(self.registry)
        asked = {"/livez": self.health.why_not_alive, "/readyz": self.health.why_not_ready}

        def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
            ask = asked.get(environ["PATH_INFO"])
            if ask is not None:
                why = ask()
                start("503 Service Unavailable" if why else "200 OK", [PLAIN])
                return [f"{why or 'ok'}\n".encode()]
            try:
                found: Iterable[bytes] = figures(environ, start)
            except Exception:  # it reads a version that is no number as text, and compares it with numbers
                start("400 Bad Request", [PLAIN])
                return [b"no figures are told in the form that is asked for\n"]
            return found

        return answer

    def _make(self, name: Name, about: About) -> Any:
        kind = Counter if name.endswith("_total") else Gauge
        return kind(name, about.text, about.labels, registry=self.registry)

    def add(self, name: Name, amount: float, *labels: str) -> None:
        figure = self._figures[name]
        (figure.labels(*labels) if labels else figure).inc(amount)

    def set(self, name: Name, value: float, *labels: str) -> None:
        figure = self._figures[name]
        (figure.labels(*labels) if labels else figure).set(value)

    def forget(self, names: Iterable[Name]) -> None:
        """Partitions that are no longer ours must not stand there with their last value."""
        for name in names:
            self._figures[name].clear()

    def take(self, counts: Counted[tuple[str, str]]) -> None:
        """Add what was counted since the last time, and empty it."""
        for (name, label), amount in counts.items():
            if name in OUTCOMES:
                self.add("journeys_records_total", amount, name, label)
            elif name in OF_TASK:
                self.add(OF_TASK[name], amount, label)
            else:
                self.add("journeys_noticed_total", amount, name, label)
        counts.clear()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    """A slow reader keeps nobody waiting, nor the end of the process."""

    daemon_threads = True


class _Silent(WSGIRequestHandler):
    """Probes come every few seconds: not a line each. Who has not asked within `timeout` seconds keeps no thread."""

    timeout = 30.0

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Growing:
    """Turns totals that others keep into what was added since the last look."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], float] = {}

    def since(self, name: str, totals: Mapping[str, float]) -> Iterable[tuple[str, float]]:
        for label, total in totals.items():
            before = self._seen.get((name, label), 0.0)
            self._seen[name, label] = total
            if total > before:
                yield label, total - before
            elif total < before:
                yield label, total  # counted anew, after a rebalance
