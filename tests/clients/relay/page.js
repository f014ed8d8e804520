// Relay's Environment pages through a statement, without React: node relay/page.js URL
const assert = require("node:assert/strict");

const {
  Environment,
  Network,
  RecordSource,
  Store,
  commitMutation,
  createOperationDescriptor,
  getPaginationMetadata,
  getSelector,
} = require("relay-runtime");

const fragment = require("./__generated__/statement_wallet.graphql");
const query = require("./__generated__/statementQuery.graphql");
const topup = require("./__generated__/statementTopupMutation.graphql");

const [url] = process.argv.slice(2);
const TOPUPS = 5;
const LINES = 1 + TOPUPS;

/** Have the environment send *document*; what it answers is in the store, and stays there. */
const load = async (environment, document, variables) => {
  const operation = createOperationDescriptor(document, variables);
  environment.retain(operation);
  await environment.execute({ operation }).toPromise();
  return operation;
};

const main = async () => {
  const { euros, openAccount } = await import("../account.mjs");
  const { walletId, accessToken } = await openAccount(url, { topups: TOPUPS });

  // docs: environment
  const environment = new Environment({
    network: Network.create(async ({ text }, variables) => {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${accessToken}` },
        body: JSON.stringify({ query: text, variables }),
      });
      return response.json();
    }),
    store: new Store(new RecordSource()),
  });
  // docs: end

  const first = await load(environment, query, { id: walletId, first: 2 });
  const selector = getSelector(fragment, environment.lookup(first.fragment).data.wallet);
  const shown = () => environment.lookup(selector).data;

  // What usePaginationFragment does for loadNext: the fragment's own query, by the wallet's id.
  const { paginationRequest } = getPaginationMetadata(fragment, "page");
  let pages = 1;
  while (shown().operations.pageInfo.hasNextPage) {
    const after = shown().operations.pageInfo.endCursor;
    await load(environment, paginationRequest, { id: walletId, first: 2, after });
    pages += 1;
  }

  assert.deepEqual(
    shown().operations.edges.map(({ sequence }) => sequence),
    Array.from({ length: LINES }, (_, index) => LINES - index),
  );
  assert.equal(pages, Math.ceil(LINES / 2));

  const variables = { input: { walletId, ...euros("1.00") } };
  await new Promise((onCompleted, onError) =>
    commitMutation(environment, { mutation: topup, variables, onCompleted, onError }),
  );
  assert.equal(shown().balance.amount, "51.00");
  console.log(`Relay: ${LINES} lines in ${pages} pages.`);
};

main();
