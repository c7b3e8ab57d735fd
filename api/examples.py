"""Events that the documentation shows; each can be sent as it is, in this order."""

from typing import Any

Example = dict[str, Any]

PORTFOLIO_ID = "EXAMPLE"
SECURITY_ID = "ACME"
TRANSACTION_ID = "T-1002"

BUY: Example = {
    "transaction_id": "T-1001",
    "portfolio_id": PORTFOLIO_ID,
    "security_id": SECURITY_ID,
    "instrument_id": "US0000000001",
    "transaction_type": "BUY",
    "transaction_date": "2024-01-10T14:30:00Z",
    "settlement_date": "2024-01-12",
    "quantity": "10",
    "price": "100.25",
    "trade_fee": "4.95",
    "trade_currency": "USD",
    "fx_rate": "0.92",
}
SELL: Example = {
    "transaction_id": TRANSACTION_ID,
    "portfolio_id": PORTFOLIO_ID,
    "security_id": SECURITY_ID,
    "transaction_type": "SELL",
    "transaction_date": "2024-06-03T09:00:00+02:00",
    "quantity": 4,
    "price": 120.5,
    "trade_currency": "USD",
    "fx_rate": "0.93",
}
DIVIDEND: Example = {
    "transaction_id": "T-1003",
    "portfolio_id": PORTFOLIO_ID,
    "security_id": SECURITY_ID,
    "transaction_type": "DIVIDEND",
    "transaction_date": "2024-06-28",
    "gross_transaction_amount": "3.60",
    "trade_currency": "USD",
    "fx_rate": "0.93",
}
CORRECTION: Example = BUY | {"price": "99.75", "version": 2}
CANCELLATION: Example = {
    "transaction_id": "T-1003",
    "portfolio_id": PORTFOLIO_ID,
    "transaction_type": "CANCEL",
    "version": 2,
}
PORTFOLIO: Example = {
    "portfolio_id": PORTFOLIO_ID,
    "base_currency": "EUR",
    "cost_basis_method": "FIFO",
    "name": "Example portfolio",
    "opened_on": "2023-12-01",
}

INSTRUMENT: Example = {
    "security_id": SECURITY_ID,
    "name": "Acme Corporation",
    "isin": "US0000000002",
    "instrument_currency": "USD",
    "asset_class": "Equity",
    "product_type": "Common stock",
    "sector": "Industrials",
    "country_of_risk": "US",
    "issuer": "Acme Corporation",
}
BOND: Example = {
    "security_id": "ACME-2034",
    "name": "Acme Corporation 4.5 % 2034",
    "instrument_currency": "USD",
    "asset_class": "Fixed income",
    "product_type": "Corporate bond",
    "rating": "A+",
    "issuer": "Acme Corporation",
    "maturity_date": "2034-06-30",
    "multiplier": "0.01",
}
PRICE: Example = {
    "security_id": SECURITY_ID,
    "price_date": "2024-06-28",
    "price": "121.75",
    "currency": "USD",
}
RATE: Example = {
    "from_currency": "USD",
    "to_currency": "EUR",
    "rate_date": "2024-06-28",
    "rate": "0.9341",
}
HOLIDAY: Example = {"business_date": "2024-07-04", "calendar": "XNYS", "is_business_day": False}

PERFORMANCE: dict[str, Example] = {
    "standard": {"summary": "All standard periods up to a day", "value": {"to": "2024-06-28"}},
    "attribution": {
        "summary": "Two periods, by month, with what each position and currency brought",
        "value": {
            "to": "2024-06-28",
            "periods": ["YTD", {"from": "2024-01-10", "to": "2024-03-31"}],
            "breakdown": "MONTHLY",
            "contribution": "position",
            "currency_effect": True,
            "benchmark": SECURITY_ID,
        },
    },
}
MONEY_WEIGHTED: dict[str, Example] = {
    "standard": {"summary": "All standard periods up to a day", "value": {"to": "2024-06-28"}},
}
ONE_TRANSACTION: dict[str, Example] = {
    "buy": {"summary": "A purchase", "value": BUY},
    "sell": {"summary": "A sale", "value": SELL},
    "dividend": {"summary": "A dividend, as an amount", "value": DIVIDEND},
    "correction": {
        "summary": "A correction: the same identity, higher version",
        "value": CORRECTION,
    },
    "cancellation": {"summary": "A cancellation", "value": CANCELLATION},
}
TRANSACTIONS: dict[str, Example] = {
    "trades": {"summary": "Two trades", "value": {"transactions": [BUY, SELL]}},
}
PORTFOLIOS: dict[str, Example] = {
    "portfolio": {"summary": "One portfolio", "value": {"portfolios": [PORTFOLIO]}},
}
INSTRUMENTS: dict[str, Example] = {
    "instruments": {"summary": "A share and a bond", "value": {"instruments": [INSTRUMENT, BOND]}},
}
MARKET_PRICES: dict[str, Example] = {
    "price": {"summary": "A closing price", "value": {"market_prices": [PRICE]}},
    "correction": {
        "summary": "A correction: the same identity, higher version",
        "value": {"market_prices": [PRICE | {"price": "121.57", "version": 2}]},
    },
}
FX_RATES: dict[str, Example] = {
    "rate": {"summary": "What a dollar costs in euros", "value": {"fx_rates": [RATE]}},
}
BUSINESS_DATES: dict[str, Example] = {
    "days": {
        "summary": "A day of business and a holiday",
        "value": {"business_dates": [{"business_date": "2024-07-05"}, HOLIDAY]},
    },
}
