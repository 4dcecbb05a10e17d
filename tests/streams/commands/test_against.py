"""A definition held against a sample: what cannot match is an error with the nearest names, the rest is said in figures."""

from __future__ import annotations

import orjson

from schemas.definition.parse import parse
from streams.commands.against import Report, against
from tests.streams.commands import tiny


def held(text: str = tiny.TEXT, records: list[bytes] | None = None, until: int | None = None) -> Report:
    return against(parse(text), tiny.lines(tiny.ada()) if records is None else records, "canonical", until)


def errors(report: Report) -> list[str]:
    return [finding.what for finding in report.findings if finding.error]


def notes(report: Report) -> list[str]:
    return [finding.what for finding in report.findings if not finding.error]


def test_a_definition_that_fits_has_no_error() -> None:
    report = held()
    assert errors(report) == []
    figures = dict(report.figures)
    assert figures["records"] == "4 (4 ok)"
    assert figures["users"] == "2, 100% with an account"
    assert figures["events.report"] == "2 matches"
    assert figures["user.stage: comes back"] == "1 times"


def test_a_selection_without_a_match_is_an_error_with_line_and_nearest_names() -> None:
    found = errors(held(tiny.TEXT.replace("report: {name: Report Created}", "report: {name: Reports Creatd}")))
    assert len(found) == 1
    assert found[0].startswith("events.report (line 7) matches no event of the sample")
    assert "Report Created" in found[0]


def test_a_name_like_nothing_seen_says_so() -> None:
    found = errors(held(tiny.TEXT.replace("report: {name: Report Created}", "report: {name: zzz}")))
    assert "nothing in the sample is named like it" in found[0]


def test_rules_that_never_fired_and_stages_nobody_reached_are_notes() -> None:
    found = notes(held(records=tiny.lines(tiny.ada()[:2])))
    assert any("rule 'goes' (line 18) never fired" in note for note in found)
    assert "user.stage: nobody reached 'churn'" in found


def test_time_can_go_on_after_the_sample() -> None:
    found = notes(held(records=tiny.lines(tiny.ada()[:2]), until=(tiny.START + 60 * tiny.DAY) * 1000))
    assert not any("'goes'" in note for note in found)


def test_few_users_with_an_account_are_noted() -> None:
    events = [tiny.event(n, "Signed Up", f"u{n}", n / 10, "acme" if n == 1 else None) for n in range(1, 11)]
    assert any(note.startswith("only 10% of the users") for note in notes(held(records=tiny.lines(events))))


def test_a_level_trait_that_nobody_sends_is_noted_with_those_seen() -> None:
    text = tiny.TEXT.replace("user:\n", "levels: {trait: title, manager: [manager], executive: [ceo]}\nuser:\n", 1)
    seen = {"id": "i1", "type": "identify", "user": "ada", "at": tiny.START, "traits": {"job_title": "CEO"}}
    found = notes(held(text, [orjson.dumps(seen), *tiny.lines(tiny.ada())]))
    assert any("levels.trait 'title' is on no identify event" in note and "job_title" in note for note in found)


def test_a_sample_of_another_source_is_an_error() -> None:
    assert any("is this the right --source?" in what for what in errors(held(records=list(tiny.BAD))))


def test_refused_records_are_counted_by_reason() -> None:
    found = notes(held(records=[*tiny.lines(tiny.ada()), *tiny.BAD]))
    assert "1 records refused: not_utf8" in found
