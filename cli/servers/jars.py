"""Apache Kafka's jars: a pinned list with checksums, fetched once and verified.

After a change of VERSION or ROOTS, `python -c 'from cli.servers import jars; jars.renew()'`
resolves the list anew and writes it with the checksums it found; read the difference before you
commit it.
"""

import hashlib
import os
import ssl
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from jgo.maven import MavenContext, PythonResolver

from cli.servers.errors import ServerError

# In 4.3.0, 4.3.1 and 4.4.0 a broker that starts again may call a transaction committed without
# writing the markers that say so (KAFKA-20734): its records then go with the fate of the next one.
VERSION = "4.2.1"
ROOTS = (
    f"org.apache.kafka:kafka_2.13:{VERSION}",
    f"org.apache.kafka:kafka-clients:{VERSION}",  # unnamed, an older one would be picked
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.1",
)
PINNED = Path(__file__).with_name("kafka-jars.sha256")
FETCH_TIMEOUT_SECONDS = 60
FETCH_ATTEMPTS = 3
CERTIFICATE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def class_path(cache: Path) -> list[Path]:
    """The jars, from the cache or, the first time, from the network."""
    pinned = _pinned()
    # The list's own checksum names the folder: another list is another folder.
    folder = cache / f"kafka-{VERSION}-{hashlib.sha256(PINNED.read_bytes()).hexdigest()[:12]}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as draft:
            _fetch(pinned, Path(draft))
            try:
                (Path(draft) / "jars").rename(folder)
            except OSError:
                # Another process, with the same cache, may have been faster.
                if not folder.exists():
                    raise
    return [folder / _file_name(coordinate) for coordinate in pinned]


def _pinned() -> dict[str, str]:
    """Checksum by coordinate."""
    lines = [line.split() for line in PINNED.read_text().splitlines()]
    return {coordinate: checksum for checksum, coordinate in lines}


def _file_name(coordinate: str) -> str:
    _, artifact, version = coordinate.split(":")
    return f"{artifact}-{version}.jar"


def _fetch(pinned: dict[str, str], draft: Path) -> None:
    context = _context(draft)
    (draft / "jars").mkdir()

    def fetch(coordinate: str) -> None:
        jar = _download(context, coordinate)
        found = _checksum(jar)
        if found != pinned[coordinate]:
            raise ServerError(
                f"{coordinate} was fetched with SHA-256 {found}, but {PINNED.name} says "
                f"{pinned[coordinate]}: it is not used"
            )
        jar.rename(draft / "jars" / _file_name(coordinate))

    with _system_certificates(), ThreadPoolExecutor(4) as pool:
        list(pool.map(fetch, pinned))


def _download(context: MavenContext, coordinate: str) -> Path:
    group, artifact, version = coordinate.split(":")
    jar = context.project(group, artifact).at_version(version).artifact()
    for attempt in range(1, FETCH_ATTEMPTS + 1):
        try:
            return jar.resolve()
        except (OSError, RuntimeError) as error:  # jgo raises a plain one for an answer not 200
            if attempt == FETCH_ATTEMPTS:
                raise ServerError(
                    f"cannot fetch {coordinate}, which the embedded Kafka needs at its first "
                    f"start: {error}. Look at the network, or set KAFKA_BOOTSTRAP to your own "
                    "broker"
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


def renew() -> None:
    """Resolve ROOTS and write the list."""
    with _system_certificates(), tempfile.TemporaryDirectory() as draft:
        context = _context(Path(draft))
        roots = [context.create_dependency(root) for root in ROOTS]
        inputs, transitive = context.resolver.resolve(roots)
        wanted = [*inputs, *(d for d in transitive if d.scope in ("compile", "runtime"))]
        lines = [
            f"{_checksum(d.artifact.resolve())}  {d.groupId}:{d.artifactId}:{d.version}\n"
            for d in sorted(wanted, key=lambda d: (d.groupId, d.artifactId))
        ]
    PINNED.write_text("".join(lines))
