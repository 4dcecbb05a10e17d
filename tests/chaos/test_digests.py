"""The soak's judge knows what must come as the suite's own does, and sees what is lost, wrong or torn."""

from __future__ import annotations

import orjson

from tests.chaos import digests, oracle
from tests.chaos.history import history
from tests.chaos.oracle import DEFINITION
from tests.chaos.test_chaos import Told, published
from tests.chaos.verdict import Verdict

STORY = history(6, 600)
RECORDS = published(oracle.expected(STORY))


def found(records: list[Told]) -> digests.Digests:
    made = digests.Digests()
    for record in records:
        made.take(record.topic.removeprefix("x."), orjson.loads(record.value))
    return made


def judged(records: list[Told]) -> Verdict:
    verdict = Verdict()
    digests.compare(verdict, digests.expected(STORY, DEFINITION), found(records))
    return verdict


def test_both_judges_expect_the_same() -> None:
    wanted = digests.expected(STORY, DEFINITION)
    assert {id.hex() for id in wanted.transitions()} == set(oracle.expected(STORY).transitions)
    assert judged(RECORDS).green


def test_what_is_lost_or_says_something_else_or_need_not_be_there_is_seen() -> None:
    at = next(n for n, record in enumerate(RECORDS) if b'"because":[{' in record.value)
    told = orjson.loads(RECORDS[at].value)
    other = RECORDS[at]._replace(value=orjson.dumps(told | {"because": []}))
    ghost = RECORDS[at]._replace(value=orjson.dumps(told | {"id": "f" * 32}))
    assert judged(RECORDS[1:]).lost == 1
    assert judged([*RECORDS[:at], other, *RECORDS[at + 1 :]]).wrong == 1
    assert judged([*RECORDS, other]).wrong >= 1, "a copy that says something else"
    assert judged([*RECORDS, ghost]).wrong == 1
    assert judged([record for record in RECORDS if record.topic != "x.alerts"]).lost >= 1
    again = judged([*RECORDS, RECORDS[at]])
    assert (again.green, again.doubled) == (True, 1)


def test_what_was_taken_back_is_not_there() -> None:
    at = next(n for n, record in enumerate(RECORDS) if record.topic.startswith("x.transitions"))
    told = orjson.loads(RECORDS[at].value)
    back = RECORDS[at]._replace(value=orjson.dumps(told | {"valid": False, "seq": told["seq"] + 100}))
    assert judged([*RECORDS, back]).lost == 1
