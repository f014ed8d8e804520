"""
GraphQL documents of any shape, as trees of our own: to be written, and to be counted by hand.

The hand expands every fragment wherever it is spread, and counts what is there then.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

from hypothesis import strategies as st


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it is written; how many it has, itself among them, and its longest number."""

    text: str
    count: int = 1
    number_length: int = 0


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a field or of a directive."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive."""

    name: str
    arguments: tuple[Argument, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """A field, with what is below it."""

    name: str
    alias: str | None = None
    arguments: tuple[Argument, ...] = ()
    directives: tuple[Directive, ...] = ()
    selections: "tuple[Selection, ...]" = ()


@dataclass(frozen=True, slots=True)
class Inline:
    """A fragment where it stands."""

    on: str | None = None
    directives: tuple[Directive, ...] = ()
    selections: "tuple[Selection, ...]" = ()


@dataclass(frozen=True, slots=True)
class Spread:
    """A fragment that stands elsewhere."""

    name: str
    directives: tuple[Directive, ...] = ()


Selection = Field | Inline | Spread


@dataclass(frozen=True, slots=True)
class Fragment:
    """What spreads bring."""

    name: str
    on: str
    selections: tuple[Selection, ...]
    directives: tuple[Directive, ...] = ()


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of an operation."""

    name: str
    type: str
    default: Value | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """What can be run."""

    kind: str
    selections: tuple[Selection, ...]
    name: str | None = None
    variables: tuple[Variable, ...] = ()
    directives: tuple[Directive, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A document, its definitions in their order."""

    definitions: tuple[Operation | Fragment, ...]

    @property
    def operations(self) -> list[Operation]:
        """Those that can be run."""
        return [each for each in self.definitions if isinstance(each, Operation)]

    @property
    def fragments(self) -> dict[str, Fragment]:
        """By name; of several with one name, the last."""
        return {each.name: each for each in self.definitions if isinstance(each, Fragment)}


def write(document: Document) -> str:
    """Write a document as a client would."""
    return " ".join(map(_write_definition, document.definitions))


def _write_definition(node: Operation | Fragment) -> str:
    below = _write_selections(node.selections)
    if isinstance(node, Fragment):
        return f"fragment {node.name} on {node.on}{_write_directives(node.directives)}{below}"
    variables = " ".join(
        f"${each.name}:{each.type}" + (f"={each.default.text}" if each.default else "")
        for each in node.variables
    )
    between = f"({variables})" if variables else ""
    return f"{node.kind} {node.name or ''}{between}{_write_directives(node.directives)}{below}"


def _write_selections(selections: tuple[Selection, ...]) -> str:
    return "{" + " ".join(map(_write_selection, selections)) + "}"


def _write_selection(node: Selection) -> str:
    directives = _write_directives(node.directives)
    match node:
        case Field():
            alias = f"{node.alias}:" if node.alias else ""
            below = _write_selections(node.selections) if node.selections else ""
            return f"{alias}{node.name}{_write_arguments(node.arguments)}{directives}{below}"
        case Inline():
            on = f" on {node.on}" if node.on else ""
            return f"...{on}{directives}{_write_selections(node.selections)}"
        case Spread():
            return f"...{node.name}{directives}"


def _write_directives(directives: tuple[Directive, ...]) -> str:
    return "".join(f" @{each.name}{_write_arguments(each.arguments)}" for each in directives)


def _write_arguments(arguments: tuple[Argument, ...]) -> str:
    if not arguments:
        return ""
    return "(" + " ".join(f"{each.name}:{each.value.text}" for each in arguments) + ")"


def expand(
    selections: tuple[Selection, ...], fragments: Mapping[str, Fragment]
) -> tuple[Field | Inline, ...]:
    """
    Put every fragment where it is spread; one that is not there brings nothing.

    It ends where no fragment brings itself.
    """
    return tuple(_expand_one(node, fragments) for node in selections)


def _expand_one(node: Selection, fragments: Mapping[str, Fragment]) -> Field | Inline:
    match node:
        case Field():
            below = expand(node.selections, fragments)
            return Field(node.name, node.alias, node.arguments, node.directives, below)
        case Inline():
            return Inline(node.on, node.directives, expand(node.selections, fragments))
        case Spread():
            fragment = fragments.get(node.name)
            if fragment is None:
                return Inline()
            return Inline(fragment.on, (), expand(fragment.selections, fragments))


def count(document: Document) -> dict[str, int]:
    """Count what each bound of a document is about, by the bound's name."""
    nodes = [node for each in document.definitions for node in _walk(each.selections)]
    directives = [node.directives for node in (*document.definitions, *nodes)]
    values = [*_values_of(document, nodes)]
    names = Counter(node.alias or node.name for node in nodes if isinstance(node, Field))
    return {
        "number_length": max((value.number_length for value in values), default=0),
        "query_operations_max": len(document.operations),
        "query_fragments_max": sum(not isinstance(node, Field) for node in nodes),
        "query_values_max": sum(value.count for value in values),
        "query_directives_max": sum(map(len, directives)),
        "query_directives_per_node_max": max(map(len, directives)),
        "query_same_name_max": max(names.values(), default=0),
        "query_length_max": len(write(document)),
    }


def count_expanded(document: Document) -> dict[str, int]:
    """Count what each bound of an operation is about, fragments put where they are spread."""
    most: dict[str, int] = {}
    for operation in document.operations:
        tree = expand(operation.selections, document.fragments)
        nodes = list(_walk(tree))
        counts = {
            "query_fields_max": len(nodes),
            "query_aliases_max": sum(isinstance(n, Field) and n.alias is not None for n in nodes),
            "query_root_fields_max": _count_roots(tree),
            "query_depth_max": _depth(tree),
        }
        if operation.kind == "mutation":
            counts["query_mutations_max"] = counts["query_root_fields_max"]
        for name, number in counts.items():
            most[name] = max(most.get(name, 0), number)
    return most


def _walk(selections: tuple[Selection, ...]) -> Iterator[Selection]:
    for node in selections:
        yield node
        if not isinstance(node, Spread):
            yield from _walk(node.selections)


def _values_of(document: Document, nodes: list[Selection]) -> Iterator[Value]:
    for definition in document.operations:
        for variable in definition.variables:
            yield Value(f"${variable.name}")
            if variable.default:
                yield variable.default
    for node in (*document.definitions, *nodes):
        arguments = [each for directive in node.directives for each in directive.arguments]
        if isinstance(node, Field):
            arguments += node.arguments
        yield from (each.value for each in arguments)


def _count_roots(tree: tuple[Selection, ...]) -> int:
    return sum(
        1 if isinstance(node, Field) else _count_roots(node.selections)
        for node in tree
        if not isinstance(node, Spread)
    )


def _depth(tree: tuple[Selection, ...]) -> int:
    return max(
        (
            isinstance(node, Field) + _depth(node.selections)
            for node in tree
            if not isinstance(node, Spread)
        ),
        default=0,
    )


_FIELDS = ("a", "b", "c", "viewer", "wallets", "edges", "node", "id", "__typename")
_TYPES = ("Query", "Mutation", "User", "Wallet", "Node", "Nothing")
_FRAGMENTS = ("F0", "F1", "F2", "F3")
_NUMBERS = (*("0", "-7", "1.5", "-0.25e-3") * 20, "1" + "0" * 39, "1" + "0" * 40)
_WORDS = ('"x"', '"""x"""', "true", "null", "ENUM")
_NODES_MAX = 30


class _Author:
    """Writes a document by chance, of a bounded number of parts."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._left = _NODES_MAX

    def document(self, *, circular: bool) -> Document:
        definitions: list[Operation | Fragment] = [
            self._operation() for _ in range(self._number(2) or 1)
        ]
        for place, name in enumerate(_FRAGMENTS):
            if self._number(3):
                spread = _FRAGMENTS if circular else _FRAGMENTS[place + 1 :]
                below, on = self._selections(spread), self._chance.choice(_TYPES)
                definitions.append(Fragment(name, on, below, self._directives()))
        self._chance.shuffle(definitions)
        return Document(tuple(definitions))

    def _number(self, at_most: int) -> int:
        return self._chance.randint(0, at_most)

    def _operation(self) -> Operation:
        return Operation(
            kind=self._chance.choice(("query", "mutation", "subscription")),
            selections=self._selections(_FRAGMENTS),
            name=self._chance.choice((None, "A", "B")),
            variables=tuple(self._variable() for _ in range(self._number(2))),
            directives=self._directives(),
        )

    def _variable(self) -> Variable:
        type_ = self._chance.choice(("Int", "[ID!]!", "[[Nothing]]"))
        default = self._value(is_constant=True) if self._number(1) else None
        return Variable(self._chance.choice(("a", "b")), type_, default)

    def _selections(self, spread: tuple[str, ...], depth: int = 0) -> tuple[Selection, ...]:
        wanted = 1 + self._number(2)
        return tuple(self._selection(spread, depth) for _ in range(wanted))

    def _selection(self, spread: tuple[str, ...], depth: int) -> Selection:
        self._left -= 1
        kind = self._number(9)
        if kind < 3:
            return Spread(self._chance.choice((*spread, "Unknown")), self._directives())
        goes_on = self._left > 0 and depth < 5
        if kind < 5 and goes_on:
            on = self._chance.choice((None, *_TYPES))
            return Inline(on, self._directives(), self._selections(spread, depth + 1))
        return Field(
            self._chance.choice(_FIELDS),
            self._chance.choice((None, None, "a", "x")),
            self._arguments(),
            self._directives(),
            self._selections(spread, depth + 1) if kind > 6 and goes_on else (),
        )

    def _directives(self) -> tuple[Directive, ...]:
        names = ("skip", "include", "nothing")
        wanted = max(0, self._number(5) - 3)
        return tuple(
            Directive(self._chance.choice(names), self._arguments()) for _ in range(wanted)
        )

    def _arguments(self) -> tuple[Argument, ...]:
        wanted = max(0, self._number(3) - 1)
        return tuple(Argument(self._chance.choice(_FIELDS), self._value()) for _ in range(wanted))

    def _value(self, depth: int = 0, *, is_constant: bool = False) -> Value:
        kind = self._number(4)
        if kind < 2 or depth > 3:
            return Value(self._chance.choice(_WORDS if is_constant else (*_WORDS, "$a", "$b")))
        if kind == 2:
            number = self._chance.choice(_NUMBERS)
            return Value(number, number_length=len(number))
        values = [self._value(depth + 1, is_constant=is_constant) for _ in range(self._number(3))]
        if kind == 3:
            return _contain("[", [value.text for value in values], "]", values)
        return _contain("{", [f"a:{value.text}" for value in values], "}", values)


def _contain(start: str, texts: list[str], end: str, values: list[Value]) -> Value:
    return Value(
        start + " ".join(texts) + end,
        1 + sum(value.count for value in values),
        max((value.number_length for value in values), default=0),
    )


def documents(*, circular: bool = False) -> st.SearchStrategy[Document]:
    """Make documents of any shape; fragments bring others that bring others, or themselves."""
    return st.randoms(use_true_random=False).map(
        lambda chance: _Author(chance).document(circular=circular)
    )
