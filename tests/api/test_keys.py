import re
from collections.abc import Callable

import pytest

from api.keys import EVERYTHING, Access, Key, Scope, new_key, read_key


def test_a_key_is_read_as_it_was_written_and_no_two_are_alike() -> None:
    keys = [new_key() for _ in range(100)]
    assert [read_key(key.text) for key in keys] == keys
    assert len({key.key_id for key in keys}) == len({key.secret for key in keys}) == 100


def test_a_key_is_found_by_its_prefix_and_has_256_random_bits() -> None:
    key = new_key()
    assert re.fullmatch(r"pfk_[0-9a-f]{12}_[0-9a-f]{64}", key.text)
    assert len(bytes.fromhex(key.secret)) * 8 == 256


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "0",
        lambda text: text.upper(),
        lambda text: text.replace("pfk_", ""),
        lambda text: text.replace("_", "-"),
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text[:-1] + "٣",
        lambda text: "",
    ],
)
def test_what_is_not_exactly_a_key_is_none(change: Callable[[str], str]) -> None:
    assert read_key(change(new_key().text)) is None


def test_only_the_same_secret_is_known_by_its_hash() -> None:
    key, other = new_key(), new_key()
    assert key.is_known_by(key.secret_sha256)
    assert not Key(key.key_id, other.secret).is_known_by(key.secret_sha256)
    assert not key.is_known_by(b"")


def test_a_key_that_is_printed_does_not_show_its_secret() -> None:
    key = new_key()
    assert key.secret not in f"{key} {key!r} {[key]}"


def test_admin_includes_the_other_scopes_and_they_do_not_include_each_other() -> None:
    def scopes(*given: Scope) -> set[Scope]:
        return {scope for scope in Scope if Access(frozenset(given), None).has(scope)}

    assert scopes(Scope.ADMIN) == set(Scope)
    assert scopes(Scope.READ) == {Scope.READ}
    assert scopes(Scope.WRITE) == {Scope.WRITE}
    assert scopes() == set()


def test_a_key_without_a_list_sees_all_portfolios_and_one_with_an_empty_list_none() -> None:
    assert EVERYTHING.sees("P1")
    assert Access(frozenset(Scope), frozenset({"P1"})).sees("P1")
    assert not Access(frozenset(Scope), frozenset({"P1"})).sees("P2")
    assert not Access(frozenset(Scope), frozenset()).sees("P1")
