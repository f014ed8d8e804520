// The audit of GraphQL over HTTP by the authors of graphql-http: node audit.mjs URL
// One JSON document on stdout: [{ "id", "name", "status", "reason" }].
import { auditServer } from "graphql-http";

const [url] = process.argv.slice(2);

// The audit sends plain GETs, as a form of another site could; those are refused, whatever they ask.
const fetchFn = (input, init = {}) =>
  fetch(input, { ...init, headers: { ...init.headers, "graphql-require-preflight": "1" } });

const results = await auditServer({ url, fetchFn });
console.log(
  JSON.stringify(
    results.map(({ id, name, status, reason }) => ({ id, name, status, reason: reason ?? null })),
  ),
);
