"""`python -m deploy.audit [--advisories FOLDER]`: which of the pinned packages have known vulnerabilities.

pip-audit asks the advisory service of the package index; its own environment, .audit, is made from requirements/audit.txt.
Where nothing but files can be reached, a copy of PyPA's advisory database (OSV files, vulns/NAME/*.yaml) does as well.

Exit codes: 0 nothing is known, 1 something is, 2 the service could not be asked, or not about every package.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
LOCK, RUNTIME, TOOL = (ROOT / "requirements" / f"{name}.txt" for name in ("lock", "runtime", "audit"))
HOME = ROOT / ".audit"
CLEAN, FOUND, NOT_ASKED = 0, 1, 2

ACCEPTED: dict[str, str] = {}
"""Advisory -> why it does not matter here. Whatever stands here is shown, and fails nothing."""


class Finding(NamedTuple):
    """`fixed`: versions in which it is mended; empty where there is none yet."""

    package: str
    version: str
    advisory: str
    fixed: tuple[str, ...]


class Audit(NamedTuple):
    """`unasked`: packages about which nothing could be learnt, and why."""

    findings: list[Finding]
    unasked: dict[str, str]


def pins(lock: Path) -> dict[str, str]:
    """{package: version} of a lock file."""
    found = re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==([^\s;\\]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


# --- the service -------------------------------------------------------------------------------------------------------


def from_service(lock: Path) -> Audit:
    """What pip-audit says of a lock file."""
    _make_tool()
    command = [
        HOME / "bin" / "pip-audit", "-r", lock, "--require-hashes", "--disable-pip", "--progress-spinner=off", "-f", "json",
    ]  # fmt: skip
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    try:
        return read_report(orjson.loads(done.stdout))
    except ValueError:
        why = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return Audit([], dict.fromkeys(pins(lock), why))


def read_report(report: dict[str, Any]) -> Audit:
    """pip-audit's JSON. A package that the service does not know is skipped there, and no reason to be content."""
    told = report["dependencies"]
    findings = [
        Finding(one["name"], one["version"], found["id"], tuple(found["fix_versions"]))
        for one in told
        for found in one.get("vulns", ())
    ]
    return Audit(findings, {one["name"]: one["skip_reason"] for one in told if "skip_reason" in one})


def _make_tool() -> None:
    stamp = HOME / ".installed"
    if stamp.is_file() and stamp.read_text() == TOOL.read_text():
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", HOME], check=True)
    pip = [str(HOME / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(TOOL)], check=True)
    stamp.write_text(TOOL.read_text())


# --- a copy of the advisory database -------------------------------------------------------------------------------------


def from_folder(lock: Path, folder: Path) -> Audit:
    """What the OSV files of a folder say of a lock file."""
    wanted = pins(lock)
    if not (folder / "vulns").is_dir():
        return Audit([], dict.fromkeys(wanted, f"there is no {folder / 'vulns'}"))
    return Audit([f for name, version in wanted.items() for f in _of(name, version, folder / "vulns" / name)], {})


def _of(name: str, version: str, folder: Path) -> Iterable[Finding]:
    for path in sorted(folder.glob("*.yaml")):
        advisory = YAML(typ="safe").load(path)
        if "withdrawn" not in advisory and affects(advisory, name, version):
            yield Finding(name, version, advisory["id"], tuple(_events(advisory, name, "fixed")))


def affects(advisory: dict[str, Any], name: str, version: str) -> bool:
    """Whether an OSV advisory is about this version: one that it names, or one within a range of it."""
    return any(
        version in affected.get("versions", ()) or any(_within(r, version) for r in _ranges(affected))
        for affected in advisory.get("affected", ())
        if canonicalize_name(affected["package"]["name"]) == name
    )


def _within(events: list[dict[str, str]], version: str) -> bool:
    """Events in order of version: introduced, then fixed or last_affected, perhaps again."""
    inside, at = False, Version(version)
    for event in events:
        ((kind, bound),) = event.items()
        try:
            limit = Version(bound)
        except InvalidVersion:
            continue
        if kind == "introduced":
            inside = inside or at >= limit
        elif (kind == "fixed" and at >= limit) or (kind == "last_affected" and at > limit):
            inside = False
    return inside


def _ranges(affected: dict[str, Any]) -> Iterable[list[dict[str, str]]]:
    return (one["events"] for one in affected.get("ranges", ()) if one["type"] == "ECOSYSTEM")


def _events(advisory: dict[str, Any], name: str, kind: str) -> Iterable[str]:
    ours = (one for one in advisory["affected"] if canonicalize_name(one["package"]["name"]) == name)
    return (event[kind] for one in ours for events in _ranges(one) for event in events if kind in event)


# --- what is said --------------------------------------------------------------------------------------------------------


def verdict(audit: Audit, image: Iterable[str], accepted: dict[str, str]) -> tuple[int, list[str]]:
    """(exit code, what to print). `image`: packages that run in production."""
    lines, open_findings = [], [found for found in audit.findings if found.advisory not in accepted]
    for found in audit.findings:
        where = "in the image" if found.package in image else "not in the image"
        mend = f"mended in {', '.join(found.fixed)}" if found.fixed else "not mended yet"
        why = f"; accepted: {accepted[found.advisory]}" if found.advisory in accepted else ""
        lines.append(f"audit: {found.package} {found.version} ({where}): {found.advisory}, {mend}{why}")
    if audit.unasked:
        name, why = next(iter(audit.unasked.items()))
        lines.append(f"audit: nothing could be learnt about {len(audit.unasked)} packages, such as {name}: {why}")
    if not lines:
        lines.append("audit: no known vulnerabilities")
    return FOUND if open_findings else NOT_ASKED if audit.unasked else CLEAN, lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.audit", description=__doc__)
    parser.add_argument("--advisories", type=Path, help="a copy of PyPA's advisory database, instead of the service")
    folder = parser.parse_args().advisories
    audit = from_service(LOCK) if folder is None else from_folder(LOCK, folder)
    code, lines = verdict(audit, pins(RUNTIME), ACCEPTED)
    print("\n".join([f"audit: {len(pins(LOCK))} packages, {len(pins(RUNTIME))} of them in the image", *lines]))
    return code


if __name__ == "__main__":
    sys.exit(main())
