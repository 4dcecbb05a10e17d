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
from deploy.demo.script import LAST_DAY, UNTIL, AccountScript, Expected, Moment, expect
from deploy.demo.script_paths import expansion_path, risk_path
from deploy.demo.scenario_life import ORDINARY

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
    never: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        return "a-" + self.name.split()[0].lower()


NOT_READY = (("expansion", "ready"),)
NO_ADVOCATE = (("stage", "advocacy"),)

SCENES: tuple[Scene, ...] = (
    Scene("Brightwater Logistics", "mid-market", "EUR", "showcase", stories.showcase, NOT_READY),
    Scene("Alderney Foods", "mid-market", "EUR", "kept", partial(stories.kept, touch=4, team=16), NOT_READY),
    Scene("Cobalt Freight", "enterprise", "USD", "kept", partial(stories.kept, touch=22, team=22, trial=False), NOT_READY),
    Scene("Dunmore Energy", "mid-market", "GBP", "kept", partial(stories.kept, touch=47, team=14), NOT_READY),
    Scene("Everly Textiles", "small", "EUR", "kept", partial(stories.kept, touch=70, team=11, kinds=(*ORDINARY, "cancel")), NOT_READY),
    Scene("Fennimore Health", "enterprise", "USD", "pays late", partial(stories.pays_late, touch=9, team=18), NOT_READY),
    Scene("Glenrock Mining", "mid-market", "USD", "pays late", partial(stories.pays_late, touch=31, team=13), NOT_READY),
    Scene("Hollis Marine", "small", "GBP", "pays late", partial(stories.pays_late, touch=58, team=10), NOT_READY),
    Scene("Ivybridge Media", "mid-market", "GBP", "expands", partial(stories.expands, touch=6, team=12)),
    Scene("Juniper Retail", "mid-market", "USD", "expands", partial(stories.expands, touch=17, team=14)),
    Scene("Kestrel Robotics", "small", "EUR", "expands", partial(stories.expands, touch=35, team=10)),
    Scene("Larkfield Insurance", "enterprise", "EUR", "expands", partial(stories.expands, touch=13, team=16)),
    Scene("Marlowe Dairy", "small", "EUR", "advocates", partial(stories.advocates, touch=3, team=11), NOT_READY),
    Scene("Northgate Rail", "enterprise", "GBP", "advocates", partial(stories.advocates, touch=11, team=19), NOT_READY),
    Scene("Oakhurst Bank", "enterprise", "USD", "advocates again", partial(stories.advocates, touch=26, team=20, again=240), NOT_READY),
    Scene("Pinecrest Hotels", "mid-market", "USD", "advocates", partial(stories.advocates, touch=40, team=13), NOT_READY),
    Scene("Quarry Lane Glass", "small", "GBP", "champion comes and goes", partial(stories.champion_comes_and_goes, touch=8, team=10), NOT_READY),
    Scene("Redfern Legal", "small", "EUR", "champion comes and goes", partial(stories.champion_comes_and_goes, touch=29, team=9), NOT_READY),
    Scene("Saltmarsh Fisheries", "mid-market", "EUR", "champion leaves", partial(stories.champion_leaves, touch=19, team=12), NOT_READY),
    Scene("Thornbury Pharma", "enterprise", "USD", "executive quiet", partial(stories.executive_goes_quiet, touch=15, team=17, gone=False), NOT_READY),
    Scene("Umber Paints", "mid-market", "GBP", "executive quiet", partial(stories.executive_goes_quiet, touch=24, team=12, gone=True), NOT_READY),
    Scene("Vantage Solar", "mid-market", "EUR", "stalls", partial(stories.stalls, touch=12, team=13, recovers=True), NOT_READY),
    Scene("Westbrook Tools", "small", "USD", "stalls", partial(stories.stalls, touch=52, team=11, recovers=True), NOT_READY),
    Scene("Yarrow Cosmetics", "small", "EUR", "stalls and leaves", partial(stories.stalls, touch=33, team=12, recovers=False), NOT_READY),
    Scene("Zephyr Cycling", "small", "EUR", "never starts", partial(stories.never_starts, touch=65), NOT_READY),
    Scene("Ashdown Printing", "small", "GBP", "churns in silence", partial(stories.churns, touch=10, team=11, how="silence"), NOT_READY),
    Scene("Birchwood Schools", "mid-market", "USD", "churns over an invoice", partial(stories.churns, touch=28, team=14, how="invoice"), NOT_READY),
    Scene("Clearspring Water", "mid-market", "EUR", "churns with notice", partial(stories.churns, touch=44, team=12, how="notice"), NOT_READY),
    Scene("Driftwood Design", "small", "USD", "won back", partial(stories.is_won_back, touch=5, team=10, debt=True), NOT_READY),
    Scene("Elmstead Clinics", "mid-market", "GBP", "won back", partial(stories.is_won_back, touch=21, team=13, debt=False), NOT_READY),
    Scene("Foxglove Gardens", "small", "GBP", "lost", partial(stories.loses, touch=37, trial=False), NOT_READY),
    Scene("Granite Peak Outdoor", "mid-market", "USD", "lost after a trial", partial(stories.loses, touch=120, trial=True), NOT_READY),
    Scene("Harrow Aerospace", "enterprise", "EUR", "lost, then won", partial(stories.loses_then_wins, touch=14, team=18), NOT_READY),
    Scene("Ironwood Homes", "mid-market", "USD", "looks ready", partial(stories.looks_ready_but_is_not, touch=7, team=14, declined=False), NOT_READY),
    Scene("Jasper Telecom", "enterprise", "EUR", "looks ready", partial(stories.looks_ready_but_is_not, touch=42, team=16, declined=True), NOT_READY),
    Scene("Kingsley Travel", "mid-market", "EUR", "promotes, never refers", partial(stories.promotes_but_never_refers, touch=18, team=13), NO_ADVOCATE),
    Scene("Lindenhof Foundry", "mid-market", "EUR", "promotes, never refers", partial(stories.promotes_but_never_refers, touch=50, team=12), NO_ADVOCATE),
    Scene("Mossgrove Games", "small", "USD", "serves itself", partial(stories.serves_itself, touch=23, team=7), NOT_READY),
    Scene("Nettlecombe Bakery", "small", "GBP", "serves itself", partial(stories.serves_itself, touch=61, team=8), NOT_READY),
    Scene("Orchard Valley Farms", "mid-market", "USD", "one thread", partial(stories.hangs_by_one_thread, touch=16, team=10), NOT_READY),
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
    path = sorted([*stages, *risk, *expansion], key=lambda step: step.at_earliest)
    return AccountScript(
        scene.id, scene.name, scene.story, path, ["awareness", *(step.to for step in stages)], _alerts(d, risk), list(scene.never)
    )


def _alerts(d: Diary, risk: list[Expected]) -> list[Expected]:
    """An alert for each time at risk, unless the last one is over for less than its cool-down of 7 days."""
    found: list[Expected] = []
    closed: int | None = None
    for before, step in zip([None, *risk], risk, strict=False):
        when = Moment(step.at_earliest, step.at_latest)
        if step.to == "at_risk" and (closed is None or when.earliest >= closed + 7 * 86_400_000):
            found.append(expect("alerts", "opened", "account_at_risk", when))
        elif before is not None and before.to == "at_risk" and found and found[-1].to == "opened":
            found.append(expect("alerts", "resolved", "account_at_risk", when))
            closed = when.latest
    return found


__all__ = ["OWNERS", "SCENES", "SHOWCASE", "Scene", "play", "script_of"]
