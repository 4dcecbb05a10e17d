"""`python -m tests.simulation --seeds 20000 [--first 0]`: many schedules; prints the seeds that broke the guarantee."""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation import sink
from tests.simulation.play import Wrong
from tests.simulation.schedule import run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="how many schedules")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    broken = 0
    begun = time.monotonic()
    for seed in range(options.first, options.first + options.seeds):
        try:
            run(seed)
            sink.run(seed)
        except Wrong as error:
            broken += 1
            print(error)
    print(
        f"{options.seeds} schedules of engine and sink in {time.monotonic() - begun:.0f} s, {broken} broke the guarantee"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
