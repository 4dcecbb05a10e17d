"""The vendors' own SDKs, unmodified, making the calls of one story against a door: `python sdks.py URL`.

They are no dependencies of ours: run this with an environment that has segment-analytics-python, rudder-sdk-python,
posthog, mixpanel, amplitude-analytics and snowplow-tracker. `python sdks.py --record FILE [FOLDER]` writes the requests
that they make, which the tests replay; those of the Node SDKs too, where FOLDER has sdks.mjs and its packages.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from typing import Any

AT = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)


def segment(url: str) -> None:
    from segment.analytics.client import Client

    client = Client("key-segment", host=url, gzip=True)
    client.identify("u1", {"title": "CTO"}, timestamp=AT)
    client.group("u1", "acme", {"plan": "pro"}, timestamp=AT)
    client.track("u1", "Report Created", {"rows": 7}, context={"groupId": "acme"}, timestamp=AT)
    client.shutdown()


def rudderstack(url: str) -> None:
    from rudderstack.analytics.client import Client

    client = Client("key-rudderstack", host=url, gzip=True)
    client.track("u1", "Report Created", {"rows": 7}, context={"groupId": "acme"}, timestamp=AT)
    client.page("u1", "Docs", "Pricing", {"path": "/pricing"}, timestamp=AT)
    client.join()


def posthog(url: str) -> None:
    from posthog import Posthog

    client = Posthog("key-posthog", host=url, gzip=True, disable_geoip=True)
    client.capture("report created", distinct_id="u1", properties={"rows": 7}, groups={"company": "acme"}, timestamp=AT)
    client.set(distinct_id="u1", properties={"email": "ada@acme.io"}, timestamp=AT)
    client.group_identify("company", "acme", {"plan": "pro"}, timestamp=AT)
    client.alias(previous_id="old", distinct_id="u1", timestamp=AT)
    client.shutdown()


def mixpanel(url: str) -> None:
    from mixpanel import Consumer, Mixpanel

    consumer = Consumer(
        events_url=f"{url}/track", people_url=f"{url}/engage", import_url=f"{url}/import", groups_url=f"{url}/groups"
    )
    client = Mixpanel("key-mixpanel", consumer=consumer)
    seconds = int(AT.timestamp())
    client.track("u1", "Report Created", {"rows": 7, "company": "acme", "time": seconds})
    client.import_data("", "u1", "Report Created", seconds, {"rows": 8}, api_secret="key-mixpanel")
    client.people_set("u1", {"$email": "ada@acme.io"}, meta={"$time": seconds})
    client.group_set("company", "acme", {"plan": "pro"}, meta={"$time": seconds})


def amplitude(url: str) -> None:
    from amplitude import Amplitude, BaseEvent, EventOptions, Identify

    client = Amplitude("key-amplitude")
    client.configuration.server_url = f"{url}/2/httpapi"
    ms = int(AT.timestamp() * 1000)
    client.track(BaseEvent("Report Created", user_id="user-1", device_id="device-1", time=ms, event_properties={"rows": 7},
                           groups={"company": "acme"}, insert_id="i1"))  # fmt: skip
    who = Identify()
    who.set("title", "CTO")
    client.identify(who, EventOptions(user_id="user-1", device_id="device-1", time=ms))
    company = Identify()
    company.set("plan", "pro")
    client.group_identify("company", "acme", company, EventOptions(time=ms))
    client.flush()
    client.shutdown()


def snowplow(url: str) -> None:
    from snowplow_tracker import Emitter, SelfDescribing, SelfDescribingJson, StructuredEvent, Subject, Tracker

    host, _, port = url.removeprefix("http://").partition(":")
    emitter = Emitter(host, protocol="http", port=int(port), method="post", batch_size=10, buffer_capacity=100)
    subject = Subject()
    subject.set_user_id("u1").set_domain_user_id("d1")
    tracker = Tracker("app", emitter, app_id="key-snowplow", subject=subject, encode_base64=True)
    account = SelfDescribingJson("iglu:com.acme/account/jsonschema/1-0-0", {"id": "acme"})
    report = SelfDescribingJson("iglu:com.acme/report_created/jsonschema/1-0-0", {"rows": 7})
    stamp = int(AT.timestamp() * 1000)
    tracker.track(SelfDescribing(event_json=report, context=[account], true_timestamp=stamp))
    tracker.track(StructuredEvent("export", "exported", true_timestamp=stamp))
    tracker.flush()


SDKS: dict[str, tuple[str, Callable[[str], None]]] = {
    "segment": ("segment-analytics-python", segment), "rudderstack": ("rudder-sdk-python", rudderstack),
    "posthog": ("posthog", posthog), "mixpanel": ("mixpanel", mixpanel), "amplitude": ("amplitude-analytics", amplitude),
    "snowplow": ("snowplow-tracker", snowplow),
}  # fmt: skip


def node(folder: str) -> dict[str, tuple[str, Callable[[str], None]]]:
    """The Node SDKs: {source: (package and version, what tells the story)}."""
    told = subprocess.run(["node", "sdks.mjs", "--versions"], cwd=folder, check=True, capture_output=True)

    def story(source: str) -> Callable[[str], None]:
        return lambda url: print(subprocess.run(["node", "sdks.mjs", url, source], cwd=folder, timeout=60).returncode)

    return {source: (package, story(source)) for source, package in json.loads(told.stdout).items()}


def record(path: str, folder: str | None) -> None:
    """Let every SDK send to a server that keeps what it is sent, and write that down, one request a line."""
    python = {source: (f"{package} {version(package)}", run) for source, (package, run) in SDKS.items()}
    kept: list[dict[str, Any]] = []
    answers: dict[str, Any] = {"status": 1, "success": True, "code": 200, "error": None}

    class Keep(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = (
                self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers["Content-Length"]
                else self.chunks()
            )
            names = ("Content-Type", "Content-Encoding", "Authorization")
            headers = {name: self.headers[name] for name in names if self.headers[name]}
            self.keep(body, headers)

        def do_GET(self) -> None:
            self.keep(b"", {})

        def keep(self, body: bytes, headers: dict[str, str]) -> None:
            kept.append(
                {"method": self.command, "path": self.path, "headers": headers, "body": b64encode(body).decode()}
            )
            told = b"1" if self.command == "GET" else json.dumps(answers).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def chunks(self) -> bytes:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keep)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(path, "w") as file:
        for source, (package, run) in [*python.items(), *(node(folder).items() if folder else ())]:
            kept.clear()
            run(f"http://127.0.0.1:{server.server_port}")
            for request in kept:
                file.write(json.dumps({"source": source, "sdk": package, **request}) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "--record":
        record(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
    else:
        for _, run in SDKS.values():
            run(sys.argv[1])
