"""What a refusal looks like: a typed error or a GraphQL error with a code, no word too much."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx

# What only Python, SQL or a file system would say; "None" and "{'" are how Python writes values.
_LEAK = re.compile(
    r"NoneType|object has no attribute|Error\(|Exception|<class|<function|\.py\b"
    r"|\b(?:None|True|False)\b|\{'\w"
    r"|\b(?:SELECT|INSERT|UPDATE|DELETE|FROM|WHERE)\s|relation \"|column \"|constraint|violates"
    r"|duplicate key|bigint|/usr/",
)
_LEAK_ANYWHERE = re.compile(
    r"traceback|asyncpg|psycopg|tortoise|strawberry|site-packages|/src/", re.IGNORECASE
)


def assert_says_nothing_inner(text: str) -> None:
    """Assert that the body of an answer tells nothing of how the server is made."""
    assert not _LEAK_ANYWHERE.search(text), text
    for message in _messages(_parsed(text)):
        assert not _LEAK.search(message), message


def refused(response: httpx.Response) -> tuple[str, list[str] | None]:
    """
    Return the typed error of a mutation's answer: the name of its type, and its field.

    Asserts what holds for all of them: no GraphQL error beside it, a code that
    is the type's, a sentence for people.
    """
    assert_says_nothing_inner(response.text)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert "errors" not in answer, answer
    (error,) = answer["data"].values()
    kind: str = error["__typename"]
    assert error["code"] == re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).upper()
    assert error["message"].endswith("."), error["message"]
    return kind, error.get("field")


def error_code(response: httpx.Response) -> str:
    """
    Return the code of a GraphQL error, the only one or one of several of the same code.

    Asserts what holds for all of them: JSON, no 5xx, no data beside it, and that
    it is a refusal and no bug.
    """
    assert_says_nothing_inner(response.text)
    assert response.status_code < 500, response.text
    assert response.headers["content-type"].startswith("application/json"), response.text
    answer = response.json()
    assert all(value is None for value in (answer.get("data") or {}).values()), answer
    (code,) = {error["extensions"]["code"] for error in answer["errors"]}
    assert code != "INTERNAL"
    assert isinstance(code, str)
    return code


def json_bytes(body: Any) -> bytes:
    """Write a body in ASCII, so that a lone surrogate travels as the escape that it is."""
    return json.dumps(body).encode()


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return {"message": text}


def _messages(value: object) -> Iterator[str]:
    """Yield every message in an answer, wherever it stands."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "message" and isinstance(item, str):
                yield item
            yield from _messages(item)
    elif isinstance(value, list):
        for item in value:
            yield from _messages(item)
