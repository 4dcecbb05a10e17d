"""Workers with copies of their tables: what comes out is the same, and a restart reads little of the changelog."""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import time
from pathlib import Path

import pytest
from faust.types import TP

from schemas.definition.parse import load
from streams.app import engine_app
from streams.batch.copies import Copies
from streams.copier import Copier
from streams.settings import Settings, SettingsError
from tests.streams.cluster import Cluster, Worker, history, wait_for
from tests.streams.delivery.harness import Driven, event
from tests.streams.test_engine import check


def start(cluster: Cluster, state: Path, work_ms: str = "0") -> Worker:
    return cluster.worker(work_ms, "one", str(state)).ready()


def figures(worker: Worker) -> tuple[int, int]:
    """Records that taking over read of changelogs, and of copies."""
    said = re.findall(r"partitions_taken .*?copied=(\d+).*?records=(\d+)", worker.text())
    assert said, worker.text()[-2000:]
    copied, records = said[-1]
    return int(records), int(copied)


def copied(worker: Worker) -> int:
    return len(re.findall(r"\bcopied +", worker.text()))


def test_a_restart_reads_its_copies_and_of_the_changelog_only_what_came_later(cluster: Cluster, tmp_path: Path) -> None:
    events = history(21, 6_000)
    cluster.feed(events[:4_000])
    worker = start(cluster, tmp_path / "state")
    wait_for(lambda: cluster.lag() == 0 and copied(worker) >= 5, 30, worker.text)
    time.sleep(3)  # what has been copied since
    worker.kill()
    cluster.feed(events[4_000:], end=7_000)
    again = start(cluster, tmp_path / "state")
    records, from_copies = figures(again)
    assert from_copies > 300, "there are 400 users, of whom some have ended"
    assert records < from_copies
    check(cluster, events, 7_000)


def test_kill_9_while_copies_are_taken_loses_and_repeats_nothing(cluster: Cluster, tmp_path: Path) -> None:
    events, luck, used = history(22, 6_000), random.Random(6), 0
    cluster.feed(events[:3_000])
    for turn in range(3):
        worker = start(cluster, tmp_path, "1")
        used += figures(worker)[1]
        time.sleep(luck.uniform(1.2, 3.0))
        worker.kill()
        cluster.feed(events[3_000 + turn * 900 : 3_900 + turn * 900])
    cluster.feed(events[5_700:], end=7_000)
    used += figures(start(cluster, tmp_path))[1]
    assert used > 0, "no copy was used"
    check(cluster, events, 7_000)


def test_what_was_deleted_since_a_copy_was_made_stays_deleted_and_a_spoilt_one_is_refused(
    cluster: Cluster, tmp_path: Path
) -> None:
    events = history(23, 3_000)
    cluster.feed(events[:1_500])
    worker = start(cluster, tmp_path)
    wait_for(lambda: cluster.lag() == 0 and copied(worker) >= 5, 30, worker.text)
    worker.terminate()
    old = {file: file.read_bytes() for file in tmp_path.glob("*.copy")}
    cluster.feed(events[1_500:], end=4_000)  # a part of it ends people that the copies have alive
    later = start(cluster, tmp_path)
    wait_for(lambda: cluster.lag() == 0, 30, later.text)
    later.terminate()
    first, *others = old
    for file in others:
        file.write_bytes(old[file])
    first.write_bytes(old[first][:-100])
    last = start(cluster, tmp_path)
    assert figures(last)[1] > 0
    assert "damaged" in last.text()
    check(cluster, events, 4_000)


def test_a_changelog_made_anew_is_not_mixed_with_copies_of_the_one_before(cluster: Cluster, tmp_path: Path) -> None:
    copies = Copies(tmp_path)
    writing = copies.begin(TP(f"{cluster.prefix}users-changelog", 0), "the one before", 0)
    writing.add([(b"e:u1", b"not of this changelog")])
    writing.finish()
    events = history(24, 500)
    cluster.feed(events, end=1_000)
    worker = start(cluster, tmp_path)
    assert "another topic" in worker.text()
    check(cluster, events, 1_000)


def test_a_copy_that_could_not_be_used_is_made_again_however_little_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.copier.LOOK_S", 0.01)
    driven, key = Driven().take_over(), ("users", 0)
    driven.take(*(event(n, f"u{n}", 100 + n) for n in range(60)))
    copier = Copier(Copies(tmp_path, fewest=20), lambda: {key: driven.task}, lambda table: ("log", "id"), lambda: False)

    async def copied() -> bool:
        for _ in range(20):
            await asyncio.sleep(0.02)
            driven.tick(500)
        return (tmp_path / "log-0.copy").exists()

    async def scenario() -> None:
        running = asyncio.create_task(copier.run())
        assert await copied()
        (tmp_path / "log-0.copy").unlink()
        assert not await copied(), "nothing has changed"
        copier.took([key], {})
        assert await copied()
        running.cancel()

    asyncio.run(scenario())


def test_a_state_dir_that_cannot_be_used_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = Settings(state_dir=str(tmp_path / "file" / "copies"))
    with pytest.raises(SettingsError, match=r"^state_dir '.*copies' cannot be used \(Not a directory\): name a folder"):
        engine_app(settings, load(settings.definition_path))


def test_a_disk_that_is_gone_stops_no_journey(cluster: Cluster, tmp_path: Path) -> None:
    state = tmp_path / "state"
    events = history(25, 3_000)
    cluster.feed(events, end=4_000)
    worker = start(cluster, state, "1")
    shutil.rmtree(state)
    check(cluster, events, 4_000)
    wait_for(lambda: "copy_failed" in worker.text(), 15, worker.text)
    assert worker.process.poll() is None
