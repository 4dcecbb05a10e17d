"""`journeys sources` and `journeys decode`: every source listed, a file told, and each line with its outcome."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import Result
from typer.testing import CliRunner

from schemas.sources import REGISTRY, canonical, decode
from streams.cli import app
from tests.schemas.sources.examples_analytics import ENRICHED, tsv
from tests.schemas.sources.examples_revenue import SUBSCRIPTION, stripe

TRACK = {
    "type": "track",
    "event": "Report Created",
    "messageId": "m1",
    "userId": "u1",
    "timestamp": "2024-05-01T12:00:00Z",
}
LINES = [
    orjson.dumps(TRACK), b"", orjson.dumps({**TRACK, "timestamp": "soon"}), orjson.dumps({"batch": []}),
    orjson.dumps({"batch": [TRACK, {**TRACK, "event": ""}]}), b"{",
]  # fmt: skip


def journeys(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"\n".join(LINES) + b"\n")
    return path


def objects(result: Result) -> list[Any]:
    return [orjson.loads(line) for line in result.output.splitlines()]


def test_decode_as_json_is_an_object_a_line_with_the_lines_own_numbers(file: Path) -> None:
    result = journeys("decode", file, "--source", "segment", "--json")
    assert result.exit_code == 0, result.output
    event = orjson.loads(canonical.encode(decode("segment", LINES[0])[0]))  # type: ignore[arg-type]
    assert objects(result) == [
        {"line": 1, "outcome": "ok", "reason": None, "events": [event]},
        {"line": 3, "outcome": "dead_letter", "reason": "bad_time", "events": []},
        {"line": 4, "outcome": "drop", "reason": "empty", "events": []},
        {"line": 5, "outcome": "dead_letter", "reason": "missing_name", "events": [event]},
        {"line": 6, "outcome": "dead_letter", "reason": "not_json", "events": []},
    ]


def test_decode_in_words_says_why_and_sums_up(file: Path) -> None:
    output = journeys("decode", file, "--source", "segment").output
    assert "1  ok         2024-05-01T12:00:00.000Z  Report Created  user u1" in output
    assert "3  dead_letter bad_time: timestamp is 'soon'; write epoch seconds or RFC 3339" in output.replace(
        "letterb", "letter b"
    )
    assert "5 records: 1 ok with 2 events, 1 dropped, 3 dead letters" in output


def test_a_watermark_and_what_is_skipped_are_drops_with_reasons(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(canonical.watermark(1_714_564_800_000)))
    assert objects(journeys("decode", path, "--source", "canonical", "--json"))[0]["reason"] == "watermark"
    path.write_bytes(gzip.compress(orjson.dumps(stripe("price.created", {"id": "p", "object": "price"}))))
    (told,) = objects(journeys("decode", path, "--source", "stripe", "--json"))
    assert (told["outcome"], told["reason"]) == ("drop", "nobody")


def test_rows_whose_last_columns_are_empty_stay_rows(tmp_path: Path) -> None:
    columns = {name: value for name, value in ENRICHED.items() if name not in ("true_tstamp", "app_id")}
    path = tmp_path / "in.tsv"
    path.write_bytes(tsv(columns) + b"\r\n" + tsv(columns) + b"\n")
    told = objects(journeys("decode", path, "--source", "snowplow", "--json"))
    assert [(line["outcome"], len(line["events"])) for line in told] == [("ok", 1), ("ok", 1)]


def test_a_mapping_file_is_a_source_here_too(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text("time: at\nname: what\nuser: who\n")
    (tmp_path / "in.jsonl").write_text('{"at": 1714564800, "what": "x", "who": 7}\n')
    (told,) = objects(journeys("decode", tmp_path / "in.jsonl", "--source", f"mapping:{tmp_path}/shop.yaml", "--json"))
    assert (told["outcome"], told["events"][0]["user"]) == ("ok", "7")
    (tmp_path / "shop.yaml").write_text("tme: at\n")
    (tmp_path / "other.yaml").write_text("tme: at\n")
    wrong = journeys("decode", tmp_path / "in.jsonl", "--source", f"mapping:{tmp_path}/other.yaml")
    assert wrong.exit_code == 2
    assert "other.yaml:1:1: a mapping has no key 'tme'. Did you mean time?" in wrong.output


def test_every_source_is_listed_with_what_it_maps_what_it_cannot_give_and_how_it_was_proven() -> None:
    output = journeys("sources").output
    for source in REGISTRY:
        assert f"{source.name:<12} {source.title} ({source.proven}, " in output
        assert source.cannot in output
    assert "customer.subscription.created, trialing → Trial Started" in output
    assert "mapping:FILE" in output


def test_one_source_is_told_with_its_precedence() -> None:
    output = journeys("sources", "intercom").output
    assert "created_at, else first_sent_at (s)" in output
    assert "Stripe" not in output
    assert journeys("sources", "intercm").exit_code == 2


def test_the_source_of_a_file_is_guessed(tmp_path: Path, file: Path) -> None:
    path = tmp_path / "stripe.jsonl"
    path.write_bytes(orjson.dumps(stripe("customer.subscription.created", SUBSCRIPTION)) + b"\n")
    assert journeys("sources", "--guess", path).output.startswith("stripe       1 of 1 lines")
    assert journeys("sources", "--guess", file).output.startswith("segment ")
    path.write_bytes(b"{}\n")
    assert journeys("sources", "--guess", path).exit_code == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["decode", "nowhere.jsonl", "--source", "stripe"], "there is no file nowhere.jsonl"),
        (["decode", "in.jsonl", "--source", "stipe"], "did you mean stripe?"),
        (["sources", "--guess", "nowhere.jsonl"], "there is no file nowhere.jsonl"),
    ],
)
def test_what_is_wrong_ends_with_status_2_and_a_message(
    words: list[str], says: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    result = journeys(*words)
    assert result.exit_code == 2
    assert says in result.output
