// How the page talks to the server: fills placeholders, sends the access token, and learns from
// each answer who is signed in.

import { fill } from "./placeholders.js";
import { current, forget, remember } from "./session.js";

const { parse } = window.GraphiQL.GraphQL;

/** Answer GraphiQL's fetcher, and what signs out. */
export function createFetcher(endpoint, documents) {
  let refreshing = null;

  async function fetcher({ query, variables, operationName }, { headers = {} } = {}) {
    try {
      // Filled once: should it be sent again after a refresh, it has the same keys.
      const body = { query, variables: fill(variables) };
      if (hasOperation(query, operationName)) body.operationName = operationName;
      const answer = await sendSignedIn(body, headers);
      await learn(answer);
      return answer;
    } catch (error) {
      return { errors: [{ message: error.message }] };
    }
  }

  async function sendSignedIn(body, headers) {
    if (hasAuthorization(headers)) return send(body, headers);
    const token = current().accessToken;
    const answer = await send(body, { ...headers, ...authorization() });
    if (token === undefined || !isUnauthenticated(answer)) return answer;
    // Another request may have refreshed meanwhile; only the same old token needs it.
    if (current().accessToken === token) await refreshOnce();
    return send(body, { ...headers, ...authorization() });
  }

  async function send(body, headers) {
    const request = fetch(endpoint, {
      method: "POST",
      credentials: "same-origin",
      headers: { Accept: "application/json", "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    const response = await request.catch((error) => {
      throw new Error(`The server cannot be reached: ${error.message}.`);
    });
    try {
      return await response.json();
    } catch {
      throw new Error(`The server answered ${response.status} ${response.statusText}, not JSON.`);
    }
  }

  // A refresh token works once, so requests that expire together share one refresh.
  function refreshOnce() {
    refreshing ??= refresh().finally(() => {
      refreshing = null;
    });
    return refreshing;
  }

  async function refresh() {
    const { refreshToken } = current();
    if (refreshToken === undefined) return forget();
    const answer = await send({ query: documents.refreshSession, variables: { refreshToken } }, {});
    const session = answer.data?.refreshSession?.session;
    if (session === undefined) return forget();
    remember({ accessToken: session.accessToken, refreshToken: session.refreshToken });
  }

  async function learn(answer) {
    const payloads = Object.entries(answer.data ?? {}).filter(([, payload]) => payload !== null);
    const isFriend = ([alias]) => /friend/i.test(alias);
    const friend = payloads.find((entry) => isFriend(entry) && entry[1].wallet?.id)?.[1];
    if (friend) remember({ friendWalletId: friend.wallet.id });
    const you = payloads.find((entry) => !isFriend(entry) && entry[1].session?.accessToken)?.[1];
    if (you) await signIn(you.session);
  }

  async function signIn({ accessToken, refreshToken }) {
    remember({ accessToken, refreshToken, email: undefined, walletId: undefined });
    // Should this fail, the person is signed in all the same, and the answer is still shown.
    const { data } = await send({ query: documents.whoAmI }, authorization()).catch(() => ({}));
    const viewer = data?.viewer;
    remember({ email: viewer?.email, walletId: viewer?.wallets.edges[0]?.node.id });
  }

  async function signOut() {
    try {
      await sendSignedIn({ query: documents.signOut }, {});
    } catch {
      // Out of reach: forgetting the tokens is what can still be done.
    } finally {
      forget();
    }
  }

  return { fetcher, signOut };
}

function authorization() {
  const { accessToken } = current();
  return accessToken === undefined ? {} : { Authorization: `Bearer ${accessToken}` };
}

// Right after a change of tabs GraphiQL still names the operation of the tab before.
function hasOperation(query, name) {
  try {
    return parse(query).definitions.some((definition) => definition.name?.value === name);
  } catch {
    // Not a document: the server says what is wrong with it.
    return false;
  }
}

const hasAuthorization = (headers) =>
  Object.keys(headers).some((name) => name.toLowerCase() === "authorization");

const isUnauthenticated = ({ errors }) =>
  errors?.some(({ extensions }) => extensions?.code === "UNAUTHENTICATED") ?? false;
