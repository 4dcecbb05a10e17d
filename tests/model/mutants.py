"""Runs the laws against the core with one line changed: a law that no change turns red would hold nothing."""

from __future__ import annotations

import importlib.util
import multiprocessing
import signal
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import CodeType
from typing import NamedTuple

from schemas.definition.model import Definition
from tests.model.company import Story
from tests.strategies.histories import History

Example = tuple[Definition, History, Story]

AT_ONCE = 2
"""Processes side by side: the build machines have two cores."""

PATIENCE = 30
"""Seconds after which a mutant counts as one that never ends: about five times what all examples take."""


class Mutation(NamedTuple):
    """One line of the core, changed. `module` is below streams.journey; `old` stands in it exactly once."""

    name: str
    module: str
    old: str
    new: str


class Verdict(NamedTuple):
    """What the laws said of a mutant: at which example they turned red, counted from 1, or None; and how."""

    red_at: int | None
    said: str


def judge(mutations: Sequence[Mutation], examples: Sequence[Example]) -> dict[str, Verdict]:
    """Each mutation in a process of its own over the examples, until the first that turns red."""
    context = multiprocessing.get_context("fork")  # the examples need not be pickled
    waiting, running, verdicts = list(mutations), dict[Connection, tuple[Mutation, BaseProcess]](), dict[str, Verdict]()
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            mutation, (ours, theirs) = waiting.pop(0), context.Pipe(duplex=False)
            process: BaseProcess = context.Process(target=_try, args=(mutation, examples, theirs), daemon=True)
            process.start()
            theirs.close()
            running[ours] = (mutation, process)
        for ready in wait(list(running)):
            assert isinstance(ready, Connection)
            mutation, process = running.pop(ready)
            verdicts[mutation.name] = _received(ready, process)
    return verdicts


def _received(connection: Connection, process: BaseProcess) -> Verdict:
    try:
        return Verdict(*connection.recv())
    except EOFError:
        process.join()
        if process.exitcode == -signal.SIGALRM:
            return Verdict(0, f"never came to an end within {PATIENCE} s")
        return Verdict(None, f"the process died with {process.exitcode} before it said anything")


def _try(mutation: Mutation, examples: Sequence[Example], answer: Connection) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the suite has a handler of its own, which would say nothing
    signal.alarm(PATIENCE)  # ends this process; the other side reads the end of the pipe
    _mutate(mutation)
    from tests.model.laws import check

    for n, (definition, history, story) in enumerate(examples, 1):
        try:
            check(definition, history, story)
        except Exception as error:
            answer.send((n, f"{type(error).__name__}: {error}"[:400]))
            return
    answer.send((None, "every law held"))


def source_of(module: str) -> str:
    return Path(f"streams/journey/{module}.py").read_text(encoding="utf-8")


def _mutate(mutation: Mutation) -> None:
    """Import the core, and what drives it, anew with the changed line."""
    name = f"streams.journey.{mutation.module}"
    changed = source_of(mutation.module).replace(mutation.old, mutation.new)
    for loaded in [n for n in sys.modules if n.startswith(("streams.", "tests.model."))]:
        del sys.modules[loaded]
    sys.meta_path.insert(0, _Changed(name, changed))


class _Changed(SourceFileLoader):
    """Finds and loads one module from a text instead of its file."""

    def __init__(self, module: str, text: str) -> None:
        super().__init__(module, f"{module} (mutated)")
        self._text = text

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        code = compile(self._text, self.path, "exec")
        assert isinstance(code, CodeType)
        return code
