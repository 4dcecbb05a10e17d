"""Files of npm packages: fetched once, checked each time, and what is missing is asked for in words. npm is played here."""

from __future__ import annotations

import base64
import hashlib
import os
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from deploy import npm
from deploy.npm import NpmError, Package, content


def archive(text: bytes) -> bytes:
    """A package of one file, as npm packs it."""
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as files:
        entry = tarfile.TarInfo("package/dist/x.js")
        entry.size = len(text)
        files.addfile(entry, BytesIO(text))
    return packed.getvalue()


PACKED = archive(b"let x")
WANTED = Package("@acme/x", "1.2.3", base64.b64encode(hashlib.sha512(PACKED).digest()).decode())


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its one folder of programs, which is empty, as is the cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(npm, "SDKS", tmp_path / "sdks")
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def registry(machine: Path, text: str) -> None:
    (machine / "npm").write_text(f"#!/bin/sh\n{text}\n")
    (machine / "npm").chmod(0o755)


def serve(machine: Path, packed: bytes) -> None:
    """An npm that packs this, whatever it is asked for."""
    (machine / "packed").write_bytes(packed)
    registry(machine, f'/bin/echo "$@" >> {machine}/asked; /bin/cp {machine}/packed acme-x-1.2.3.tgz')


def test_a_file_is_fetched_once_by_its_version(machine: Path) -> None:
    serve(machine, PACKED)
    assert content(WANTED, "dist/x.js") == content(WANTED, "dist/x.js") == b"let x"
    assert (machine / "asked").read_text() == "pack --silent @acme/x@1.2.3\n"
    assert os.listdir(machine.parent / "cache" / "journeys" / "npm") == ["acme-x-1.2.3.tgz"]


def test_an_archive_that_is_another_one_is_not_used(machine: Path) -> None:
    serve(machine, archive(b"let y"))
    with pytest.raises(NpmError, match=r"acme-x-1.2.3.tgz is not the package that was meant"):
        content(WANTED, "dist/x.js")


def test_the_npm_of_the_sdks_will_do(machine: Path) -> None:
    npm.SDKS.mkdir()
    serve(npm.SDKS, PACKED)
    assert content(WANTED, "dist/x.js") == b"let x"


def test_without_npm_it_says_what_to_do(machine: Path) -> None:
    with pytest.raises(NpmError, match=r"install one, or say `make sdks`, or put acme-x-1\.2\.3\.tgz into"):
        content(WANTED, "dist/x.js")


def test_what_npm_says_is_passed_on_and_nothing_is_kept(machine: Path) -> None:
    registry(machine, "/bin/echo 'npm error 404 Not Found' >&2; exit 1")
    with pytest.raises(NpmError, match="npm has not brought @acme/x: npm error 404 Not Found"):
        content(WANTED, "dist/x.js")
    assert os.listdir(machine.parent / "cache" / "journeys" / "npm") == []
