import pytest

from cli.printing import console, masked, table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:secret@host:5432/db", "postgresql://me:***@host:5432/db"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("postgresql://me:me@me/me", "postgresql://me:***@me/me"),
        ("postgresql://me:se@cret@[::1]:5432/db", "postgresql://me:***@[::1]:5432/db"),
        ("postgresql://[::1]:5432/a@b", "postgresql://[::1]:5432/a@b"),
        (
            "postgresql://me@host/db?password=secret&sslmode=require",
            "postgresql://me@host/db?password=***&sslmode=require",
        ),
        (
            "postgresql://me:secret@host/db?sslmode=require&sslpassword=other",
            "postgresql://me:***@host/db?sslmode=require&sslpassword=***",
        ),
        (
            'no port in "postgresql://me:secret@[::1]x/db", or so',
            'no port in "postgresql://me:***@[::1]x/db", or so',
        ),
    ],
)
def test_an_address_is_shown_without_its_passwords(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_ids_and_paths_are_shown_letter_by_letter(capsys: pytest.CaptureFixture[str]) -> None:
    out = console()
    out.print(table("positions of P:b:[red]", ("security_id",), [["A[bold]:b:" + "." * 20]]))
    out.print("logs /a[b]/:b:")
    said = capsys.readouterr().out
    for text in ("positions of P:b:[red]", "A[bold]:b:", "logs /a[b]/:b:"):
        assert text in said
