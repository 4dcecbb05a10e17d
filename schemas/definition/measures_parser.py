"""The section `measures` of an entity: each measure's kind, what it reads, and its type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import get_args

from schemas.definition.churn_parser import parse_churn
from schemas.definition.errors import Report, listed, nearest
from schemas.definition.expression import Span
from schemas.definition.expressions_parser import Constants, parse_guard, parse_number
from schemas.definition.fields import Fields, entries, is_name, items
from schemas.definition.model import Measure, MeasureKind, MemberFilter, ScoreCap, ScorePart
from schemas.definition.scope import KnownMeasure, Scope, Type, measure_type
from schemas.definition.selections_parser import LEVELS, path_of
from schemas.definition.yaml_reader import Node, Scalar, Table

KINDS: tuple[MeasureKind, ...] = get_args(MeasureKind)
KEYS: dict[MeasureKind, tuple[str, ...]] = {
    "first": (), "count": ("within", "since"), "sum": ("of", "within", "since", "unit"),
    "distinct": ("of", "within", "cap"), "latest": ("of", "within", "as", "unit", "else"),
    "active_days": ("within",), "active_weeks": ("within",), "flag": (), "members": (), "score": ("caps",),
    "churn": ("horizon", "after", "coefficients", "fitted"),
}  # fmt: skip
"""What may stand beside the key that says the kind, and beside `publish`."""

MAX_CAP = 4_096
"""Different values that one entity may remember; each takes about 30 bytes of its state."""

_AS: dict[str, Type] = {"time": "time", "number": "number", "text": "text", "bool": "bool"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a measure may name outside its own section. `user_states`: of the user's machines, for `members`."""

    entity: str
    selections: tuple[str, ...]
    user_states: Mapping[str, tuple[str, ...]]
    has_levels: bool
    has_admin: bool


class Measures:
    """The measures of one entity: all are declared first, so that they can name one another; scores come last."""

    def __init__(self, node: Node | None, around: Surroundings, report: Report, constants: Constants) -> None:
        self._around = around
        self._report = report
        self._constants = constants
        self._bodies: dict[str, Fields] = {}
        self.known: dict[str, KnownMeasure] = {}
        self.found: list[Measure] = []
        for key, body in entries(node, f"`measures` of {around.entity}", report):
            if is_name(key, "a measure", report):
                self._declare(key, body)
        for n, measure in enumerate(self.found):
            self.found[n] = self._linked(measure)

    # --- one measure -------------------------------------------------------------------------------------------------

    def _declare(self, key: Scalar, body: Node) -> None:
        name, what = key.value, f"measure {key.value}"
        kind = self._kind(key, body)
        if kind is None:
            self.known[name] = KnownMeasure("broken", "broken")
            return
        fields = Fields(body, what, (kind, *KEYS[kind], "publish"), self._report, self._constants)
        measure, declared = self._build(name, kind, fields)
        publish = fields.boolean("publish", self._around.entity == "account")
        self.found.append(replace(measure, publish=publish, span=Span(key.line, key.column, name)))
        self.known[name] = KnownMeasure(kind, measure_type(measure, declared))
        self._bodies[name] = fields

    def _kind(self, key: Scalar, body: Node) -> MeasureKind | None:
        if not isinstance(body, Table):
            hint = (
                f"{{count: {body.value}}}"
                if isinstance(body, Scalar) and body.value in self._around.selections
                else None
            )
            self._report.error(body, f"measure {key.value} must be a mapping with one of {listed(KINDS)}", hint)
            return None
        words = [word.value for word, _ in body.entries]
        kinds = [kind for kind in KINDS if kind in words]
        if len(kinds) == 1:
            return kinds[0]
        if kinds:
            self._report.error(
                body, f"measure {key.value} has two kinds, {' and '.join(kinds)}; make two measures of it"
            )
            return None
        near = next((found for word in words if (found := nearest(word, KINDS))), None)
        self._report.error(body, f"measure {key.value} needs one of {listed(KINDS)}", near)
        return None

    def _build(self, name: str, kind: MeasureKind, fields: Fields) -> tuple[Measure, Type | None]:
        measure = Measure(name, kind, cap=fields.integer("cap", 64, 1, MAX_CAP))
        match kind:
            case "first" | "count":
                measure = replace(measure, of=self._selection(fields, kind))
            case "active_days" | "active_weeks":
                return self._active(measure, fields), None
            case "sum" | "distinct" | "latest":
                measure = replace(measure, of=self._selection(fields, "of"), path=self._path(fields, kind))
            case "flag":
                measure = self._flag(measure, fields)
            case "members":
                measure = replace(measure, members=self._members(name, fields))
            case "churn":
                return parse_churn(measure, fields, self._around.selections, self._around.entity == "account"), None
        measure = replace(measure, within=fields.window("within"), unit=fields.text("unit"))
        declared = _AS[said] if (said := fields.choice("as", _AS)) else None
        if measure.unit is not None and declared not in (None, "number"):
            self._report.error(
                fields.get("unit") or fields.place, f"{fields.what} has a unit, so it is a number", "as: number"
            )
        return replace(measure, as_time=declared == "time"), declared

    def _active(self, measure: Measure, fields: Fields) -> Measure:
        within = fields.window("within", required=True)
        if measure.kind == "active_weeks" and within is not None and within % (7 * 86_400_000):
            weeks = max(1, round(within / (7 * 86_400_000)))
            self._report.error(
                fields.get("within") or fields.place, f"`within` of {fields.what} must be whole weeks", f"{7 * weeks}d"
            )
        return replace(measure, of=self._selection(fields, measure.kind), within=within)

    def _flag(self, measure: Measure, fields: Fields) -> Measure:
        what = f"`flag` of {fields.what}"
        flag = fields.child("flag", what, ("set", "clear")) or Fields(None, what, (), self._report, self._constants)
        sets = flag.choices("set", self._around.selections, required=True)
        clear = flag.choices("clear", self._around.selections)
        for name in set(sets) & set(clear):
            self._report.error(flag.place, f"{fields.what} is both set and cleared by {name}")
        return replace(measure, of=sets[0] if sets else None, sets=sets, clear=clear)

    def _selection(self, fields: Fields, key: str) -> str | None:
        return fields.choice(key, self._around.selections, required=True)

    def _path(self, fields: Fields, key: str) -> tuple[str, ...]:
        node = fields.get(key)
        if isinstance(node, Scalar):
            return path_of(node, f"`{key}` of {fields.what}", self._report) or ()
        fields.text(key, required=True)
        return ()

    def _members(self, name: str, fields: Fields) -> MemberFilter:
        around = self._around
        if around.entity != "account":
            self._report.error(fields.place, f"measure {name}: only an account has members")
            return MemberFilter()
        what = f"`members` of measure {name}"
        keys = ("stage", "risk", "level", "admin", "reached", "active_within")
        wanted = fields.child("members", what, keys) or Fields(None, what, (), self._report, self._constants)
        self._needs_levels(wanted)
        if "risk" in wanted and "risk" not in around.user_states:
            self._report.error(wanted.place, f"{what}: users have no machine `risk`")
        states = around.user_states
        return MemberFilter(
            stage=wanted.choices("stage", states.get("stage", ())),
            risk=wanted.choices("risk", states["risk"]) if "risk" in states else (),
            level=wanted.choices("level", (*LEVELS, "unknown")),
            admin=wanted.boolean("admin", True) if "admin" in wanted else None,
            reached=wanted.choices("reached", states.get("stage", ())),
            active_within=wanted.window("active_within"),
        )

    def _needs_levels(self, wanted: Fields) -> None:
        if "level" in wanted and not self._around.has_levels:
            self._report.error(wanted.get("level") or wanted.place, f"{wanted.what}: the file has no section `levels`")
        if "admin" in wanted and not self._around.has_admin:
            self._report.error(wanted.get("admin") or wanted.place, f"{wanted.what}: `levels` has no `admin`")

    # --- measures that name others -----------------------------------------------------------------------------------

    def _linked(self, measure: Measure) -> Measure:
        fields = self._bodies[measure.name]
        return replace(measure, since=self._since(measure, fields), fallback=self._else(measure, fields))

    def _since(self, measure: Measure, fields: Fields) -> str | None:
        flags = [name for name, known in self.known.items() if known.type == "bool" and known.kind == "flag"]
        flag = fields.choice("since", flags)
        if flag is not None and measure.within is not None:
            self._report.error(fields.get("since") or fields.place, f"{fields.what} has `since` and `within`; keep one")
        return flag

    def _else(self, measure: Measure, fields: Fields) -> str | None:
        others = [name for name, known in self.known.items() if known.kind != "score" and name != measure.name]
        other = fields.choice("else", others)
        place = fields.get("else") or fields.place
        if other is None:
            return None
        mine, its = self.known[measure.name].type, self.known[other].type
        if mine != its and "any" not in (mine, its):
            self._report.error(place, f"`else` of {fields.what} must be of its type, {mine}; {other} is a {its}")
        if measure.name in self._chain(other):
            self._report.error(place, f"`else` of {fields.what} leads back to {measure.name}")
            return None
        return other

    def _chain(self, name: str) -> list[str]:
        """The names that a chain of `else` passes through, each once."""
        seen: list[str] = []
        following: str | None = name
        while following in self._bodies and following not in seen:
            seen.append(following)
            node = self._bodies[following].get("else")
            following = node.value if isinstance(node, Scalar) else None
        return [*seen, following] if following else seen

    # --- scores ------------------------------------------------------------------------------------------------------

    def finish(self, scope: Scope) -> tuple[Measure, ...]:
        """All measures, scores with their parts. A score may read the scores before it."""
        readable = {name: known for name, known in self.known.items() if known.kind != "score"}
        done = []
        for measure in self.found:
            if measure.kind == "score":
                later = {n: f"{n!r} is a score that comes later" for n, k in self.known.items() if k.kind == "score"}
                refused = {**scope.refused, **{n: why for n, why in later.items() if n not in readable}}
                measure = self._scored(measure, replace(scope, measures=dict(readable), refused=refused))
                readable[measure.name] = self.known[measure.name]
            done.append(measure)
        return tuple(done)

    def _scored(self, measure: Measure, scope: Scope) -> Measure:
        fields = self._bodies[measure.name]
        node = fields.get("score")
        parts = tuple(
            part
            for key, body in entries(node, f"`score` of {fields.what}", self._report)
            if (part := self._part(key, body, replace(scope, moving=False))) is not None
        )
        if isinstance(node, Table) and not node.entries:
            self._report.error(node, f"{fields.what} needs at least one part")
        caps = tuple(
            cap
            for body in items(fields.get("caps"), f"`caps` of {fields.what}", self._report)
            if (cap := self._cap(body, measure.name, scope)) is not None
        )
        return replace(measure, parts=parts, caps=caps)

    def _part(self, key: Scalar, body: Node, scope: Scope) -> ScorePart | None:
        fields = Fields(body, f"part {key.value}", ("weight", "value", "from", "to"), self._report, self._constants)
        weight = fields.number("weight", required=True)
        low, high = fields.number("from", required=True), fields.number("to", required=True)
        node = fields.required("value")
        value = None if node is None else parse_number(node, f"`value` of part {key.value}", scope, self._report)
        if node is not None and value is not None and value.type not in ("number", "any"):
            self._report.error(node, f"`value` of part {key.value} must be a plain number, not a {value.type}")
        if weight is not None and weight <= 0:
            self._report.error(fields.get("weight") or fields.place, f"`weight` of part {key.value} must be above 0")
        if low is not None and low == high:
            self._report.error(fields.get("to") or fields.place, f"`from` and `to` of part {key.value} must differ")
        if weight is None or low is None or high is None or value is None:
            return None
        return ScorePart(key.value, weight, value.tree, low, high)

    def _cap(self, body: Node, name: str, scope: Scope) -> ScoreCap | None:
        fields = Fields(body, f"a cap of measure {name}", ("when", "at"), self._report, self._constants)
        node, at = fields.required("when"), fields.number("at", required=True)
        when = None if node is None else parse_guard(node, "`when`", scope, self._report)
        if at is not None and not 0 <= at <= 100:
            self._report.error(
                fields.get("at") or fields.place, f"`at` of a cap of measure {name} must be from 0 to 100"
            )
        return None if when is None or at is None else ScoreCap(when, at)
