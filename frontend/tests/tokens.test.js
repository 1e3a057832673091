import assert from "node:assert/strict";
import { randomFillSync } from "node:crypto";
import { test } from "node:test";
import { createToken } from "../../static/hub/common/tokens.js";

const UUID_4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function setCrypto(value) {
  Object.defineProperty(globalThis, "crypto", { value, configurable: true });
}

test("the browser's own UUID is used where there is one", () => {
  setCrypto({ randomUUID: () => "its own" });
  assert.equal(createToken(), "its own");
});

test("without https a token is a random UUID too", () => {
  setCrypto({ getRandomValues: (bytes) => randomFillSync(bytes) });
  const tokens = Array.from({ length: 200 }, createToken);
  for (const token of tokens) assert.match(token, UUID_4);
  assert.equal(new Set(tokens).size, tokens.length);
});

test("every byte is in the token, in order", () => {
  setCrypto({ getRandomValues: (bytes) => bytes.map((_, index) => index) });
  assert.equal(createToken(), "00010203-0405-4607-8809-0a0b0c0d0e0f");
});
