"""Jars of pinned lists with checksums, fetched once and verified; and the list of Apache Kafka.

After a change of VERSION or of a list's roots, `renew` resolves it anew and writes it with the
checksums it found: `python -c 'from cli.servers import jars; jars.renew(jars.KAFKA)'`. Read the
difference before you commit it.
"""

import hashlib
import os
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jgo.maven import MavenContext, PythonResolver

from cli.servers.errors import ServerError

# In 4.3.0, 4.3.1 and 4.4.0 a broker that starts again may call a transaction committed without
# writing the markers that say so (KAFKA-20734): its records then go with the fate of the next one.
VERSION = "4.2.1"
FETCH_TIMEOUT_SECONDS = 60
FETCH_ATTEMPTS = 3
CERTIFICATE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Jars:
    """What belongs together on one class path."""

    name: str  # of the folder in the cache
    pinned: Path
    roots: tuple[str, ...]
    need: str  # what cannot be done without them
    otherwise: str = ""  # what else can be done where they cannot be had


KAFKA = Jars(
    name=f"kafka-{VERSION}",
    pinned=Path(__file__).with_name("kafka-jars.sha256"),
    roots=(
        f"org.apache.kafka:kafka_2.13:{VERSION}",
        f"org.apache.kafka:kafka-clients:{VERSION}",  # unnamed, an older one would be picked
        "org.apache.logging.log4j:log4j-slf4j-impl:2.25.1",
    ),
    need="the embedded Kafka needs at its first start",
    otherwise=", or set KAFKA_BOOTSTRAP to your own broker",
)


def class_path(cache: Path, jars: Jars = KAFKA) -> list[Path]:
    """The jars, from the cache or, the first time, from the network."""
    pinned = _pinned(jars)
    # The list's own checksum names the folder: another list is another folder.
    folder = cache / f"{jars.name}-{_checksum(jars.pinned)[:12]}"
    make_once(folder, lambda draft: _fetch(jars, pinned, draft))
    return [folder / _file_name(coordinate) for coordinate in pinned]


def make_once(folder: Path, fill: Callable[[Path], None]) -> None:
    """Unless the folder is there: make a draft beside it, and move it into place when it is full."""
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as around:
        draft = Path(around) / folder.name
        draft.mkdir()
        fill(draft)
        try:
            draft.rename(folder)
        except OSError:
            # Another process, with the same cache, may have been faster.
            if not folder.exists():
                raise


def _pinned(jars: Jars) -> dict[str, str]:
    """Checksum by coordinate."""
    lines = [line.split() for line in jars.pinned.read_text().splitlines()]
    return {coordinate: checksum for checksum, coordinate in lines}


def _file_name(coordinate: str) -> str:
    _, artifact, version = coordinate.split(":")
    return f"{artifact}-{version}.jar"


def _fetch(jars: Jars, pinned: dict[str, str], folder: Path) -> None:
    context = _context(folder.parent)

    def fetch(coordinate: str) -> None:
        jar = _download(context, coordinate, jars)
        found = _checksum(jar)
        if found != pinned[coordinate]:
            raise ServerError(
                f"{coordinate} was fetched with SHA-256 {found}, but {jars.pinned.name} says "
                f"{pinned[coordinate]}: it is not used"
            )
        jar.rename(folder / _file_name(coordinate))

    with _system_certificates(), ThreadPoolExecutor(4) as pool:
        list(pool.map(fetch, pinned))


def _download(context: MavenContext, coordinate: str, jars: Jars) -> Path:
    group, artifact, version = coordinate.split(":")
    jar = context.project(group, artifact).at_version(version).artifact()
    for attempt in range(1, FETCH_ATTEMPTS + 1):
        try:
            return jar.resolve()
        except (OSError, RuntimeError) as error:  # jgo raises a plain one for an answer not 200
            if attempt == FETCH_ATTEMPTS:
                raise ServerError(
                    f"cannot fetch {coordinate}, which {jars.need}: {error}. "
                    f"Look at the network{jars.otherwise}"
                ) from error
            if jar.cached_path is not None:
                jar.cached_path.unlink(missing_ok=True)
            time.sleep(attempt)
    raise AssertionError("the last attempt returns or raises")


@contextmanager
def _system_certificates() -> Iterator[None]:
    """Trust what the system trusts, where it says so.

    jgo's client brings certificates of its own, which a network that inspects TLS is not among.
    """
    bundle = ssl.get_default_verify_paths().cafile
    if not bundle or any(name in os.environ for name in CERTIFICATE_VARIABLES):
        yield
        return
    os.environ[CERTIFICATE_VARIABLES[0]] = bundle
    try:
        yield
    finally:
        del os.environ[CERTIFICATE_VARIABLES[0]]


def _context(repository: Path) -> MavenContext:
    return MavenContext(
        resolver=PythonResolver(),
        repo_cache=repository / "repository",
        local_repos=[],
        timeout=FETCH_TIMEOUT_SECONDS,
    )


def _checksum(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def renew(jars: Jars) -> None:
    """Resolve the roots and write the list."""
    with _system_certificates(), tempfile.TemporaryDirectory() as draft:
        context = _context(Path(draft))
        roots = [context.create_dependency(root) for root in jars.roots]
        inputs, transitive = context.resolver.resolve(roots)
        wanted = [*inputs, *(d for d in transitive if d.scope in ("compile", "runtime"))]
        lines = [
            f"{_checksum(d.artifact.resolve())}  {d.groupId}:{d.artifactId}:{d.version}\n"
            for d in sorted(wanted, key=lambda d: (d.groupId, d.artifactId))
        ]
    jars.pinned.write_text("".join(lines))
