"""Packages of the npm registry, for a script or a schema in them: fetched once by npm itself, checked, kept between runs."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from deploy.cache import kept

SDKS = Path(__file__).parents[1] / ".sdks" / "bin"
"""Where `make sdks` puts an npm, for a machine that has none."""


class Package(NamedTuple):
    """`sha512` as npm writes it."""

    name: str
    version: str
    sha512: str


class NpmError(RuntimeError):
    """The package cannot be had, or is not the one that was meant; the message says what to do."""


def content(package: Package, path: str) -> bytes:
    """One file of a package. Needs npm the first time; an archive of another checksum is not used. Raises NpmError."""
    archive = _archive(package)
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != package.sha512:
        raise NpmError(f"{archive} is not the package that was meant (SHA-512 {digest}): remove it")
    with tarfile.open(archive) as files:
        found = files.extractfile(f"package/{path}")
        assert found is not None, f"{package.name} has no file {path}"
        return found.read()


def _archive(package: Package) -> Path:
    home = kept("npm")
    archive = home / f"{package.name.strip('@').replace('/', '-')}-{package.version}.tgz"
    if archive.exists():
        return archive
    path = f"{os.environ.get('PATH', '')}{os.pathsep}{SDKS}"
    npm = shutil.which("npm", path=path)
    if npm is None:
        raise NpmError(
            f"{package.name} comes from the npm registry, and there is no npm: install one, or say `make sdks`,"
            f" or put {archive.name} into {home}"
        )
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as folder:  # another process may want the same
        told = subprocess.run(
            [npm, "pack", "--silent", f"{package.name}@{package.version}"], cwd=folder, capture_output=True, text=True,
            env={**os.environ, "PATH": path}, timeout=280,
        )  # fmt: skip
        if told.returncode:
            raise NpmError(f"npm has not brought {package.name}: {told.stderr.strip()[-300:]}")
        (Path(folder) / archive.name).replace(archive)
    return archive
