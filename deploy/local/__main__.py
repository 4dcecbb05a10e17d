"""`python -m deploy.local`: a Kafka and a ClickHouse in the foreground, until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from deploy.local.process import ServiceError
from deploy.local.services import Services, local_services


def main() -> int:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    try:
        with local_services(arguments.kafka, arguments.clickhouse, say=_say, data=arguments.data) as services:
            _say(f"kafka       {services.kafka}")
            _say(f"clickhouse  {services.clickhouse}")
            _say("Ctrl-C ends what was started here")
            _wait(services)
    except ServiceError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("--kafka", default=os.environ.get("KAFKA"), help="host:port of a Kafka that runs already")
    parser.add_argument(
        "--clickhouse", default=os.environ.get("CLICKHOUSE"), help="URL of a ClickHouse that runs already"
    )
    parser.add_argument("--data", type=Path, help="keep the data in this folder (default: temporary)")
    return parser.parse_args()


def _wait(services: Services) -> None:
    """Until one of ours ends by itself, which it should not."""
    own = [service for service in (services.local_kafka, services.local_clickhouse) if service is not None]
    while all(service.running for service in own):
        time.sleep(1.0)
    ended = next(service for service in own if not service.running)
    raise ServiceError(f"{ended.name} ended by itself; its log ends:\n{ended.log.read_text(errors='replace')[-2000:]}")


def _as_ctrl_c(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
