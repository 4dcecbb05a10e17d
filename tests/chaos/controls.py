"""Negative controls: cases in which one protection is switched off. A suite that stays green in one of them shows nothing.

Each is the case in which its protection is all that stands between a fault and a wrong result.
"""

from __future__ import annotations

SEEDS = 12
"""Within so many seeds each must have shown; most show with the first."""

CONTROLS: dict[str, str] = {
    "commit-early": "killed-after-commit",
    "sink-commits-early": "sink-killed-after-commit",
    "outputs-before-state": "killed-in-disorder",
    "no-applied-offset": "killed-with-busy-users",
    "no-fencing": "worker-sleeps",
    "no-deterministic-id": "engine-killed",
}
"""What is switched off in every worker and sink (see without.py) -> the case that must be red then, and is green otherwise."""
