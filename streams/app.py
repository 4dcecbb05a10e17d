"""App: the engine as a Faust app made from settings. `faust -A streams.app worker` runs it as `journeys worker` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schemas.definition.model import Definition
from schemas.definition.parse import load
from streams.batch.app import BatchApp
from streams.batch.copies import Copies
from streams.connection import credentials
from streams.privacy import privacy
from streams.settings import Settings, SettingsError, duration_ms, load_settings
from streams.topology import declare, graph_of

PRODUCER_TIMEOUT_S = 60.0
"""A record that could not be sent for this long ends the process; Faust would hang for twenty minutes."""

NEVER_S = 365 * 86_400.0
"""A year: whoever holds partitions back fetches nothing for as long as an outage lasts, and must not leave its group for
it. That the process lives is what heartbeats say."""


def engine_app(settings: Settings, definition: Definition) -> BatchApp:
    """The app with its agents and tables; not started. Raises SettingsError where `state_dir` cannot be used."""
    copies = _copies(settings.state_dir)
    app = BatchApp(settings.group, **options(settings))
    declare(app, graph_of(settings, definition), settings.batch, privacy(settings).batch, copies)
    return app


def _copies(folder: str) -> Copies | None:
    try:
        return Copies(Path(folder)) if folder else None
    except OSError as error:
        why = error.strerror or error
        raise SettingsError(f"state_dir {folder!r} cannot be used ({why}): name a folder we may write to") from None


def options(settings: Settings) -> dict[str, Any]:
    """Faust's settings, of engine and sink alike."""
    session = (duration_ms(settings.session) or 0) / 1000
    return {
        "broker": [f"kafka://{address.strip()}" for address in settings.bootstrap.split(",")],
        "broker_credentials": credentials(settings),
        "broker_session_timeout": session,
        "broker_heartbeat_interval": session / 5,
        "broker_rebalance_timeout": max(30.0, session),
        "broker_request_timeout": max(40.0, session),
        "broker_max_poll_records": settings.batch,
        "broker_max_poll_interval": NEVER_S,
        "consumer_group_instance_id": settings.instance,
        "consumer_auto_offset_reset": "earliest",
        "producer_request_timeout": PRODUCER_TIMEOUT_S,
        "web_enabled": False,
        "worker_redirect_stdouts": False,
    }


def __getattr__(name: str) -> Any:
    """`app`, made when it is asked for: importing this module reads no settings."""
    if name == "app":
        settings = load_settings()
        made = globals()["app"] = engine_app(settings, load(settings.definition_path))
        return made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
