"""Copies on disk: found whole or not at all, and refused, with a reason, where the changelog is not what they are of."""

from __future__ import annotations

import os
import time
from pathlib import Path
from random import Random

import pytest
from faust.types import TP

from streams.batch import copies as module
from streams.batch.copies import KEPT_MS, Copies, Copy, Damaged
from streams.delivery.table import Change

HERE = TP("users-changelog", 3)
RECORDS: list[Change] = [(b"e:user-%d" % n, bytes([n % 256]) * (n % 700)) for n in range(5_000)]


def written(copies: Copies, records: list[Change] = RECORDS, tp: TP = HERE, topic_id: str = "id", at: int = 77) -> None:
    writing = copies.begin(tp, topic_id, at)
    for begin in range(0, len(records), 300):
        writing.add(records[begin : begin + 300])
    writing.finish()


def found(copies: Copies, tp: TP = HERE, topic_id: str = "id", begin: int = 0, end: int = 100) -> Copy | None:
    return copies.find(tp, topic_id, begin, end)


def read(copy: Copy | None) -> list[Change]:
    assert copy is not None
    return [record for records in copy.read() for record in records]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    copies = Copies(tmp_path / "made" / "for it")
    written(copies)
    copy = found(copies)
    assert read(copy) == RECORDS
    assert copy is not None
    assert copy.position == 77
    assert abs(copy.taken_at - time.time() * 1000) < 60_000
    assert not copies.counts


def test_a_record_larger_than_a_record_batch_is_no_matter(tmp_path: Path) -> None:
    copies = Copies(tmp_path)
    large: list[Change] = [(b"e:a", bytes(3_000_000)), (b"e:b", b"small")]
    written(copies, large)
    assert read(found(copies)) == large


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    copies = Copies(tmp_path / "state")
    written(copies)
    (file,) = (tmp_path / "state").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


def test_it_is_not_there_before_it_is_whole_and_leaves_the_one_before_it_alone(tmp_path: Path) -> None:
    copies = Copies(tmp_path)
    writing = copies.begin(HERE, "id", 10)
    writing.add(RECORDS)
    assert found(copies) is None
    writing.finish()
    later = copies.begin(HERE, "id", 20)
    later.add(RECORDS[:10])
    later.discard()
    copy = found(copies)
    assert read(copy) == RECORDS
    assert len(list(tmp_path.iterdir())) == 1


def test_each_partition_has_its_own(tmp_path: Path) -> None:
    copies = Copies(tmp_path)
    other = TP(HERE.topic, 4)
    written(copies)
    written(copies, RECORDS[:1], other)
    assert read(found(copies, other)) == RECORDS[:1]
    assert found(copies, TP("accounts-changelog", 3)) is None


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"topic_id": "another"}, "another topic"),
        ({"topic_id": ""}, "another topic"),
        ({"end": 76}, "another history"),
        ({"begin": 78}, "another history"),
    ],
)
def test_a_changelog_that_is_another_one_now_is_read_from_its_beginning(
    tmp_path: Path, told: dict[str, object], reason: str
) -> None:
    copies = Copies(tmp_path)
    written(copies)
    assert found(copies, **told) is None  # type: ignore[arg-type]
    assert copies.counts == {("copy_refused", reason): 1}
    assert not list(tmp_path.iterdir()), "it never serves again"


def test_its_position_may_be_either_end_of_the_changelog(tmp_path: Path) -> None:
    copies = Copies(tmp_path)
    written(copies)
    assert found(copies, begin=77)
    assert found(copies, end=77)


@pytest.mark.parametrize("age", [KEPT_MS + 60_000, -60_000])
def test_one_that_is_too_old_or_from_the_future_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: int
) -> None:
    copies = Copies(tmp_path)
    written(copies)
    now = int(time.time() * 1000)
    monkeypatch.setattr(module, "_now", lambda: now + age)
    assert found(copies) is None
    assert copies.counts == {("copy_refused", "too old"): 1}


def test_wherever_a_file_is_cut_off_or_changed_it_is_damaged(tmp_path: Path) -> None:
    copies, luck = Copies(tmp_path), Random(4)
    written(copies, RECORDS[:900])
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    spoilt = [whole[: luck.randrange(len(whole))] for _ in range(60)]
    for _ in range(60):
        at = luck.randrange(len(whole))
        spoilt.append(whole[:at] + bytes([whole[at] ^ (1 << luck.randrange(8))]) + whole[at + 1 :])
    spoilt += [b"", whole[:200], b"something else altogether"]
    missed = 0
    for raw in spoilt:
        file.write_bytes(raw)
        copy = found(copies)
        if copy is None:
            continue
        try:
            assert read(copy) == RECORDS[:900]
            missed += 1
        except Damaged:
            pass
    assert missed <= 3, "base offset, length and leader's epoch of a record batch are before its checksum"


def test_a_batch_that_is_missing_from_the_middle_is_noticed(tmp_path: Path) -> None:
    copies = Copies(tmp_path)
    written(copies, RECORDS[:900])
    (file,) = tmp_path.iterdir()
    whole, at, batches = file.read_bytes(), 0, list[bytes]()
    while at < len(whole):
        size = 12 + int.from_bytes(whole[at + 8 : at + 12], "big")
        batches.append(whole[at : at + size])
        at += size
    file.write_bytes(b"".join(batches[:2] + batches[3:]))
    with pytest.raises(Damaged):
        read(found(copies))


def test_files_that_nobody_may_use_any_more_are_deleted(tmp_path: Path) -> None:
    copies = Copies(tmp_path)
    written(copies)
    written(copies, tp=TP(HERE.topic, 4))
    copies.begin(TP(HERE.topic, 5), "id", 1)  # by a worker that was killed
    old = time.time() - KEPT_MS / 1000 - 60
    for file in tmp_path.iterdir():
        if not file.name.endswith("-4.copy"):
            os.utime(file, (old, old))
    assert copies.tidy() == 2
    assert [file.name for file in tmp_path.iterdir()] == ["users-changelog-4.copy"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        Copies(tmp_path / "file" / "state")
