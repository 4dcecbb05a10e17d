"""`python -m tests.chaos [--seeds N] [--first SEED] [--case NAME …] [--controls] [--logs FOLDER] [--list]`: the fault suite."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
import traceback
from pathlib import Path
from random import Random

from deploy.local import process
from deploy.local.clickhouse import LocalClickHouse
from deploy.local.kafka import LocalKafka
from tests.chaos import (  # noqa: F401  # they register
    cases_clickhouse,
    cases_copies,
    cases_groups,
    cases_input,
    cases_kill,
    cases_time,
)
from tests.chaos.cases import CASES, Case
from tests.chaos.controls import CONTROLS, SEEDS
from tests.chaos.verdict import Verdict
from tests.chaos.world import SLOW, NoFault, Servers, World


async def play(case: Case, seed: int, servers: Servers, without: str = "", kept: str = "") -> Verdict:
    """One case with one seed, in a world of its own. `without`: a protection that all workers and sinks lack; `kept`:
    the folder for the logs of what does not end well."""
    env = {**case.options.get("env", {}), "CHAOS_WITHOUT": without}
    logs = Path(kept, f"{case.name}-{seed}") if kept else None
    async with World(servers, seed, **{**case.options, "env": env}, logs=logs) as world:
        await case.run(world, Random(f"{case.name}/{seed}"))
        return await world.judge(case.sinks) if case.judged else Verdict()


def main() -> int:
    options = _options()
    process.START_S *= SLOW
    process.STOP_S *= SLOW
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the suite's own clients lose their broker too
    if options.list:
        for case in CASES.values():
            print(f"{case.name:24} {case.about}")
        return 0
    chosen = [CASES[name] for name in options.case or CASES]
    red = 0
    with LocalKafka(say=print) as kafka, LocalClickHouse(with_faults=True, say=print) as clickhouse:
        servers = Servers(kafka, clickhouse)
        if options.controls or options.control:
            return sum(not _must_be_red(without, servers, options.first) for without in options.control or CONTROLS)
        for seed in range(options.first, options.first + options.seeds):
            for case in chosen:
                red += not _show(case, seed, servers, options.logs)
    print(f"{len(chosen)} cases with {options.seeds} seeds each: {red} red")
    return 1 if red else 0


def _show(case: Case, seed: int, servers: Servers, logs: str) -> bool:
    began = time.monotonic()
    try:
        verdict = asyncio.run(play(case, seed, servers, kept=logs))
    except Exception as error:
        print(f"RED    {case.name:24} seed {seed:4}  {type(error).__name__}: {error}", flush=True)
        if not isinstance(error, AssertionError):
            traceback.print_exc()
        return False
    told = "green" if verdict.green else "RED  "
    print(f"{told}  {case.name:24} seed {seed:4}  {verdict}  ({time.monotonic() - began:.0f} s in all)", flush=True)
    for remark in verdict.remarks:
        print(f"       {remark[:600]}", flush=True)
    return verdict.green


def _must_be_red(without: str, servers: Servers, first: int) -> bool:
    case = CASES[CONTROLS[without]]
    for seed in range(first, first + SEEDS):
        try:
            verdict = asyncio.run(play(case, seed, servers, without))
        except NoFault:
            continue
        except AssertionError as error:  # it did not come to its end: a worker that finds nonsense refuses to start
            verdict = Verdict(wrong=1, remarks=[" ".join(str(error).split())[-300:]])
        if not verdict.green:
            print(f"red, as it must be  {without:22} {case.name:24} seed {seed:4}  {verdict}", flush=True)
            print(f"       {verdict.remarks[0][:300]}", flush=True)
            return True
    print(f"GREEN, AND MUST NOT BE  {without} {case.name}: {SEEDS} seeds and nobody noticed", flush=True)
    return False


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many times each case, each with its own luck")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--case", action="append", choices=sorted(CASES), help="only this one; may be repeated")
    parser.add_argument("--controls", action="store_true", help="the negative controls: each must go red")
    parser.add_argument("--control", action="append", choices=sorted(CONTROLS), help="only this one; may be repeated")
    parser.add_argument("--logs", default="", help="a folder for the logs of workers and sinks where a case is red")
    parser.add_argument("--list", action="store_true", help="the cases and what they are about")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
