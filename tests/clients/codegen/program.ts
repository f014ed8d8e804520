// A program on the generated types: sign up, top up, transfer, read the statement. Nothing is cast.
import { Client, type TypedDocumentNode, type AnyVariables, fetchExchange } from "@urql/core";

import { graphql } from "./generated/gql.js";
import type { TransferMutation } from "./generated/graphql.js";

export const signupDocument = graphql(`
  mutation Signup($input: SignupInput!) {
    signup(input: $input) {
      __typename
      ... on SignupPayload { wallet { id } session { accessToken } }
      ... on Error { code message }
    }
  }
`);

export const openDocument = graphql(`
  mutation Open($input: OpenWalletInput!) {
    openWallet(input: $input) {
      __typename
      ... on OpenWalletPayload { wallet { id } }
      ... on Error { code message }
    }
  }
`);

export const topupDocument = graphql(`
  mutation Topup($input: TopupInput!) {
    topup(input: $input) {
      __typename
      ... on OperationPayload { operation { id metadata } }
      ... on Error { code message }
    }
  }
`);

export const transferDocument = graphql(`
  mutation Transfer($input: TransferInput!) {
    transfer(input: $input) {
      __typename
      ... on OperationPayload { wallet { balance { amount currency } } replayed }
      ... on InsufficientFunds { available { amount currency } }
      ... on CurrencyMismatch { expected }
      ... on WalletUnavailable { status }
      ... on InvalidInput { field message }
      ... on NotFound { field }
      ... on LimitExceeded { until }
    }
  }
`);

export const statementDocument = graphql(`
  query Statement($id: ID!, $first: Int, $after: String, $where: OperationFilter) {
    wallet(id: $id) {
      operations(first: $first, after: $after, where: $where) {
        edges { sequence amount { amount currency } node { kind status createdAt } }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`);

// docs: switch
/** Say to a person what became of a transfer; a member that is forgotten is no TypeScript. */
const tell = (result: TransferMutation["transfer"]): string => {
  switch (result.__typename) {
    case "OperationPayload":
      return `Done: ${result.wallet.balance.amount} ${result.wallet.balance.currency} are left.`;
    case "InsufficientFunds":
      return `There are only ${result.available.amount} ${result.available.currency}.`;
    case "CurrencyMismatch":
      return `The wallet holds ${result.expected}.`;
    case "WalletUnavailable":
      return `The wallet is ${result.status}.`;
    case "InvalidInput":
      return `${result.field.join(".")}: ${result.message}`;
    case "NotFound":
      return `There is no such ${result.field.join(".")}.`;
    case "LimitExceeded":
      return result.until ? `Not before ${result.until}.` : "That is too much.";
    case "QuoteExpired":
      return "Ask for another quote.";
    case "IdempotencyConflict":
      return "This key was used for something else.";
    case "Busy":
      return "Send it again, with the same key.";
    default: {
      const forgotten: never = result;
      return forgotten;
    }
  }
};
// docs: end

const euros = (amount: string) => ({
  amount: { amount, currency: "EUR" },
  idempotencyKey: crypto.randomUUID(),
});

/** Do it all on the server at *url*; answer what to tell a person, line by line. */
export const run = async (url: string): Promise<string[]> => {
  let accessToken = "";
  const client = new Client({
    url,
    exchanges: [fetchExchange],
    preferGetMethod: false,
    fetchOptions: () =>
      accessToken ? { headers: { authorization: `Bearer ${accessToken}` } } : {},
  });
  const mutate = async <Result, Variables extends AnyVariables>(
    document: TypedDocumentNode<Result, Variables>,
    variables: Variables,
  ): Promise<Result> => {
    const { data, error } = await client.mutation(document, variables);
    if (data === undefined) throw error ?? new Error("There is no answer.");
    return data;
  };

  const email = `${crypto.randomUUID()}@example.com`;
  const password = "correct horse battery staple";
  const { signup } = await mutate(signupDocument, { input: { email, password, currency: "EUR" } });
  if (signup.__typename !== "SignupPayload") throw new Error(signup.message);
  accessToken = signup.session.accessToken;
  const walletId = signup.wallet.id;

  const { openWallet } = await mutate(openDocument, {
    input: { currency: "EUR", idempotencyKey: crypto.randomUUID() },
  });
  if (openWallet.__typename !== "OpenWalletPayload") throw new Error(openWallet.message);

  const { topup } = await mutate(topupDocument, { input: { walletId, ...euros("20.00") } });
  if (topup.__typename !== "OperationPayload") throw new Error(topup.message);

  const told: string[] = [];
  for (const amount of ["12.50", "100.00"]) {
    const { transfer } = await mutate(transferDocument, {
      input: { sourceWalletId: walletId, targetWalletId: openWallet.wallet.id, ...euros(amount) },
    });
    told.push(tell(transfer));
  }

  const { data } = await client.query(statementDocument, { id: walletId });
  for (const { sequence, amount, node } of data?.wallet?.operations.edges ?? []) {
    told.push(`${sequence} ${node.kind} ${node.status} ${amount.amount} ${amount.currency}`);
  }
  return told;
};
