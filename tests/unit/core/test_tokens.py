"""Access tokens and refresh tokens."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from wallet.core.ids import new_id
from wallet.core.keys import Keys
from wallet.core.tokens import (
    ACCESS_TOKEN_TTL_S,
    AccessClaims,
    InvalidTokenError,
    hash_token,
    issue_access_token,
    new_refresh_token,
    read_access_token,
)

KEY = "the-key-of-these-tests-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFG"
OTHER_KEY = KEY[::-1]
KEYS = Keys(KEY)
CLAIMS = AccessClaims(user_id=new_id(), family_id=new_id())


def sign(changes: dict[str, Any] | None = None, *, key: str = KEY, algorithm: str = "HS256") -> str:
    """Sign a token like ours, with some claims changed; None leaves a claim out."""
    now = datetime.now(UTC)
    payload: dict[str, Any] = {
        "iss": "wallet",
        "sub": str(CLAIMS.user_id),
        "sid": str(CLAIMS.family_id),
        "iat": now,
        "exp": now + timedelta(minutes=5),
        **(changes or {}),
    }
    return jwt.encode(
        {name: value for name, value in payload.items() if value is not None},
        key,
        algorithm=algorithm,
    )


def encode(data: bytes) -> str:
    """Encode a part of a token."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(part: str) -> dict[str, Any]:
    """Decode a part of a token."""
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return value


EMPTY = encode(b"{}")
NOT_UTF8 = encode(b"\xff")
DEEP_OBJECT = encode(b'{"a":' * 280)


def assert_refused(token: str) -> None:
    """Assert that a token is not ours, and that the error has nothing to tell."""
    with pytest.raises(InvalidTokenError) as raised:
        read_access_token(token, keys=KEYS)
    assert str(raised.value) == ""


class TestIssueAccessToken:
    """issue_access_token."""

    def test_expires_after_fifteen_minutes(self) -> None:
        """The instant that is answered is the one in the token, to the second."""
        before = datetime.now(UTC).replace(microsecond=0)

        token, expires_at = issue_access_token(CLAIMS, keys=KEYS)

        after = datetime.now(UTC)
        assert ACCESS_TOKEN_TTL_S == 15 * 60
        assert before <= expires_at - timedelta(minutes=15) <= after
        assert decode(token.split(".")[1])["exp"] == int(expires_at.timestamp())

    def test_says_nothing_about_the_person(self) -> None:
        """Anybody can read a token's payload: it has ids and times, and no address."""
        token, _ = issue_access_token(CLAIMS, keys=KEYS)

        header, payload, _ = token.split(".")
        assert decode(header) == {"alg": "HS256", "typ": "JWT", "kid": KEYS.current_id}
        assert KEY not in token
        assert decode(payload).keys() == {"iss", "sub", "sid", "iat", "exp"}


class TestReadAccessToken:
    """read_access_token."""

    def test_own_token(self) -> None:
        """What was issued is read back."""
        token, _ = issue_access_token(CLAIMS, keys=KEYS)

        assert read_access_token(token, keys=KEYS).claims == CLAIMS

    def test_this_file_signs_like_ours(self) -> None:
        """The tokens that the tests below change are valid before they are changed."""
        assert read_access_token(sign(), keys=KEYS).claims == CLAIMS

    @pytest.mark.parametrize("age_s", [1, 60, 10**9])
    def test_expired(self, age_s: int) -> None:
        """A token is refused from the second on at which it expires."""
        assert_refused(sign({"exp": datetime.now(UTC) - timedelta(seconds=age_s)}))

    def test_clock_of_another_process(self) -> None:
        """A token of a process whose clock is ahead is valid: only the expiry counts."""
        token = sign({"iat": datetime.now(UTC) + timedelta(seconds=90)})

        assert read_access_token(token, keys=KEYS).claims == CLAIMS

    def test_foreign_key(self) -> None:
        """A token that was signed with another key is refused."""
        assert_refused(sign(key=OTHER_KEY))

    def test_tampered_payload(self) -> None:
        """A payload that was changed after it was signed is refused."""
        header, payload, signature = sign().split(".")
        forged = {**decode(payload), "sub": str(new_id())}

        assert_refused(f"{header}.{encode(json.dumps(forged).encode())}.{signature}")

    @pytest.mark.parametrize(
        "change",
        [
            lambda _: "",
            lambda signature: signature[:-2],
            lambda signature: signature + "AA",
            lambda signature: ("B" if signature[0] == "A" else "A") + signature[1:],
            lambda _: encode(bytes(32)),
        ],
        ids=["none", "shorter", "longer", "other", "zeros"],
    )
    def test_tampered_signature(self, change: Callable[[str], str]) -> None:
        """A signature that was changed is refused."""
        header, payload, signature = sign().split(".")

        assert_refused(f"{header}.{payload}.{change(signature)}")

    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
    @pytest.mark.parametrize("keep_signature", [False, True])
    def test_no_algorithm(self, algorithm: str, keep_signature: bool) -> None:  # noqa: FBT001
        """A token that says it needs no signature is refused, with one and without."""
        _, payload, signature = sign().split(".")
        header = encode(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())

        assert_refused(f"{header}.{payload}.{signature if keep_signature else ''}")

    @pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
    def test_other_algorithm(self, algorithm: str) -> None:
        """The right key with another algorithm is refused."""
        assert_refused(sign(algorithm=algorithm))

    @pytest.mark.parametrize("issuer", ["Wallet", "wallet2", "", 1, ["wallet"], {"wallet": 1}])
    def test_other_issuer(self, issuer: object) -> None:
        """A token that somebody else issued with our key is refused."""
        payload = decode(sign().split(".")[1])

        # PyJWT does not sign some of these itself.
        token = jwt.api_jws.encode(json.dumps({**payload, "iss": issuer}).encode(), KEY)
        assert_refused(token)

    @pytest.mark.parametrize("claim", ["iss", "sub", "sid", "iat", "exp"])
    def test_missing_claim(self, claim: str) -> None:
        """A token that leaves something out is refused."""
        assert_refused(sign({claim: None}))

    @pytest.mark.parametrize("claim", ["sub", "sid"])
    @pytest.mark.parametrize("value", ["", "1", "me", 1, True, ["a"], {"a": 1}, 1.5])
    def test_claims_that_are_no_ids(self, claim: str, value: object) -> None:
        """A signed token whose ids are none is refused, and is no error."""
        payload = decode(sign().split(".")[1])

        assert_refused(jwt.api_jws.encode(json.dumps({**payload, claim: value}).encode(), KEY))

    @pytest.mark.parametrize("payload", [b"", b"1", b"[]", b"null", b'"x"', b"\xff\xfe", b"{"])
    def test_payload_that_is_no_object(self, payload: bytes) -> None:
        """A signed payload that is no object of claims is refused."""
        assert_refused(jwt.api_jws.encode(payload, KEY))

    @pytest.mark.parametrize(
        "token",
        [
            "",
            ".",
            "..",
            "...",
            "a.b.c",
            "Bearer x",
            "null",
            "{}",
            "\x00",
            "ключ",
            "\ud800",
            "\ud800.\ud800.\ud800",
            f"{encode(b'1')}.{EMPTY}.",
            f"{encode(b'[]')}.{EMPTY}.",
            f"{EMPTY}.{EMPTY}.",
            "=.=.=",
            f"{NOT_UTF8}.{EMPTY}.x",
            f"{encode(json.dumps({'alg': ['HS256']}).encode())}.{EMPTY}.x",
            f"{encode(json.dumps({'alg': {}}).encode())}.{EMPTY}.x",
            f"{encode(json.dumps({'alg': 'HS256', 'kid': 1}).encode())}.{EMPTY}.x",
            f"{encode(json.dumps({'alg': 'HS256', 'crit': ['b64']}).encode())}.{EMPTY}.x",
            f"{encode(b'[' * 1_500)}.{EMPTY}.x",
            f"{DEEP_OBJECT}.{EMPTY}.x",
            "a" * 2_048,
            "a." * 1_000,
        ],
    )
    def test_garbage(self, token: str) -> None:
        """Whatever comes as a token is refused as one that is not ours."""
        assert_refused(token)

    def test_too_long(self) -> None:
        """A token that is longer than any of ours is refused, although its signature is right."""
        token = sign({"more": "x" * 2_000})

        assert len(token) > 2_048
        assert_refused(token)
        assert_refused("a" * 10_000_000)


class TestRotation:
    """Keys that follow one another."""

    def test_old_token(self) -> None:
        """What the old key has signed is good as long as the key is there."""
        token, _ = issue_access_token(CLAIMS, keys=KEYS)

        assert read_access_token(token, keys=Keys(OTHER_KEY, KEY)).claims == CLAIMS
        with pytest.raises(InvalidTokenError):
            read_access_token(token, keys=Keys(OTHER_KEY))

    def test_next_token(self) -> None:
        """A process that knows the next key takes its tokens before it signs with it."""
        token, _ = issue_access_token(CLAIMS, keys=Keys(OTHER_KEY, KEY))

        assert read_access_token(token, keys=Keys(KEY, OTHER_KEY)).claims == CLAIMS
        assert_refused(token)

    @pytest.mark.parametrize("key", [KEY, OTHER_KEY])
    def test_token_that_names_no_key(self, key: str) -> None:
        """A token of the time before keys had names is good with any of them."""
        assert read_access_token(sign(key=key), keys=Keys(OTHER_KEY, KEY)).claims == CLAIMS

    def test_token_that_names_another_key(self) -> None:
        """The name says which key it has to be, not which to try as well."""
        header, payload, signature = issue_access_token(CLAIMS, keys=KEYS)[0].split(".")
        key_ids: tuple[object, ...] = (
            Keys(OTHER_KEY).current_id,
            "",
            "x",
            "../key",
            1,
            None,
            [],
            {},
        )
        for key_id in key_ids:
            named = encode(json.dumps({**decode(header), "kid": key_id}).encode())
            with pytest.raises(InvalidTokenError):
                read_access_token(f"{named}.{payload}.{signature}", keys=Keys(KEY, OTHER_KEY))


class TestNewRefreshToken:
    """new_refresh_token."""

    def test_is_random_and_url_safe(self) -> None:
        """256 bits, never the same, of characters that need no escaping."""
        tokens = {new_refresh_token() for _ in range(1_000)}

        assert len(tokens) == 1_000
        for token in tokens:
            assert len(base64.urlsafe_b64decode(token + "=")) == 32


class TestHashToken:
    """hash_token."""

    def test_is_sha_256(self) -> None:
        """What is stored never changes between versions."""
        assert hash_token("token") == hashlib.sha256(b"token").digest()

    @pytest.mark.parametrize("token", ["", "\x00", "ключ", "\ud800", "x" * 1_000_000])
    def test_takes_any_text(self, token: str) -> None:
        """Whatever comes as a refresh token has a hash; it is just nobody's."""
        assert len(hash_token(token)) == 32
