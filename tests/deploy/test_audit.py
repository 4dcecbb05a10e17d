"""The dependency audit: what it takes for a finding, and that it says so where nobody could be asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploy.audit import CLEAN, FOUND, LOCK, NOT_ASKED, RUNTIME, Audit, Finding, from_folder, pins, read_report, verdict

ADVISORY = """
id: PYSEC-1
affected:
- package: {ecosystem: PyPI, name: Some.Package}
  ranges:
  - type: GIT
    events: [{introduced: '0'}]
  - type: ECOSYSTEM
    events: [{introduced: '1.0'}, {fixed: 1.4.2}, {introduced: '2.0'}, {last_affected: '2.1'}]
  versions: [0.9rc1]
"""


def found(folder: Path, version: str, advisory: str = ADVISORY) -> Audit:
    (folder / "vulns" / "some-package").mkdir(parents=True)
    (folder / "vulns" / "some-package" / "PYSEC-1.yaml").write_text(advisory)
    lock = folder / "lock.txt"
    lock.write_text(
        f"other==1\nsome_package[extra]=={version} ; python_version > '3' \\\n    --hash=sha256:00\n    # via x==1\n"
    )
    return from_folder(lock, folder)


@pytest.mark.parametrize("version", ["1.0", "1.4.1", "2.0", "2.1", "0.9rc1"])
def test_a_version_within_a_range_or_named_is_a_finding(tmp_path: Path, version: str) -> None:
    audit = found(tmp_path, version)
    assert audit.findings == [Finding("some-package", version, "PYSEC-1", ("1.4.2",))]
    assert verdict(audit, {"some-package"}, {}) == (
        FOUND, [f"audit: some-package {version} (in the image): PYSEC-1, mended in 1.4.2"]
    )  # fmt: skip


@pytest.mark.parametrize("version", ["0.9", "1.4.2", "1.9", "2.1.1", "3.0"])
def test_a_version_outside_of_all_ranges_is_none(tmp_path: Path, version: str) -> None:
    assert verdict(found(tmp_path, version), set(), {}) == (CLEAN, ["audit: no known vulnerabilities"])


def test_an_advisory_that_was_withdrawn_counts_no_more(tmp_path: Path) -> None:
    assert not found(tmp_path, "1.0", ADVISORY + "withdrawn: '2024-01-01T00:00:00Z'\n").findings


def test_what_was_accepted_is_shown_with_its_reason_and_fails_nothing(tmp_path: Path) -> None:
    code, lines = verdict(found(tmp_path, "1.0"), set(), {"PYSEC-1": "nobody calls that"})
    assert (code, "(not in the image)" in lines[0], lines[0].endswith("; accepted: nobody calls that")) == (
        CLEAN,
        True,
        True,
    )


REPORT: dict[str, Any] = {
    "dependencies": [
        {"name": "good", "version": "1", "vulns": []},
        {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-2", "fix_versions": []}]},
        {"name": "gone", "skip_reason": "Dependency not found"},
    ]
}


def test_a_package_about_which_nobody_could_be_asked_is_no_clean_one() -> None:
    audit = read_report({"dependencies": [REPORT["dependencies"][0], REPORT["dependencies"][2]]})
    code, lines = verdict(audit, set(), {})
    assert code == NOT_ASKED
    assert lines == ["audit: nothing could be learnt about 1 packages, such as gone: Dependency not found"]
    assert verdict(read_report(REPORT), set(), {})[0] == FOUND  # a finding outweighs it


def test_a_folder_that_is_not_there_is_not_clean_either(tmp_path: Path) -> None:
    assert verdict(from_folder(LOCK, tmp_path), set(), {})[0] == NOT_ASKED


def test_every_pin_of_the_lock_files_is_read() -> None:
    for path in (LOCK, RUNTIME):
        lines = [line for line in path.read_text().splitlines() if line[:1].isalnum()]
        assert len(pins(path)) == len({line.partition("=")[0].partition("[")[0] for line in lines})
