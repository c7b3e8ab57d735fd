from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from cli.asking import Api, NotFound, Unanswerable
from tests.api.serving import served
from tests.cli.portfolio import Portfolio

KNOWN = 2500  # items of the list
asked: list[int] = []


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """Asks a list of so many items, that remembers how many were asked for at once."""
    listing = FastAPI()
    asked.clear()

    @listing.get("/numbers")
    def numbers(limit: int, cursor: int = 0) -> dict[str, object]:
        asked.append(limit)
        end = min(cursor + limit, KNOWN)
        items = [{"number": number} for number in range(cursor, end)]
        return {"items": items, "next": end if end < KNOWN else None}

    @listing.get("/absurd")
    def absurd() -> JSONResponse:
        return JSONResponse({"detail": "out of bounds", "errors": []}, 409)

    with served(listing) as url:
        settings = Portfolio({"DATA_DIR": str(tmp_path), "API_PORT": url.split(":")[2]}).settings
        with closing(Api(settings)) as api:
            yield api


@pytest.mark.parametrize(
    ("at_most", "pages"),
    [
        (50, [50]),
        (1000, [1000]),
        (1500, [1000, 500]),
        (KNOWN + 1, [1000, 1000, 501]),
        (None, [1000, 1000, 1000]),
    ],
)
def test_no_more_is_asked_for_than_is_wanted(
    api: Api, at_most: int | None, pages: list[int]
) -> None:
    found = [item["number"] for item in api.items("numbers", at_most=at_most)]
    assert found == list(range(min(KNOWN, at_most or KNOWN)))
    assert asked == pages


def test_what_has_no_answer_and_what_is_not_there_are_told_apart(api: Api) -> None:
    with pytest.raises(Unanswerable, match="out of bounds"):
        api.get("absurd")
    with pytest.raises(NotFound):
        api.get("nowhere")
    assert api.find("nowhere") is None


def test_what_is_no_text_is_said_to_be_none(api: Api) -> None:
    with pytest.raises(click.ClickException, match="is not UTF-8"):
        api.get("numbers", security_id="\udcff")
    with pytest.raises(click.ClickException, match="is not UTF-8"):
        api.post("numbers", question={"security_id": "\udcff"})
