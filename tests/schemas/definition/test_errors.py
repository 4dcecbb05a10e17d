"""What is wrong is said at its own line and column, in words, with what to write instead; and all of it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.definition.errors import DefinitionErrors, Problem
from schemas.definition.parse import load, parse
from tests.schemas.definition.writing import BASE, marked, problems, with_guard, with_line

GUARDS = [
    ("¦core_8 >= 3", "unknown name 'core_8'", "core_7"),
    ("core_7 >= 3 and ¦wekks >= 2", "unknown name 'wekks'", "weeks"),
    ("not (core_7 >= 3 or ¦sillent)", "unknown name 'sillent'", "silent"),
    ("idle >= ¦14", "cannot compare idle, a duration, with 14, a plain number", "14d"),
    ("¦3 <= age(first_seen)", "cannot compare 3, a plain number", "3d"),
    ("core_7 >= ¦14d", "cannot compare core_7, a plain number, with 14d, a duration", None),
    ("core_7 >= ¦quiet", "with quiet, a duration", None),
    ("renews >= ¦3d", "use age(x) or until(x)", None),
    ("nps >= ¦3d", "say `as: time` at the measure", None),
    ("core_7 >= ¦'pro'", "with 'pro', a text", None),
    ("¦plan >= 'pro'", "texts have no order", None),
    ("¦core_7", "'core_7' is a plain number, not a condition", "core_7 >= 1"),
    ("¦first_seen", "'first_seen' is a time, not a condition", "known(first_seen)"),
    ("¦stage", "'stage' is a machine; say which state", "stage == awareness"),
    ("¦quiet", "quiet is a duration, not a condition", None),
    ("¦true", "a condition that never changes", None),
    ("¦contract >= 1", "contract is true or false and is not compared", None),
    ("¦silent >= 1", "'silent' is a signal: use it alone", None),
    ("stage == ¦activaton", "'stage' has no state 'activaton'", "activation"),
    ("stage in [churn, ¦nowhere]", "it has awareness, activation, churn", None),
    ("stage in ¦churn", "`in` wants a list of states", "stage in [churn]"),
    ("stage == ¦[churn]", "`==` one state", None),
    ("stage in ¦[]", "an empty list", None),
    ("¦stage >= churn", "states have no order", None),
    ("¦churn == stage", "the machine comes first: stage == churn", None),
    ("¦risk == healthy", "says in `from` which states it leaves", None),
    ("plan in ¦'pro'", "`in` wants a list", "['pro']"),
    ("nps in ¦[]", "nothing is in it", None),
    ("¦idle * 2 >= 14d", "compare them, after adding or subtracting a constant at most", None),
    ("¦idle - in_state >= 1d", "after adding or subtracting a constant at most", None),
    ("¦min(idle, 3d) >= 2d", "may not stand in min()", None),
    ("¦idle == 14d", "one millisecond only; use >= or <", None),
    ("¦until(renews) != 1d", "one millisecond only; use >= or <", None),
    ("¦core_7 + 1d >= 3", "a plain number + a duration means nothing", None),
    ("¦plan + 1 >= 3", "a text + a plain number means nothing", None),
    ("¦core_7 / 0 >= 3", "a division by zero", None),
    ("core_7 >= ¦1e999", "too large a number", None),
    ("core_7 >= ¦3j", "has no unit of this language; units are w, d, h, m and s", None),
    ("¦min(core_7) >= 1", "min() wants two values or more", None),
    ("¦min(core_7, 1d) >= 1", "min() wants values of one type, not a duration and a plain number", None),
    ("reached(¦activaton)", "unknown state 'activaton'", "activation"),
    ("known(¦weks)", "unknown measure 'weks'", "weeks"),
    ("¦known(weeks, core_7)", "known() takes one name", None),
    ("¦known(weeks) >= 1", "known() is a condition, not a number", None),
    ("¦coutn(signals) >= 1", "there is no function 'coutn'", "count"),
    ("count(¦core_7) >= 1", "how many events there were is a measure", "core_7"),
    ("age(¦core_7) >= 1d", "age() is of a machine, a flag or a time; 'core_7' is a plain number", None),
    ("age(¦risk) >= 1d", "is in_state", "in_state"),
    ("age(¦stagee) >= 1d", "unknown machine, flag or time 'stagee'", "stage"),
    ("until(¦nps) >= 1d", "say `as: time` at the measure", None),
    ("until(¦renew) >= 1d", "unknown time 'renew'", "renews"),
    ("core_7 >= 1 ¦&& weeks >= 1", "'&&' is not of this language", "`and`"),
    ("weeks ¦= 3", "'=' is not of this language", "`==`"),
    ("¦!contract", "'!' is not of this language", "`not`"),
    ("core_7 >= 1 ¦AND weeks >= 1", "'AND' is not of this language", "`and`"),
    ("¦core_7 is 3", "`is` is not of this language", "`==`, or known(...)"),
    ("weeks >¦=", "the expression breaks off here", None),
    ("¦(weeks >= 3", "the bracket '(' has no partner", None),
    ("weeks >= 3¦)", "the bracket ')' has no partner", None),
    ("¦__import__('os').system('true')", "there is no function", None),
    ("¦core_7.real >= 1", "is not of this language", None),
    ("¦[1][0] >= 1", "is not of this language", None),
    ("¦(lambda: 1)() >= 1", "there is no function", None),
    ("core_7 >= (¦3 if contract else 4)", "is not of this language", None),
    ("core_7 >= ¦weeks ** 9", "is not of this language", None),
    ("weeks >= 1 and core_7 >= (¦weeks >= 2)", "a condition stands where a number belongs", None),
]
"""(condition with the mark, what is said, what is suggested) in a rule of `risk`."""


@pytest.mark.parametrize(("condition", "said", "suggestion"), GUARDS)
def test_a_wrong_condition_is_told_at_its_column(condition: str, said: str, suggestion: str | None) -> None:
    text = with_guard(condition)
    found = problems(text)
    assert len(found) == 1, found
    assert (found[0].line, found[0].column) == marked(text)
    assert said in found[0].message
    assert found[0].suggestion == suggestion


LINES = [
    ("end", "¦alert: []", "the file has no key 'alert'", "alerts"),
    ("params", "  ¦few: 4", "the key few stands twice here, first in line 6", None),
    ("params", "  more: 2 * ¦nothing", "unknown name 'nothing'", None),
    ("params", "  more: ¦3 + 1d", "a plain number + a duration means nothing", None),
    ("params", "  ¦idle: 3", "is a word of the language", None),
    ("params", "  ¦my quiet: 3", "must be letters, digits and _", "my_quiet"),
    ("params", "  more: ¦[1]", "must be a number or a duration, not a list", None),
    ("params", "  more: '¦pro'", "unknown name 'pro'", None),
    ("events", "  more: {¦nam: Demo Booked}", "selection more has no key 'nam'", "name"),
    ("events", "  more: {type: ¦trck}", "unknown name 'trck'", "track"),
    ("events", "  more: {actor: ¦robot}", "there is user, system, staff", None),
    ("events", "  more: {place: [product, ¦webiste]}", "unknown name 'webiste'", "website"),
    ("events", "  more: {where: {¦plan: pro}}", "is no path into an event", "properties.plan"),
    ("events", "  more: {where: {properties.seats: ¦'>= many'}}", "a number must follow >=", "'>= 5'"),
    ("events", "  more: ¦{}", "matches every event", None),
    ("events", "  more: {name: ¦{a: b}}", "must be text or a list of texts, not a mapping", None),
    ("end", "exclude: [¦cor]", "unknown name 'cor'", "core"),
    ("end", "levels: {trait: title, ¦boss: '*'}", "`levels` has no key 'boss'", None),
    ("end", "levels: ¦{executive: CEO}", "`levels` needs `trait:`", None),
    ("end", "clock: {timezone: ¦Europe/Berln}", "unknown time zone 'Europe/Berln'", "Europe/Berlin"),
    ("end", "clock: {grace: ¦60}", "must be a duration", "60d"),
    ("end", "clock: {grace: ¦-1h}", "must not be negative", None),
    ("end", "clock: {wall: ¦maybe}", "must be true or false", None),
    ("measures", "    more: {count: ¦cor, within: 7d}", "unknown name 'cor'", "core"),
    ("measures", "    more: {count: core, within: ¦36h}", "must be whole days", "2d"),
    ("measures", "    more: {count: core, within: ¦9999d}", "must be whole days, 1d to 1100d", "1100d"),
    ("measures", "    more: {active_weeks: core, within: ¦10d}", "must be whole weeks", "7d"),
    ("measures", "    more: ¦{active_days: core}", "measure more needs `within:`", None),
    ("measures", "    more: ¦{cuont: core}", "measure more needs one of first, count", "count"),
    ("measures", "    more: ¦{count: core, first: core}", "has two kinds, first and count", None),
    ("measures", "    more: ¦core", "must be a mapping with one of", "{count: core}"),
    ("measures", "    more: {count: core, ¦witin: 7d}", "measure more has no key 'witin'", "within"),
    ("measures", "    more: {first: core, ¦within: 7d}", "measure more has no key 'within'", None),
    ("measures", "    more: {distinct: ¦feature, of: core}", "is no path into an event", "properties.feature"),
    ("measures", "    more: {distinct: properties.x, of: core, cap: ¦0}", "whole number from 1 to 4096", None),
    ("measures", "    more: {flag: {set: core, clear: ¦cores}}", "unknown name 'cores'", "core"),
    ("measures", "    more: {flag: ¦{set: core, clear: core}}", "is both set and cleared by core", None),
    ("measures", "    more: {count: core, since: ¦weeks}", "unknown name 'weeks'; there is contract", None),
    ("measures", "    more: {count: core, within: 7d, since: ¦contract}", "has `since` and `within`; keep one", None),
    ("measures", "    zebra: {latest: properties.x, of: core, else: ¦zebra}", "unknown name 'zebra'", None),
    ("measures", "    more: {latest: properties.x, of: core, as: number, else: ¦renews}", "must be of its type", None),
    ("measures", "    more: {latest: properties.x, of: core, as: text, unit: ¦EUR}", "so it is a number", "as: number"),
    ("measures", "    more: ¦{members: {}}", "only an account has members", None),
    ("measures", "    ¦core_7: {count: core}", "the key core_7 stands twice", None),
    ("measures", "    ¦idle: {count: core}", "is a word of the language", None),
    ("measures", "    ¦quiet: {count: core}", "'quiet' is a measure and a param; rename one", None),
    ("measures", "    more: {score: {a: {weight: 1, value: ¦idle, from: 0, to: 1}}}", "changes all the time", None),
    ("measures", "    more: {score: {a: {weight: 1, value: ¦plan, from: 0, to: 1}}}", "must be a plain number", None),
    ("measures", "    more: {score: {a: {weight: ¦0, value: weeks, from: 0, to: 1}}}", "must be above 0", None),
    ("measures", "    more: {score: {a: {weight: 1, value: weeks, from: 1, to: ¦1}}}", "must differ", None),
    ("measures", "    more: {score: {a: {weight: 1, value: ¦silent, from: 1, to: 2}}}", "made of measures", None),
    ("measures", "    more: {score: {a: {weight: 1, value: ¦more, from: 1, to: 2}}}", "a score that comes later", None),
    ("measures", "    more: {score: ¦{}}", "needs at least one part", None),
    ("stage", "      - {name: x, from: ¦awarenes, to: churn, when: contract}", "unknown name 'awarenes'", "awareness"),
    ("stage", "      - {name: x, from: churn, to: ¦nowhere, when: contract}", "there is awareness", None),
    ("stage", "      - {name: x, from: churn, to: ¦churn, when: contract}", "leads to another state", None),
    ("stage", "      - ¦{from: churn, to: awareness, when: contract}", "needs `name:`", None),
    ("stage", "      - {name: x, from: churn, to: awareness, ¦wen: contract}", "has no key 'wen'", "when"),
    ("stage", "      - ¦{name: up, from: churn, to: awareness, when: contract}", "two transitions called 'up'", None),
    ("stage", "      - {name: x, from: churn, to: awareness, when: contract, hold: ¦3}", "must be a duration", "3d"),
    ("stage", "      - {name: x, from: churn, to: awareness, when: ¦[contract]}", "put it in quotes", None),
    ("stage", "      - {name: x, from: churn, to: awareness, when: ¦risk == at_risk}", "runs later", None),
    ("stage", "      - {name: x, from: churn, to: awareness, when: ¦silent}", "signals run after `stage`", None),
    ("stage", "      - {name: x, from: churn, to: awareness, when: count(¦signals) > 0}", "run after `stage`", None),
    ("signals", "    more: ¦risk == at_risk", "cannot read 'risk'", None),
    ("signals", "    more: ¦silent", "a signal reads no other", None),
    ("signals", "    more: ¦in_state >= 3d", "belongs to the rules of a machine", "age(stage)"),
    ("signals", "    more: count(¦signals) >= 1", "cannot count signals", None),
    ("signals", "    ¦weeks: contract", "'weeks' is a signal and a measure; rename one", None),
    ("risk", "    only_in: {¦stge: churn}", "unknown machine 'stge'; before it there is stage", None),
    ("risk", "    only_in: {stage: ¦chrn}", "unknown name 'chrn'", "churn"),
    ("risk", "    only_in: {¦risk: healthy}", "before it only", None),
    ("risk", "    ¦state: [a, b]", "machine risk has no key 'state'", "states"),
    ("risk", "  ¦measurs: {}", "`user` has no key 'measurs'", "measures"),
    ("risk", "  ¦other: 3", "would be a machine", None),
    ("risk", "  other: {states: ¦[a], transitions: []}", "needs 2 to 60 states", None),
    ("risk", "  other: {states: [a, b, ¦b], transitions: []}", "has the state 'b' twice", None),
    ("risk", "  other: {states: [a, ¦b c], transitions: []}", "must be letters", "b_c"),
    ("risk", "  other: {states: [a, b], transitions: ¦none}", "must be a list", None),
    ("risk", "  forget: {stage: ¦aware, idle: 9d}", "unknown name 'aware'", "awareness"),
    ("risk", "  forget: {stage: awareness, idle: ¦9}", "must be a duration", "9d"),
    ("end", "alerts: [{name: a, user: ¦rsk, enters: at_risk, severity: low}]", "unknown name 'rsk'", "risk"),
    ("end", "alerts: [{name: a, user: risk, enters: ¦at_rsk, severity: low}]", "unknown name 'at_rsk'", "at_risk"),
    ("end", "alerts: [{name: a, user: signals, enters: ¦silnt, severity: low}]", "unknown name 'silnt'", "silent"),
    ("end", "alerts: [{name: a, user: risk, enters: at_risk, severity: ¦hgh}]", "unknown name 'hgh'", "high"),
    ("end", "alerts: [{name: a, account: ¦risk, enters: x, severity: low}]", "no section `account`", None),
    ("end", "alerts: [¦{name: a, enters: x, severity: low}]", "needs one of `user: <machine>`", None),
    ("end", "alerts: [{name: a, user: risk, enters: at_risk, severity: low, title: ¦'{nam}'}]", "fills in", "{name}"),
    ("end", "account: ¦{}", "`account` needs a machine called `stage`", None),
    ("end", "account: ¦3", "`account` must be a mapping", None),
    ("end", "a: ¦!!python/object:os.system x", "the tag", None),
]  # fmt: skip
"""(section, line with the mark, what is said, what is suggested)."""


@pytest.mark.parametrize(("section", "line", "said", "suggestion"), LINES)
def test_a_wrong_line_is_told_at_its_column(section: str, line: str, said: str, suggestion: str | None) -> None:
    text = with_line(section, line)
    found = [p for p in problems(text) if (p.line, p.column) == marked(text) and said in p.message]
    assert found, problems(text)
    assert found[0].suggestion == suggestion


def test_the_base_of_these_tests_is_itself_right() -> None:
    assert problems(BASE) == []


def test_all_problems_are_told_at_once_in_file_order() -> None:
    text = (
        BASE.replace("core_7 >= 1", "core_8 >= 1")
        .replace("idle >= 60d", "idle >= 60")
        .replace("version: 1", "version: x")
    )
    found = problems(text)
    assert [(p.line, p.suggestion) for p in found] == [(3, None), (25, "core_7"), (26, "60d")]


def test_several_wrong_parts_of_one_condition_are_all_told() -> None:
    found = problems(with_guard("core_8 >= 3 and (weks >= 2 or idle > 3)"))
    assert [p.suggestion for p in found] == ["core_7", "weeks", "3d"]


def test_a_broken_name_is_told_once_and_not_again_where_it_is_used() -> None:
    text = with_line("measures", "    bad: {cuont: core}").replace("core_7 >= 1", "bad >= 1 and bad < 4d")
    assert [p.suggestion for p in problems(text)] == ["count"]


def test_a_broken_param_is_told_once() -> None:
    text = BASE.replace("quiet: 14d", "quiet: 14 dd")
    assert [p.line for p in problems(text)] == [5]


@pytest.mark.parametrize("key", ["language", "definition", "version", "user"])
def test_what_every_file_needs_is_asked_for(key: str) -> None:
    lines = [line for line in BASE.splitlines() if not line.startswith(f"{key}:")]
    if key == "user":
        lines = lines[: lines.index("  activity: active")]
    assert any(f"needs `{key}:`" in p.message for p in problems("\n".join(lines)))


def test_a_misspelt_key_is_not_also_missing() -> None:
    found = problems(BASE.replace("language:", "langauge:"))
    assert [(p.line, p.column, p.suggestion) for p in found] == [(1, 1, "language")]


def test_stage_must_come_first() -> None:
    found = problems(BASE.replace("  stage:", "  early:\n    states: [a, b]\n    transitions: []\n  stage:"))
    assert any("`stage` must be the first machine" in p.message for p in found)


def test_another_language_version_is_refused() -> None:
    assert "whole number from 1 to 1" in problems(BASE.replace("language: 1", "language: 2"))[0].message


def test_a_column_stays_true_behind_umlauts_and_durations() -> None:
    text = with_guard("plan == 'Büro Größe' and 14d <= idle and ¦wekks >= 2")
    assert [(p.line, p.column) for p in problems(text)] == [marked(text)]


def test_a_column_stays_true_in_a_folded_block() -> None:
    text = with_line(
        "stage",
        "      - name: long\n        from: churn\n        to: awareness\n        when: >-\n"
        "          core_7 >= 1\n\n            and ¦wekks >= 2",
    )
    assert [(p.line, p.column) for p in problems(text)] == [marked(text)]


def test_a_column_stays_true_in_quoted_text_over_two_lines() -> None:
    text = with_guard("core_7 >= 1\n          or ¦wekks >= 2")
    assert [(p.line, p.column) for p in problems(text)] == [marked(text)]


def test_text_with_escapes_is_pointed_at_from_its_start() -> None:
    text = with_line("signals", '    more: ¦"plan == \\x27pro\\x27 and wekks >= 2"')
    assert [(p.line, p.column) for p in problems(text)] == [marked(text)]


def test_the_message_reads_like_a_compiler_s(tmp_path: Path) -> None:
    text, path = with_guard("¦core_8 >= 3"), tmp_path / "mine.yaml"
    path.write_text(text.replace("¦", ""), encoding="utf-8")
    line, column = marked(text)
    with pytest.raises(DefinitionErrors) as caught:
        load(path)
    assert str(caught.value) == f"{path}:{line}:{column}: unknown name 'core_8'. Did you mean core_7?"


def test_a_warning_says_that_it_is_one() -> None:
    assert Problem(3, 4, "odd", None, "warning").text("f.yaml") == "f.yaml:3:4: warning: odd"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("- a\n- b\n", "the file must be a mapping"),
        ("just words", "the file must be a mapping"),
        ("a: b: c", "not YAML"),
        ("a: [1, 2", "not YAML"),
        ("a: 1\n--- \nb: 2\n", "not YAML"),
        ("a: \x00", "not YAML"),
        ("? [1]\n: 2\n", "a key must be a word"),
        ("&a [*a]", "nested too deeply"),
        ("[" * 600, "nested too deeply"),
        ("a: " + "[" * 30 + "]" * 30, "nested too deeply"),
    ],
)
def test_what_is_no_definition_at_all_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(DefinitionErrors) as caught:
        parse(text)
    assert said in str(caught.value)


def test_aliases_of_aliases_do_not_grow_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(DefinitionErrors, match="too many aliases"):
        parse("\n".join(lines))


def test_a_file_that_is_not_there_is_told_as_a_problem(tmp_path: Path) -> None:
    with pytest.raises(DefinitionErrors, match="cannot be read"):
        load(tmp_path / "none.yaml")


def test_a_file_that_is_not_utf8_is_told_as_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("title: Geschäft".encode("latin-1"))
    with pytest.raises(DefinitionErrors, match="not UTF-8 from byte 12"):
        load(path)
