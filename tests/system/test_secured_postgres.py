"""DATABASE_URL says how safely PostgreSQL is spoken to, and every part does as it says."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import make_url

from cli.servers import Connections
from migrations.upgrade import current
from tests.cli.portfolio import Portfolio
from tests.system.log import make_topics_anew
from tests.system.secured import make_keys
from tests.system.test_http import BUY
from tests.system.tls_relay import tls_relay
from tests.system.whole import Whole

Start = Callable[[Connections], Whole]

REFUSED = "certificate verify failed"


@dataclass(frozen=True)
class Urls:
    """Of one database, behind TLS; `trusting` the authority that signed its certificate."""

    trusting: str
    trusting_another: str
    without_tls: str


@pytest.fixture
def urls(database_url: str, tmp_path: Path) -> Iterator[Urls]:
    direct = make_url(database_url)
    assert direct.port is not None
    keys, others = make_keys(tmp_path / "keys"), make_keys(tmp_path / "others")
    with tls_relay(keys, direct.port) as port:
        url = direct.set(port=port).render_as_string(hide_password=False)
        verified = f"{url}?sslmode=verify-full&sslrootcert="
        yield Urls(verified + str(keys.ca), verified + str(others.ca), url + "?sslmode=disable")


def told_by(whole: Whole) -> list[str]:
    """The parts whose logs say that they refuse."""
    return [p.log_path.stem for p in whole.parts if REFUSED in p.log_path.read_text()]


def migrate(url: str, folder: Path, *, code: int = 0) -> str:
    return Portfolio({"DATABASE_URL": url, "DATA_DIR": str(folder)})("migrate", code=code).output


def test_with_the_right_authority_all_parts_speak_tls(
    urls: Urls, servers: Connections, start: Start, tmp_path: Path
) -> None:
    make_topics_anew(servers.kafka)
    migrate(urls.trusting, tmp_path)
    whole = start(replace(servers, database_url=urls.trusting))
    whole.wait_until_ready()
    assert whole.apply(BUY) == "booked"
    whole.wait_settled()
    assert whole.differences() == []
    history = f"{whole.url}/portfolios/P1/transactions"
    items = httpx.get(history, timeout=20, trust_env=False).json()["items"]
    assert [item["transaction_id"] for item in items] == ["B1"]


def test_with_another_authority_every_part_refuses_and_says_why(
    urls: Urls, servers: Connections, start: Start, tmp_path: Path
) -> None:
    make_topics_anew(servers.kafka)
    assert REFUSED in migrate(urls.trusting_another, tmp_path, code=1)
    assert current(urls.trusting) is None
    migrate(urls.trusting, tmp_path)
    whole = start(replace(servers, database_url=urls.trusting_another))
    whole.wait_until(lambda: whole.readiness()[0] == 503, 30, "the API answers")
    whole.wait_until(lambda: told_by(whole) == ["store", "api"], 30, "both say why")
    assert json.loads(whole.readiness()[1])["parts"]["database"] != "ok"


def test_without_tls_nobody_comes_in(urls: Urls, tmp_path: Path) -> None:
    assert "closed the connection" in migrate(urls.without_tls, tmp_path, code=1)
