"""The sections `user` and `account`: measures, machines and signals of one kind of entity, put together."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.definition.errors import Report, nearest
from schemas.definition.expressions_parser import Constants
from schemas.definition.fields import Fields
from schemas.definition.machines_parser import MACHINE_KEYS, Machines
from schemas.definition.measures_parser import Measures, Surroundings
from schemas.definition.model import EntityDefinition, Forget, Kind
from schemas.definition.scope import Scope
from schemas.definition.yaml_reader import Node, Scalar, Table, kind

ENTITY_KEYS = ("activity", "forget", "carry", "from_domain", "measures", "signals")
"""Every other key of the section is the name of a machine."""


@dataclass(frozen=True, slots=True)
class Journey:
    """One parsed section, and what other sections need to know of it even where it is broken."""

    definition: EntityDefinition
    states: dict[str, tuple[str, ...]]
    signals: tuple[str, ...]


def parse_entity(node: Node, name: Kind, around: Surroundings, report: Report, constants: Constants) -> Journey:
    """Reads in two rounds: first every name is declared, then expressions are read, which may use any of them."""
    fields = Fields(node, f"`{name}`", (), report, constants)
    machines = Machines(name, report, constants)
    for key, body in fields.table.entries if fields.table else ():
        if key.value not in ENTITY_KEYS and _is_machine(key, body, name, report):
            machines.declare(key, body)
    machines.declare_signals(fields.get("signals"))
    measures = Measures(fields.get("measures"), around, report, constants)
    _names_differ(fields, machines, measures, constants, report)
    _stage_first(fields, machines, name, report)
    scope = Scope(params=constants.params, measures=measures.known)
    built = measures.finish(Scope(params=constants.params, refused=_not_in_scores(machines)))
    definition = EntityDefinition(
        kind=name,
        activity=_activity(fields, name, around, report),
        measures=built,
        machines=machines.build(scope),
        signals=machines.build_signals(scope),
        forget=_forget(fields, machines),
        carry=tuple(dict.fromkeys(word.value for word in fields.texts("carry"))) if "carry" in fields else (),
        from_domain=_from_domain(fields, name, around, report),
    )
    return Journey(definition, machines.states(), tuple(machines.signals))


def _is_machine(key: Scalar, body: Node, name: str, report: Report) -> bool:
    """Whether a key that is not one of ours names a machine; else it is a slip of the pen."""
    near = nearest(key.value, ENTITY_KEYS)
    if isinstance(body, Table) and (near is None or any(word.value in MACHINE_KEYS for word, _ in body.entries)):
        return True
    if near is not None:
        report.error(key, f"`{name}` has no key {key.value!r}", near)
    else:
        what = "nothing" if isinstance(body, Scalar) and body.is_null else kind(body)
        report.error(key, f"{key.value!r} would be a machine, which has `states` and `transitions`; here stands {what}")
    return False


def _stage_first(fields: Fields, machines: Machines, name: str, report: Report) -> None:
    names = list(machines.declared)
    if fields.table is None or (names and names[0] == "stage"):
        return
    if "stage" in names:
        report.error(
            machines.declared["stage"].key, f"`stage` must be the first machine of `{name}`: the others read it"
        )
    else:
        report.error(fields.place, f"`{name}` needs a machine called `stage`")


def _names_differ(fields: Fields, machines: Machines, measures: Measures, constants: Constants, report: Report) -> None:
    """A name means one thing: an expression has no way to say which it means."""
    taken = dict.fromkeys(constants.params, "a param")
    sections = (("a machine", machines.declared), ("a measure", measures.known), ("a signal", machines.signals))
    for what, names in sections:
        for name in names:
            if name in taken:
                report.error(_key_of(fields, machines, name, what), f"{name!r} is {what} and {taken[name]}; rename one")
            taken[name] = what


def _key_of(fields: Fields, machines: Machines, name: str, what: str) -> Scalar:
    """Where a name was given."""
    if what == "a machine":
        return machines.declared[name].key
    if what == "a signal":
        return machines.signals[name][0]
    table = fields.get("measures")
    key = table.key(name) if isinstance(table, Table) else None
    assert key is not None, "a declared measure stands under `measures`"
    return key


def _not_in_scores(machines: Machines) -> dict[str, str]:
    names = (*machines.declared, *machines.signals, "signals")
    return {name: f"a score is made of measures and cannot read {name!r}" for name in names}


def _activity(fields: Fields, name: Kind, around: Surroundings, report: Report) -> str:
    if "activity" not in fields and name == "account":
        return "members"
    choices = (*around.selections, *(("members",) if name == "account" else ()))
    return fields.choice("activity", choices, required=True) or ""


def _from_domain(fields: Fields, name: Kind, around: Surroundings, report: Report) -> tuple[str, ...] | None:
    node = fields.get("from_domain")
    if node is not None and name == "user":
        report.error(node, "`from_domain` finds the account of an event; it belongs to `account`, not to `user`")
        return None
    return fields.choices("from_domain", around.selections) or None


def _forget(fields: Fields, machines: Machines) -> Forget | None:
    forget = fields.child("forget", f"`forget` of {fields.what}", ("stage", "idle"))
    if forget is None:
        return None
    stages = machines.declared["stage"].states if "stage" in machines.declared else ()
    stage, idle = forget.choice("stage", stages, required=True), forget.duration("idle", required=True)
    return None if stage is None or not idle else Forget(stage, idle)
