"""The core against the naive model, over generated definitions and histories. LAWS=long looks further, at random."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from tests.model.company import retell
from tests.model.laws import Liveliness, check
from tests.strategies.histories import companies, histories

LONG = os.environ.get("LAWS") == "long"


@pytest.mark.timeout(3_600 if LONG else 300)
def test_the_core_tells_the_story_that_the_naive_model_recomputes(capsys: pytest.CaptureFixture[str]) -> None:
    lively = Liveliness()

    @settings(
        phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
        max_examples=5_000 if LONG else 220, derandomize=not LONG, deadline=None, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(st.data())
    def law(data: st.DataObject) -> None:
        definition = data.draw(companies())
        history = data.draw(histories(definition))
        story = retell(definition, list(history.events), history.until)
        for name in lively.add(definition, history, story):
            event(name)
        check(definition, history, story)

    law()
    with capsys.disabled():
        print(f"\n  {lively}")
    assert lively.share("timer transition") >= 0.3
    assert lively.share("disorder") >= 0.3
    assert lively.share("resurrection") >= 0.2
    assert lively.share("rule held back") <= 0.4, "too few histories are compared to their end"
