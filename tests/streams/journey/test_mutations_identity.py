"""One-line mutations of identity, each of which turns the laws red over people with several names."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.model.company import retell
from tests.model.mutants import Example, Mutation, Verdict, judge, source_of
from tests.strategies.histories import companies
from tests.strategies.links import linked_histories

EXAMPLES = 160
"""The hardest to find turns red at the 104th of these, all others by the 7th."""

MUTATIONS = [
    Mutation("the loser's measures are lost", "merge", "    _cells(terms, s, said[\"cells\"], said[\"evidence\"])", "    pass"),
    Mutation("the loser goes on living", "redirect", "if self._passes(s, _named(item) or self._weakest, out):", "if False:"),
    Mutation("the new member counts beside the old", "fold", 'members.put(how["instead"], GONE)', "pass"),
    Mutation("a link is forgotten in the bytes", "state", "self.ended, self.into, self.names,", "self.ended, None, self.names,"),
    Mutation("timers due before the link do not fire", "redirect", "fold.until(s, t, out)\n        lived", "lived"),
    Mutation("the way back is not told", "timeline", "Change(change.kind, record.undone())", "Change(change.kind, record)"),
]  # fmt: skip


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    examples: list[Example] = []

    @settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, phases=[Phase.generate])
    @given(st.data())
    def collect(data: st.DataObject) -> None:
        definition = data.draw(companies())
        history = data.draw(linked_histories(definition, accounts=False))
        examples.append((definition, history, retell(definition, list(history.events), history.until)))

    collect()
    return judge(MUTATIONS, examples)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_the_laws_notice_it(mutation: Mutation, verdicts: dict[str, Verdict]) -> None:
    assert source_of(mutation.module).count(mutation.old) == 1
    assert verdicts[mutation.name].red_at is not None, verdicts[mutation.name].said
