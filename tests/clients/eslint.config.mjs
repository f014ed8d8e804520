// The rules that schema.graphql keeps: eslint --config eslint.config.mjs schema.graphql
import { fileURLToPath } from "node:url";

import graphqlEslint from "@graphql-eslint/eslint-plugin";

const root = fileURLToPath(new URL("../..", import.meta.url));

const rules = {
  // Relay's cursor connections.
  "relay-arguments": "error",
  "relay-connection-types": "error",
  // nodes, the results of a batch and what is scheduled are lists that nobody pages through.
  "relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false }],
  "relay-page-info": "error",

  // What people read.
  "require-description": [
    "error",
    {
      types: true,
      rootField: true,
      FieldDefinition: true,
      InputValueDefinition: true,
      EnumValueDefinition: true,
      DirectiveDefinition: true,
    },
  ],
  "no-hashtag-description": "error",
  // Its date would be an argument that @deprecated has not; a test of ours reads it in the reason.
  "require-deprecation-reason": "error",

  // What programs rely on.
  "naming-convention": [
    "error",
    {
      types: "PascalCase",
      FieldDefinition: "camelCase",
      InputValueDefinition: "camelCase",
      Argument: "camelCase",
      EnumValueDefinition: "UPPER_CASE",
    },
  ],
  "input-name": ["error", { checkInputType: true, caseSensitiveInputType: false }],
  "no-scalar-result-type-on-mutation": "error",
  "no-typename-prefix": "error",
  "no-unreachable-types": "error",
  "unique-enum-value-names": "error",
};

export default [
  {
    // ESLint looks at nothing outside the folder of its base path.
    basePath: root,
    files: ["**/*.graphql"],
    languageOptions: {
      parser: graphqlEslint.parser,
      parserOptions: { graphQLConfig: { schema: `${root}schema.graphql` } },
    },
    plugins: { "@graphql-eslint": graphqlEslint },
    rules: Object.fromEntries(
      Object.entries(rules).map(([name, rule]) => [`@graphql-eslint/${name}`, rule]),
    ),
  },
];
