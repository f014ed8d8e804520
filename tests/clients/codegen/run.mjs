// Runs the compiled program: node codegen/run.mjs URL
import assert from "node:assert/strict";

import { run } from "./generated/javascript/program.js";

const [url] = process.argv.slice(2);

assert.deepEqual(await run(url), [
  "Done: 7.50 EUR are left.",
  "There are only 7.50 EUR.",
  "4 TRANSFER FAILED 0.00 EUR",
  "3 TRANSFER COMPLETED -12.50 EUR",
  "2 TOPUP COMPLETED 20.00 EUR",
  "1 SIGNUP COMPLETED 0.00 EUR",
]);
console.log("The program ran.");
