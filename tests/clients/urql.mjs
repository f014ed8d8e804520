// urql pages through a statement: node urql.mjs URL
import assert from "node:assert/strict";

import { Client, cacheExchange, fetchExchange, gql } from "@urql/core";

import { euros, openAccount } from "./account.mjs";

const [url] = process.argv.slice(2);
const TOPUPS = 4;
const LINES = 1 + TOPUPS;
const { walletId, accessToken } = await openAccount(url, { topups: TOPUPS });

// docs: client
const client = new Client({
  url,
  exchanges: [cacheExchange, fetchExchange],
  // By itself it would send short queries by GET, with their variables in the address.
  preferGetMethod: false,
  fetchOptions: () => ({ headers: { authorization: `Bearer ${accessToken}` } }),
});
// docs: end

// docs: paging
const STATEMENT = gql`
  query Statement($id: ID!, $first: Int!, $after: String) {
    wallet(id: $id) {
      id
      balance { amount currency }
      operations(first: $first, after: $after) {
        edges { sequence amount { amount currency } node { id kind } }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`;
const lines = [];
let after = null;
do {
  const { data, error } = await client.query(STATEMENT, { id: walletId, first: 2, after });
  if (error) throw error;
  lines.push(...data.wallet.operations.edges);
  const { hasNextPage, endCursor } = data.wallet.operations.pageInfo;
  after = hasNextPage ? endCursor : null;
} while (after);
// docs: end

assert.deepEqual(
  lines.map(({ sequence }) => sequence),
  Array.from({ length: LINES }, (_, index) => LINES - index),
);

// A mutation that answers a wallet has its queries asked again.
const { data: answer } = await client.mutation(
  gql`
    mutation Topup($input: TopupInput!) {
      topup(input: $input) {
        __typename
        ... on OperationPayload { wallet { id balance { amount } } }
        ... on Error { code message }
      }
    }
  `,
  { input: { walletId, ...euros("1.00") } },
);
assert.equal(answer.topup.__typename, "OperationPayload");
const { data: again } = await client.query(STATEMENT, { id: walletId, first: 2, after: null });
assert.equal(again.wallet.balance.amount, "41.00");
assert.equal(again.wallet.operations.edges[0].sequence, LINES + 1);

// A typed error is an answer like any other; what nobody handles is an error of GraphQL.
const { data: refused } = await client.mutation(
  gql`
    mutation Withdraw($input: WithdrawInput!) {
      withdraw(input: $input) { __typename ... on InsufficientFunds { code available { amount } } }
    }
  `,
  { input: { walletId, ...euros("1000.00") } },
);
assert.equal(refused.withdraw.__typename, "InsufficientFunds");
assert.equal(refused.withdraw.available.amount, "41.00");

const { error: unread } = await client.query(STATEMENT, { id: walletId, first: 0, after: null });
assert.equal(unread.graphQLErrors[0].extensions.code, "BAD_USER_INPUT");

console.log(`urql: ${lines.length} lines.`);
