"""
Which document a request runs: the one that it sends, or one that it names.

A document that is known skips everything: it is not sent, parsed or validated
again. Clients name one by ``extensions.persistedQuery.sha256Hash`` (Apollo),
``documentId`` (GraphQL over HTTP, graphql-codegen), ``doc_id`` or ``id`` (Relay).
"""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from sys import getsizeof
from typing import Protocol
from weakref import WeakValueDictionary

from graphql import GraphQLError

from wallet.schema.bodies import GraphQLRequest, RefusedError
from wallet.schema.documents import Document, DocumentReader
from wallet.schema.manifests import plain_id
from wallet.schema.recent import Recent
from wallet.services.document_store import DocumentStore

_TEXTS_MAX = 512
_TEXTS_BYTES_MAX = 8 * 1024 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")


Pay = Callable[[str], Awaitable[None]]
"""Is called with the text of a document that is not known, before it is read; may refuse that."""


class Documents(Protocol):
    """Finds the document of a request."""

    async def find(self, request: GraphQLRequest, pay: Pay) -> Document:
        """
        Return the document that a request sends or names.

        Raises:
            GraphQLError: It may not be run, or is not known.
            RefusedError: There is none, it is not the one that is named, or *pay* refuses it.
        """
        ...


def _not_found() -> GraphQLError:
    # Apollo's client sends the whole document when it reads this.
    return GraphQLError("PersistedQueryNotFound", extensions={"code": "PERSISTED_QUERY_NOT_FOUND"})


def _not_supported() -> GraphQLError:
    # Apollo's client sends whole documents only from then on.
    return GraphQLError(
        "PersistedQueryNotSupported", extensions={"code": "PERSISTED_QUERY_NOT_SUPPORTED"}
    )


class SentDocuments:
    """Documents that are sent each time; where there is a *store*, those that were sent once."""

    def __init__(self, read: DocumentReader, store: DocumentStore | None) -> None:
        self._read = read
        self._store = store
        self._reading: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # The reader has the documents: what they are named is kept beside, and no second one.
        self._texts = Recent[str](items_max=_TEXTS_MAX, bytes_max=_TEXTS_BYTES_MAX)

    async def find(self, request: GraphQLRequest, pay: Pay) -> Document:
        """Read what is sent; find what is named, and remember it by its name."""
        name = plain_id(request.document_id or "")
        # Other names than hashes are of a manifest, which is not here.
        if self._store is None or not _SHA256.fullmatch(name):
            if request.document is not None:
                return await self._read_paid(request.document, pay)
            if self._store is None and name:
                raise _not_supported()
            raise RefusedError("No GraphQL query found in the request")
        if request.document is not None:
            return await self._keep(self._store, name, request.document, pay)
        return await self._recall(name, pay) or await self._fetch(self._store, name, pay)

    async def _keep(self, store: DocumentStore, name: str, text: str, pay: Pay) -> Document:
        if hashlib.sha256(text.encode()).hexdigest() != name:
            raise RefusedError("provided sha does not match query")
        document = await self._recall(name, pay)
        if document is None:
            document = await self._read_paid(text, pay)
            # What is not valid is not worth a place.
            if not document.errors:
                await store.save(name, text)
                self._remember(name, text)
        return document

    async def _fetch(self, store: DocumentStore, name: str, pay: Pay) -> Document:
        text = await store.find(name)
        # Redis may be anybody's: what it has is checked like what a client sends.
        if text is None or hashlib.sha256(text.encode()).hexdigest() != name:
            raise _not_found()
        document = await self._read_paid(text, pay)
        self._remember(name, text)
        return document

    async def _read_paid(self, text: str, pay: Pay) -> Document:
        if self._read.knows(text):
            return self._read(text)
        # Who sends the same one meanwhile waits for it, and does not pay once more.
        lock = self._reading.setdefault(text, asyncio.Lock())
        async with lock:
            if not self._read.knows(text):
                await pay(text)
            return self._read(text)

    async def _recall(self, name: str, pay: Pay) -> Document | None:
        text = self._texts.find(name)
        return None if text is None else await self._read_paid(text, pay)

    def _remember(self, name: str, text: str) -> None:
        self._texts.keep(name, text, size=getsizeof(text))


class TrustedDocuments:
    """The documents of a manifest, and no others: not even introspection."""

    def __init__(
        self, documents: Mapping[str, Document], texts: frozenset[str], read: DocumentReader
    ) -> None:
        self._documents = documents
        self._by_text = {text: read(text) for text in texts}

    async def find(
        self,
        request: GraphQLRequest,
        pay: Pay,  # noqa: ARG002
    ) -> Document:
        """Return what is named, or what is sent to the letter as the manifest has it."""
        if request.document_id is not None:
            document = self._documents.get(plain_id(request.document_id))
            if document is None:
                raise _not_found()
            return document
        if request.document is None:
            raise RefusedError("No GraphQL query found in the request")
        document = self._by_text.get(request.document)
        if document is None:
            raise GraphQLError(
                "Only trusted documents run here: name one of the manifest.",
                extensions={"code": "DOCUMENT_NOT_TRUSTED"},
            )
        return document
