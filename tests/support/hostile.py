"""Requests that are made to keep a process busy, each as long as is allowed, or longer."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
from graphql import get_introspection_query

BODY_BYTES_MAX = 1024 * 1024

_TOKENS = 990
_LENGTH = 32 * 1024
_WALLETS = "viewer{wallets{edges{node"


def _many(count: int, write: Callable[[int], str]) -> str:
    return "".join(write(index) for index in range(count))


def _chain(length: int, spreads: str, *, type_: str = "Query", end: str = "__typename") -> str:
    """Fragments that bring the next one, each as *spreads* says."""
    links = _many(length, lambda i: f"fragment F{i} on {type_}{{{spreads.format(i + 1)}}}")
    return f"{links}fragment F{length} on {type_}{{{end}}}"


def _up_to(limit: int, write: Callable[[int], str]) -> str:
    """As many pieces as fit into a document of so many characters."""
    return _many(limit // len(write(1_000)), write)


DOCUMENTS: dict[str, str] = {
    # No document at all, or far too long for one.
    "a mebibyte of nothing": " " * 1_000_000,
    "a mebibyte of a name": "{" + "a" * 1_000_000 + "}",
    "a mebibyte of fields": "{" + "a " * 500_000 + "}",
    "a comment": "#" * _LENGTH,
    "a block string": '{node(id:"""' + "\\n \\t" * 6_000 + '"""){id}}',
    "a block string of lines": '{node(id:"""' + "\n  " * 10_000 + '"""){id}}',
    "a string of escapes": '{node(id:"' + "\\u{1F600}" * 3_000 + '"){id}}',
    "strings of emoji": '{node(id:"' + "\U0001f600" * 8_000 + '"){id}}',
    "commas": "{viewer{id}" + "," * 32_000 + "}",
    "a number": "{nodes(ids:" + "9" * 32_000 + "){id}}",
    "a fraction": "{nodes(ids:0." + "9" * 32_000 + "e999){id}}",
    "a long name": "{" + "a" * 32_000 + "}",
    "unterminated": '{node(id:"' + "x" * 32_000,
    # Deep.
    "deep fields": "{a" * 10_000,
    "deep fields that are closed": "{a" * 190 + "}" * 190,
    "deep lists": "{node(id:" + "[" * 16_000,
    "deep lists that are closed": "{node(id:" + "[" * 190 + "1" + "]" * 190 + "){id}}",
    "deep objects": "{node(id:" + "{a:" * 190 + "1" + "}" * 190 + "){id}}",
    "deep types": "query($a:" + "[" * 190 + "Int" + "]" * 190 + "){a(b:$a)}",
    "deep fragments": "{" + "...{" * 59 + "__typename" + "}" * 60,
    "deep in a circle of types": "{" + _WALLETS * 4,
    # Wide.
    "one field": "{" + "__typename " * _TOKENS + "}",
    "one field with a selection": "{" + "viewer{id}" * 60 + "}",
    "aliases": "{" + _many(300, lambda i: f"a{i}:__typename ") + "}",
    "aliases of a field with a selection": "{" + _many(300, lambda i: f"a{i}:viewer{{id}}") + "}",
    "fields of one name in fragments": "{" + "...{viewer{id email}}" * 59 + "}",
    "root fields": "{viewer{id}" + _many(50, lambda i: f'a{i}:node(id:"{i}"){{id}}') + "}",
    "mutations": "mutation{" + "logout(input:{everywhere:true}){__typename}" * 150 + "}",
    "fields under 60 names": "{"
    + _many(13, lambda i: f"viewer{{{' '.join(f'f{i}{j}' for j in range(60))}}}")
    + "}",
    "same fields, other arguments": "{"
    + _many(59, lambda i: f'node(id:"{i}"){{id ...on Wallet{{label}}}}')
    + "}",
    "same fields, other arguments, below each other": "{"
    + _many(29, lambda i: f"viewer{{wallets(first:{i + 1}){{edges{{node{{id}}}}totalCount}}}}")
    + "}",
    # Fragments.
    "a bomb": "{...F0}" + _chain(60, "...F{0} ...F{0}"),
    "a bomb of hundreds": "{...F0}" + _chain(10, "...F{0} " * 9),
    "a bomb that brings nothing": "{...F0}" + _chain(29, "...F{0} ...F{0}", end="...Nothing"),
    "a chain": "{...F0}" + _chain(58, "...F{0}"),
    "a chain with fields": "{viewer{...F0}}" + _chain(58, "id email ...F{0}", type_="User"),
    "a chain from each operation": _many(10, lambda i: f"query Q{i}{{...F0}}")
    + _chain(49, "...F{0}"),
    "a circle": "{...F0}" + _chain(58, "...F{0}", end="...F0"),
    "a circle of each with each": "{...F0}"
    + _many(10, lambda i: f"fragment F{i} on Query{{{' '.join(f'...F{j}' for j in range(9))}}}"),
    "circles": _many(29, lambda i: f"fragment F{i} on Query{{...F{i}}}") + "{...F0}",
    "fragments that nobody spreads": "{__typename}"
    + _many(120, lambda i: f"fragment F{i} on Query{{__typename}}"),
    "fragments of one name": "{...F}" + "fragment F on Query{__typename}" * 300,
    "fragments on unknown types": "{" + _many(59, lambda i: f"...on Walet{i}{{id}}") + "}",
    "fragments on interfaces": '{node(id:"x"){'
    + "...on Wallet{...on Node{...on Operation{id}}}" * 20
    + "}}",
    "spreads of nothing": "{" + _many(59, lambda i: f"...F{i} ") + "}",
    # Directives.
    "directives": "{__typename" + " @skip(if:true)" * 55 + "}",
    "directives everywhere": "{" + "__typename @skip(if:true)" * 240 + "}",
    "unknown directives": "{" + _many(300, lambda i: f"a{i} @inclde{i} ") + "}",
    "directives of an operation": "query" + " @include(if:false)" * 55 + "{a}",
    # Names that are not there: something like them is looked for.
    "unknown fields": "{viewer{" + _many(450, lambda i: f"emial{i} ") + "}}",
    "long unknown fields": "{viewer{" + _up_to(24_000, lambda i: "w" * 80 + f"{i} ") + "}}",
    "unknown arguments": "{viewer{wallets("
    + _many(195, lambda i: f"frist{i}:1 ")
    + "){totalCount}}}",
    "unknown types": "query(" + _many(240, lambda i: f"$a{i}:Walet{i} ") + "){__typename}",
    "unknown input fields": "mutation{transfer(input:{"
    + _many(195, lambda i: f"amuont{i}:1 ")
    + "}){__typename}}",
    "unknown enum values": '{wallet(id:"x"){operations(where:{kinds:['
    + _many(195, lambda i: f"TRANSFR{i % 99} ")
    + "]}){totalCount}}}",
    "unknown variables": "{nodes(ids:[" + _many(195, lambda i: f"$a{i} ") + "]){id}}",
    # Operations and variables.
    "operations": _many(240, lambda i: f"query Q{i}{{a}}"),
    "operations without a name": "{__typename}" * 600,
    "variables": "query(" + _many(240, lambda i: f"$a{i}:Int ") + "){__typename}",
    "variables of one name": "query(" + "$a:Int " * 240 + "){__typename}",
    "variables in operations and fragments": _many(10, lambda i: f"query Q{i}($a:ID!){{...F0}}")
    + _chain(90, "node(id:$a){{id}} ...F{0}"),
    "defaults": "query(" + _many(195, lambda i: f"$a{i}:ID=1 ") + "){__typename}",
    "definitions of a schema": "type A{" + _many(300, lambda i: f"a{i}:B ") + "}",
    # Input values.
    "a list": "{nodes(ids:[" + '"a"' * 195 + "]){id}}",
    "a list of numbers": "{nodes(ids:[" + "1 " * 195 + "]){id}}",
    "a list of objects": "{nodes(ids:[" + "{a:1}" * 90 + "]){id}}",
    "an object with one name": "mutation{transfer(input:{" + "amount:1 " * 195 + "}){__typename}}",
    "transfers": "mutation{transferBatch(input:{transfers:["
    + "{amount:{amount:1 currency:1}}" * 40
    + "]}){__typename}}",
    # Much work, if it were done.
    "introspection, often": "{"
    + _many(30, lambda i: f"a{i}:__schema{{types{{fields{{name}}}}}}")
    + "}",
    "introspection, deep": "{__schema{types{" + "fields{type{" * 9 + "name" + "}}" * 9 + "}}}",
    "introspection, wide": "{__schema{types{"
    + _many(45, lambda i: f"a{i}:fields{{name args{{name}}}}")
    + "}}}",
    "introspection of types, wide": "{"
    + _many(49, lambda i: f'a{i}:__type(name:"Wallet"){{fields{{name type{{name}}}}}}')
    + "}",
    "pages of pages": "{viewer{"
    + _many(9, lambda i: f"a{i}:wallets(first:100){{edges{{node{{operations{{totalCount}}}}}}}}")
    + "}}",
}
"""By what they are made of."""

_NODES = "query($ids:[ID!]!){nodes(ids:$ids){id}}"
_BATCH = "mutation($input:TransferBatchInput!){transferBatch(input:$input){__typename}}"
_PAGE = "query($w:OperationFilter){viewer{wallets{edges{node{operations(where:$w){totalCount}}}}}}"

_VARIABLES: dict[str, tuple[str, Any]] = {
    "variables: a list of ids": (_NODES, {"ids": ["x"] * 250_000}),
    "variables: as many ids as may be": (_NODES, {"ids": ["x"] * 11_990}),
    "variables: a list of numbers": (_NODES, {"ids": [1] * 500_000}),
    "variables: a list of the wrong type": (_NODES, {"ids": [1.5] * 11_990}),
    "variables: lists of lists": (_NODES, {"ids": [[]] * 300_000}),
    "variables: fewer lists of lists": (_NODES, {"ids": [[]] * 11_990}),
    "variables: deep": (_NODES, {"ids": orjson.loads("[" * 200 + "]" * 200)}),
    "variables: one long id": (_NODES, {"ids": ["x" * 1_000_000]}),
    "variables: one long number": (_NODES, {"ids": "9" * 1_000_000}),
    "variables: many that nobody asked for": (
        "{__typename}",
        {f"a{index}": index for index in range(70_000)},
    ),
    "variables: unknown input fields": (
        _BATCH,
        {"input": {f"transfres{index}": 1 for index in range(11_990)}},
    ),
    "variables: empty transfers": (_BATCH, {"input": {"transfers": [{}] * 300_000}}),
    "variables: fewer empty transfers": (_BATCH, {"input": {"transfers": [{}] * 11_990}}),
    "variables: transfers with unknown fields": (
        _BATCH,
        {"input": {"transfers": [{"amuont": 1, "sourceWalletid": 1}] * 6_000}},
    ),
    "variables: enum values": (_PAGE, {"w": {"kinds": ["TRANSFER"] * 11_990}}),
    "variables: unknown enum values": (_PAGE, {"w": {"kinds": ["TRANSFR"] * 11_990}}),
    "variables: a long unknown enum value": (_PAGE, {"w": {"kinds": ["T" * 195_000]}}),
    "variables: a long instant": (_PAGE, {"w": {"from": "2" * 195_000}}),
}

_BODIES: dict[str, bytes] = {
    "body: too long": b" " * (BODY_BYTES_MAX + 1),
    "body: brackets": b"[" * BODY_BYTES_MAX,
    "body: lists": b'{"query":"{a}","x":[' + b"[]," * 340_000 + b"[]]}",
    "body: braces in a text": b'{"query":"' + b"{a" * 500_000 + b'"}',
    "body: braces between escapes": b'{"query":"' + b"\\n{" * 340_000 + b'"}',
    "body: texts": b'{"query":"{a}","x":[' + b'"",' * 340_000 + b'""]}',
    "body: numbers": b'{"query":"{a}","x":[' + b"1," * 520_000 + b"1]}",
    "body: long numbers": b'{"query":"{a}","x":[' + b"1" * 1_000_000 + b"]}",
    "body: names": b'{"query":"{a}"'
    + b"".join(b',"x%d":1' % index for index in range(90_000))
    + b"}",
    "body: a text without an end": b'{"a":"' + b'\\"' * 500 + b"," * 500_000,
    "body: a text of quotes without an end": b'{"a":"' + b'\\"' * 45_000 + b"," * 900_000,
    "body: a text that ends in half an escape": b'{"a":"' + b'\\"' * 500 + b"," * 500_000 + b"\\",
    "body: a text of half escapes": b'{"a":"' + b"\\" * 500_001 + b"," * 500_000,
    "body: texts, and one without an end": b'{"a":[' + b'"",' * 20_000 + b'"' + b"," * 900_000,
    "body: escapes": b'{"query":"' + b"\\u0041" * 170_000 + b'"}',
    "body: not UTF-8": b'{"query":"' + b"\xff" * 1_000_000 + b'"}',
    "body: a long operation name": b'{"query":"{__typename}","operationName":"%b"}'
    % (b"A" * 1_000_000),
}


def requests() -> Iterator[tuple[str, bytes]]:
    """Yield the bodies of all requests, with what each is made of."""
    for name, document in DOCUMENTS.items():
        yield name, orjson.dumps({"query": document})
    for name, (document, variables) in _VARIABLES.items():
        yield name, orjson.dumps({"query": document, "variables": variables})
    yield from _BODIES.items()


QUERY_STRINGS: dict[str, bytes] = {
    "names": b"&a" * 32_000,
    "escapes": b"a=" + b"%41" * 10_000,
    "escapes of everything": b"query=" + b"%F0%9F%98%80" * 2_700,
    "half escapes": b"a=" + b"%" * 32_000,
    "half escapes in a name": b"%" * 32_000 + b"=a",
    "escapes between bytes": b"a=" + b"%41\xe9" * 8_000,
    "pluses": b"query=" + b"+" * 60_000,
    "a document": b"query={" + b"a" * 32_000 + b"}",
    "variables": b"query={a}&variables=[" + b"[]," * 10_000 + b"[]]",
    "more than is read": b"query=" + b"%" * 64_000,
}
"""Of a GET, by what they are made of."""

INTROSPECTION = orjson.dumps(
    {"query": get_introspection_query(specified_by_url=True, input_value_deprecation=True)}
)
"""What is no attack, and takes as long as it takes."""
