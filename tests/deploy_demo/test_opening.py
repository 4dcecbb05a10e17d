"""The demo opens its board in the browser of whoever sits there, once it listens; nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deploy.demo.opening import seen
from deploy.local.process import free_port

ROOT = Path(__file__).parents[2]


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_it_is_opened_as_soon_as_the_board_listens(tmp_path: Path) -> None:
    told, browser, port = tmp_path / "told", tmp_path / "browser", free_port()
    browser.write_text(f'#!/bin/sh\necho "$1" > {told}\n')
    browser.chmod(0o755)
    home = f"http://127.0.0.1:{port}"
    code = f"from deploy.demo.opening import opened; assert opened('{home}/?token=t', '{home}', True)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "DISPLAY": ":7", "BROWSER": f"{browser} %s"}
    )
    time.sleep(0.5)
    assert not told.exists()  # nobody listens yet
    server = HTTPServer(("127.0.0.1", port), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        assert process.wait(30) == 0
        assert told.read_text().strip() == f"{home}/?token=t"
    finally:
        server.shutdown()
        server.server_close()


def test_nothing_is_opened_without_a_terminal_or_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not seen(True)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert seen(True)
    assert not seen(False)
