"""Codes of authenticators, and recovery codes."""

import base64
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from wallet.core.totp import (
    code_at,
    find_step,
    is_totp,
    new_recovery_code,
    new_secret,
    normalise_code,
    write_secret,
    write_uri,
)

# RFC 6238, appendix B, SHA-1: the last six of its eight digits.
SECRET = b"12345678901234567890"
VECTORS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


class TestCodeAt:
    """code_at."""

    @pytest.mark.parametrize(("now_s", "code"), VECTORS)
    def test_is_as_the_standard_says(self, now_s: int, code: str) -> None:
        """The test vectors of RFC 6238."""
        assert code_at(SECRET, now_s // 30) == code


class TestFindStep:
    """find_step."""

    @pytest.mark.parametrize(("now_s", "code"), VECTORS[1:])
    def test_takes_the_steps_beside_it(self, now_s: int, code: str) -> None:
        """A code is good in its own half minute, and in those before and after it."""
        step = now_s // 30

        found = [find_step(SECRET, code, now_s=now_s + 30 * shift) for shift in (-2, -1, 0, 1, 2)]

        assert found == [None, step, step, step, None]

    @pytest.mark.parametrize(
        "code",
        ["", "x", "28708", "2870822", "\u0662\u0668\u0667\u0660\u0668\u0662", "\ud800", "000000"],
    )
    def test_takes_nothing_else(self, code: str) -> None:
        """What is no code of this time is none, and no error."""
        assert find_step(SECRET, code, now_s=59) is None


class TestSecrets:
    """Secrets and recovery codes."""

    def test_secret_has_160_bits(self) -> None:
        """It is typed in Base32, and scanned with its account."""
        secret = new_secret()
        uri = write_uri(secret, "ada+tag@example.com")

        assert base64.b32decode(write_secret(secret)) == secret
        assert (len(secret), secret != new_secret()) == (20, True)
        assert uri.startswith("otpauth://totp/")
        assert unquote(urlsplit(uri).path) == "/Wallet:ada+tag@example.com"
        assert parse_qs(urlsplit(uri).query) == {
            "secret": [write_secret(secret)],
            "issuer": ["Wallet"],
        }

    def test_recovery_codes(self) -> None:
        """They differ, look like no code of an authenticator, and are typed as one likes."""
        codes = {new_recovery_code() for _ in range(1_000)}

        assert len(codes) == 1_000
        for code in codes:
            assert [len(group) for group in code.split("-")] == [4] * 4
            assert not is_totp(normalise_code(code))
            assert normalise_code(code.upper().replace("-", " ")) == normalise_code(code)
