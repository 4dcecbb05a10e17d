"""Prometheus' checker for the tests: found, or asked for in words."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy.cache import kept
from deploy.promtool import VARIABLE, PromtoolError, main, promtool


def test_the_promtool_of_this_machine_runs() -> None:
    told = subprocess.run([promtool(), "--version"], capture_output=True, text=True, timeout=60)
    assert told.stdout.startswith("promtool, version")


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without one: its folder of programs, which is empty."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_without_one_and_without_apt_it_says_what_to_do(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PromtoolError, match=f"install Prometheus, or name it with {VARIABLE}="):
        promtool()
    assert main() == 1
    assert "no apt-get" in capsys.readouterr().err


def test_what_apt_says_of_a_package_that_it_cannot_have_is_passed_on(bare: Path) -> None:
    program(bare / "apt-get", "echo 'E: Unable to locate package prometheus' >&2; exit 100")
    with pytest.raises(PromtoolError, match=f"Unable to locate package prometheus; .* name it with {VARIABLE}="):
        promtool()


def test_of_the_package_only_this_program_is_kept(bare: Path) -> None:
    """apt and dpkg are played: the one leaves a package where it stands, the other lays its files out."""
    folder = kept("promtool")
    program(bare / "apt-get", 'case "$*" in *download*) /bin/echo of Debian > prometheus_2_amd64.deb;; esac')
    program(
        bare / "dpkg-deb",
        '/bin/mkdir -p "$3/usr/bin"; /bin/cp "$2" "$3/usr/bin/promtool"; /bin/touch "$3/usr/bin/prometheus"',
    )
    assert promtool() == folder / "promtool"
    assert [path.name for path in folder.iterdir()] == ["promtool"]
    assert (folder / "promtool").read_text() == "of Debian\n"
    (bare / "apt-get").unlink()
    assert promtool() == folder / "promtool", "the next time it is there"


def test_one_that_is_named_is_taken_and_a_wrong_name_is_said(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(bare / "mine"))
    with pytest.raises(PromtoolError, match=f"{VARIABLE}={bare / 'mine'} is no program"):
        promtool()
    mine = program(bare / "mine", "")
    assert promtool() == mine
