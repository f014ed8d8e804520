// Apollo Client sends the hash of a query instead of its text: node persisted.mjs URL
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";

import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";

const [url] = process.argv.slice(2);

// docs: link
const persisted = new PersistedQueryLink({
  sha256: (text) => createHash("sha256").update(text).digest("hex"),
});
// docs: end

/** Ask with a client that has just been started; answer what it sent, request by request. */
const ask = async (query) => {
  const sent = [];
  const record = (input, init) => {
    const { query: text, extensions } = JSON.parse(init.body);
    assert.match(extensions.persistedQuery.sha256Hash, /^[0-9a-f]{64}$/);
    sent.push(text === undefined ? "hash" : "hash and text");
    return fetch(input, init);
  };
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: persisted.concat(new HttpLink({ uri: url, fetch: record })),
  });
  const { data } = await client.query({ query });
  assert.deepEqual(data, { viewer: null });
  client.stop();
  return sent;
};

// A query that no server has seen before.
const query = gql(`query Viewer_${randomBytes(8).toString("hex")} { viewer { id } }`);

assert.deepEqual(await ask(query), ["hash", "hash and text"]);
assert.deepEqual(await ask(query), ["hash"]);

console.log("Apollo Client: one text, and then its hash.");
