import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

openPage(`<form>
  <input name="base_url"><input name="model">
  <button type="button" data-preset="https://api.openai.com/v1"></button>
  <div data-token-counter>
    <textarea>pão</textarea><progress max="10" value="0"></progress><p data-token-words></p>
    <template data-token-text>About {tokens} of 10</template><p data-token-warning hidden></p>
  </div></form>`);
document.documentElement.lang = "pt-BR";
const { estimateTokens, installTokenCounter } = await import("../../static/hub/ai/token_counter.js");
const { installPresets } = await import("../../static/hub/ai/presets.js");
installTokenCounter();
installPresets();

const find = (selector) => document.querySelector(selector);

// bots/ai_pages/tests/test_settings.py has the same table for the server.
const TOKENS = [
  ["", 0],
  ["a", 1],
  ["abc", 1],
  ["abcd", 2],
  ["abcdefg", 2],
  ["abcdefgh", 3],
  ["ação", 2],
  ["pão de queijo", 4],
  ["💥💥💥💥💥💥💥", 8],
  ["a\ud800b", 1],
  ["x".repeat(28_000), 8_000],
  ["x".repeat(28_001), 8_001],
];

test("the page estimates the same tokens as the server", () => {
  for (const [text, tokens] of TOKENS) assert.equal(estimateTokens(text), tokens, text.slice(0, 20));
});

test("the counter counts what is there and what is typed", () => {
  assert.equal(find("[data-token-words]").textContent, "About 2 of 10");
  find("textarea").value = "x".repeat(35_000);
  find("textarea").dispatchEvent(new Event("input"));
  assert.equal(find("[data-token-words]").textContent, "About 10.000 of 10");
  assert.equal(find("[data-token-warning]").hidden, false);
  find("textarea").value = "x";
  find("textarea").dispatchEvent(new Event("input"));
  assert.equal(find("[data-token-warning]").hidden, true);
});

test("a button fills in the address of a service", () => {
  find("[data-preset]").click();
  assert.equal(find("input[name=base_url]").value, "https://api.openai.com/v1");
  assert.equal(document.activeElement.name, "model");
});
