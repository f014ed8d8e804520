"""Manifests of trusted documents: what a client's build writes down, by the id it will name."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from graphql import GraphQLError

from wallet.core.settings import SettingsError
from wallet.schema.documents import Document, DocumentReader

_APOLLO = "apollo-persisted-query-manifest"
_SHA256 = re.compile(r"sha256:(?=[0-9a-f]{64}\Z)")


def plain_id(document_id: str) -> str:
    """Return an id without the prefix that GraphQL over HTTP has for hashes."""
    return _SHA256.sub("", document_id)


Manifest = tuple[Mapping[str, Document], frozenset[str]]
"""The documents by id, and the texts of all of them."""


def read_manifest(path: Path, read: DocumentReader) -> Manifest:
    """
    Read the documents of a manifest, each checked like one that a client sends.

    It is what graphql-codegen or the relay compiler writes (texts by id), or
    Apollo's generate-persisted-query-manifest.

    Raises:
        SettingsError: There is no such file, it is no manifest, or one of its
            documents is not valid; the sentence names it.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise SettingsError(f"TRUSTED_DOCUMENTS: {path} cannot be read: {error}.") from None
    texts = _texts_of(content)
    if not texts:
        raise SettingsError(f"TRUSTED_DOCUMENTS: {path} has no documents in it.")
    documents = {id_: _read(id_, text, read) for id_, text in texts.items()}
    return documents, frozenset(texts.values())


def _texts_of(content: Any) -> dict[str, str]:  # noqa: ANN401
    if isinstance(content, dict) and content.get("format") == _APOLLO:
        operations = content.get("operations")
        content = (
            {each.get("id"): each.get("body") for each in operations if isinstance(each, dict)}
            if isinstance(operations, list)
            else None
        )
    if not isinstance(content, dict) or not all(
        isinstance(part, str) for pair in content.items() for part in pair
    ):
        raise SettingsError(
            "TRUSTED_DOCUMENTS: it is a JSON object of documents by id, "
            "or what generate-persisted-query-manifest writes."
        )
    return {plain_id(id_): text for id_, text in content.items()}


def _read(document_id: str, text: str, read: DocumentReader) -> Document:
    try:
        document = read(text)
    except GraphQLError as error:
        raise SettingsError(f"TRUSTED_DOCUMENTS: {document_id}: {error.message}") from None
    if document.errors:
        message = document.errors[0].message
        raise SettingsError(f"TRUSTED_DOCUMENTS: {document_id} is not valid: {message}")
    if not document.plans:
        raise SettingsError(f"TRUSTED_DOCUMENTS: {document_id} has no operation.")
    return document
