"""The ASGI application: lifespan, routes and middleware; composition only."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import redis.asyncio as redis
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from wallet.core.logging import configure_logging, get_logger
from wallet.core.money import declare_assets
from wallet.core.settings import Settings, load_settings
from wallet.request_log import RequestLog
from wallet.schema.context import Services
from wallet.schema.graphiql.page import graphiql_routes
from wallet.schema.root import make_schema
from wallet.schema.view import GraphQLView
from wallet.services.database import connected, fetch
from wallet.services.ledger import Ledger
from wallet.services.ledger.locks import Gate
from wallet.services.rate_limits import RateLimiter
from wallet.services.redis import connect
from wallet.services.token_memory import TokenMemory

GRAPHQL_PATH = "/graphql"
BODY_BYTES_MAX = 1024 * 1024
PROBE_TIMEOUT_S = 2.0

log = get_logger(__name__)


def create_app(settings: Settings | None = None) -> Starlette:
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
    )
    app = Starlette(
        routes=_routes(services),
        middleware=[Middleware(RequestLog)],
        exception_handlers={500: _internal_error},
        lifespan=lambda _app: _lifespan(services, client),
    )
    app.state.redis = client
    return app


@asynccontextmanager
async def _lifespan(services: Services, client: redis.Redis) -> AsyncIterator[None]:
    async with connected(services.settings), services.memory.watching():
        try:
            yield
        finally:
            await services.ledger.close()
            await client.aclose()


def _routes(services: Services) -> list[BaseRoute]:
    view = GraphQLView(make_schema(), services, path=GRAPHQL_PATH)
    routes: list[BaseRoute] = [
        Route(GRAPHQL_PATH, view, max_body_size=BODY_BYTES_MAX),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
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
    postgresql, redis_ = await asyncio.gather(
        _answers(fetch("SELECT 1")), _answers(request.app.state.redis.ping())
    )
    return JSONResponse(
        {"postgresql": "up" if postgresql else "down", "redis": "up" if redis_ else "down"},
        status_code=200 if postgresql else 503,
    )


async def _answers(probe: Coroutine[Any, Any, object]) -> bool:
    """Tell whether a probe ends well within a second or two; never raises."""
    task = asyncio.create_task(probe)
    # One that is cancelled may wait for a silent server in turn: nobody waits for that.
    await asyncio.wait({task}, timeout=PROBE_TIMEOUT_S)
    if not task.done():
        task.cancel()
        return False
    if error := task.exception():
        log.warning("not ready", error=type(error).__name__)
        return False
    return True


async def metrics(_request: Request) -> Response:
    """Show this process's counters to Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _internal_error(_request: Request, _error: Exception) -> Response:
    """Answer a bug without a word about it; the request's log line has its traceback."""
    return JSONResponse(
        {"errors": [{"message": "Internal error.", "extensions": {"code": "INTERNAL"}}]},
        status_code=500,
    )
