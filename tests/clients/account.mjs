// A new account with something on its statement, made with nothing but fetch.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

const SIGNUP = `
  mutation Signup($input: SignupInput!) {
    signup(input: $input) {
      __typename
      ... on SignupPayload { wallet { id } session { accessToken } }
    }
  }
`;
const TOPUP = `
  mutation Topup($input: TopupInput!) { topup(input: $input) { __typename } }
`;

/** Answer what is to be signed up with: nobody else has this address. */
export const newcomer = () => ({
  email: `${randomUUID()}@example.com`,
  password: "correct horse battery staple",
  currency: "EUR",
});

/** Answer what a mutation that moves money takes, with a key of its own. */
export const euros = (amount) => ({
  amount: { amount, currency: "EUR" },
  idempotencyKey: randomUUID(),
});

/** Answer a function that sends a document, and answers its data. */
export const sender = (url, accessToken) => async (query, variables) => {
  const headers = { "content-type": "application/json" };
  if (accessToken) headers.authorization = `Bearer ${accessToken}`;
  const body = JSON.stringify({ query, variables });
  const response = await fetch(url, { method: "POST", headers, body });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  return data;
};

/** Sign up and top up, so that the statement has 1 + `topups` lines. */
export const openAccount = async (url, { topups }) => {
  const { signup } = await sender(url)(SIGNUP, { input: newcomer() });
  assert.equal(signup.__typename, "SignupPayload");
  const { wallet, session } = signup;
  const send = sender(url, session.accessToken);
  for (let count = 0; count < topups; count++) {
    const { topup } = await send(TOPUP, { input: { walletId: wallet.id, ...euros("10.00") } });
    assert.equal(topup.__typename, "OperationPayload");
  }
  return { walletId: wallet.id, accessToken: session.accessToken };
};
