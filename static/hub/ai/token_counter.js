// Counts the tokens of a text while it is typed.

import { one } from "../common/dom.js";

const TENTHS_OF_BYTES = 35; // of a token: 3.5 bytes, as in bots/ai/tokens.py
const encoder = new TextEncoder();

// Returns about how many tokens a text has: the same number as `estimate_tokens` of bots/ai/tokens.py.
export function estimateTokens(text) {
  const bytes = encoder.encode(text.replace(/\p{Surrogate}/gu, "?")).length;
  return Math.ceil((bytes * 10) / TENTHS_OF_BYTES);
}

export function installTokenCounter() {
  const counter = one("[data-token-counter]");
  if (!counter) return;
  const field = one("textarea", counter);
  const bar = one("progress", counter);
  const words = one("[data-token-words]", counter);
  const sentence = one("[data-token-text]", counter).content.textContent.trim();
  const show = () => {
    const tokens = estimateTokens(field.value.trim());
    bar.value = tokens;
    words.textContent = sentence.replace("{tokens}", tokens.toLocaleString(document.documentElement.lang));
    const isTooLong = tokens > bar.max;
    bar.classList.toggle("progress-error", isTooLong);
    one("[data-token-warning]", counter).hidden = !isTooLong;
  };
  field.addEventListener("input", show);
  show();
}
