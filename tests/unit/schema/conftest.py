"""The view of a process, for whoever asks it without a server."""

import gc
from collections.abc import Iterator

import pytest

from wallet.core.settings import Settings
from wallet.schema.context import Services
from wallet.schema.view import GraphQLView
from wallet.services.document_store import DocumentStore
from wallet.services.ledger import Ledger
from wallet.services.ledger.locks import Gate
from wallet.services.rate_limits import RateLimiter
from wallet.services.redis import connect
from wallet.services.token_memory import TokenMemory


@pytest.fixture(scope="module")
def view() -> Iterator[GraphQLView]:
    """The view, as a process has it: the collector does not look at the program each time."""
    settings = Settings.model_construct()
    client = connect("redis://localhost:1/0")  # nobody connects
    services = Services(
        settings=settings,
        ledger=Ledger(Gate(client), lock_wait_ms=1, lock_outage=settings.lock_outage),
        limiter=RateLimiter(client, enabled=False),
        memory=TokenMemory(),
        documents=DocumentStore(client, ttl_s=1, documents_max=1),
    )
    view = GraphQLView(services, path="/graphql")
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    yield view
    gc.set_threshold(*thresholds)
    gc.unfreeze()
