"""Writes the sample files again: `python -m samples.generate`, with --check only compares them."""

import csv
import hashlib
import io
import json
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random

from samples import reference
from samples.lines import COLUMNS, Line
from samples.market import Market
from samples.mishaps import Script, corrected, entered_late, entered_twice
from samples.trading import Desk, Plan

FOLDER = Path(__file__).parent
SEED = 20170103

PLANS = (
    Plan(
        portfolio_id="P-1001",
        base_currency="USD",
        cost_basis_method="FIFO",
        name="Hudson Growth",
        client_id="C-2001",
        booking_center="New York",
        opened_on=date(2017, 1, 3),
        universe=("AAPL", "HD", "JPM", "KO", "MSFT", "JNJ.XETR", "MRK.XLON"),
        cash_currency="EUR",
        monthly=Decimal(4_000),
        taxed=True,
    ),
    Plan(
        portfolio_id="P-1002",
        base_currency="EUR",
        cost_basis_method="LIFO",
        name="Rhein Dividende",
        client_id="C-2002",
        booking_center="Frankfurt",
        opened_on=date(2017, 1, 3),
        universe=("AAPL", "KO", "MSFT", "JNJ.XETR", "PG.XETR", "PEP.XSWX", "PFE.XLON"),
        cash_currency="USD",
        monthly=Decimal(3_500),
    ),
    Plan(
        portfolio_id="P-1003",
        base_currency="GBP",
        cost_basis_method="HIFO",
        name="Thames Income",
        client_id="C-2003",
        booking_center="London",
        opened_on=date(2017, 1, 3),
        universe=("AMD", "HD", "XOM", "MRK.XLON", "JNJ.XETR", "PG.XETR", "LLY.XSWX"),
        cash_currency="EUR",
        monthly=Decimal(3_000),
    ),
    Plan(
        portfolio_id="P-1004",
        base_currency="CHF",
        cost_basis_method="LOFO",
        name="Limmat Vorsorge",
        client_id="C-2004",
        booking_center="Zürich",
        opened_on=date(2017, 1, 3),
        universe=("AAPL", "JPM", "XOM", "PG.XETR", "PFE.XLON", "WMT.XTKS", "BAC.XTKS"),
        cash_currency="USD",
        monthly=Decimal(4_500),
        taxed=True,
    ),
    Plan(
        portfolio_id="P-1005",
        base_currency="JPY",
        cost_basis_method="AVCO",
        name="Sumida Fund",
        client_id="C-2005",
        booking_center="Tokyo",
        opened_on=date(2017, 1, 3),
        universe=("MSFT", "XOM", "BAC.XTKS", "WMT.XTKS", "LLY.XSWX", "PEP.XSWX", "MRK.XLON"),
        cash_currency="USD",
        monthly=Decimal(400_000),
    ),
    Plan(
        portfolio_id="P-1006",
        base_currency="USD",
        cost_basis_method="LIFO",  # until the second version of its record
        name="Savings Plan",
        client_id="C-2001",
        booking_center="New York",
        opened_on=date(2017, 1, 3),
        universe=("AAPL", "AMD", "JPM", "KO", "MSFT", "XOM", "PFE.XLON"),
        cash_currency="GBP",
        monthly=Decimal(1_500),
        fractions=True,
    ),
)


def transactions(market: Market) -> bytes:
    """The CSV file, its lines in the order in which they were entered."""
    lines: list[Line] = []
    for plan in PLANS:
        rng = Random(f"{SEED} {plan.portfolio_id}")
        own = entered_late(Desk(plan, market, rng).trade_all(), rng)
        lines += entered_twice(corrected(own, rng), rng)
    lines += Script(market, {plan.portfolio_id: plan.base_currency for plan in PLANS}).play()
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    # Of two lines entered at once the sort leaves the order in which they were made.
    writer.writerows(entry.columns for entry in sorted(lines, key=lambda entry: entry.entered))
    return text.getvalue().encode()


def portfolios() -> bytes:
    """The JSON lines of the portfolio records, the last of them a later version."""
    records: list[dict[str, str | int]] = [
        {
            "portfolio_id": plan.portfolio_id,
            "base_currency": plan.base_currency,
            "cost_basis_method": plan.cost_basis_method,
            "name": plan.name,
            "client_id": plan.client_id,
            "booking_center": plan.booking_center,
            "opened_on": plan.opened_on.isoformat(),
            "version": 1,
        }
        for plan in PLANS
    ]
    records.append(records[-1] | {"cost_basis_method": "AVCO", "version": 2})
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def main(arguments: list[str]) -> int:
    """Write the files and their checksums, or say which differ from what would be written."""
    market = Market()
    files = {
        "portfolios.jsonl": portfolios(),
        "transactions.csv": transactions(market),
        "instruments.csv": reference.instruments(),
        "market_prices.csv": reference.market_prices(market),
        "fx_rates.csv": reference.fx_rates(market),
    }
    sums = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()
    )
    files["SHA256SUMS"] = sums.encode()
    if arguments == ["--check"]:
        differing = [name for name in files if (FOLDER / name).read_bytes() != files[name]]
        sys.stdout.write("".join(f"{name} differs\n" for name in differing))
        return 1 if differing else 0
    for name, content in files.items():
        (FOLDER / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
