"""Log: structured, one line a fact; for people on a console, as JSON for machines. Kafka's and Faust's logs join in."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

QUIET = ("aiokafka", "faust", "mode", "asyncio", "streams.batch")
"""Libraries that tell of every step, and our subclasses of theirs: only what may need attention is passed on."""


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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
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
