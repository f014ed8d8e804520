// {{placeholders}} in variables, filled in what is sent; the editor keeps them.

import { current } from "./session.js";

const MADE_ANEW = {
  newKey: () => random(16),
  newEmail: () => `you-${random(4)}@example.com`,
  newFriendEmail: () => `friend-${random(4)}@example.com`,
};

const LEARNED = {
  email: "sign up or log in first (tab SignUp)",
  walletId: "sign up or log in first (tab SignUp)",
  friendWalletId: "sign up first (tab SignUp), which opens a friend's wallet too",
};

// Not crypto.randomUUID, which browsers offer on https and localhost only.
function random(bytes) {
  const values = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(values, (value) => value.toString(16).padStart(2, "0")).join("");
}

/**
 * Answer a copy of value with the placeholders in all of its texts filled.
 *
 * Throws an Error that tells a person what to do when one is not known.
 */
export function fill(value) {
  if (typeof value === "string") {
    return value.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => find(name));
  }
  if (Array.isArray(value)) return value.map(fill);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item)]));
  }
  return value;
}

function find(name) {
  if (Object.hasOwn(MADE_ANEW, name)) return MADE_ANEW[name]();
  if (!Object.hasOwn(LEARNED, name)) {
    const names = [...Object.keys(MADE_ANEW), ...Object.keys(LEARNED)];
    throw new Error(`{{${name}}} is not a placeholder; there are ${names.join(", ")}.`);
  }
  const known = current()[name];
  if (known === undefined) {
    throw new Error(`{{${name}}} is not known yet: ${LEARNED[name]}. Nothing was sent.`);
  }
  return known;
}
