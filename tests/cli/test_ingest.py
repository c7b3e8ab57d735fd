import json
import os
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from rich.console import Console

from cli.sending import Sender
from cli.servers import Connections, ServerError
from tests.cli.portfolio import Portfolio
from tests.oracle.murmur2 import partition_of
from tests.system.log import make_topics_anew, read
from tests.wire.reference import FULL as REFERENCE
from wire.reference import Kind
from wire.topics import PORTFOLIOS, RAW_TRANSACTIONS

BUY = {
    "transaction_id": "T1",
    "portfolio_id": "P1",
    "security_id": "ACME",
    "transaction_type": "BUY",
    "transaction_date": "2024-01-02",
    "quantity": "10",
    "price": "5",
    "trade_currency": "USD",
}
RECORD = {"portfolio_id": "P7", "base_currency": "EUR", "cost_basis_method": "LIFO"}


@pytest.fixture
def portfolio(servers: Connections, tmp_path: Path) -> Portfolio:
    make_topics_anew(servers.kafka)
    return Portfolio({"KAFKA_BOOTSTRAP": servers.kafka.bootstrap, "DATA_DIR": str(tmp_path)})


def lines(file: Path, *events: dict[str, Any] | str) -> Path:
    texts = [event if isinstance(event, str) else json.dumps(event) for event in events]
    file.write_text("".join(text + "\n" for text in texts))
    return file


def test_each_event_goes_to_the_partition_of_its_portfolio_as_it_was_written(
    portfolio: Portfolio, servers: Connections, tmp_path: Path
) -> None:
    events = [BUY | {"portfolio_id": f"P{n}"} for n in range(40)]
    said = portfolio.json("ingest", lines(tmp_path / "events.jsonl", *events))
    sent = read(servers.kafka, RAW_TRANSACTIONS.name)
    assert (said["events"], said["sent"], said["malformed"]) == (40, 40, 0)
    assert sorted(m.value().decode() for m in sent) == sorted(map(json.dumps, events))
    assert {m.key().decode(): m.partition() for m in sent} == {
        f"P{n}": partition_of(f"P{n}", 8) for n in range(40)
    }


def test_of_a_csv_file_empty_cells_are_absent_fields(
    portfolio: Portfolio, servers: Connections, tmp_path: Path
) -> None:
    file = lines(
        tmp_path / "events.CSV",
        ",".join((*BUY, "fx_rate")),
        ",".join((*BUY.values(), "")),
    )
    assert portfolio.json("ingest", file)["sent"] == 1
    (message,) = read(servers.kafka, RAW_TRANSACTIONS.name)
    assert json.loads(message.value()) == BUY


def test_malformed_lines_are_named_and_left_out_and_the_good_ones_are_sent(
    portfolio: Portfolio, servers: Connections, tmp_path: Path
) -> None:
    file = lines(
        tmp_path / "mixed.jsonl",
        BUY,
        BUY | {"quantity": "1e3"},
        "{",
        BUY | {"transaction_id": "T2"},
    )
    result = portfolio("ingest", file, code=1)
    assert result.stderr.splitlines()[0].startswith(f"{file}:2: quantity: decimal_must_be_plain: ")
    assert result.stderr.splitlines()[1].startswith(f"{file}:3: message_must_be_json: ")
    assert "2 malformed" in result.stdout
    assert len(read(servers.kafka, RAW_TRANSACTIONS.name)) == 2


def test_the_summary_lists_errors_by_line(portfolio: Portfolio, tmp_path: Path) -> None:
    file = lines(tmp_path / "bad.jsonl", "", BUY | {"trade_currency": "usd"})
    said = portfolio.json("ingest", file, code=1)
    assert [(e["line"], e["field"], e["rule"]) for e in said["errors"]] == [
        (2, "trade_currency", "currency_must_be_three_capitals")
    ]


def test_a_dry_run_needs_no_server_and_sends_nothing(
    portfolio: Portfolio, servers: Connections, tmp_path: Path
) -> None:
    file = lines(tmp_path / "events.jsonl", BUY)
    alone = Portfolio({"DATA_DIR": str(tmp_path)})
    said = alone.json("ingest", file, "--dry-run")
    assert (said["dry_run"], said["events"], said["sent"]) == (True, 1, 0)
    assert read(servers.kafka, RAW_TRANSACTIONS.name) == []


def test_a_file_of_portfolio_records_is_known_by_its_first_line(
    portfolio: Portfolio, servers: Connections, tmp_path: Path
) -> None:
    said = portfolio.json("ingest", lines(tmp_path / "portfolios.jsonl", "", RECORD))
    (message,) = read(servers.kafka, PORTFOLIOS.name)
    assert (said["topic"], said["sent"]) == ("portfolios", 1)
    assert (message.key(), message.partition()) == (b"P7", partition_of("P7", 8))


def test_what_a_file_holds_can_be_said(portfolio: Portfolio, tmp_path: Path) -> None:
    file = lines(tmp_path / "portfolios.jsonl", RECORD)
    assert portfolio.json("ingest", file, "--transactions", code=1)["malformed"] == 1
    assert portfolio.json("ingest", file, "--portfolios")["topic"] == "portfolios"


def test_a_file_is_not_said_to_hold_two_kinds(portfolio: Portfolio, tmp_path: Path) -> None:
    file = lines(tmp_path / "portfolios.jsonl", RECORD)
    refused = portfolio("ingest", file, "--fx-rates", "--portfolios", code=2)
    assert "--portfolios and --fx-rates exclude each other" in refused.stderr


def test_portfolio_records_as_csv_are_known_by_their_columns(
    portfolio: Portfolio, servers: Connections, tmp_path: Path
) -> None:
    file = lines(tmp_path / "portfolios.csv", ",".join(RECORD), ",".join(RECORD.values()))
    said = portfolio.json("ingest", file)
    (message,) = read(servers.kafka, PORTFOLIOS.name)
    assert (said["topic"], said["sent"]) == ("portfolios", 1)
    assert json.loads(message.value()) == RECORD
    assert portfolio.json("ingest", file, "--transactions", code=1)["malformed"] == 1


@pytest.mark.parametrize(("kind", "event"), REFERENCE, ids=[kind.name for kind, _ in REFERENCE])
@pytest.mark.parametrize("is_csv", [True, False])
def test_files_of_reference_data_are_known_by_their_first_line(
    portfolio: Portfolio,
    servers: Connections,
    tmp_path: Path,
    kind: Kind[Any],
    event: dict[str, object],
    is_csv: bool,
) -> None:
    if is_csv:
        file = tmp_path / "file"
        cells = ['"' + str(value).replace("False", "false") + '"' for value in event.values()]
        lines(file, ",".join(event), ",".join(cells))
    else:
        file = lines(tmp_path / "file", event)
    said = portfolio.json("ingest", file)
    (message,) = read(servers.kafka, kind.name)
    assert (said["topic"], said["sent"]) == (kind.name, 1)
    assert (message.key().decode(), message.partition()) == (
        "|".join(str(event[name]) for name in kind.identity), 0,
    )  # fmt: skip
    assert kind.decode(message.value()) == kind.decode(json.dumps(event).encode())
    assert portfolio.json("ingest", file, "--transactions", code=1)["malformed"] == 1
    flag = f"--{kind.name.replace('_', '-')}"
    assert portfolio.json("ingest", file, flag)["topic"] == kind.name


def test_every_line_of_a_file_with_a_stray_quote_is_sent_or_named(
    portfolio: Portfolio, servers: Connections, tmp_path: Path
) -> None:
    good = [",".join((f"T{n}", *list(BUY.values())[1:])) for n in range(5)]
    file = lines(tmp_path / "quote.csv", ",".join(BUY), *good[:2], 'T9,"P1,ACME', *good[2:])
    result = portfolio("ingest", file, code=1)
    assert result.stderr == f"{file}:4: line_must_be_csv: a quote is not closed\n"
    assert len(read(servers.kafka, RAW_TRANSACTIONS.name)) == 5


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
@pytest.mark.parametrize("is_csv", [True, False])
def test_stdin_may_hold_either_format(name: str, is_csv: bool, tmp_path: Path) -> None:
    csv = [",".join(BUY), *[",".join(BUY.values())] * 3000]
    text = "\n".join(csv if is_csv else [json.dumps(BUY)] * 3000)
    process = subprocess.run(
        [sys.executable, "-P", "-m", "cli.main", "ingest", name, "--dry-run", "--json"],
        input=text, text=True, capture_output=True, timeout=60, check=True, cwd=tmp_path,
        env={**os.environ, "DATA_DIR": str(tmp_path)},
    )  # fmt: skip
    said = json.loads(process.stdout)
    assert (said["events"], said["malformed"]) == (3000, 0)
    assert said["file"] == ("stdin" if name == "-" else name)


@pytest.mark.parametrize(
    ("name", "text", "topic"),
    [
        ("events.txt", ",".join(BUY) + "\n" + ",".join(BUY.values()), RAW_TRANSACTIONS.name),
        ("events", "\n\n" + ",".join(BUY) + "\r" + ",".join(BUY.values()), RAW_TRANSACTIONS.name),
        ("events.csv", "\n" + json.dumps(BUY), RAW_TRANSACTIONS.name),
        ("records.data", ",".join(RECORD) + "\n" + ",".join(RECORD.values()), PORTFOLIOS.name),
    ],
)
def test_the_first_line_tells_the_format_whatever_the_name(
    name: str, text: str, topic: str, tmp_path: Path
) -> None:
    alone = Portfolio({"DATA_DIR": str(tmp_path)})
    (tmp_path / name).write_text(text, newline="")
    said = alone.json("ingest", tmp_path / name, "--dry-run")
    assert (said["events"], said["malformed"], said["topic"]) == (1, 0, topic)


@pytest.mark.parametrize("name", ["empty.csv", "empty.jsonl", "empty"])
@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff\r\n"])
def test_an_empty_file_is_told_in_one_line(name: str, text: str, tmp_path: Path) -> None:
    alone = Portfolio({"DATA_DIR": str(tmp_path)})
    (tmp_path / name).write_text(text, newline="")
    result = alone("ingest", tmp_path / name, "--dry-run", code=1)
    assert result.stderr == f"Error: {tmp_path / name} is empty\n"
    assert result.stdout == ""


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["events.csv", "events.jsonl"])
def test_a_file_that_is_not_utf8_is_told_in_one_line(
    name: str, encoding: str, tmp_path: Path
) -> None:
    alone = Portfolio({"DATA_DIR": str(tmp_path)})
    (tmp_path / name).write_bytes((",".join(BUY) + "\n").encode(encoding))
    result = alone("ingest", tmp_path / name, "--dry-run", code=1)
    assert result.stderr == f"Error: {tmp_path / name} is not UTF-8; it looks like UTF-16\n"


def test_a_file_that_is_not_there_is_a_misunderstanding(
    portfolio: Portfolio, tmp_path: Path
) -> None:
    assert "does not exist" in portfolio("ingest", tmp_path / "none.csv", code=2).stderr


def test_sending_stops_at_the_first_event_that_is_lost(servers: Connections) -> None:
    topic, many = "small", 2_000_000
    admin = AdminClient({**servers.kafka.options})
    new = NewTopic(topic, 1, config={"max.message.bytes": "500"})
    admin.create_topics([new])[topic].result()
    sender = Sender(servers.kafka, topic)

    def send() -> None:
        for _ in range(many):
            sender.send("P1", b"x" * 1000)

    with pytest.raises(ServerError, match=r"not delivered: .*too large.*sending the file again"):
        send()
    assert sender.sent < many


def test_a_file_with_a_strange_name_has_a_progress_bar(
    portfolio: Portfolio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Console(file=StringIO(), force_terminal=True)
    monkeypatch.setattr("cli.ingest.messages", lambda: shown)
    assert portfolio.json("ingest", lines(tmp_path / "a{b}[red].jsonl", BUY))["sent"] == 1


def test_without_topics_it_says_who_creates_them(
    servers: Connections, portfolio: Portfolio, tmp_path: Path
) -> None:
    admin = AdminClient({**servers.kafka.options})
    admin.delete_topics([RAW_TRANSACTIONS.name])[RAW_TRANSACTIONS.name].result()
    while RAW_TRANSACTIONS.name in admin.list_topics(timeout=10).topics:
        time.sleep(0.1)
    said = portfolio("ingest", lines(tmp_path / "events.jsonl", BUY), code=1).stderr
    assert "there is no topic raw_transactions: `portfolio up` creates it" in said
