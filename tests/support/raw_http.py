"""Requests as bytes, most of them broken somewhere."""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.support import rubbish
from tests.support.api import STATEMENT, TRANSFER, Account

_GET_HEADERS = (("GraphQL-Require-Preflight", "1"), ("Accept", "application/json"))


@dataclass(slots=True)
class Raw:
    """
    A request in parts.

    Attributes:
        is_framed: Whether its head and its length are such that an answer has to come.
    """

    method: str = "POST"
    path: str = "/graphql"
    version: str = "HTTP/1.1"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    length: str | None = None
    is_framed: bool = True

    def __bytes__(self) -> bytes:
        """Write it out; ``Content-Length`` is the body's, unless something else is said."""
        length = str(len(self.body)) if self.length is None else self.length
        lines = [f"{self.method} {self.path} {self.version}", "Host: x"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if length != "none":
            lines.append(f"Content-Length: {length}")
        return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + self.body


class RequestAuthor:
    """
    Writes requests by chance: none of them may change anything, whoever reads it how.

    Args:
        owner: Who signs them, where they are signed.
        stranger: Whose wallet they are about.
    """

    def __init__(self, chance: Random, owner: Account, stranger: Account) -> None:
        self._chance = chance
        self._owner = owner
        self._stranger = stranger
        self._breaks: tuple[Callable[[Raw], None], ...] = (
            *(self._break_body, self._break_body, self._other_body, self._other_body),
            *(self._break_length, self._break_chunks, self._chunk, self._encode),
            *(self._break_headers, self._odd_header, self._odd_header, self._odd_header),
            *(self._content_type, self._accept, self._authorization, self._other_path),
            *(self._other_method, self._report, self._other_version),
        )

    def write(self) -> tuple[bytes, bool]:
        """Return what is to be sent, and whether an answer has to come."""
        if self._chance.random() < 0.05:
            return bytes(self._hiding()), True
        several = [self._one() for _ in range(self._chance.choice((1, 1, 1, 1, 2, 5)))]
        sent, is_framed = b"".join(map(bytes, several)), all(each.is_framed for each in several)
        if self._chance.random() < 0.1:
            return self._broken(sent), False
        if self._chance.random() < 0.03:
            return self._chance.randbytes(self._chance.randrange(400)), False
        return sent, is_framed and len(several) == 1

    def _one(self) -> Raw:
        raw = self._good()
        for break_ in self._chance.choices(self._breaks, k=self._chance.choice((0, 1, 1, 2, 3))):
            break_(raw)
        return raw

    def _good(self) -> Raw:
        kind = self._chance.randrange(4)
        signed = ("Authorization", f"Bearer {self._owner.api.access_token}")
        if kind == 0:
            path = "/graphql?query=%7Bviewer%7Bid%7D%7D"
            return Raw("GET", path, headers=[signed, *_GET_HEADERS])
        bodies: dict[int, dict[str, Any]] = {
            1: {"query": "query Viewer { viewer { id email } }", "operationName": "Viewer"},
            2: {"query": STATEMENT, "variables": {"id": self._owner.wallet_id, "first": 3}},
            3: {"query": TRANSFER, "variables": {"input": self._theft()}},
        }
        headers = [signed, ("Content-Type", "application/json")]
        return Raw(headers=headers, body=json.dumps(bodies[kind]).encode())

    def _theft(self) -> Mapping[str, Any]:
        """Return a transfer that is never carried out: out of a stranger's wallet."""
        return {
            "sourceWalletId": self._stranger.wallet_id,
            "targetWalletId": self._owner.wallet_id,
            "amount": {"amount": "1.00", "currency": "EUR"},
            "idempotencyKey": "theft",
            "metadata": {"a": [1, 2.5, None, "é"]},
        }

    def _broken(self, sent: bytes) -> bytes:
        """Flip bytes, take a piece out, or put one in several times."""
        if not sent:
            return sent
        start, end = sorted(self._chance.randrange(len(sent) + 1) for _ in "12")
        match self._chance.randrange(4):
            case 0:
                flipped = bytearray(sent)
                for _ in range(self._chance.randint(1, 5)):
                    flipped[self._chance.randrange(len(sent))] = self._chance.randrange(256)
                return bytes(flipped)
            case 1:
                return sent[:start] + sent[end:]
            case 2:
                return sent[:end] + sent[start:]
            case _:
                some = self._chance.choice((b"\0", b"\xff", b"\xef\xbb\xbf", b"\r\n", b'"', b"{"))
                return sent[:start] + some + sent[start:]

    def _break_body(self, raw: Raw) -> None:
        raw.body = self._broken(raw.body)

    def _other_body(self, raw: Raw) -> None:
        text = self._chance.choice(rubbish.BODIES)
        code = self._chance.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32"))
        raw.body = self._chance.choice(
            (text.encode(code), text.encode(code), self._chance.randbytes(99))
        )

    def _break_length(self, raw: Raw) -> None:
        length = len(raw.body)
        kind = self._chance.randrange(4)
        raw.length = (
            str(max(0, length - 7)),
            str(length + 7),
            self._chance.choice(rubbish.LENGTHS),
            f"{length}\r\nContent-Length: {self._chance.choice((length, length + 1))}",
        )[kind]
        raw.is_framed = False

    def _chunk(self, raw: Raw) -> None:
        """Send the body in chunks, as is right."""
        size = self._chance.randint(1, 200)
        pieces = [raw.body[at : at + size] for at in range(0, len(raw.body), size)]
        raw.body = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"
        raw.is_framed = raw.is_framed and raw.length is None
        raw.headers.append(("Transfer-Encoding", "chunked"))
        raw.length = "none"

    def _break_chunks(self, raw: Raw) -> None:
        raw.body = b"".join(self._chance.choices(rubbish.CHUNKS, k=self._chance.randint(1, 3)))
        coding = self._chance.choice(rubbish.TRANSFER_CODINGS)
        raw.headers.append(("Transfer-Encoding", coding))
        raw.length = self._chance.choice(("none", None))
        raw.is_framed = False

    def _encode(self, raw: Raw) -> None:
        coding = self._chance.choice(rubbish.CODINGS)
        raw.headers.append(("Content-Encoding", coding))
        if raw.is_framed and raw.length is None and self._chance.random() < 0.5:
            raw.body = gzip.compress(raw.body)

    def _hiding(self) -> Raw:
        """
        Return a request in whose body is one that moves money, if anybody takes it for one.

        Its length is true: where it is not, the rest of a body is a request by all rights.
        """
        document = """mutation ($input: TopupInput!) { topup(input: $input) { __typename } }"""
        topup = {
            "walletId": self._owner.wallet_id,
            "amount": {"amount": "1.00", "currency": "EUR"},
            "idempotencyKey": "hidden",
        }
        hidden = Raw(
            headers=[
                ("Content-Type", "application/json"),
                ("Authorization", f"Bearer {self._owner.api.access_token}"),
            ],
            body=json.dumps({"query": document, "variables": {"input": topup}}).encode(),
        )
        raw = self._one()
        while not raw.is_framed or raw.length is not None:
            raw = self._one()
        raw.body = b"x" * self._chance.choice((0, 0, 1_048_576)) + bytes(hidden)
        return raw

    def _break_headers(self, raw: Raw) -> None:
        name = self._chance.choice(rubbish.HEADER_NAMES)
        value = self._chance.choice(rubbish.HEADER_VALUES)
        raw.headers[:0] = [(name, value)] * self._chance.choice((1, 2, 500))
        raw.is_framed = False

    def _odd_header(self, raw: Raw) -> None:
        raw.headers.append(self._chance.choice(rubbish.HEADERS))
        raw.is_framed = raw.is_framed and raw.headers[-1][0] not in {"Upgrade", "Expect"}

    def _content_type(self, raw: Raw) -> None:
        self._replace(raw, "Content-Type", rubbish.CONTENT_TYPES)

    def _accept(self, raw: Raw) -> None:
        self._replace(raw, "Accept", rubbish.ACCEPTS)

    def _authorization(self, raw: Raw) -> None:
        self._replace(raw, "Authorization", rubbish.AUTHORIZATIONS)

    def _replace(self, raw: Raw, name: str, values: tuple[str, ...]) -> None:
        if self._chance.random() < 0.8:
            raw.headers = [each for each in raw.headers if each[0] != name]
        raw.headers.append((name, self._chance.choice(values)))

    def _other_path(self, raw: Raw) -> None:
        raw.path = self._chance.choice(rubbish.PATHS)
        raw.is_framed = raw.is_framed and raw.path.startswith("/") and "\xff" not in raw.path

    def _other_method(self, raw: Raw) -> None:
        raw.method = self._chance.choice(rubbish.METHODS)
        raw.is_framed = raw.is_framed and raw.method in {"GET", "PUT", "PATCH", "DELETE", "OPTIONS"}

    def _report(self, raw: Raw) -> None:
        wallet_id = self._chance.choice((self._stranger.wallet_id, "x", "%00", "a" * 500))
        extension = self._chance.choice(("csv", "json", "xml", "pdf", "", "CSV"))
        query = self._chance.choice(rubbish.REPORT_QUERIES)
        raw.path = f"/wallets/{wallet_id}/report.{extension}?{query}"

    def _other_version(self, raw: Raw) -> None:
        raw.version = self._chance.choice(rubbish.VERSIONS)
        raw.is_framed = False
