"""Log: structured, one line a fact; for people on a console, as JSON for machines. Kafka's and Faust's logs join in."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import Any, TextIO

import structlog

QUIET = ("aiokafka", "faust", "mode", "asyncio", "streams.batch")
"""Libraries that tell of every step, and our subclasses of theirs: only what may need attention is passed on."""


class Lossy:
    """A stream that costs a line where it cannot be written: a full disk, or a reader that is gone, ends no worker."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def say(text: object) -> None:
    """One line to stderr, for people."""
    with suppress(OSError):
        print(f"journeys: {text}", file=sys.stderr, flush=True)


def configure(kind: str, level: str) -> None:
    """`kind`: console or json. To stderr: stdout belongs to what a command is asked for."""
    number = logging.getLevelName(level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if kind == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer] if kind == "json" else [*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(Lossy(sys.stderr)),  # type: ignore[arg-type]  # all that it asks for
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name], processors=[
        structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer,
    ])  # fmt: skip
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
