"""JSON as deep as a body may be long: refused as any other that is no event, by every route."""

from collections.abc import Iterator

import httpx
import pytest

from api.body import LIST_BYTES_MAX
from tests.api.test_ingest import errors_of
from wire.objects import MESSAGE_BYTES_MAX

ROUTES = {
    "/ingest/transaction": MESSAGE_BYTES_MAX,
    "/ingest/transactions": LIST_BYTES_MAX,
    "/ingest/portfolios": LIST_BYTES_MAX,
    "/ingest/instruments": LIST_BYTES_MAX,
    "/ingest/market-prices": LIST_BYTES_MAX,
    "/ingest/fx-rates": LIST_BYTES_MAX,
    "/ingest/business-dates": LIST_BYTES_MAX,
}
REPORTS = ("/portfolios/{portfolio_id}/performance", "/portfolios/{portfolio_id}/performance/mwr")
FRAMES = ("%s", '{"transactions":%s}', '{"portfolios":[%s]}', '{"transactions":[{"price":%s}]}',
          '{"market_prices":[{"price":%s}]}', '{"transaction_id":%s}', '{"x":%s}')  # fmt: skip


def deep(bytes_max: int) -> Iterator[bytes]:
    """Lists and objects in each other, whole and broken off, alone and where something else is
    expected; of many depths, as what reads them may give up at any."""
    for opening, closing in (("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")):
        for depth in (100, 1000, 5000, 10_000_000):
            room = (bytes_max - 100) // (len(opening) + len(closing))
            count = min(depth, room)
            for end in (closing * count, ""):
                for frame in FRAMES:
                    yield (frame % (opening * count + ("1" if end else "") + end)).encode()


def test_every_route_that_reads_a_body_is_asked(api: httpx.Client) -> None:
    paths = api.get("/openapi.json").json()["paths"]
    assert {path for path, operations in paths.items() if "post" in operations} == {
        *ROUTES, *REPORTS,
    }  # fmt: skip
    assert all(set(operations) <= {"get", "post"} for operations in paths.values())


@pytest.mark.parametrize("path", [*ROUTES, *REPORTS])
def test_a_deep_body_is_refused_and_the_api_goes_on(api: httpx.Client, path: str) -> None:
    for body in deep(MESSAGE_BYTES_MAX):
        address = path.format(portfolio_id="P1")
        assert errors_of(api.post(address, content=body)), body[:50]
    assert api.get("/livez").status_code == 200


@pytest.mark.parametrize(
    "path", [path for path, most in ROUTES.items() if most > MESSAGE_BYTES_MAX]
)
def test_the_deepest_list_is_refused_and_the_api_goes_on(api: httpx.Client, path: str) -> None:
    name = path.rpartition("/")[2].replace("-", "_").encode()
    for opening in (b"[", b'{"a":'):
        body = b'{"%b":' % name + opening * ((LIST_BYTES_MAX - 100) // len(opening))
        assert errors_of(api.post(path, content=body))
    assert api.get("/livez").status_code == 200
