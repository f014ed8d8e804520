"""
Executing an operation: graphql-core's executor, without what need not be done each time.

Strawberry's own way to it (contexts of extensions, a middleware manager, an
incremental executor) took 0.3 ms a request, and more than it executes: no
extension, no middleware and no ``@defer`` is in use here.
"""

from collections.abc import Awaitable, Mapping
from typing import Any

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    default_field_resolver,
    default_type_resolver,
)
from graphql.execution import Executor, get_variable_values
from graphql.execution.collect_fields import (
    FieldDetailsList,
    GroupedFieldSet,
    collect_fields,
)
from graphql.execution.values import VariableValues
from graphql.language.ast import FieldNode
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable

from wallet.schema.context import Context
from wallet.schema.documents import ERRORS_MAX, Plan
from wallet.schema.plain_fields import NOT_PLAIN, PlainFields

_ROOT = 0
"""The place of an operation's own fields among those of its selections; no list has this id."""


class Execution:
    """Executes operations of one schema."""

    def __init__(self, schema: GraphQLSchema, plain_fields: PlainFields) -> None:
        self._schema = schema
        self._plain_fields = plain_fields
        self._constant: tuple[Plan, ExecutionResult] | None = None

    def read_variables(
        self, plan: Plan, variables: Mapping[str, Any]
    ) -> VariableValues | list[GraphQLError]:
        """Read what a client sent for the variables of *plan*; or say what is wrong with it."""
        return get_variable_values(
            self._schema,
            plan.operation.variable_definitions or (),
            dict(variables),
            max_errors=ERRORS_MAX,
            # What is like a long value is not looked for: that took as long as the value was.
            hide_suggestions=True,
        )

    async def run(self, plan: Plan, context: Context, variables: VariableValues) -> ExecutionResult:
        """Execute *plan*; errors of fields are part of the result."""
        # 50 ms become none for GraphiQL, which asks for all of the schema whenever it is
        # opened. Answers are long, so only the last one is kept.
        if self._constant is not None and self._constant[0] is plan:
            return self._constant[1]
        executor = _Executor(self._schema, plan, context, variables, self._plain_fields)
        result = await executor.run()
        if plan.is_constant:
            self._constant = plan, result
        return result


class _Executor(Executor[Any]):
    """Executes one operation for one request."""

    def __init__(
        self,
        schema: GraphQLSchema,
        plan: Plan,
        context: Context,
        variables: VariableValues,
        plain_fields: PlainFields,
    ) -> None:
        super().__init__(
            schema,
            plan.fragment_definitions,
            plan.fragments,
            None,
            context,
            plan.operation,
            variables,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
        )
        self._is_mutation = plan.is_mutation
        self._plain_fields = plain_fields
        if plan.is_fixed:
            # 90 µs become 55 for ten fields: which ones a selection brings is found out once.
            self._relevant_sub_fields = plan.subfields

    async def run(self) -> ExecutionResult:
        """Execute the operation; its root fields one by one where it is a mutation."""
        try:
            root_type = self.schema.get_root_type(self.operation.operation)
            if root_type is None:
                kind = self.operation.operation.value
                raise GraphQLError(
                    f"Schema is not configured to execute {kind} operation.", self.operation
                )
            data: Any = self.execute_root_grouped_field_set(
                root_type, None, self._root_fields(root_type), self._is_mutation, None
            )
            if self.is_awaitable(data):
                data = await data
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            data = None
        return ExecutionResult(data, self.collected_errors.errors or None)

    def _root_fields(self, root_type: GraphQLObjectType) -> dict[str, FieldDetailsList]:
        key = (root_type, _ROOT)
        known = self._relevant_sub_fields.get(key)
        if known is not None:
            return known[1].grouped_field_set
        collected = collect_fields(
            self.schema, self.fragments, self.variable_values, root_type, self.operation
        )
        self._relevant_sub_fields[key] = ([], collected)
        return collected.grouped_field_set

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,  # noqa: ANN401
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: object,
    ) -> Any:  # noqa: ANN401
        """Read the plain fields of an object, and leave the rest to graphql-core."""
        # 9 µs a field become 2: no path, no info, no resolver, no completion in steps.
        plain_fields = self._plain_fields[parent_type.name]
        # All names first, in the order in which they were asked for.
        answer: dict[str, Any] = dict.fromkeys(grouped_field_set)
        rest: GroupedFieldSet = {}
        for name, details in grouped_field_set.items():
            read = plain_fields.get(details[0].node.name.value)
            value = NOT_PLAIN if read is None else read(source_value)
            if value is NOT_PLAIN:
                rest[name] = details
            else:
                answer[name] = value
        if not rest:
            return answer
        fields: Any = super().execute_fields(
            parent_type, source_value, path, rest, position_context
        )
        if self.is_awaitable(fields):
            return _complete(answer, fields)
        answer.update(fields)
        return answer

    def build_resolve_info(
        self,
        field_def: GraphQLField,
        field_nodes: list[FieldNode],
        parent_type: GraphQLObjectType,
        path: Path,
    ) -> GraphQLResolveInfo[Context]:
        """Describe a field to its resolver; Strawberry takes variables as a plain dict."""
        return GraphQLResolveInfo(
            field_nodes[0].name.value,
            field_nodes,
            field_def.type,
            parent_type,
            path,
            self.schema,
            self.fragment_definitions,
            self.root_value,
            self.operation,
            self.variable_values.coerced,  # type: ignore[arg-type]
            self.context_value,
            self.is_awaitable,
            self.abort_signal,
            self.async_helpers,
        )

    def get_stream_usage(self, field_details_list: FieldDetailsList, path: Path) -> None:
        """Look for no ``@stream``: the schema has none."""


async def _complete(answer: dict[str, Any], fields: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    answer.update(await fields)
    return answer
