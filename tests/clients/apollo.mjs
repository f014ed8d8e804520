// Apollo Client pages through a statement: node apollo.mjs URL
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { SetContextLink } from "@apollo/client/link/context";
import { relayStylePagination } from "@apollo/client/utilities";
import { buildSchema, isAbstractType } from "graphql";
import { filter, firstValueFrom } from "rxjs";

import { euros, newcomer } from "./account.mjs";

const [url] = process.argv.slice(2);
const TOPUPS = 3;
const TRANSFERS = 4;
const LINES = 1 + TOPUPS + TRANSFERS;

// docs: cache
const schema = buildSchema(readFileSync(new URL("../../schema.graphql", import.meta.url), "utf8"));
const possibleTypes = Object.fromEntries(
  Object.values(schema.getTypeMap())
    .filter(isAbstractType)
    .map((type) => [type.name, schema.getPossibleTypes(type).map(({ name }) => name)]),
);

const cache = new InMemoryCache({
  possibleTypes,
  typePolicies: {
    User: { fields: { wallets: relayStylePagination() } },
    // Pages of one filter belong together; another filter is another list.
    Wallet: { fields: { operations: relayStylePagination(["where"]) } },
  },
});
// docs: end

// docs: client
let accessToken;
const authorize = new SetContextLink(({ headers }) => ({
  headers: accessToken ? { ...headers, authorization: `Bearer ${accessToken}` } : headers,
}));
const client = new ApolloClient({ cache, link: authorize.concat(new HttpLink({ uri: url })) });
// docs: end

const mutate = async (mutation, input) => {
  const { data } = await client.mutate({ mutation, variables: { input } });
  return Object.values(data)[0];
};

const { wallet, session } = await mutate(
  gql`
    mutation Signup($input: SignupInput!) {
      signup(input: $input) {
        ... on SignupPayload { wallet { id } session { accessToken } }
        ... on Error { code message }
      }
    }
  `,
  newcomer(),
);
accessToken = session.accessToken;

const opened = await mutate(
  gql`
    mutation Open($input: OpenWalletInput!) {
      openWallet(input: $input) {
        ... on OpenWalletPayload { wallet { id } }
        ... on Error { code message }
      }
    }
  `,
  { currency: "EUR", idempotencyKey: randomUUID() },
);

const TOPUP = gql`
  mutation Topup($input: TopupInput!) {
    topup(input: $input) {
      ... on OperationPayload { wallet { id balance { amount currency } } }
      ... on Error { code message }
    }
  }
`;
for (let count = 0; count < TOPUPS; count++) {
  const { __typename } = await mutate(TOPUP, { walletId: wallet.id, ...euros("10.00") });
  assert.equal(__typename, "OperationPayload");
}

const TRANSFER = gql`
  mutation Transfer($input: TransferInput!) {
    transfer(input: $input) {
      ... on OperationPayload { operation { id } wallet { id balance { amount currency } } }
      ... on Error { code message retryable }
      ... on InsufficientFunds { available { amount currency } }
    }
  }
`;
const sides = { sourceWalletId: wallet.id, targetWalletId: opened.wallet.id };
for (let count = 0; count < TRANSFERS; count++) {
  const { __typename } = await mutate(TRANSFER, { ...sides, ...euros("2.50") });
  assert.equal(__typename, "OperationPayload");
}

// The wallet that a mutation answers is the one that the cache has.
const balance = client.readFragment({
  id: cache.identify({ __typename: "Wallet", id: wallet.id }),
  fragment: gql`fragment Balance on Wallet { balance { amount } }`,
});
assert.equal(balance.balance.amount, "20.00");

// docs: paging
const STATEMENT = gql`
  query Statement($id: ID!, $first: Int!, $after: String, $where: OperationFilter) {
    wallet(id: $id) {
      id
      operations(first: $first, after: $after, where: $where) {
        edges { cursor sequence amount { amount currency } node { id kind } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        totalCount
      }
    }
  }
`;
const statement = client.watchQuery({
  query: STATEMENT,
  variables: { id: wallet.id, first: 3, where: null },
});
statement.subscribe();

// What a screen shows as soon as nothing is on its way.
const settled = async () => {
  const result = await firstValueFrom(statement.pipe(filter(({ loading }) => !loading)));
  return result.data.wallet.operations;
};
let shown = await settled();
let pages = 1;
while (shown.pageInfo.hasNextPage) {
  await statement.fetchMore({ variables: { after: shown.pageInfo.endCursor } });
  shown = await settled();
  pages += 1;
}
// docs: end

const sequences = shown.edges.map(({ sequence }) => sequence);
assert.deepEqual(sequences, Array.from({ length: LINES }, (_, index) => LINES - index));
assert.equal(pages, Math.ceil(LINES / 3));
assert.equal(shown.totalCount, LINES);

// Another filter is another list, and the first one stays.
const { data } = await client.query({
  query: STATEMENT,
  variables: { id: wallet.id, first: 3, where: { kinds: ["TOPUP"] } },
});
assert.deepEqual(
  data.wallet.operations.edges.map(({ node }) => node.kind),
  Array(TOPUPS).fill("TOPUP"),
);
assert.equal((await settled()).edges.length, LINES);

// `... on Error` selects the fields of each error only where the cache knows who is one.
const refused = await mutate(TRANSFER, { ...sides, ...euros("1000.00") });
assert.equal(refused.__typename, "InsufficientFunds");
assert.equal(refused.code, "INSUFFICIENT_FUNDS");
assert.equal(refused.available.amount, "20.00");
assert.equal(refused.retryable, false);

console.log(`Apollo Client: ${LINES} lines in ${pages} pages.`);
client.stop();
