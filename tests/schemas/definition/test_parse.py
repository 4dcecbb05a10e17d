"""The shipped definitions and the example they grew from are read, into the values that the core runs."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from schemas.definition.expression import Arith, MeasureRef
from schemas.definition.model import Clock, Condition, Definition, Forget, Measure, MemberFilter
from schemas.definition.parse import load, parse
from schemas.vocabulary import VOCABULARY
from tests.schemas.definition.writing import BASE, problems, with_line

SHIPPED = Path(__file__).parents[3] / "schemas" / "definitions"
EXAMPLE = Path(__file__).parent / "data" / "saas_example.yaml"
DAY = 86_400_000


@pytest.fixture(scope="module")
def saas() -> Definition:
    return load(SHIPPED / "saas.yaml")


def measure(definition: Definition, name: str, kind: str = "account") -> Measure:
    entity = definition.user if kind == "user" else definition.account
    assert entity is not None
    return next(m for m in entity.measures if m.name == name)


def added(line: str) -> Measure:
    """The measure that a line under `measures` is read as."""
    return measure(parse(with_line("measures", f"    more: {line}")), "more", "user")


def test_the_example_is_read() -> None:
    example = load(EXAMPLE)
    assert example.account is not None
    assert (len(example.selections), len(example.user.measures), len(example.account.measures)) == (20, 6, 26)
    assert [m.name for m in example.account.machines] == ["stage", "risk", "expansion"]


def test_saas_has_the_five_and_the_seven_stages(saas: Definition) -> None:
    assert saas.user.machines[0].states == ("awareness", "activation", "engagement", "adoption", "retention", "churn")
    assert saas.account is not None
    assert saas.account.machines[0].states == (
        "awareness", "consideration", "conversion", "onboarding", "adoption", "retention", "advocacy", "churn",
    )  # fmt: skip


def test_saas_keeps_every_rule_of_the_example(saas: Definition) -> None:
    """Thresholds included: a rule, without its place, is the same value in both files."""
    from tests.schemas.definition.test_expressions import bare

    example = load(EXAMPLE)
    for mine, its in ((saas.user, example.user), (saas.account, example.account)):
        assert mine is not None
        assert its is not None
        assert bare(mine.machines) == bare(its.machines)
        ours, kept = (
            tuple(s for s in kind.signals if s.name not in ("champion_quiet", "stalled_setup")) for kind in (mine, its)
        )  # the one ends with the contract, the other came later
        assert bare(ours) == bare(kept)


def test_saas_reads_names_of_the_vocabulary_only(saas: Definition) -> None:
    names = {name for selection in saas.selections.values() for name in selection.names}
    assert names <= {entry.name for entry in VOCABULARY}


def test_community_has_the_same_user_stages(saas: Definition) -> None:
    community = load(SHIPPED / "community.yaml")
    assert community.user.machines[0].states == saas.user.machines[0].states
    assert not community.clock.wall
    assert {a.kind for a in community.alerts} == {"user", "account"}


def test_params_are_put_in_and_may_use_earlier_ones(saas: Definition) -> None:
    assert saas.params == {
        "cadence": 7 * DAY, "quiet": 14 * DAY, "silent": 30 * DAY, "gone": 60 * DAY, "rollout": 0.6,
    }  # fmt: skip


def test_selections_are_what_the_file_says(saas: Definition) -> None:
    active = saas.selections["active"]
    assert (active.types, active.actors, active.places) == (("track", "page", "screen"), ("user",), ("product",))
    assert saas.exclude == ("staff", "bots", "tests")


@pytest.mark.parametrize(
    ("where", "condition"),
    [
        ("{properties.plan: pro}", Condition(("properties", "plan"), "==", "pro")),
        ("{properties.plan.name: pro}", Condition(("properties", "plan", "name"), "==", "pro")),
        ("{properties.seats: 5}", Condition(("properties", "seats"), "==", 5.0)),
        ("{properties.seats: '5'}", Condition(("properties", "seats"), "==", "5")),
        ("{properties.trial: true}", Condition(("properties", "trial"), "==", True)),
        ('{properties.seats: ">= 5"}', Condition(("properties", "seats"), ">=", 5.0)),
        ('{properties.seats: "< 0.5"}', Condition(("properties", "seats"), "<", 0.5)),
        ('{traits.plan: "!= free"}', Condition(("traits", "plan"), "!=", "free")),
        ("{properties.plan: [pro, team]}", Condition(("properties", "plan"), "in", ("pro", "team"))),
    ],
)
def test_a_where_is_a_condition(where: str, condition: Condition) -> None:
    text = with_line("events", f"  more: {{where: {where}}}")
    assert parse(text).selections["more"].where == (condition,)


def test_a_selection_may_be_just_its_names() -> None:
    assert parse(with_line("events", "  more: Demo Booked")).selections["more"].names == ("Demo Booked",)
    assert parse(with_line("events", "  more: [A, B, A]")).selections["more"].names == ("A", "B")


def test_measures_of_every_kind_are_read(saas: Definition) -> None:
    assert measure(saas, "evaluating").sets == ("evaluating",)
    assert measure(saas, "evaluating").clear == ("lost", "bought")
    assert (measure(saas, "grew").of, measure(saas, "grew").since) == ("grew", "contract")
    assert (measure(saas, "renews_at").as_time, measure(saas, "mrr").unit) == (True, "currency")
    assert measure(saas, "seats").fallback == "members"
    assert measure(saas, "advocated").within == 365 * DAY
    assert measure(saas, "features", "user").path == ("properties", "feature")
    assert measure(saas, "setup", "user").cap == 32
    assert measure(saas, "champions_14").members == MemberFilter(reached=("retention",), active_within=14 * DAY)
    assert measure(saas, "admins").members == MemberFilter(stage=("engagement", "adoption", "retention"), admin=True)


def test_accounts_publish_their_measures_and_users_only_what_says_so(saas: Definition) -> None:
    assert saas.account is not None
    assert all(m.publish for m in saas.account.measures)
    assert [m.name for m in saas.user.measures if m.publish] == ["setup"]


def test_a_score_is_parts_and_caps(saas: Definition) -> None:
    health = measure(saas, "health")
    assert [(p.name, p.weight, p.low, p.high) for p in health.parts] == [
        ("usage", 40, 0, 0.6), ("breadth", 20, 0, 0.8), ("people", 20, 0, 2), ("sentiment", 10, 0, 9),
        ("support", 10, 4, 0),
    ]  # fmt: skip
    assert health.parts[0].value == Arith("/", MeasureRef("weekly"), MeasureRef("seats"))
    assert [cap.at for cap in health.caps] == [50, 70]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("{sum: properties.amount, of: core, within: 2w}", ("sum", "core", 14 * DAY, ("properties", "amount"))),
        ("{count: core}", ("count", "core", None, ())),
        ("{active_days: active, within: 28d}", ("active_days", "active", 28 * DAY, ())),
        ("{count: core, within: few * 1d}", ("count", "core", 3 * DAY, ())),
        ("{distinct: properties.x, of: core}", ("distinct", "core", None, ("properties", "x"))),
    ],
)
def test_a_measure_is_read(line: str, found: tuple[object, ...]) -> None:
    m = added(line)
    assert (m.kind, m.of, m.within, m.path) == found


def test_a_flag_may_be_set_by_several() -> None:
    found = added("{flag: {set: [core, bought]}}")
    assert (found.sets, found.clear) == (("core", "bought"), ())


def test_forget_holds_a_stage_and_a_silence(saas: Definition) -> None:
    assert saas.user.forget == Forget("awareness", 90 * DAY)


def test_only_in_may_name_one_state_or_several(saas: Definition) -> None:
    assert saas.account is not None
    assert saas.account.machines[2].only_in == (
        ("stage", ("adoption", "retention", "advocacy")), ("risk", ("healthy",)),
    )  # fmt: skip


def test_a_hold_is_in_milliseconds(saas: Definition) -> None:
    assert saas.account is not None
    clear = next(rule for rule in saas.account.machines[1].rules if rule.name == "clear")
    assert (clear.hold, clear.from_states, clear.to) == (3 * DAY, ("watch", "at_risk"), "healthy")


def test_an_alert_is_what_the_file_says(saas: Definition) -> None:
    alert = saas.alerts[0]
    assert (alert.name, alert.kind, alert.machine, alert.enters) == ("account_at_risk", "account", "risk", "at_risk")
    assert (alert.severity, alert.cooldown, alert.act_within) == ("high", 7 * DAY, 2 * DAY)


@pytest.mark.parametrize("word", ["off", "false", "no", "Off"])
def test_the_wall_clock_can_be_switched_off(word: str) -> None:
    assert not parse(f"clock: {{wall: {word}}}\n" + BASE).clock.wall
    assert parse("clock: {wall: on}\n" + BASE).clock.wall


def test_a_clock_left_out_is_the_usual_one() -> None:
    assert parse(BASE).clock == Clock()
    assert parse("clock: {grace: 0s, timezone: Europe/Berlin}\n" + BASE).clock == Clock("Europe/Berlin", grace=0)


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    assert parse("\ufeff" + BASE).digest == parse(BASE).digest
    assert parse(BASE.replace("\n", "\r\n")).digest == parse(BASE).digest


def test_an_anchor_may_be_used_twice() -> None:
    text = BASE.replace("[awareness, activation, churn]", "&all [awareness, activation, churn]")
    assert problems(text.replace("user:\n", "user:\n  carry: [email]\n")) == []


@pytest.mark.parametrize(
    ("title", "level"),
    [
        ("CEO", "executive"), ("cto", "executive"), ("CEO & Co-Founder", "executive"), ("Founder / CEO", "executive"),
        ("Chief Revenue Officer", "executive"), ("VP Sales", "executive"),
        ("Senior Vice President, Product", "executive"),
        ("Geschäftsführerin", "executive"), ("Stellv. Geschäftsführer", "executive"),
        ("Vorstandsvorsitzender", "executive"),
        ("Head of Data", "manager"), ("Product Manager", "manager"), ("Engineering Manager", "manager"),
        ("Tech Lead", "manager"), ("Director of Sales", "manager"), ("Teamleiter Vertrieb", "manager"),
        ("Leiterin Einkauf", "manager"), ("Abteilungsleitung", "manager"), ("Jefe de Ventas", "manager"),
        ("Product Owner", "user"), ("Cook", "user"), ("Executive Assistant", "user"), ("Software Engineer", "user"),
        ("Sachbearbeiter", "user"), ("Assistant to the CEO", "user"),
    ],
)  # fmt: skip
def test_titles_find_their_level(saas: Definition, title: str, level: str) -> None:
    """As the core matches them: whole title, case aside, first pattern that fits."""
    assert saas.levels is not None
    patterns = ((name, pattern) for name, some in saas.levels.patterns for pattern in some)
    assert next(name for name, pattern in patterns if fnmatchcase(title.casefold(), pattern.casefold())) == level
