"""The peer's jars, fetched by a pinned list, and its classes, compiled when its sources change.

`python -c 'from bench.kstreams import build; from cli.servers import jars; jars.renew(build.JARS)'`
resolves the list anew after a change of a version.
"""

import hashlib
import os
import subprocess
from pathlib import Path

from cli.servers import ServerError, kafka
from cli.servers.jars import VERSION, Jars, class_path, make_once

FOLDER = Path(__file__).parent
SOURCES = sorted((FOLDER / "peer").glob("*.java"))
JAVA_MAJOR = 17  # any Java that runs the broker runs the peer
JARS = Jars(
    name=f"kstreams-{VERSION}",
    pinned=FOLDER / "jars.sha256",
    roots=(
        f"org.apache.kafka:kafka-streams:{VERSION}",
        f"org.apache.kafka:kafka-clients:{VERSION}",
        "org.postgresql:postgresql:42.7.8",
        "org.slf4j:slf4j-simple:1.7.36",
        "org.eclipse.jdt:ecj:3.44.0",  # a compiler that needs no JDK
    ),
    need="the Kafka Streams peer of the benchmarks needs",
    otherwise=", or measure without it: --no-peer",
)


def built(cache: Path) -> str:
    """The class path of the peer; what is missing of it is made."""
    jars = os.pathsep.join(map(str, class_path(cache, JARS)))
    content = b"".join(file.read_bytes() for file in (JARS.pinned, *SOURCES))
    classes = cache / f"kstreams-peer-{hashlib.sha256(content).hexdigest()[:12]}"
    make_once(classes, lambda draft: _compile(jars, draft))
    return os.pathsep.join((str(classes), jars))


def _compile(jars: str, folder: Path) -> None:
    compiler = [str(kafka.find_java()), "-XX:TieredStopAtLevel=1", "-cp", jars]
    compiler += ["org.eclipse.jdt.internal.compiler.batch.Main", f"-{JAVA_MAJOR}", "-proc:none"]
    done = subprocess.run(
        [*compiler, "-cp", jars, "-d", str(folder), *map(str, SOURCES)],
        capture_output=True, text=True, check=False, env=os.environ | kafka.LOCALE,
    )  # fmt: skip
    if done.returncode:
        raise ServerError(f"the peer does not compile:\n{done.stdout}{done.stderr}")
