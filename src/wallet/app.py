"""The ASGI application: lifespan, routes and middleware; composition only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import redis.asyncio as redis
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from wallet.core.collector import spare_the_collector
from wallet.core.logging import configure_logging
from wallet.core.money import declare_assets
from wallet.core.settings import Settings, load_settings
from wallet.http_protocol import HttpLimits, http_state
from wallet.probes import Probes, Readiness
from wallet.reports_view import report_routes
from wallet.request_log import RequestLog, internal_error
from wallet.schema.context import Services
from wallet.schema.cookies import TRANSPORT_HEADER
from wallet.schema.graphiql.page import graphiql_routes
from wallet.schema.view import GraphQLView
from wallet.services.database import connected, fetch
from wallet.services.document_store import DocumentStore
from wallet.services.ledger import Ledger
from wallet.services.ledger.locks import Gate
from wallet.services.rate_limits import RateLimiter
from wallet.services.redis import connect
from wallet.services.token_memory import TokenMemory

GRAPHQL_PATH = "/graphql"

ADDRESS_CONNECTIONS_MAX = 250
"""Most connections that one address may have open to a process, which has 1,000 for all."""

_CORS_HEADERS_TAKEN = [
    TRANSPORT_HEADER,
    "Authorization",
    "Content-Type",
    "X-Request-ID",
    "X-Apollo-Operation-Name",
    "Apollo-Require-Preflight",
    "GraphQL-Require-Preflight",
]
_CORS_HEADERS_SHOWN = ["X-Request-ID", "Retry-After", "RateLimit", "RateLimit-Policy"]
_CORS_MAX_AGE_S = 600


def create_app(settings: Settings | None = None) -> ASGIApp:
    """Build the application; the settings come from the environment unless given."""
    settings = settings or load_settings()
    configure_logging(level=settings.log_level, as_json=settings.is_production)
    declare_assets(settings.assets)
    client = connect(settings.redis_url)
    services = Services(
        settings=settings,
        ledger=Ledger(
            Gate(client),
            lock_wait_ms=settings.lock_wait_ms,
            lock_outage=settings.lock_outage,
        ),
        limiter=RateLimiter(client, enabled=bool(settings.rate_limits)),
        memory=TokenMemory(),
        documents=DocumentStore(
            client, ttl_s=settings.apq_ttl_s, documents_max=settings.apq_documents_max
        ),
    )
    others = Starlette(
        routes=_routes(services),
        exception_handlers={500: _internal_error},
        lifespan=lambda _app: _lifespan(services, client),
    )
    others.state.probes = Probes(lambda: fetch("SELECT 1"), lambda: _ping(client))
    front: ASGIApp = _Front(GraphQLView(services, path=GRAPHQL_PATH), others)
    if settings.cors_origins:
        front = _with_cors(front, settings.cors_origins.split(","))
    return RequestLog(front)


def _with_cors(app: ASGIApp, origins: list[str]) -> ASGIApp:
    """Let pages of other origins read answers; without it, a browser keeps them away."""
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=_CORS_HEADERS_TAKEN,
        expose_headers=_CORS_HEADERS_SHOWN,
        # Cookies only where the origins are named.
        allow_credentials="*" not in origins,
        max_age=_CORS_MAX_AGE_S,
    )


class _Front:
    """
    Takes GraphQL requests to their view, and all others to Starlette.

    Starlette's layers, each with a request and a way to send of its own, took 0.1 ms.
    """

    def __init__(self, graphql: ASGIApp, others: ASGIApp) -> None:
        self._graphql = graphql
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_graphql = scope["type"] == "http" and scope["path"] == GRAPHQL_PATH
        await (self._graphql if is_graphql else self._others)(scope, receive, send)


@asynccontextmanager
async def _lifespan(services: Services, client: redis.Redis) -> AsyncIterator[dict[str, Any]]:
    async with connected(services.settings), services.memory.watching():
        spare_the_collector()
        try:
            yield http_state(http_limits(services.settings))
        finally:
            await services.ledger.close()
            await client.aclose()


def http_limits(settings: Settings) -> HttpLimits:
    """Return what the protocol allows a client of this process."""
    # A proxy's connections are those of all its clients: there, the proxy counts them.
    counts = settings.rate_limits and not settings.trusted_proxies
    return HttpLimits(
        request_timeout_s=settings.request_timeout_s,
        address_connections_max=ADDRESS_CONNECTIONS_MAX if counts else None,
    )


def _routes(services: Services) -> list[BaseRoute]:
    routes: list[BaseRoute] = [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        *report_routes(services),
    ]
    if services.settings.serves_graphiql:
        routes += graphiql_routes()
    if services.settings.metrics:
        routes.append(Route("/metrics", metrics))
    return routes


async def healthz(_request: Request) -> Response:
    """Tell that the process lives."""
    return PlainTextResponse("ok")


async def readyz(request: Request) -> Response:
    """Tell whether requests can be served: 200 with PostgreSQL, 503 without; and how Redis is."""
    ready: Readiness = await request.app.state.probes.ask()
    return JSONResponse(
        {
            "postgresql": "up" if ready.postgresql else "down",
            "redis": "up" if ready.redis else "down",
        },
        status_code=200 if ready.postgresql else 503,
    )


async def _ping(client: redis.Redis) -> None:
    await client.ping()


async def metrics(_request: Request) -> Response:
    """Show this process's counters to Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _internal_error(_request: Request, _error: Exception) -> Response:
    return internal_error()
