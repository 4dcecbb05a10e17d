"""A file of rules is read whole: all that is wrong with it is told at once, with line, column and what to write."""

from __future__ import annotations

import pytest

from schemas.definition.errors import DefinitionErrors
from streams.notify.parse import parse
from streams.notify.rules import Group, Retry, Rules
from tests.streams.notify.samples import ENV, TEXT


def rules(text: str = TEXT) -> Rules:
    return parse(text, ENV)


def wrong(old: str, new: str) -> str:
    assert old in TEXT
    with pytest.raises(DefinitionErrors) as found:
        parse(TEXT.replace(old, new), ENV, "notify.yaml")
    return str(found.value)


def test_the_whole_file_is_read() -> None:
    found = rules()
    assert list(found.channels) == ["oncall", "owners", "feed"]
    assert found.channels["oncall"].secret == "s3cret"
    assert [route.send for route in found.routes] == [("oncall", "owners"), ("owners",), ("feed",), ("owners", "feed")]
    assert found.routes[1].severity == {"high", "critical"}
    assert found.routes[3].group == Group("owner", 600_000)
    assert found.retry == Retry(1_000, 60_000, 7_200_000)
    assert (found.address("kim"), found.address("joe"), found.address(None)) == (
        "kim@acme.io",
        "cs@acme.io",
        "cs@acme.io",
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("send: feed,", "send: fead,", "notify.yaml:14:32: `send` of a route: unknown name 'fead'. Did you mean feed?"),
        ("routes:", "rutes:", "notify.yaml:11:1: the file has no key 'rutes'. Did you mean routes?"),
        ("severity: critical", "severity: catastrophic", "notify.yaml:12:23: `severity` of `when`: unknown name 'catastrophic'"),
        ('">= high"', '">= hgh"', "Did you mean high?"),
        ("quiet: nights", "quiet: night", "Did you mean nights?"),
        ("Europe/Berlin", "Europe/Berlni", "unknown time zone 'Europe/Berlni'; write it like Europe/Berlin. Did you mean Europe/Berlin?"),
        ('from: "20:00"', 'from: "8 pm"', '`from` is a time of day, not \'8 pm\'. Did you mean "20:00"?'),
        ("$CRM_SECRET}\n  owners", "$CRM_SECRT}\n  owners", "the variable CRM_SECRT is not set. Did you mean CRM_SECRET?"),
        (", secret: $CRM_SECRET}\n  owners", "}\n  owners", "needs `secret:`, which its body is signed with"),
        ("$SMTP?", "smoke://x?", "apprise does not understand this address, which begins with smoke:"),
        ("otherwise: cs@acme.io\n", "", "goes to `{to}`, so `otherwise:` must say who hears"),
        ("{alert}", "{alrt}", "`link` fills in {alrt}, which is none of kind, entity, account, alert. Did you mean {alert}?"),
        ("{when: {kind: user}, send: feed, resolved: false}", "{send: feed}", "this route takes every alert, so"),
        ("{alert}", "{alert", "`link` has a bracket without its other half"),
        ("within: 10m", "within: 10", "`within`"),
        ("language: 1", "language: 2", "`language` of the file must be a whole number from 1 to 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place_and_what_to_write(old: str, new: str, said: str) -> None:
    assert said in wrong(old, new)


def test_everything_wrong_is_told_at_once_in_file_order() -> None:
    text = TEXT.replace("send: feed,", "send: fead,").replace("Europe/Berlin", "Mars")
    with pytest.raises(DefinitionErrors) as found:
        parse(text, ENV)
    assert [problem.line for problem in found.value.problems] == [10, 14]


def test_no_secret_is_shown_where_rules_are_printed() -> None:
    assert "s3cret" not in repr(rules())
    assert "2525" not in repr(rules())
