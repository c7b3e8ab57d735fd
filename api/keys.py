"""An API key: its text, and what whoever holds it may do.

`pfk_KEYID_SECRET`: the prefix is for scanners that look for secrets in code and logs, the key_id
is what lists and people call the key by, and the secret is kept nowhere but by its holder.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

KEY_ID_BYTES = 6
SECRET_BYTES = 32
KEY_ID = re.compile(rf"[0-9a-f]{{{2 * KEY_ID_BYTES}}}", re.ASCII)
KEY = re.compile(rf"pfk_({KEY_ID.pattern})_([0-9a-f]{{{2 * SECRET_BYTES}}})", re.ASCII)


class Scope(StrEnum):
    """What a key is for. ADMIN includes the others, and what is of no portfolio."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class Key(NamedTuple):
    """A key as its holder has it."""

    key_id: str
    secret: str

    def __repr__(self) -> str:
        return f"Key({self.key_id})"  # whatever prints it, the secret is not in it

    @property
    def text(self) -> str:
        return f"pfk_{self.key_id}_{self.secret}"

    @property
    def secret_sha256(self) -> bytes:
        # A slow hash is for what people choose. This is 256 random bits, which nobody guesses
        # however fast he is, and it is computed for each request.
        return hashlib.sha256(self.secret.encode()).digest()

    def is_known_by(self, secret_sha256: bytes) -> bool:
        """Whether it is the key that was kept; takes as long for every wrong one."""
        return hmac.compare_digest(self.secret_sha256, secret_sha256)


def new_key() -> Key:
    return Key(secrets.token_hex(KEY_ID_BYTES), secrets.token_hex(SECRET_BYTES))


def read_key(text: str) -> Key | None:
    """None where the text is no key, whatever was kept."""
    found = KEY.fullmatch(text)
    return None if found is None else Key(*found.groups())


@dataclass(frozen=True, slots=True)
class Access:
    """What a request may do."""

    scopes: frozenset[Scope]
    portfolios: frozenset[str] | None  # None: all

    def has(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def sees(self, portfolio_id: str) -> bool:
        return self.portfolios is None or portfolio_id in self.portfolios


EVERYTHING = Access(frozenset(Scope), None)
