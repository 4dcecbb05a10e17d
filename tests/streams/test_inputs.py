"""Several inputs: files of different sources, read as one in the order of event time."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from schemas.definition.parse import load
from schemas.event import Event
from schemas.sources import REGISTRY, canonical
from schemas.sources.outcome import Watermark
from streams.cli import app
from streams.delivery.contracts import Clocked, Record
from streams.inputs import Input, in_order, told
from streams.journey.users import UsersLogic
from tests.integration.company_run import SAAS

NOON = 1_700_000_000


def ours(second: int, user: str) -> bytes:
    return orjson.dumps({"id": f"{user}-{second}", "event": "Signed Up", "user": user, "at": NOON + second})


def segments(second: int, user: str) -> bytes:
    at = f"2023-11-14T22:{13 + (20 + second) // 60}:{(20 + second) % 60:02}Z"
    return orjson.dumps(
        {"type": "track", "event": "Signed Up", "messageId": f"s-{second}", "userId": user, "timestamp": at}
    )


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    one, other = tmp_path / "ours.jsonl", tmp_path / "web.jsonl"
    one.write_bytes(b"\n".join([ours(0, "u1"), b"{", ours(50, "u2")]))
    other.write_bytes(b"\n".join([segments(10, "u3"), segments(70, "u4"), segments(60, "u5")]))
    return one, other


def test_records_come_in_the_order_of_their_times_and_those_without_one_after_the_one_before(
    files: tuple[Path, Path],
) -> None:
    one, other = files
    found = list(in_order([Input("canonical", one), Input("segment", other)]))
    expected = [ours(0, "u1"), b"{", segments(10, "u3"), ours(50, "u2"), segments(70, "u4"), segments(60, "u5")]
    assert [line for _, line in found] == expected
    assert [source for source, _ in found] == ["canonical", "canonical", "segment", "canonical", "segment", "segment"]


def test_an_input_may_say_its_source(tmp_path: Path) -> None:
    assert told("stripe=billing.jsonl", "canonical") == Input("stripe", Path("billing.jsonl"))
    assert told("mapping:shop.yaml=orders.jsonl", "canonical") == Input("mapping:shop.yaml", Path("orders.jsonl"))
    assert told("events.jsonl", "segment") == Input("segment", Path("events.jsonl"))
    odd = tmp_path / "a=b.jsonl"
    odd.touch()
    assert told(str(odd), "segment") == Input("segment", odd)


def test_replay_reads_several_files_and_explain_finds_what_each_told(files: tuple[Path, Path], tmp_path: Path) -> None:
    one, other = files
    out = tmp_path / "out"
    ran = CliRunner().invoke(
        app, ["replay", f"canonical={one}", f"segment={other}", "-d", "saas", "-o", str(out)], catch_exceptions=False
    )
    assert ran.exit_code == 0, ran.output
    summary = orjson.loads((out / "summary.json").read_bytes())
    assert [source for source, _ in summary["inputs"]] == ["canonical", "segment"]
    assert sum(summary["dead_letters"].values()) == 1
    entities = {orjson.loads(line)["entity"] for line in (out / "entities.jsonl").read_bytes().splitlines()}
    assert entities == {"u1", "u2", "u3", "u4", "u5"}
    explained = CliRunner().invoke(app, ["explain", "u4", "--from", str(out)], catch_exceptions=False)
    assert (explained.exit_code, "activation" in explained.output, "next" in explained.output) == (0, True, True)
    assert "cannot be told" not in explained.output


def test_an_input_that_is_not_there_or_of_no_source_is_said(tmp_path: Path) -> None:
    for text, says in (
        ("stripe=none.jsonl", "there is no input none.jsonl"),
        ("strape=none.jsonl", "did you mean stripe?"),
    ):
        ran = CliRunner().invoke(app, ["replay", text, "-d", "saas", "-o", str(tmp_path / "out")])
        assert (ran.exit_code, says in " ".join(ran.output.split())) == (2, True), ran.output


@pytest.mark.parametrize("source", [source.name for source in REGISTRY])
def test_a_watermark_is_the_same_on_a_topic_of_any_source(source: str) -> None:
    logic = UsersLogic(load(SAAS), {"raw": source})
    assert logic.read(Record("raw", 0, 0, 0, None, canonical.watermark(NOON * 1000))) == [Clocked(NOON * 1000)]


def test_no_decoder_but_ours_makes_anything_of_a_watermark() -> None:
    for source in REGISTRY:
        found = source.decode(canonical.watermark(NOON * 1000), None, (), 0, max_future=None)
        assert not any(isinstance(outcome, Event) for outcome in found)
        assert any(isinstance(outcome, Watermark) for outcome in found) == (source.name == "canonical")
