"""Compiles the core with mypyc into `.native`. Ends with 0 where that cannot be had: plain Python does the same work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from schemas import native

SCRIPT = """\
from setuptools import Extension, setup
from mypyc.build import mypycify
modules = mypycify({arguments!r}, target_dir={target!r}, opt_level="2", debug_level="0", multi_file=True)
for module in modules:
    module.extra_compile_args += {flags!r}
setup(name="journeys-core", ext_modules=[*modules, Extension({arenas!r}, [{source!r}])])
"""


def main() -> int:
    if os.environ.get("JOURNEYS_NATIVE") == "0":
        print("native: not compiled, as JOURNEYS_NATIVE is 0; the core runs as plain Python")
        return 0
    if native.STAMP.is_file() and native.STAMP.read_text() == native.digest():
        print("native: the compiled core is up to date")
        return 0
    compiler = os.environ.get("CC", "cc")
    if shutil.which(compiler) is None:
        print(f"native: there is no C compiler ({compiler}); the core runs as plain Python, at half the speed")
        return 0
    began = time.monotonic()
    print("native: compiling the core (about a minute) ...", flush=True)
    failed = _build()
    if failed is not None:
        print(f"native: it could not be compiled, so the core runs as plain Python:\n{failed}", file=sys.stderr)
        return 0
    print(f"native: compiled {len(native.sources())} modules in {time.monotonic() - began:.0f} s")
    return 0


def _build() -> str | None:
    """Build beside, then put in place whole. What the compiler said, where it failed."""
    stamp = native.digest()
    with tempfile.TemporaryDirectory(prefix="journeys-native-") as made:
        out, script = Path(made, "out"), Path(made, "setup.py")
        script.write_text(
            SCRIPT.format(
                arguments=[str(path) for path in native.sources()],
                target=f"{made}/c",
                flags=list(native.FLAGS),
                arenas=native.ARENAS,
                source=str(native.ARENAS_SOURCE),
            )
        )
        command = [
            sys.executable, str(script), "--quiet", "build_ext", "--parallel", "2", "--build-lib", str(out), "--build-temp", f"{made}/tmp",
        ]  # fmt: skip
        env = {**os.environ, "JOURNEYS_NATIVE": "0", "PYTHONPATH": str(native.ROOT), "MYPYPATH": str(native.ROOT)}
        done = subprocess.run(command, cwd=native.ROOT, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            return "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        shared = out / native.SHARED.name
        shared.mkdir()
        for module in [path for path in out.iterdir() if path.is_file()]:
            module.rename(shared / module.name)
        shutil.rmtree(native.FOLDER, ignore_errors=True)
        shutil.copytree(out, native.FOLDER)
    native.STAMP.write_text(stamp)
    return None


if __name__ == "__main__":
    sys.exit(main())
