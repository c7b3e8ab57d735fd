"""What the figures depend on: the machine, the versions, and who used the processors."""

import os
import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

import psutil

from cli.servers.jars import VERSION as KAFKA_VERSION

PACKAGES = (
    "aiokafka",
    "confluent-kafka",
    "faust-streaming",
    "msgspec",
    "psycopg2-binary",
    "rocksdict",
    "uvloop",
)
NOTHING: Mapping[str, float] = MappingProxyType({})


def describe() -> dict[str, str]:
    """The machine as it is now, and what runs on it."""
    return {
        "machine": f"{psutil.cpu_count()} cores of {_processor()}, "
        f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "load average before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "python": platform.python_version(),
        "kafka": KAFKA_VERSION,
        "packages": " ".join(f"{name}={version(name)}" for name in PACKAGES),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Processor seconds used so far."""

    at: float
    by_kind: dict[str, float]
    idle: float
    busy: float  # of all processes of the machine
    stolen: float  # by other machines on the same host

    @classmethod
    def take(
        cls, kinds: Mapping[str, Iterable[int]], also: Mapping[str, float] = NOTHING
    ) -> "Snapshot":
        """`kinds` names the processes that count together; what they started counts with them.
        `also` are the seconds of others, by whoever knows them."""
        machine = psutil.cpu_times()
        return cls(
            time.perf_counter(),
            {kind: sum(map(_seconds, pids)) for kind, pids in kinds.items()} | {**also},
            machine.idle + machine.iowait,
            machine.user + machine.nice + machine.system + machine.irq + machine.softirq,
            machine.steal,
        )


def _seconds(pid: int) -> float:
    process = psutil.Process(pid)
    times = process.cpu_times()
    seconds = times.user + times.system + times.children_user + times.children_system
    for child in process.children():
        try:
            of_child = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += of_child.user + of_child.system
    return seconds


@dataclass(frozen=True, slots=True)
class Usage:
    """Who used the processors between two snapshots."""

    seconds: float
    cpu_us: dict[str, float]  # by kind of process, for each event
    idle_cores: float
    other_cores: float  # used by processes that are not measured
    stolen_cores: float

    @classmethod
    def between(cls, begin: Snapshot, end: Snapshot, events: int) -> "Usage":
        seconds = end.at - begin.at
        used = {kind: end.by_kind[kind] - begin.by_kind[kind] for kind in begin.by_kind}
        others = end.busy - begin.busy - sum(used.values())
        return cls(
            seconds,
            {kind: used_seconds / events * 1e6 for kind, used_seconds in used.items()},
            (end.idle - begin.idle) / seconds,
            others / seconds,
            (end.stolen - begin.stolen) / seconds,
        )
