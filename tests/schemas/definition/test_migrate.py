"""The section `migrate` says whose states are taken over; what is wrong in it is told at its place."""

from __future__ import annotations

import pytest

from schemas.definition.parse import parse
from tests.schemas.definition.writing import BASE, marked, problems


def with_migrate(body: str) -> str:
    return BASE.replace("version: 1\n", f"version: 2\nmigrate: {body}\n")


def test_versions_digests_states_measures_and_machines_are_read() -> None:
    found = parse(with_migrate(
        "{from: [1, 3, 0123456789ab], states: {user.stage.trial: activation}, measures: {user.core: core_7}, drop: [user.mood]}"
    )).migrate  # fmt: skip
    assert found is not None
    assert (found.versions, found.digests) == ((1, 3), ("0123456789ab",))
    assert (found.states, found.measures) == ((("user.stage.trial", "activation"),), (("user.core", "core_7"),))
    assert found.drop == ("user.mood",)
    assert parse(BASE).migrate is None


def test_where_states_came_from_is_no_part_of_what_a_definition_is() -> None:
    assert parse(with_migrate("{from: 1}")).digest == parse(BASE).digest


@pytest.mark.parametrize(
    ("body", "message", "suggestion"),
    [
        ("¦{states: {}}", "`migrate` needs `from:`", None),
        ("{from: [1, ¦v2]}", "versions or digests, by their first 8 digits or more; not 'v2'", None),
        ("{from: 1, ¦form: 2}", "`migrate` has no key 'form'", "from"),
        ("{from: 1, states: {¦trial: activation}}", "are written `user.stage.old: new`, not 'trial'", None),
        ("{from: 1, states: {¦account.stage.trial: x}}", "are written `user.stage.old: new`", None),
        ("{from: 1, states: {¦user.stages.trial: activation}}", "user has no machine 'stages'", "user.stage.trial"),
        ("{from: 1, states: {user.stage.trial: ¦activaton}}", "unknown name 'activaton'", "activation"),
        ("{from: 1, states: {user.stage.trial: ¦[churn]}}", "goes to one state", None),
        ("{from: 1, measures: {¦core: core_7}}", "are written `user.old: new`, not 'core'", None),
        ("{from: 1, measures: {user.core: ¦core_8}}", "unknown name 'core_8'", "core_7"),
        ("{from: 1, drop: [¦mood]}", "names machines that are gone, such as `user.mood`; not 'mood'", None),
        ("¦[1]", "`migrate` must be a mapping", None),
    ],
)
def test_what_is_wrong_in_it_is_told_where_it_stands(body: str, message: str, suggestion: str | None) -> None:
    text = with_migrate(body)
    found = [p for p in problems(text) if message in p.message]
    assert len(found) == 1, problems(text)
    assert (found[0].line, found[0].column) == marked(text)
    assert found[0].suggestion == suggestion
