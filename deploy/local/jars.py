"""The jars of Apache Kafka: which ones (`kafka.lock.toml`, with checksums), and where they are on this machine.

`jgo` fetches each file that is missing from the repositories its own settings name, so a mirror is set where jgo users
set it. Nothing is resolved here: the lock lists every file, and a file whose SHA-256 differs is not used.
`python -m deploy.local.jars` resolves the lock again after a change of `WANTED`.
"""

from __future__ import annotations

import fcntl
import hashlib
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from deploy.cache import kept
from deploy.local.process import Say, ServiceError, quiet

KAFKA_VERSION = "4.4.0"
WANTED = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:2.0.17")
"""Kafka logs through slf4j; slf4j-simple writes that to standard error without a configuration file."""

LOCK = Path(__file__).with_name("kafka.lock.toml")
SIZE_MB = 43
"""What all files of the lock weigh together; said before the first fetch."""
FETCHES = 8
"""Files fetched at once. More gain nothing: three of the files are half of the bytes."""


class Jar(NamedTuple):
    """One locked file, by its Maven coordinates."""

    group: str
    artifact: str
    version: str
    sha256: str

    def path(self, cache: Path) -> Path:
        return cache.joinpath(
            *self.group.split("."), self.artifact, self.version, f"{self.artifact}-{self.version}.jar"
        )


def cache_folder() -> Path:
    """Where fetched jars are kept between runs."""
    return kept("jars")


def locked(lock: Path = LOCK) -> list[Jar]:
    """Every file of a lock, in its order."""
    rows = tomllib.loads(lock.read_text(encoding="utf-8"))["dependencies"]
    return [Jar(row["groupId"], row["artifactId"], row["version"], row["sha256"]) for row in rows]


def kafka_jars(say: Say = quiet, cache: Path | None = None) -> list[Path]:
    """Paths of all jars, checked; those missing are fetched. Raises ServiceError with what to do when that fails."""
    return jars_of(LOCK, f"Apache Kafka {KAFKA_VERSION}", SIZE_MB, say, cache)


def jars_of(lock: Path, name: str, size_mb: int, say: Say = quiet, cache: Path | None = None) -> list[Path]:
    """The same for any lock: `name` and the size in MB are said before the first fetch."""
    cache = cache or cache_folder()
    with _one_at_a_time(cache):
        missing = [jar for jar in locked(lock) if not _intact(jar.path(cache), jar.sha256)]
        if missing:
            say(f"fetching {name}: {len(missing)} files of {size_mb} MB in all, kept in {_short(cache)}")
            _fetch_all(missing, cache)
    return [jar.path(cache) for jar in locked(lock)]


def _fetch_all(jars: list[Jar], cache: Path) -> None:
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    # jgo's own default when its settings name none.
    repositories = GlobalSettings.load().repositories or None
    context = MavenContext(repo_cache=cache, remote_repos=repositories, timeout=60)

    def fetch(jar: Jar) -> None:
        path = jar.path(cache)
        path.unlink(missing_ok=True)  # a file with another checksum: half written, or not ours
        context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
        if not _intact(path, jar.sha256):
            path.unlink(missing_ok=True)
            raise ServiceError(
                f"{path.name} was fetched but its SHA-256 is not the locked one; try again, or see {LOCK.name}"
            )

    with ThreadPoolExecutor(FETCHES) as pool:
        try:
            list(pool.map(fetch, jars))
        except ServiceError:
            raise
        except Exception as error:  # jgo and requests have no common ground below Exception
            pool.shutdown(cancel_futures=True)
            raise ServiceError(
                f"could not fetch Apache Kafka's jars: {error}. They come from a Maven repository: check the network, "
                "name a mirror in the settings file of jgo, or set KAFKA=host:port to use a Kafka that runs already"
            ) from error


def _intact(path: Path, sha256: str) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


@contextmanager
def _one_at_a_time(cache: Path) -> Iterator[None]:
    """Two test runs that start together fetch once; jgo writes files in place, so a second reader would see halves."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _short(path: Path) -> str:
    return str(path).replace(str(Path.home()), "~", 1)


def write_lock(path: Path, cache: Path, wanted: Sequence[str] = WANTED, name: str = f"kafka-{KAFKA_VERSION}") -> None:
    """Resolve `wanted` with everything it needs, fetch it, and write names and checksums to `path`."""
    from jgo.env import LockFile
    from jgo.maven import Dependency, MavenContext, PythonResolver

    context = MavenContext(repo_cache=cache)
    coordinates = [each.split(":") for each in wanted]
    roots = [
        Dependency(context.project(group, name).at_version(version).artifact()) for group, name, version in coordinates
    ]
    inputs, others = PythonResolver().resolve(roots)
    everything = sorted([*inputs, *others], key=lambda dependency: (dependency.groupId, dependency.artifactId))
    LockFile.from_resolved_dependencies(everything, environment_name=name).save(path)


if __name__ == "__main__":
    write_lock(LOCK, cache_folder())
    print(f"wrote {LOCK.name}: {len(locked())} files")
