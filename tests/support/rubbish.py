"""What clients may put into each part of an HTTP request, and should not."""

_HASH = "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38"
"""SHA-256 of ``{__typename}``."""

CONTENT_TYPES = (
    *("application/json; charset=utf-8", "application/json;charset=UTF-16", "application/json;"),
    *('application/json; charset="', "application/json; charset=\xff", "text/plain", "", ";", "/"),
    *("application/graphql", "multipart/form-data", "multipart/form-data; boundary=" + "x" * 300),
    *("application/x-www-form-urlencoded", "application/json, text/plain", "json", "a" * 9_000),
)

ACCEPTS = (
    *("*/*", "application/graphql-response+json", "text/html", "text/html;q=0.1", "", ",", ";q=1"),
    *("application/json;q=0", "application/json;q=nan", "application/json;q=1e999", "*/*;q=-1"),
    *("application/json;q=0.0001, application/graphql-response+json;q=inf", "a/b," * 2_000),
    *("\xe9", "application/json;q=\xb2", "*/*;q=1_0", "application/json ; q = .5"),
)

AUTHORIZATIONS = (
    *("Bearer", "Bearer ", "bearer x", "Bearer a.b.c", "Basic eDp5", "Bearer " + "x" * 20_000),
    *("Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer \xff\xfe", "Bearer wlt_a_b", "Bearer wlt__"),
    *("Bearer eyJhbGciOiJIUzI1NiJ9.bnVsbA.x", "Bearer ..", "Bearer \t", "Bearer x, Bearer x"),
    *("Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6MX0.e30.x", "Bearer W10.W10.W10", ".", "\xa0Bearer x"),
)

HEADERS = (
    *(("Cookie", "a"), ("Cookie", "__Host-refresh=x"), ("Cookie", "=;" * 500), ("Cookie", '"\\')),
    *(("X-Forwarded-For", "x"), ("X-Forwarded-For", "::1, 1.2.3.4, , \xff"), ("Forwarded", "for=")),
    *(("X-Forwarded-For", "1.2.3.4," * 900), ("X-Forwarded-Proto", "gopher"), ("X-Real-IP", "\t")),
    *(("X-Request-ID", "a\tb"), ("X-Request-ID", "x" * 999), ("Origin", "null"), ("Origin", "://")),
    *(("X-Session-Transport", "cookie"), ("Expect", "100-continue"), ("Expect", "nothing")),
    *(("Connection", "upgrade"), ("Upgrade", "websocket"), ("Upgrade", "h2c"), ("Connection", "x")),
    *(("Connection", "close"), ("Connection", "keep-alive, close"), ("TE", "trailers")),
    *(("Accept-Encoding", "gzip"), ("Accept-Encoding", "gzip;q=x,*;q=nan"), ("Range", "bytes=0-1")),
    *(("If-None-Match", "*"), ("Access-Control-Request-Method", "POST"), ("Date", "\x80")),
    *(("Accept-Language", "x" * 30_000), ("User-Agent", "\xff" * 300), ("Via", "")),
)

METHODS = (
    *("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "post", "P"),
    *("CONNECT", "PRI", "POST\t", "\x00", "GET" * 99, "QUERY", "M-SEARCH"),
)

PATHS = (
    *("/", "/graphql/", "//graphql", "/graphql/../healthz", "/%67raphql", "/graphql%00", "/%ff"),
    *("*", "http://elsewhere/graphql", "/graphql;a=b", "/graphql#x", "/GRAPHQL", "x", "\\"),
    *("/healthz", "/healthz?a=b", "/readyz", "/metrics", "/metrics/", "/favicon.ico", "/.env"),
    *("/graphql?", "/graphql?query", "/graphql?query=%7B", "/graphql?query=%ff&query=%00"),
    *("/graphql?query=%7B__typename%7D&variables=%5B1%5D", "/graphql?variables=1&extensions=2"),
    *("/graphql?query=%7B__typename%7D", "/graphql?query=" + "%7B" * 5_000, "/graphql?id=%00"),
    *("/graphql?query=%7Ba%7D&operationName=%f0%9f", "/graphql?query=%7Ba&operationName=&id="),
    *("/reports/statement.csv", "/reports/statement.csv?token=x", "/reports/statement.?token=a.b"),
    *("/reports/statement.xml?token=" + "e" * 9_000, "/reports/statement.csv?token=%ff&token=%00"),
    *(
        "/wallets//report.csv",
        "/wallets/x/report.csv",
        "/wallets/%00/report.csv",
        "/wallets/x/r.%ff",
    ),
    *("/?" + "&" * 999, "/" + "a" * 9_000, "/graphiql/", "/graphiql/../../etc/passwd"),
    *("/graphql/assets/%2e%2e/%2e%2e/etc/passwd", "/static/..%5c..%5cx", "/assets/\xe9"),
)

REPORT_QUERIES = (
    *("", "from=x", "from=9999-12-31T23:59:59-23:59", "until=0001-01-01T00:00:00%2B23:59"),
    *("kinds=", "kinds=TOPUP,,", "statuses=%00", "from=&from=", "a=%ff", "kinds=" + "TOPUP," * 999),
)

_HASHED = (
    *("null", "1", "[]", "{}", '{"version":1}', '{"version":"1","sha256Hash":"x"}'),
    *('{"version":1,"sha256Hash":1}', '{"version":1,"sha256Hash":""}'),
    *(f'{{"version":1,"sha256Hash":"{_HASH}"}}', f'{{"version":1.0,"sha256Hash":"{_HASH}"}}'),
    *(f'{{"version":1,"sha256Hash":"{_HASH.upper()}"}}', '{"version":1,"sha256Hash":"x"}'),
    f'{{"version":true,"sha256Hash":"{_HASH}"}}',
)
_NAMED = ("null", "1", '""', '"x"', '"\\u0000"', f'"sha256:{_HASH}"', '"' + "x" * 9_000 + '"')

BODIES = (
    *("", "null", "[]", "{}", "1", '"x"', "NaN", "[NaN]", "1e999", "-0", '{"query":1}', '{"":""}'),
    *('{"query":"{__typename}","query":"{viewer{id}}"}', '{"query":"\\ud800"}', "[" * 3_000),
    *('{"query":"{__typename}","variables":{"a":1e999}}', "[" * 900 + "]" * 900),
    *('{"query":"{__typename}","operationName":"\\u0000"}', '{"query":"{a}","variables":0}'),
    *(f'{{"extensions":{{"persistedQuery":{value}}}}}' for value in _HASHED),
    *(
        f'{{"query":"{{__typename}}","extensions":{{"persistedQuery":{value}}}}}'
        for value in _HASHED
    ),
    *(f'{{"{name}":{value}}}' for name in ("id", "doc_id", "documentId") for value in _NAMED),
)

LENGTHS = ("-1", "+5", "0x5", "5 5", "5,5", "", "x", "9" * 20, "9" * 5_000, "1e3", "\xb2", "00")

CHUNKS = (
    *(b"5\r\nabcde\r\n", b"-1\r\n", b"ffffffffffffffff\r\n", b"g\r\n", b"0\r\n", b"\r\n"),
    *(b"5;a=b\r\nabcde\r\n", b"5\nabcde\n0\n\n", b"3\r\nabcde\r\n0\r\n\r\n", b"5\r\nab"),
    *(b"0" * 23 + b"5\r\nabcde\r\n", b"0\r\nContent-Length: 5\r\n\r\n"),
    b"5;" + b"x" * 70_000 + b"\r\nabcde\r\n0\r\n\r\n",
)

HEADER_NAMES = ("X", "", " X", "X Y", "X\0", "\xff", ":", "X\r\n Y", "Host", "X" * 9_000)
HEADER_VALUES = ("", "\0", "\x7f", "a\r\n b", "a\rb", "a\nb", "x" * 70_000)
VERSIONS = ("HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.1 ", "", "HTP")
CODINGS = ("gzip", "deflate", "br", "identity", "x", "gzip, gzip")
TRANSFER_CODINGS = ("chunked", "Chunked", "chunked, chunked", "gzip, chunked", "x")
