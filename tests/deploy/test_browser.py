"""The browser of the tests: found, or asked for in words."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy import browser
from deploy.browser import FLAGS, VARIABLE, BrowserError, chromium


def test_the_chromium_of_this_machine_runs() -> None:
    told = subprocess.run([chromium(), "--version"], capture_output=True, text=True, timeout=60)
    assert "Chrom" in told.stdout
    assert all(flag.startswith("--") for flag in FLAGS)


def test_one_that_is_named_is_taken_and_a_wrong_name_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine"
    mine.write_text("#!/bin/sh\n")
    monkeypatch.setenv(VARIABLE, str(mine))
    with pytest.raises(BrowserError, match=f"{VARIABLE}={mine} is no program"):
        chromium()
    mine.chmod(0o755)
    assert chromium() == mine


def test_without_one_and_without_apt_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(BrowserError, match=f"install it, or name it with {VARIABLE}="):
        chromium()


def test_one_that_was_unpacked_before_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    script = browser.folder() / "chromium"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\n")
    assert chromium() == script


def test_what_apt_says_of_a_package_that_it_cannot_have_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\necho 'E: Unable to locate package chromium' >&2; exit 100\n")
    apt.chmod(0o755)
    with pytest.raises(BrowserError, match=f"Unable to locate package chromium; .* name it with {VARIABLE}="):
        chromium()
