"""The key of the API and the secret of the cluster: sent where they belong, and seen nowhere."""

import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click
import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from api.keys import Key, new_key
from cli import parts
from cli.asking import Api
from cli.servers import Connections
from cli.status import collect
from cli.verify.live import LiveTables
from cli.workers import ask_workers
from migrations.upgrade import upgrade
from streams.doors import Guarded
from streams.settings import StoreSettings, WorkerSettings
from tests.api.holders import bearing, executing, hold
from tests.api.serving import served
from tests.cli.portfolio import Portfolio, until
from tests.system.system import free_port
from wire.broker import Broker

SECRET = "s3cret-of-the-cluster"
KEY = new_key()


@contextmanager
def worker(secret: str | None) -> Iterator[str]:
    """One that owns partition 0, and asks for this secret."""
    app = FastAPI()
    if secret is not None:
        app.add_middleware(Guarded, secret=secret)
    urls: list[str] = []
    status = {"pid": 1, "partitions": [0], "inputs": {}, "lag": 0, "unsettled": 0}
    app.get("/status")(lambda: status | {"url": urls[0]})
    app.get("/owners")(lambda: {"partitions": 8, "owners": {0: urls[0]}})
    app.get("/portfolios/{portfolio_id}/positions")(lambda portfolio_id: {"positions": []})
    with served(app) as url:
        urls.append(url)
        yield url


# -- workers and the store


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[WorkerSettings | StoreSettings]:
    """What processes were started with, that were not started."""
    settings: list[WorkerSettings | StoreSettings] = []
    for process in ("streams.worker", "streams.store"):
        monkeypatch.setattr(f"{process}.run", settings.append)
    monkeypatch.setattr("streams.logs.configure", lambda *_: None)
    return settings


@pytest.fixture
def nowhere(tmp_path: Path) -> Portfolio:
    """Commands whose servers are away, and that have no secret."""
    return Portfolio(
        {
            "DATA_DIR": str(tmp_path),
            "KAFKA_BOOTSTRAP": "127.0.0.1:1",
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        }
    )


@pytest.mark.parametrize("part", ["worker", "store"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "worker.example.org"])
def test_a_part_that_others_reach_does_not_start_without_a_secret(
    nowhere: Portfolio, started: list[WorkerSettings | StoreSettings], host: str, part: str
) -> None:
    refused = nowhere(part, "--http-host", host, "--http-port", "1", code=2)
    said = refused.stderr.replace("\n", " ")
    assert "CLUSTER_SECRET must be set" in said
    assert host in said
    assert started == []


@pytest.mark.parametrize("part", ["worker", "store"])
@pytest.mark.parametrize(
    ("host", "secret"), [("127.0.0.1", ""), ("::1", ""), ("0.0.0.0", SECRET), ("10.1.2.3", SECRET)]
)
def test_a_part_starts_with_the_secret_it_was_told(
    nowhere: Portfolio,
    started: list[WorkerSettings | StoreSettings],
    host: str,
    secret: str,
    part: str,
) -> None:
    told = Portfolio(nowhere.environment | {"CLUSTER_SECRET": secret})
    told(part, "--http-host", host, "--http-port", "1")
    [settings] = started
    assert settings.cluster_secret == (secret or None)
    assert SECRET not in repr(settings)


def test_a_store_that_listens_nowhere_needs_no_secret(
    nowhere: Portfolio, started: list[WorkerSettings | StoreSettings]
) -> None:
    nowhere("store", "--http-host", "0.0.0.0")
    [settings] = started
    assert settings.http_port is None


def test_status_and_verify_ask_workers_with_the_secret() -> None:
    with worker(SECRET) as url:
        found = ask_workers([url], SECRET)
        assert (found.owners, found.refusing) == ({0: url}, [])
        with closing(LiveTables(found)) as live:
            assert live.positions(0, "P1") == {}
        assert SECRET not in repr(found)


@pytest.mark.parametrize("secret", [None, SECRET + "x"])
def test_a_worker_with_another_secret_is_told_from_one_that_is_away(
    tmp_path: Path, servers: Connections, secret: str | None
) -> None:
    with worker(SECRET) as url:
        away = f"http://127.0.0.1:{free_port()}"
        found = ask_workers([url, away], secret)
        assert (found.statuses, found.refusing) == ([], [url])
        environment = {
            "DATA_DIR": str(tmp_path),
            "KAFKA_BOOTSTRAP": servers.kafka.bootstrap,
            "DATABASE_URL": servers.database_url,
            "WORKER_URLS": url,
            "API_PORT": str(free_port()),
            "CLUSTER_SECRET": secret or "",
        }
        said = collect(Portfolio(environment).settings)
    assert f"the worker {url} asks for another CLUSTER_SECRET" in said["away"]
    assert f"the worker {url} does not answer" not in said["away"]


@pytest.mark.parametrize("secret", ["", SECRET + "x"])
def test_verify_does_not_wait_for_a_worker_with_another_secret(
    nowhere: Portfolio, secret: str
) -> None:
    with worker(SECRET) as url:
        told = nowhere.environment | {"WORKER_URLS": url, "CLUSTER_SECRET": secret}
        refused = Portfolio(told)("verify", "--wait", "600", code=1)
    said = refused.stderr.replace("\n", " ")
    assert f"the worker {url} asks for another CLUSTER_SECRET" in said


def test_a_worker_without_a_secret_takes_any() -> None:
    with worker(None) as url:
        assert ask_workers([url], SECRET).owners == ask_workers([url], None).owners == {0: url}


# -- the key of the commands


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[Portfolio]:
    """An API that takes KEY alone."""
    app = FastAPI()

    @app.get("/portfolios/{portfolio_id}/positions")
    def positions(request: Request, portfolio_id: str) -> JSONResponse:
        if request.headers.get("authorization") != f"Bearer {KEY.text}":
            return JSONResponse({"detail": "no", "errors": []}, 401)
        return JSONResponse({"positions": []})

    with served(app) as url:
        yield Portfolio({"DATA_DIR": str(tmp_path), "API_PORT": url.split(":")[2]})


def test_commands_send_the_key_of_the_setting(echo: Portfolio) -> None:
    with_key = Portfolio(echo.environment | {"API_KEY": KEY.text})
    assert with_key.json("positions", "P1") == {"positions": []}
    with closing(Api(with_key.settings)) as api:
        assert api.get("portfolios", "P1", "positions") == {"positions": []}


@pytest.mark.parametrize(
    ("key", "why"), [(None, "API_KEY has none"), (new_key(), "does not take the one of API_KEY")]
)
def test_a_key_that_is_missing_or_not_taken_is_said_and_not_shown(
    echo: Portfolio, key: Key | None, why: str
) -> None:
    told = echo.environment | {"API_KEY": "" if key is None else key.text}
    said = Portfolio(told)("positions", "P1", code=1).stderr.replace("\n", " ")
    assert "asks for a key" in said
    assert why in said
    assert key is None or key.secret not in said


def test_an_api_that_is_away_is_said_without_the_key(tmp_path: Path) -> None:
    told = {"DATA_DIR": str(tmp_path), "API_PORT": str(free_port()), "API_KEY": KEY.text}
    with (
        closing(Api(Portfolio(told).settings)) as api,
        pytest.raises(click.ClickException) as refused,
    ):
        api.get("portfolios")
    assert KEY.secret not in str(refused.value)


# -- seen nowhere


def traces(text: str, secret: str) -> list[str]:
    """What of a secret is in the text, down to a quarter of it."""
    length = len(secret) // 4
    pieces = [secret[at : at + length] for at in range(0, len(secret) - length + 1, length)]
    return [piece for piece in pieces if piece in text]


@pytest.mark.parametrize(
    "text",
    [KEY.secret, f"Bearer {KEY.text}", KEY.secret[:20], KEY.secret[-20:]],
    ids=["secret", "header", "beginning", "end"],  # the same in every process
)
def test_a_trace_is_found(text: str) -> None:
    assert traces(f"before {text} after", KEY.secret) != []
    assert traces("before and after", KEY.secret) == []


def test_no_secret_is_in_what_a_process_is_started_with(tmp_path: Path) -> None:
    told = {"DATA_DIR": str(tmp_path), "API_KEY": KEY.text, "CLUSTER_SECRET": SECRET}
    settings = Portfolio(told).settings
    found = Connections(Broker(bootstrap="127.0.0.1:1"), "postgresql://nobody@127.0.0.1:1/none")
    for command in (
        parts.worker(settings, found, 1, 1),
        parts.store(settings, found, 1),
        parts.api(settings, found, ()),
    ):
        assert traces(" ".join(command.argv), KEY.secret) == []
        assert SECRET not in " ".join(command.argv)
        assert command.environment["CLUSTER_SECRET"] == SECRET
        assert traces(repr(settings), KEY.secret) == []
        assert SECRET not in repr(settings)


@pytest.fixture
def guarded_api(servers: Connections, database_url: str, tmp_path: Path) -> Portfolio:
    """Settings of an API that asks for keys, and says all it has to say."""
    upgrade(database_url)
    return Portfolio(
        {
            "DATA_DIR": str(tmp_path),
            "KAFKA_BOOTSTRAP": servers.kafka.bootstrap,
            "DATABASE_URL": database_url,
            "API_PORT": str(free_port()),
            "API_KEYS": "required",
            "CLUSTER_SECRET": SECRET,
            "LOG_LEVEL": "DEBUG",
        }
    )


def test_requests_leave_no_trace_of_their_keys_in_the_log_of_the_api(
    guarded_api: Portfolio, database_url: str, tmp_path: Path
) -> None:
    good, bad = hold(database_url, "admin"), new_key()
    log = tmp_path / "api.log"
    url = f"http://127.0.0.1:{guarded_api.environment['API_PORT']}"
    process = guarded_api.start(log, "api")
    try:
        until(lambda: is_alive(url), 30)
        with httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
            statuses = [
                client.request(method, path, headers=headers, content=b"{").status_code
                for headers in (bearing(good), {"X-API-Key": good.text}, bearing(bad))
                for method, path in (
                    ("GET", "/portfolios"),
                    ("GET", "/portfolios/P1/positions"),  # no worker is there
                    ("POST", "/ingest/transaction"),
                    ("GET", f"/none?key={good.text}"),
                    ("GET", "/portfolios?limit=" + good.text),
                )
            ]
            assert statuses == [200, 503, 422, 404, 422] * 2 + [401, 401, 401, 404, 401]
            # What nobody foresaw is logged with all that is known of it.
            break_keys(database_url)
            assert client.get("/version", headers=bearing(new_key())).status_code == 500
        cmdline = Path(f"/proc/{process.pid}/cmdline").read_text()
    finally:
        process.stop([(signal.SIGTERM, 20.0)])
    said = log.read_text()
    assert "Traceback" in said
    for text in (said, cmdline):
        assert traces(text, good.secret) == traces(text, bad.secret) == []
        assert SECRET not in text


def is_alive(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez", timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def break_keys(database_url: str) -> None:
    """Leave a table of keys that no program knows."""
    with executing(database_url) as database:
        database.execute("ALTER TABLE api_keys DROP COLUMN scopes")
