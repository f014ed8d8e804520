// docs: config
/** @type {import("@graphql-codegen/cli").CodegenConfig} */
export default {
  schema: "../../schema.graphql",
  documents: ["codegen/program.ts"],
  generates: {
    "codegen/generated/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: {
        // Money is text; who wants to calculate takes a library for decimals.
        scalars: { Currency: "string", DateTime: "string", Decimal: "string", JSON: "unknown" },
        strictScalars: true,
        useTypeImports: true,
        importExtension: ".js",
      },
    },
  },
};
// docs: end
