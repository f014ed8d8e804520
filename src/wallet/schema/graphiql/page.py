"""The GraphiQL page and the files that it loads."""

import hashlib
import html
import json
from pathlib import Path
from string import Template
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from wallet.schema.graphiql.install import FILES, find_installed

ASSETS_PATH: Final = "/graphiql"

# Nothing from another host, no inline script, no eval, no frame around it. Styles may be inline:
# GraphiQL's editors and menus set them as they are drawn.
CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

STATIC: Final = Path(__file__).resolve().parent / "static"
DOCUMENTS: Final = Path(__file__).resolve().parent / "documents"
OWN_FILES: Final = (
    "page.css",
    "icon.svg",
    "tour.js",
    "fetcher.js",
    "placeholders.js",
    "session.js",
)

# Given by us, since what the machine's own table says about .js differs from place to place.
MEDIA_TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}


def graphiql_response(*, endpoint: str, assets_path: str = ASSETS_PATH) -> Response:
    """Answer the page with the headers that belong to it; arguments as for render_page."""
    return HTMLResponse(
        render_page(endpoint=endpoint, assets_path=assets_path),
        headers={
            "Cache-Control": "no-cache",
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )


def render_page(*, endpoint: str, assets_path: str = ASSETS_PATH) -> str:
    """
    Render the page as HTML; while the assets are not installed, one sentence that says so.

    Args:
        endpoint: Path of the GraphQL endpoint, as the browser sees it.
        assets_path: Path of graphiql_routes(), as the browser sees it.
    """
    name = "missing.html" if find_installed() is None else "page.html"
    template = Template((STATIC / name).read_text(encoding="utf-8"))
    return template.substitute(
        assets=html.escape(f"{assets_path}/{_version()}"),
        endpoint=html.escape(endpoint),
    )


def graphiql_routes(*, assets_path: str = ASSETS_PATH) -> list[BaseRoute]:
    """Answer the routes of the files that the page loads."""
    return [Route(f"{assets_path}/{{version}}/{{name}}", _serve, methods=["GET"])]


# Not async: Starlette then reads the files off the event loop.
def _serve(request: Request) -> Response:
    name = request.path_params["name"]
    response = _find(name)
    if response is None:
        raise HTTPException(404)
    # While servers of two versions run side by side, one may be asked for the other's files. It
    # answers with its own, which must not be kept under that address.
    known = request.path_params["version"] == _version()
    response.headers["Cache-Control"] = (
        "public, max-age=31536000, immutable" if known else "no-cache"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _find(name: str) -> Response | None:
    """Answer the file called *name*; only names that are known here reach the disk."""
    media_type = MEDIA_TYPES.get(Path(name).suffix)
    if name == "documents.json":
        return Response(_documents(), media_type=media_type)
    if name in OWN_FILES:
        return FileResponse(STATIC / name, media_type=media_type)
    installed = find_installed()
    if name in FILES and installed is not None:
        return FileResponse(installed / name, media_type=media_type)
    return None


def _documents() -> bytes:
    """Gather what the page sends or opens with, as JSON."""

    def read(name: str) -> str:
        return (DOCUMENTS / name).read_text(encoding="utf-8")

    # A tab is two files, numbered in their order: the document and its variables.
    tabs = [
        {"query": read(file.name), "variables": read(f"{file.stem}.json").rstrip()}
        for file in sorted(DOCUMENTS.glob("[0-9]_*.graphql"))
    ]
    return json.dumps(
        {
            "tabs": tabs,
            "newTab": read("new_tab.graphql"),
            "whoAmI": read("who_am_i.graphql"),
            "refreshSession": read("refresh_session.graphql"),
            "signOut": read("sign_out.graphql"),
        }
    ).encode()


def _version() -> str:
    """Answer a name for the content of all that the page loads."""
    installed = find_installed()
    digest = hashlib.sha256(installed.name.encode() if installed else b"")
    for name in OWN_FILES:
        digest.update((STATIC / name).read_bytes())
    digest.update(_documents())
    return digest.hexdigest()[:12]
