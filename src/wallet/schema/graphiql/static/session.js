// Who is signed in on this page, and the names that placeholders stand for.
//
// sessionStorage: a reload keeps it, closing the browser's tab ends it, and
// no other tab sees it.

const KEY = "wallet-graphiql:session";
const listeners = new Set();
let state = read();

function read() {
  try {
    return Object.freeze(JSON.parse(sessionStorage.getItem(KEY)) ?? {});
  } catch {
    // Unreadable, or the browser forbids storage: begin signed out.
    return Object.freeze({});
  }
}

/** What is known now: accessToken, refreshToken, email, walletId, friendWalletId. */
export const current = () => state;

/** Call listener after each change; answers how to stop that. */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Change what is known; undefined forgets a name. */
export function remember(changes) {
  state = Object.freeze({ ...state, ...changes });
  try {
    sessionStorage.setItem(KEY, JSON.stringify(state));
  } catch {
    // Forbidden or full: this page still works until it is reloaded.
  }
  for (const listener of listeners) listener();
}

/** Sign out on this page. The friend can still be paid by whoever signs in next. */
export function forget() {
  remember({
    accessToken: undefined,
    refreshToken: undefined,
    email: undefined,
    walletId: undefined,
  });
}
