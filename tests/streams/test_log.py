"""The log: lines are worth less than the worker that writes them."""

from __future__ import annotations

import io
import sys

import pytest

from streams.log import Lossy, say


class Full(io.StringIO):
    """A stream on a disk with no room left."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_a_log_on_a_full_disk_costs_lines_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by the fault suite: whoever could not write that it had taken its partitions never worked on them."""
    monkeypatch.setattr(sys, "stderr", Full())
    lossy = Lossy(sys.stderr)
    assert lossy.write("lost\n") == 0
    lossy.flush()
    say("lost too")
    kept = io.StringIO()
    assert Lossy(kept).write("kept\n") == 5
    assert kept.getvalue() == "kept\n"
