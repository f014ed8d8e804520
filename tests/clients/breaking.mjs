// What the schema changes for clients of the last release: node breaking.mjs RELEASED CURRENT
// Fails where that breaks them; says what may surprise them, such as a new member of a union.
import { readFileSync } from "node:fs";

import { CriticalityLevel, diff } from "@graphql-inspector/core";
import { buildSchema } from "graphql";

const [released, current] = process.argv
  .slice(2)
  .map((path) => buildSchema(readFileSync(path, "utf8")));

const changes = await diff(released, current);
const of = (level) => changes.filter(({ criticality }) => criticality.level === level);

for (const { message } of of(CriticalityLevel.Dangerous)) {
  console.log(`May surprise a client: ${message}`);
}
const breaking = of(CriticalityLevel.Breaking);
for (const { message } of breaking) {
  console.error(`Breaks clients of the last release: ${message}`);
}
process.exitCode = breaking.length > 0 ? 1 : 0;
