"""What passes between the HTTP of a worker and who asks it, apart from the answers.

The API gives the same refusals about what a key may not see, so that nobody can tell it from what
is not there.
"""

import json

SECRET_HEADER = "X-Cluster-Secret"
PROBLEM = "application/problem+json"
NOT_FOUND = "not-found"


def problem(status: int, kind: str, detail: str) -> bytes:
    """RFC 9457, as workers write it."""
    content = {
        "type": f"urn:portfolio:problem:{kind}",
        "title": kind.replace("-", " "),
        "status": status,
        "detail": detail,
        "errors": [],
    }
    return json.dumps(content).encode()


def unknown_portfolio(portfolio_id: str) -> str:
    return f"portfolio {portfolio_id} is not known"


def unknown_holding(portfolio_id: str, security_id: str) -> str:
    return f"{portfolio_id} holds no {security_id}"


def unknown_transaction(transaction_id: str) -> str:
    return f"transaction {transaction_id} is not known"
