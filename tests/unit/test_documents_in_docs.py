"""What the guides show: every request is one that the schema takes, variables and all."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from graphql import GraphQLSchema, OperationDefinitionNode, build_schema, parse, validate
from graphql.execution.values import get_variable_values

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(?P<language>graphql|json)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Example:
    """A request as a guide shows it; its variables stand right below it."""

    place: str
    document: str
    variables: dict[str, object] | None


def _examples() -> Iterator[Example]:
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = path.read_text()
        fences = list(_FENCE.finditer(text))
        for index, fence in enumerate(fences):
            if fence["language"] != "graphql":
                continue
            below = fences[index + 1] if index + 1 < len(fences) else None
            is_beside = below is not None and below["language"] == "json"
            yield Example(
                place=f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, fence.start()) + 1}",
                document=fence["text"],
                variables=orjson.loads(below["text"]) if below and is_beside else None,
            )


EXAMPLES = list(_examples())


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """The public API as it is written down."""
    return build_schema((ROOT / "schema.graphql").read_text())


class TestExamples:
    """The examples of README and docs."""

    def test_there_are_some(self) -> None:
        """They are found where they are."""
        assert any(example.place.startswith("README.md") for example in EXAMPLES)

    @pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.place)
    def test_is_valid(self, schema: GraphQLSchema, example: Example) -> None:
        """It can be pasted into GraphiQL: the document is valid, and so are its variables."""
        document = parse(example.document)

        assert validate(schema, document) == []
        for definition in document.definitions:
            assert isinstance(definition, OperationDefinitionNode)
            if definition.variable_definitions:
                assert example.variables is not None, "its variables are to stand below it"
                values = get_variable_values(
                    schema, definition.variable_definitions, example.variables
                )
                assert not isinstance(values, list), values
