"""Laws of a replay: the same file gives the same bytes, packing and chunks change nothing, and no record is lost."""

from __future__ import annotations

import gzip
import random
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.deadletter import DeadLetter
from schemas.definition.parse import load
from streams.delivery.contracts import Output
from streams.replay.files import Unreadable, lines_of, replay_to
from streams.replay.run import CHUNK, Replay, Replayed
from tests.streams import linked
from tests.streams.commands import tiny

FILES = ("transitions.jsonl", "alerts.jsonl", "entities.jsonl", "dead_letters.jsonl", "summary.json")
PEOPLE = ("ada", "bob", "eve", "kim")


def crowd(seed: int, n: int = 120) -> list[bytes]:
    """A hundred records of four people over half a year, slightly out of order, a tenth of them broken."""
    luck = random.Random(seed)
    days = [day + luck.uniform(-0.5, 0.5) for day in sorted(luck.uniform(1, 180) for _ in range(n))]
    events = [
        tiny.event(i, luck.choice(("Signed Up", "Report Created", "Other")), luck.choice(PEOPLE), day, luck.choice(("acme", None)))
        for i, day in enumerate(days)
    ]  # fmt: skip
    return [luck.choice(tiny.BAD) if luck.random() < 0.1 else line for line in tiny.lines(events)]


def replayed(records: list[bytes], chunk: int = CHUNK, until: int | None = None) -> tuple[Replayed, list[Output]]:
    outputs: list[Output] = []
    return Replay(tiny.definition(), "canonical", outputs.append, chunk).run(records, until), outputs


def truth(outputs: list[Output]) -> dict[str, Any]:
    """What holds in the end: each valid transition by id, without when and where in the log it was published."""
    newest: dict[str, Any] = {}
    for output in outputs:
        if output.topic.startswith("transitions"):
            record = orjson.loads(output.value or b"")
            if record["id"] not in newest or record["seq"] > newest[record["id"]]["seq"]:
                newest[record["id"]] = record
    volatile = ("seq", "detected_at", "origin", "supersedes")
    return {i: {k: v for k, v in r.items() if k not in volatile} for i, r in newest.items() if r["valid"]}


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder, without how long the replay took."""
    found = {name: (folder / name).read_bytes() for name in FILES}
    told = orjson.loads(found["summary.json"])
    del told["seconds"], told["events_per_second"], told["input"]
    return {**found, "summary.json": orjson.dumps(told)}


def run(tmp_path: Path, source: Path, name: str, until: int | None = None) -> Path:
    replay_to(source, "canonical", tiny.definition(), tmp_path / name, until)
    return tmp_path / name


def test_twice_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    source = tiny.write(tmp_path / "in.jsonl", crowd(1))
    first, second = run(tmp_path, source, "a"), run(tmp_path, source, "b")
    assert contents(first) == contents(second)
    assert len(contents(first)["transitions.jsonl"].splitlines()) > 20


def test_a_packed_file_gives_what_a_plain_one_gives(tmp_path: Path) -> None:
    plain, packed = tiny.write(tmp_path / "in.jsonl", crowd(2)), tiny.write(tmp_path / "in.jsonl.gz", crowd(2))
    assert packed.read_bytes()[:2] == b"\x1f\x8b"
    assert contents(run(tmp_path, plain, "a")) == contents(run(tmp_path, packed, "b"))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), chunk=st.integers(1, 60))
def test_the_size_of_a_chunk_does_not_change_what_is_true(seed: int, chunk: int) -> None:
    records = crowd(seed, 60)
    assert truth(replayed(records, chunk)[1]) == truth(replayed(records)[1])


def test_small_chunks_do_publish_corrections_that_large_ones_do_not_need() -> None:
    """So the law above compares something: what is published differs, what is true does not."""
    taken_back = [
        n for n in range(40) if any(b'"valid":false' in (o.value or b"") for o in replayed(crowd(n, 60), 1)[1])
    ]
    assert taken_back


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), day=st.integers(0, 200))
def test_each_record_has_exactly_one_outcome(seed: int, day: int) -> None:
    records = crowd(seed, 60)
    result, outputs = replayed(records, 7, (tiny.START + day * tiny.DAY) * 1000)
    assert result.read == len(records)
    assert result.ok + result.dropped.total() + result.dead.total() == len(records)
    broken = Counter(line for line in records if line in tiny.BAD)
    assert Counter(output.value for output in outputs if output.topic == "dead-letters") == broken


def test_a_batch_of_good_and_bad_items_is_one_dead_record_with_a_letter_for_each_bad_item() -> None:
    good = {
        "type": "track",
        "event": "Signed Up",
        "userId": "ada",
        "messageId": "m1",
        "timestamp": "2024-01-01T00:00:00Z",
    }
    batch = orjson.dumps({"batch": [good, 7, {"type": "track"}], "sentAt": "2024-01-01T00:00:00Z"})
    outputs: list[Output] = []
    result = Replay(tiny.definition(), "segment", outputs.append).run([batch])
    assert (result.read, result.ok, result.dead.total(), result.letters.total(), result.events) == (1, 0, 1, 2, 1)
    assert "transitions.user" in {output.topic for output in outputs}


def test_a_dead_letter_in_the_file_keeps_the_original_bytes(tmp_path: Path) -> None:
    source = tiny.write(tmp_path / "in.jsonl", [*tiny.lines(tiny.ada()), *tiny.BAD])
    letters = [
        DeadLetter.from_json(line)
        for line in (run(tmp_path, source, "a") / "dead_letters.jsonl").read_bytes().splitlines()
    ]
    assert [letter.value for letter in letters] == list(tiny.BAD)
    assert [letter.offset for letter in letters] == [4, 5, 6, 7]


def test_time_ends_at_the_last_event_or_where_it_is_told_to() -> None:
    records = tiny.lines(tiny.ada()[:3])
    quiet, later = replayed(records), replayed(records, until=(tiny.START + 20 * tiny.DAY) * 1000)
    assert quiet[0].stopped == (tiny.START * 1000) + round(1.5 * tiny.DAY * 1000)
    assert later[0].stopped == (tiny.START + 20 * tiny.DAY) * 1000
    assert not any(o.topic == "alerts" for o in quiet[1])
    assert any(o.topic == "alerts" for o in later[1])


def test_what_happened_after_the_end_of_time_is_dropped_and_counted() -> None:
    end = (tiny.START + 20 * tiny.DAY) * 1000
    cut, outputs = replayed(tiny.lines(tiny.ada()), until=end)
    assert cut.dropped == {"after_until": 1}
    assert cut.stopped == end
    assert truth(outputs) == truth(replayed(tiny.lines(tiny.ada()[:3]), until=end)[1])


def test_a_watermark_record_moves_time_but_not_beyond_its_end() -> None:
    mark = orjson.dumps({"type": "watermark", "at": tiny.START + 20 * tiny.DAY})
    records = [*tiny.lines(tiny.ada()[:3]), mark]
    assert any(o.topic == "alerts" for o in replayed(records)[1])
    early = replayed(records, until=(tiny.START + 10 * tiny.DAY) * 1000)
    assert not any(o.topic == "alerts" for o in early[1])


def test_every_living_entity_stands_in_the_file_of_entities(tmp_path: Path) -> None:
    out = run(tmp_path, tiny.write(tmp_path / "in.jsonl", tiny.lines(tiny.ada())), "a")
    standing = {(r["kind"], r["entity"]): r["machines"]["stage"]["state"] for r in tiny.read(out / "entities.jsonl")}
    assert standing == {("user", "ada"): "activation", ("user", "bob"): "awareness", ("account", "acme"): "engagement"}


def test_stock_is_entries_minus_exits(tmp_path: Path) -> None:
    out = run(tmp_path, tiny.write(tmp_path / "in.jsonl", crowd(5)), "a")
    stock: Counter[tuple[str, str, str]] = Counter()
    for record in truth(
        [Output("transitions", None, line) for line in (out / "transitions.jsonl").read_bytes().splitlines()]
    ).values():
        for state, change in ((record["from"], -1), (record["to"], 1)):
            if state is not None:
                stock[record["kind"], record["machine"], state] += change
    standing = Counter(
        (record["kind"], machine, at["state"])
        for record in tiny.read(out / "entities.jsonl")
        for machine, at in record["machines"].items()
    )
    assert +stock == standing


def test_blank_lines_are_no_records(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'\n  \n{"a": 1}\r\n\n{"b": 2}')
    assert list(lines_of(path)) == [b'{"a": 1}', b'{"b": 2}']


@pytest.mark.parametrize("data", [b"not packed\n", gzip.compress(b"x" * 10_000)[:-12]], ids=["none", "cut off"])
def test_a_packed_file_that_is_none_or_is_cut_off_says_so(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(data)
    with pytest.raises(Unreadable, match=r"in\.jsonl\.gz cannot be read"):
        list(lines_of(path))


def linked_outputs(seed: int, chunk: int) -> list[Output]:
    outputs: list[Output] = []
    until = linked.BEGIN + 200 * linked.DAY
    Replay(linked.definition(), "canonical", outputs.append, chunk).run(linked.crowd(seed), until)
    return outputs


@pytest.mark.parametrize("seed", range(3))
def test_people_and_accounts_turn_out_to_be_the_same_in_any_chunks(seed: int) -> None:
    expected = linked_outputs(seed, 1)
    for chunk in (7, 60, CHUNK):
        assert truth(linked_outputs(seed, chunk)) == truth(expected)
    merged = [t for t in truth(expected).values() if t["label"] == "merged"]
    assert {t["kind"] for t in merged} == {"user", "account"}
    assert all(t["into"] for t in merged)


def test_a_folder_holds_what_it_takes_to_fold_an_entity_again(tmp_path: Path) -> None:
    source = tiny.write(tmp_path / "in.jsonl", crowd(1))
    out = run(tmp_path, source, "a")
    told = orjson.loads((out / "summary.json").read_bytes())
    assert (told["input"], told["source"]) == (str(source.resolve()), "canonical")
    assert load(out / "definition.yaml").digest == tiny.definition().digest
