"""Records of instruments that make securities cash, or cash no more."""

from collections.abc import Iterable, Iterator
from random import Random

from tests.oracle.spelling import Content, spelled

CASH, OTHER = ("Cash", "cash", "CASH"), ("Equity", "Cash Fund", "Account")


def instrument_values(
    rng: Random, security_ids: Iterable[str], share: float, junk: float
) -> Iterator[tuple[bytes, bytes]]:
    """Key and value, about this share of the securities: some corrected, contradicted or twice.
    What they come to hangs on the order of their one partition."""
    for security_id in security_ids:
        if rng.random() >= share:
            continue
        for version in sorted(rng.choices([1, 1, 2, 7], k=rng.choice([1, 2, 3]))):
            value = spelled(rng, _content(rng, security_id, version))
            yield security_id.encode(), value
            if rng.random() < 0.1:
                yield security_id.encode(), value
        if rng.random() < junk:
            yield security_id.encode(), b'{"security_id":"S"'


def _content(rng: Random, security_id: str, version: int) -> Content:
    names = ["asset_class", "product_type"]
    rng.shuffle(names)
    content: Content = {"security_id": security_id, "instrument_currency": "CHF"}
    content |= {names[0]: rng.choice(rng.choice([CASH, OTHER])), "version": version}
    return content | ({names[1]: rng.choice(OTHER)} if rng.random() < 0.5 else {})
