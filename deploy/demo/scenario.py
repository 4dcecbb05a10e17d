"""The scenario: forty accounts, which story each one lives, and the path that its script promises."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import NamedTuple

from deploy.demo import scenario_stories as stories
from deploy.demo.company_activity import lives
from deploy.demo.company_diary import Diary
from deploy.demo.company_people import Names
from deploy.demo.scenario_life import ORDINARY
from deploy.demo.script import LAST_DAY, UNTIL, AccountScript, Expected
from deploy.demo.script_alerts import alert_path, spans_in, spans_of
from deploy.demo.script_paths import expansion_path, risk_path

OWNERS = ("Ines Okafor", "Luca Brandt", "Maya Lindqvist", "Tomas Rivera", "Yuki Hartmann")
"""Our own people, who look after the accounts."""

SHOWCASE = "a-brightwater"


class Scene(NamedTuple):
    """One account and its story."""

    name: str
    segment: str
    currency: str
    story: str
    plays: Callable[[Diary], None]
    never: tuple[tuple[str, str], ...] = (("expansion", "ready"),)

    @property
    def id(self) -> str:
        return "a-" + self.name.split()[0].lower()


NO_ADVOCATE = (("stage", "advocacy"),)

SCENES: tuple[Scene, ...] = (
    Scene("Brightwater Logistics", "mid-market", "EUR", "showcase", stories.showcase),
    Scene("Alderney Foods", "mid-market", "EUR", "kept", partial(stories.kept, touch=4, team=16)),
    Scene("Cobalt Freight", "enterprise", "USD", "kept", partial(stories.kept, touch=22, team=22, trial=False)),
    Scene("Dunmore Energy", "mid-market", "GBP", "kept", partial(stories.kept, touch=47, team=14)),
    Scene("Everly Textiles", "small", "EUR", "kept", partial(stories.kept, touch=70, team=11, kinds=(*ORDINARY, "cancel"))),
    Scene("Fennimore Health", "enterprise", "USD", "pays late", partial(stories.pays_late, touch=9, team=18)),
    Scene("Glenrock Mining", "mid-market", "USD", "pays late", partial(stories.pays_late, touch=31, team=13)),
    Scene("Hollis Marine", "small", "GBP", "pays late", partial(stories.pays_late, touch=58, team=10)),
    Scene("Ivybridge Media", "mid-market", "GBP", "expands", partial(stories.expands, touch=6, team=12), never=()),
    Scene("Juniper Retail", "mid-market", "USD", "expands", partial(stories.expands, touch=17, team=14), never=()),
    Scene("Kestrel Robotics", "small", "EUR", "expands", partial(stories.expands, touch=35, team=10), never=()),
    Scene("Larkfield Insurance", "enterprise", "EUR", "expands", partial(stories.expands, touch=13, team=16), never=()),
    Scene("Marlowe Dairy", "small", "EUR", "advocates", partial(stories.advocates, touch=3, team=11)),
    Scene("Northgate Rail", "enterprise", "GBP", "advocates", partial(stories.advocates, touch=11, team=19)),
    Scene("Oakhurst Bank", "enterprise", "USD", "advocates again", partial(stories.advocates, touch=26, team=20, again=240)),
    Scene("Pinecrest Hotels", "mid-market", "USD", "advocates", partial(stories.advocates, touch=40, team=13)),
    Scene("Quarry Lane Glass", "small", "GBP", "champion comes and goes", partial(stories.champion_comes_and_goes, touch=8, team=10)),
    Scene("Redfern Legal", "small", "EUR", "champion comes and goes", partial(stories.champion_comes_and_goes, touch=29, team=9)),
    Scene("Saltmarsh Fisheries", "mid-market", "EUR", "champion leaves", partial(stories.champion_leaves, touch=19, team=12)),
    Scene("Thornbury Pharma", "enterprise", "USD", "executive quiet", partial(stories.executive_goes_quiet, touch=15, team=17, gone=False)),
    Scene("Umber Paints", "mid-market", "GBP", "executive quiet", partial(stories.executive_goes_quiet, touch=24, team=12, gone=True)),
    Scene("Vantage Solar", "mid-market", "EUR", "stalls", partial(stories.stalls, touch=12, team=13, recovers=True)),
    Scene("Westbrook Tools", "small", "USD", "stalls", partial(stories.stalls, touch=52, team=11, recovers=True)),
    Scene("Yarrow Cosmetics", "small", "EUR", "stalls and leaves", partial(stories.stalls, touch=33, team=12, recovers=False)),
    Scene("Zephyr Cycling", "small", "EUR", "never starts", partial(stories.never_starts, touch=65)),
    Scene("Ashdown Printing", "small", "GBP", "churns in silence", partial(stories.churns, touch=10, team=11, how="silence")),
    Scene("Birchwood Schools", "mid-market", "USD", "churns over an invoice", partial(stories.churns, touch=28, team=14, how="invoice")),
    Scene("Clearspring Water", "mid-market", "EUR", "churns with notice", partial(stories.churns, touch=44, team=12, how="notice")),
    Scene("Driftwood Design", "small", "USD", "won back", partial(stories.is_won_back, touch=5, team=10, debt=True)),
    Scene("Elmstead Clinics", "mid-market", "GBP", "won back", partial(stories.is_won_back, touch=21, team=13, debt=False)),
    Scene("Foxglove Gardens", "small", "GBP", "lost", partial(stories.loses, touch=37, trial=False)),
    Scene("Granite Peak Outdoor", "mid-market", "USD", "lost after a trial", partial(stories.loses, touch=120, trial=True)),
    Scene("Harrow Aerospace", "enterprise", "EUR", "lost, then won", partial(stories.loses_then_wins, touch=14, team=18)),
    Scene("Ironwood Homes", "mid-market", "USD", "looks ready", partial(stories.looks_ready_but_is_not, touch=7, team=14, declined=False)),
    Scene("Jasper Telecom", "enterprise", "EUR", "looks ready", partial(stories.looks_ready_but_is_not, touch=42, team=16, declined=True)),
    Scene("Kingsley Travel", "mid-market", "EUR", "promotes only", partial(stories.promotes, touch=18, team=13), NO_ADVOCATE),
    Scene("Lindenhof Foundry", "mid-market", "EUR", "promotes only", partial(stories.promotes, touch=50, team=12), NO_ADVOCATE),
    Scene("Mossgrove Games", "small", "USD", "serves itself", partial(stories.serves_itself, touch=23, team=7)),
    Scene("Nettlecombe Bakery", "small", "GBP", "serves itself", partial(stories.serves_itself, touch=61, team=8)),
    Scene("Orchard Valley Farms", "mid-market", "USD", "one thread", partial(stories.hangs_by_one_thread, touch=16, team=10)),
)  # fmt: skip


def play(scene: Scene, owner: str, seed: int, names: Names) -> Diary:
    """Let an account live its story. Each account has a random source of its own, so no story changes another."""
    d = Diary(Random(f"{seed}/{scene.id}"), names, scene.id, scene.name, owner, scene.segment, scene.currency)
    scene.plays(d)
    d.falls_silent_by(LAST_DAY + 1)
    lives(d)
    return d


def script_of(scene: Scene, d: Diary) -> AccountScript:
    """The path that follows from what was written into the diary."""
    stages = [step for step in d.stages if step.at_earliest < UNTIL]
    risk = risk_path(d.customer, d.troubles, d.terms)
    expansion = expansion_path(d.adopted, risk, d.full, d.blocked, d.capped)
    alerts = [
        *alert_path("account_at_risk", spans_in(risk, "at_risk")),
        *alert_path("expansion_ready", spans_in(expansion, "ready")),
        *alert_path("champion_quiet", spans_of("champion_quiet", d.troubles, d.customer)),
    ]
    return AccountScript(
        id=scene.id, name=scene.name, story=scene.story, path=_in_order([*stages, *risk, *expansion]),
        stage_path=["awareness", *(step.to for step in stages)], alerts=_in_order(alerts), never=list(scene.never),
    )  # fmt: skip


def _in_order(steps: list[Expected]) -> list[Expected]:
    return sorted(steps, key=lambda step: step.at_earliest)


__all__ = ["OWNERS", "SCENES", "SHOWCASE", "Scene", "play", "script_of"]
